"""Windows of pixels: cutting a raster so that every pixel is visited once, and reading past the rim."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rectangle of pixels; offsets may be negative where it reaches past the raster."""

    row_off: int
    col_off: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), px."""
        return self.height, self.width

    @property
    def row_end(self) -> int:
        """First row below the window."""
        return self.row_off + self.height

    @property
    def col_end(self) -> int:
        """First column right of the window."""
        return self.col_off + self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array of the whole raster. Only for windows inside it."""
        return slice(self.row_off, self.row_end), slice(self.col_off, self.col_end)

    def grown(self, halo: int) -> Self:
        """The window with `halo` pixels more on every side."""
        return type(self)(
            row_off=self.row_off - halo,
            col_off=self.col_off - halo,
            height=self.height + 2 * halo,
            width=self.width + 2 * halo,
        )

    def clipped(self, shape: tuple[int, int]) -> Self:
        """The part of the window that lies inside a raster of this shape."""
        top, left = max(self.row_off, 0), max(self.col_off, 0)
        return type(self)(
            row_off=top,
            col_off=left,
            height=max(0, min(self.row_end, shape[0]) - top),
            width=max(0, min(self.col_end, shape[1]) - left),
        )


def whole(shape: tuple[int, int]) -> Window:
    """The window that is the whole raster."""
    return Window(row_off=0, col_off=0, height=shape[0], width=shape[1])


def tiled(shape: tuple[int, int], size: int) -> Iterator[Window]:
    """Windows of `size` pixels a side, row by row, that cover each pixel of the raster exactly once.

    Raises:
        OptionError: size < 1.
    """
    if size < 1:
        raise OptionError(f"window size: expected at least 1 px, found {size}")
    height, width = shape
    for row in range(0, height, size):
        for col in range(0, width, size):
            yield Window(
                row_off=row, col_off=col, height=min(size, height - row), width=min(size, width - col)
            )


def reflected(positions: npt.NDArray[np.integer], length: int) -> npt.NDArray[np.intp]:
    """Positions past the ends of an axis folded back into 0 … length - 1, the end pixel not repeated.

    As `numpy.pad(mode="reflect")`, however far past the end, and for an axis of one pixel too.
    """
    if length == 1:
        return np.zeros(positions.shape, np.intp)
    period = 2 * (length - 1)
    folded = np.mod(positions, period)
    return np.asarray(np.where(folded < length, folded, period - folded), np.intp)
