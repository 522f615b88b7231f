"""Bands over arrays that are cut by slices: chunks of a Zarr store, or a cube in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.core.product import Samples
from unclouded.core.radiometry import DN_NODATA
from unclouded.core.windows import Window


@dataclass(frozen=True, kw_only=True)
class ArrayBand:
    """One band of a store."""

    values: Any
    """(y, x); `values[rows, columns]` is what numpy makes an array of."""
    where: str
    """What to call it in a message."""
    levels: tuple[Grid, ...]
    """Only the full resolution."""
    nodata: float | None = None
    """Its own nodata value, besides NaN."""
    zero_is_nodata: bool = True
    """Whether 0 says nodata: of ESA's digital numbers always."""

    @property
    def grid(self) -> Grid:
        """Grid of the full resolution."""
        return self.levels[0]

    def read(self, window: Window, level: int = 0) -> Samples:  # noqa: ARG002 - there is but one
        """Numbers of a window as they are kept, and which of them may be used.

        Raises:
            RasterError: a chunk is damaged, or the service does not hand it out.
        """
        rows = slice(window.row_off, window.row_end)
        cols = slice(window.col_off, window.col_end)
        try:
            found = np.asarray(self.values[rows, cols])
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, EOFError) as err:
            raise RasterError(
                f"{self.where}: expected readable chunks, found damaged ones ({type(err).__name__}); "
                "get the store again"
            ) from None
        if found.shape != window.shape or found.dtype.kind not in "uif":
            raise RasterError(
                f"{self.where}: expected {window.height} x {window.width} numbers, "
                f"found {found.shape} of {found.dtype}; get the store again"
            )
        return Samples(dn=found, valid=self._usable(found))

    def _usable(self, dn: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        valid = np.isfinite(dn) if dn.dtype.kind == "f" else np.ones(dn.shape, np.bool_)
        if self.nodata is not None:
            valid &= dn != self.nodata
        if self.zero_is_nodata:
            valid &= dn != DN_NODATA
        return np.asarray(valid)
