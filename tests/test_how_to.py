"""What the how-to pages tell one to type runs as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from unclouded.core.grid import Grid
from unclouded.synthetic import SceneConfig, write_safe

PAGES = Path(__file__).resolve().parent.parent / "docs" / "how-to"
RUN = ("stack.md", "inspect.md", "mask.md", "open.md")
"""Pages that need nothing but a demo."""


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A folder as `unclouded demo` leaves it, only smaller."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    folder.mkdir()
    write_safe(folder, SceneConfig(seed=7), size_px=960, truth_gsd=60, threads=1)
    return folder


@pytest.mark.parametrize("page", RUN)
def test_commands_run_one_after_the_other(page, demo, tmp_path):
    (tmp_path / "demo").symlink_to(demo)
    commands = [
        line.partition("   #")[0]
        for text in blocks(page, "sh")
        for line in text.splitlines()
        if line.startswith("unclouded ") and not line.startswith("unclouded demo")
    ]
    assert len(commands) > 2
    for command in commands:
        words = [
            found
            for word in shlex.split(command)
            for found in (sorted(map(str, tmp_path.glob(word))) if re.search(r"/\*|\*/", word) else [word])
        ]
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout


def test_python_runs(demo, tmp_path):
    found = {}
    for page in RUN:
        for text in blocks(page, "python"):
            exec(text, found)
    (product,) = demo.glob("*.SAFE")
    assert found["tiles_of"](demo) == [product.name[39:44]]
    assert found["at_20_m"](product, tmp_path).is_file()
    assert found["offset_of"](product) == -1000
    grid = Grid(height=9, width=9, transform=Affine.scale(100, -100), crs="EPSG:32632")
    codes = np.zeros((9, 9), np.uint8)
    codes[4, 4] = 1
    assert found["mask_with_margin"](product, tmp_path).is_file()
    assert found["with_margin"](codes, grid).sum() == 13  # a disc of two pixels
    (truth,) = demo.glob("*_truth.tif")
    fields = (
        '{"type": "Polygon", "coordinates": [[[10.35, 47.8], [10.4, 47.8], [10.4, 47.83], [10.35, 47.8]]]}'
    )
    assert 0 <= found["cloud_share"](truth, fields) <= 1
