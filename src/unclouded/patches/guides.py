"""What a network is to follow beside labels: a teacher's probabilities, and how much a pixel counts."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from unclouded.core.classes import CLASSES
from unclouded.core.errors import LabelError, RasterError
from unclouded.core.grid import Grid, check_same_grid

Floats = npt.NDArray[np.float32]

# a network that does not tell thick from thin calls its second class "cloud"
_CODES = {**{item.name: item.code for item in CLASSES}, "cloud": 1}
_TOLERANCE = 0.05  # of the sum of whole percents of five classes


def read_teacher(path: Path, grid: Grid) -> Floats:
    """Probabilities (class code, y, x), 0 for all classes where the file has no data.

    A band a class, described by the class's name, as `unclouded mask --probabilities` writes them; GDAL's
    scale of the bands is applied.

    Raises:
        RasterError: it cannot be read.
        LabelError: a band is not named as a class, or probabilities that do not sum to 1.
        GridError: it lies on other pixels than the scene.
    """
    with _opened(path) as file:
        codes = _codes(file, path)
        values = _numbers(file, path, grid)
    found = np.zeros((len(CLASSES), *values.shape[1:]), np.float32)
    known = np.isfinite(values).all(axis=0)
    found[list(codes)] = np.where(known, values, 0)
    total = found.sum(axis=0)[known]
    off = float(np.abs(total - 1).max()) if total.size else 0.0
    if off > _TOLERANCE or found.min() < 0:
        raise LabelError(
            f"{path}: expected probabilities of 0 to 1 that sum to 1, found a sum {off:.2f} away from it; "
            "give a file that `unclouded mask --probabilities` wrote, or set its bands' scale"
        )
    whole = np.where(known, found.sum(axis=0), np.float32(1))
    return np.asarray(found / whole, np.float32)


def read_trust(path: Path, grid: Grid) -> Floats:
    """What each pixel counts in the loss, (y, x), at least 0; 0 where the file has no data.

    Raises:
        RasterError: it cannot be read.
        LabelError: not one band, or a number below 0.
        GridError: it lies on other pixels than the scene.
    """
    with _opened(path) as file:
        values = np.nan_to_num(_numbers(file, path, grid), nan=0.0)
    if len(values) != 1 or values.min() < 0:
        raise LabelError(
            f"{path}: expected one band of numbers of at least 0, found {len(values)} and {values.min():g}; "
            "write what each pixel is to count"
        )
    return np.asarray(values[0], np.float32)


def teacher_classes(path: Path) -> frozenset[int]:
    """Codes of the classes that a teacher's file tells apart.

    Raises:
        RasterError: it cannot be read.
        LabelError: a band is not named as a class.
    """
    with _opened(path) as file:
        return frozenset(_codes(file, path))


def _opened(path: Path) -> DatasetReader:
    try:
        return rasterio.open(path, driver="GTiff")
    except RasterioError as err:
        raise RasterError(f"{path}: expected a GeoTIFF, found: {err}; name the right file") from err


def _codes(file: DatasetReader, path: Path) -> tuple[int, ...]:
    names = [str(name) for name in file.descriptions]
    codes = tuple(_CODES[name] for name in names if name in _CODES)
    if len(set(codes)) < len(names) or len(names) < 2:
        raise LabelError(
            f"{path}: expected a band a class, each described by its name, found {', '.join(names)}; known "
            f"are {', '.join(_CODES)}"
        )
    return codes


def _numbers(file: DatasetReader, path: Path, grid: Grid) -> Floats:
    """Values (band, y, x) with the scale applied, NaN where there are none."""
    own = Grid(height=file.height, width=file.width, transform=file.transform, crs=file.crs and str(file.crs))
    check_same_grid(grid, own, what=f"{path} against the scene")
    try:
        numbers = file.read(masked=True)
    except RasterioError as err:
        raise RasterError(f"{path}: cannot be read: {err}; copy it again") from err
    scale, offset = (np.asarray(item, np.float32)[:, None, None] for item in (file.scales, file.offsets))
    return np.asarray(numbers.astype(np.float32).filled(np.nan) * scale + offset, np.float32)
