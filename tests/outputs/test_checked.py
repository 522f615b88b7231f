"""A disk that is full at some point of writing: nothing torn takes a final name, and one line says why."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import OutputError
from unclouded.core.windows import Window
from unclouded.outputs._checked import CheckedFile

PROGRAM = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from affine import Affine
from unclouded.core.classes import CLASSES
from unclouded.core.errors import OutputError
from unclouded.core.grid import Grid
from unclouded.core.windows import tiled
from unclouded.outputs.cog import probability_writer, write_mask
from unclouded.outputs.stack import StackFile, write_bands

folder, limit, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
codes = np.random.default_rng(0).integers(0, 5, (900, 900)).astype(np.uint8)
grid = Grid(height=900, width=900, transform=Affine(10, 0, 0, 0, -10, 0), crs="EPSG:32633")
parts = [(window, codes[window.slices]) for window in tiled((900, 900), 300)]

def write():
    if kind == "mask":
        write_mask(folder / "x.tif", grid, parts, legend=CLASSES, tags={})
    elif kind == "probabilities":
        with probability_writer(folder / "x.tif", grid, legend=CLASSES[:2], tags={}) as put:
            for window, part in parts:
                put(window, np.stack([part, part]))
    else:
        layout = StackFile(grid=grid, names=("a",), dtype="uint8", nodata=255, tags={}, cog=kind == "cog")
        write_bands(folder / "x.tif", layout, ((window, part[None]) for window, part in parts))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write()
except OutputError as err:
    print(err)
"""


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("mask", 3_000),
        ("mask", 60_000),
        ("mask", 200_000),
        ("probabilities", 200_000),
        ("stack", 3_000),
        ("stack", 200_000),
        ("cog", 200_000),
    ],
)
def test_no_room_is_one_line_and_leaves_nothing(tmp_path, kind, limit):
    pytest.importorskip("resource")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(limit), kind],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith(f"{tmp_path / 'x.tif'}: cannot be written: ")
    assert "check" in done.stdout
    assert list(tmp_path.iterdir()) == []


def written(path, values):
    profile = {"driver": "GTiff", "dtype": values.dtype, "count": len(values), "nodata": 255}
    profile |= {"height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", **profile) as file:
        checked = CheckedFile(file)
        for row in range(0, values.shape[1], 7):
            rows = Window(row_off=row, col_off=0, height=min(7, values.shape[1] - row), width=values.shape[2])
            checked.write(rows, values[:, row : row + 7])
    return checked


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_lost_block_is_found(tmp_path, dtype):
    values = np.random.default_rng(1).integers(0, 9, (2, 30, 40)).astype(dtype)
    checked = written(tmp_path / "a.tif", values)
    checked.compare(tmp_path / "a.tif", tmp_path / "b.tif")
    values[1, 4:8, 3:9] = 255
    written(tmp_path / "lost.tif", values)
    with pytest.raises(OutputError, match=r"b\.tif: cannot be written: read back it is not what was written"):
        checked.compare(tmp_path / "lost.tif", tmp_path / "b.tif")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_nan_is_no_difference(tmp_path):
    values = np.full((1, 9, 9), np.nan, np.float32)
    written(tmp_path / "a.tif", values).compare(tmp_path / "a.tif", tmp_path / "a.tif")
