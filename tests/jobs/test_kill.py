"""Runs killed at any moment: nothing is lost, nothing is made twice, no file is torn."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio

from unclouded.jobs import MaskOptions, mask

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

KILLS = 20
ENDS = {".png": b"IEND\xaeB`\x82", ".xml": b"</PAMDataset>\n", ".qml": b"</qgis>\n"}
"""How whole files of a kind end."""
# Imports once, then a fresh process a run: what is killed is the run, not the start of Python.
NURSERY = """
import os, sys
from pathlib import Path
from unclouded.jobs import MaskOptions, mask

folder, *sources = sys.argv[1:]
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        mask(sources, Path(folder), MaskOptions(preview=False))
        os._exit(0)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(status, flush=True)
"""


class Nursery:
    """Starts runs and kills them."""

    def __init__(self, folder, sources):
        words = [sys.executable, "-W", "ignore", "-c", NURSERY, str(folder), *map(str, sources)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, wait=None):
        """Exit status of a run, killed when `wait` returns."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if wait is not None:
            wait()
            os.kill(child, signal.SIGKILL)
        return int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def nursery():
    started = []

    def start(folder, sources):
        started.append(Nursery(folder, sources))
        return started[-1]

    yield start
    for one in started:
        one.close()


def look(folder):
    """Every file under its final name, read whole: its name and which file it is."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.suffix == ".tif":
            with rasterio.open(path) as dataset:
                assert dataset.read(1).shape == (40, 40), path.name
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            assert path.read_bytes().endswith(ENDS[path.suffix]), path.name
        stat = path.stat()
        found[path.name] = (stat.st_ino, stat.st_mtime_ns)
    return found


def masks_and_more(folder, count, seconds):
    """Until so many masks are there, and for some time after."""
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*_mask.tif"))) < count and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(seconds)


def test_twenty_kills_lose_nothing_make_nothing_twice_and_tear_nothing(scenes, tmp_path, nursery):
    rng = random.Random(20)
    sources = scenes(3 * KILLS)
    whole = tmp_path / "whole"
    begun = time.monotonic()
    mask(sources, whole, MaskOptions(preview=False))
    each = (time.monotonic() - begun) / len(sources)
    out = tmp_path / "out"
    runs, made = nursery(out, sources), {}
    unfinished = 0
    for _ in range(KILLS):
        goal, more = len(made) + rng.randrange(2), rng.uniform(0, 2 * each)
        unfinished += runs.run(lambda goal=goal, more=more: masks_and_more(out, goal, more)) == signal.SIGKILL
        now = look(out)
        masks = {name: which for name, which in now.items() if name.endswith(".tif")}
        assert {name: masks.get(name) for name in made} == made  # not lost, not made again
        made = masks
    assert unfinished == KILLS
    assert 0 < len(made) < len(sources)
    assert runs.run() == 0
    end = look(out)
    assert {name: end[name] for name in made} == made
    assert end.keys() == look(whole).keys()
    assert {path.name for path in out.iterdir() if path.name.startswith(".")} == set()
    for name in end:
        if name.endswith(".tif"):
            with rasterio.open(out / name) as ours, rasterio.open(whole / name) as theirs:
                np.testing.assert_array_equal(ours.read(1), theirs.read(1))
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert report["counts"] == {"done": len(sources), "failed": 0}
    assert report["scenes"].keys() == {str(source) for source in sources}


def test_an_interrupt_is_code_130_and_leaves_whole_scenes(scenes, tmp_path):
    sources, out = scenes(200), tmp_path / "out"
    words = [sys.executable, "-m", "unclouded", "mask", *map(str, sources), "-o", str(out), "-q"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not list(out.glob("*_mask.tif")) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.strip() == "unclouded: interrupted"
    made = {name: which for name, which in look(out).items() if name.endswith(".tif")}
    assert 0 < len(made) < len(sources)
    report = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert report["finished"] is None
    assert report["counts"]["done"] == len(made)
    assert {path.name for path in out.iterdir() if path.name.startswith(".")} == set()
    few = [source for source in sources if f"{source.stem}_mask.tif" in made]
    assert {scene.state for scene in mask(few, out, MaskOptions()).scenes} == {"skipped"}
