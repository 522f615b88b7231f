"""A small picture of a scene whose windows pass by: each of its pixels the mean of some that were seen."""

import math
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from unclouded.core.windows import Window

Number = TypeVar("Number", np.float32, np.int32)
SAMPLES = 4
"""Pixels a side that are looked at, of those that one of the picture stands for: more cost time and show
nothing more."""


@dataclass(kw_only=True)
class Thumbnail:
    """A picture that is gathered window by window, whatever the windows."""

    shape: tuple[int, int]
    """(height, width) of what is shown, px."""
    step: int
    """Pixels a side that one of the picture stands for."""
    channels: int = 3
    sums: npt.NDArray[np.float32] = field(init=False)
    """Reflectance (channel, y, x), summed over the samples that were seen."""
    seen: npt.NDArray[np.int32] = field(init=False)
    """How many those are (y, x)."""

    def __post_init__(self) -> None:
        size = tuple(math.ceil(side / self.step) for side in self.shape)
        self.sums = np.zeros((self.channels, *size), np.float32)
        self.seen = np.zeros(size, np.int32)

    def add(self, window: Window, values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> None:
        """Add what lies on the picture of a window.

        Args:
            values: reflectance (channel, y, x); 0 where not valid.
            valid: (y, x).
        """
        inside = window.clipped(self.shape)
        rows, cols = (
            self._samples(inside.row_off, inside.row_end),
            self._samples(inside.col_off, inside.col_end),
        )
        if not (rows and cols):
            return
        part = (_within(rows, window.row_off), _within(cols, window.col_off))
        row_cuts, col_cuts = self._cuts(rows), self._cuts(cols)
        row, col = rows[0] // self.step, cols[0] // self.step
        place = (slice(row, row + len(row_cuts)), slice(col, col + len(col_cuts)))
        self.sums[:, *place] += _summed(values[:, *part], row_cuts, col_cuts)
        self.seen[place] += _summed(valid[part].astype(np.int32), row_cuts, col_cuts)

    def mean(self) -> npt.NDArray[np.float32]:
        """Reflectance (channel, y, x); 0 where nothing was seen."""
        return np.asarray(self.sums / np.maximum(self.seen, 1), np.float32)

    def _samples(self, first: int, end: int) -> range:
        """Rows or columns that are looked at, the same whatever the windows."""
        every = max(1, self.step // SAMPLES)
        return range(first + -first % every, end, every)

    def _cuts(self, samples: range) -> npt.NDArray[np.intp]:
        """Which of the samples is the first of a pixel of the picture."""
        return np.flatnonzero(np.diff(np.array(samples) // self.step, prepend=-1))


def _within(samples: range, first: int) -> slice:
    """The samples in an array that begins at `first`."""
    return slice(samples.start - first, samples.stop - first, samples.step)


def _summed(
    values: npt.NDArray[Number], rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]
) -> npt.NDArray[Number]:
    """Sums (…, y, x) of the blocks that begin there."""
    sums: npt.NDArray[Number] = np.add.reduceat(np.add.reduceat(values, rows, axis=-2), cols, axis=-1)
    return sums
