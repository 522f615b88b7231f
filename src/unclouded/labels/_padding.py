"""Pixels of a label where its image holds nothing: padding and nodata."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from unclouded.core.errors import LabelError, RasterError
from unclouded.core.grid import Grid, check_same_grid
from unclouded.labels._codes import grid_of, open_dataset


def empty_pixels(image: str | Path, grid: Grid, *, where: str) -> npt.NDArray[np.bool_]:
    """Whether all bands of an image are 0, bool (y, x): such a pixel says nothing.

    Raises:
        RasterError: the image cannot be read.
        GridError: it does not lie on the label's pixels.
    """
    path = Path(image)
    with open_dataset(image, driver="GTiff", path=path, kind="a GeoTIFF") as dataset:
        check_same_grid(grid_of(dataset), grid, what=where)
        empty = np.ones(grid.shape, np.bool_)
        try:
            for band in range(1, dataset.count + 1):
                empty &= dataset.read(band) == 0
        except RasterioError as err:
            raise RasterError(
                f"{path}: band {band} cannot be decoded; the file is cut off: copy it again"
            ) from err
    return empty


def check_padding(empty: npt.NDArray[np.bool_], size_px: int, *, where: str) -> None:
    """Pass where the rows and columns beyond a scene's size are seen to be empty, on whichever side.

    Raises:
        LabelError: they are not: then nothing tells which rows and columns were added.
    """
    for axis, lines in enumerate(("rows", "columns")):
        padding = empty.shape[axis] - size_px
        whole = np.asarray(empty.all(axis=1 - axis), np.bool_)
        if padding > 0 and not (whole[:padding].all() or whole[-padding:].all()):
            raise LabelError(
                f"{where}: expected {padding} empty {lines} at one side, {size_px} px being padded to "
                f"{empty.shape[axis]}, found {int(whole.sum())} empty {lines}; leave this image out"
            )
