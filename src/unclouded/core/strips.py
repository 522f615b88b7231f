"""A mask as it comes down the scene, some rows at a time: what predict, post-processing and outputs share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.windows import Window


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Rows of a mask over its whole width.

    Strips of one mask come from the top, each begins where the one before ends, together they cover every
    row once. Their heights may differ. What works on them takes an iterator and gives one: it may keep rows
    back and cut them elsewhere, never reorder them.
    """

    row_off: int
    """First row, counted in the grid of the mask."""
    codes: npt.NDArray[np.uint8]
    """(y, x), 255 where the pixel was not seen."""
    probabilities: npt.NDArray[np.float32] | None = None
    """(class, y, x) in the order of the model's classes, sums to 1; None where nobody asked for them."""

    @property
    def row_end(self) -> int:
        """First row below the strip."""
        return self.row_off + len(self.codes)

    @property
    def window(self) -> Window:
        """Where it lies in the grid of the mask."""
        height, width = self.codes.shape
        return Window(row_off=self.row_off, col_off=0, height=height, width=width)


Strips = Iterator[Strip]
