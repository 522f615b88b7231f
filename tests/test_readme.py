"""What the README tells a newcomer to type does what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands of the shell path have been run, one after the other."""
    folder = tmp_path_factory.mktemp("readme")
    (block,) = [text for text in blocks("sh") if "unclouded mask" in text]
    for line in block.splitlines():
        command = line.partition("#")[0].strip()
        if command.startswith("unclouded "):
            words = [
                str(found.relative_to(folder)) if "*" in word else word
                for word in shlex.split(command)
                for found in (sorted(folder.glob(word)) if "*" in word else [word])
            ]
            run([sys.executable, "-m", *words], folder)
    return folder


def test_the_shell_path_makes_masks_and_scores(folder):
    assert list((folder / "masks").glob("*_mask.tif"))
    assert (folder / "scores" / "metrics.json").is_file()


def test_the_python_path_runs(folder):
    (block,) = blocks("python")
    out = run([sys.executable, "-c", block], folder)
    assert "offset -1000, quantification 10000 (MTD_MSIL1C.xml)" in out


def test_every_file_that_is_linked_exists():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (README.parent / target).exists(), target
