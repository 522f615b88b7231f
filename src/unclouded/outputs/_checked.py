"""Nothing that GDAL lost takes a final name: what is written is added up, and again when it is read back.

GDAL writes blocks late. Where one of them found no room, it says so on stderr, closes the file and reads the
block as nodata ever after.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window as RasterioWindow

from unclouded.core.errors import OutputError
from unclouded.core.windows import Window

_ROWS = 512
"""Read back at a time: a row of blocks."""


class CheckedFile:
    """A raster opened for writing, with the sum of the bytes that went into it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.total = 0

    def write(self, window: Window, values: npt.NDArray[np.generic]) -> None:
        """Write the bands (band, y, x), or the one band (y, x), of a window."""
        bands = values if values.ndim == 3 else values[None]
        self._file.write(bands, window=_place(window))
        self.total += _sum(bands)

    def compare(self, written: Path, path: Path) -> None:
        """Pass where a file holds what was written.

        Args:
            written: the file, or a copy of it.
            path: what it will be called.

        Raises:
            OutputError: it does not.
        """
        with rasterio.open(written, driver="GTiff") as file:
            found = sum(_sum(file.read(window=rows)) for rows in _rows(file.height, file.width))
        if found != self.total:
            raise OutputError(
                f"{path}: cannot be written: read back it is not what was written; check the free space"
            )


def _rows(height: int, width: int) -> Iterator[RasterioWindow]:
    for row in range(0, height, _ROWS):
        yield RasterioWindow(0, row, width, min(_ROWS, height - row))


def _sum(values: npt.NDArray[np.generic]) -> int:
    """Of the bytes: the same however pixels are cut into windows."""
    return int(np.ascontiguousarray(values).view(np.uint8).sum(dtype=np.uint64))


def _place(window: Window) -> RasterioWindow:
    return RasterioWindow(window.col_off, window.row_off, window.width, window.height)
