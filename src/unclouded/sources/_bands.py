"""Bands over raster files: DN and what of it may be used."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.grid import Grid
from unclouded.core.product import Samples
from unclouded.core.radiometry import DN_NODATA
from unclouded.core.windows import Window
from unclouded.sources._nodata import context_of, grown, reach_of_wavelet, untouched_by_zeros
from unclouded.sources._raster import RasterFile, read_window

# An overview's resampling is not told. The widest usual one, cubic, looks 2 px to either side.
_REACH_OF_OVERVIEW = 2


@dataclass(frozen=True, kw_only=True)
class FileBand:
    """A band that is the first of its own file, as in SAFE products: DN 0 is nodata.

    So is the file's own nodata value, where it has one; floating point numbers that have one may be 0.
    """

    file: RasterFile
    levels: tuple[Grid, ...]
    """Grids of the resolution levels, finest first."""
    nodata: float | None = None
    """The file's own nodata value."""
    floor: float = 0.0
    """DN at or below which no sample is real: below it, the wavelet has mixed nodata in."""

    @property
    def grid(self) -> Grid:
        """Grid of the full resolution."""
        return self.levels[0]

    def read(self, window: Window, level: int = 0) -> Samples:
        """DN of a window of a level, and which of them may be used.

        Raises:
            RasterError: the file is damaged.
        """
        header = self.file.header
        # GDAL leaves a stated nodata value out of the overviews that it makes
        if level == 0 or (header is None and self.nodata is not None):
            dn = read_window(self.file, 1, window, level)
            return Samples(dn=dn, valid=self._usable(dn))
        reach = reach_of_wavelet(reversible=header.reversible) if header else _REACH_OF_OVERVIEW
        around = window.grown(context_of(reach)).clipped(self.levels[level].shape)
        dn = read_window(self.file, 1, around, level)
        valid = untouched_by_zeros(dn, reach=reach, floor=self.floor) & self._usable(dn)
        inside = _inside(window, around)
        return Samples(dn=dn[inside], valid=valid[inside])

    def _usable(self, dn: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
        is_float = dn.dtype.kind == "f"
        valid = np.isfinite(dn) if is_float else np.ones(dn.shape, np.bool_)
        if self.nodata is not None:
            valid &= dn != self.nodata
        if not is_float or self.nodata is None:
            valid &= dn != DN_NODATA
        return np.asarray(valid)


@dataclass(frozen=True, kw_only=True)
class StackedBand:
    """A band of a file that holds several, as in GeoTIFF stacks."""

    file: RasterFile
    index: int
    """Position in the file, from 1."""
    others: tuple[int, ...]
    """The file's other bands of reflectance."""
    nodata: float | None
    """The file's own nodata value."""
    zero_is_nodata: bool
    """Whether DN 0 in this band alone says nodata, where the file states no value."""
    levels: tuple[Grid, ...]

    @property
    def grid(self) -> Grid:
        """Grid of the full resolution."""
        return self.levels[0]

    def read(self, window: Window, level: int = 0) -> Samples:
        """DN of a window of a level, and which of them may be used.

        The file's nodata value counts where it has one. Else DN 0 does: in this band alone if an offset
        makes such a reflectance impossible, in all bands together if not, since derived products clip
        dark water to 0 in single bands.

        Raises:
            RasterError: the file is damaged.
        """
        if level == 0 or self.nodata is not None:
            dn = read_window(self.file, self.index, window, level)
            return Samples(dn=dn, valid=~self._empty(dn, window, level))
        around = window.grown(_REACH_OF_OVERVIEW).clipped(self.levels[level].shape)
        dn = read_window(self.file, self.index, around, level)
        valid = ~grown(self._empty(dn, around, level), _REACH_OF_OVERVIEW)
        inside = _inside(window, around)
        return Samples(dn=dn[inside], valid=valid[inside])

    def _empty(self, dn: npt.NDArray[np.generic], window: Window, level: int) -> npt.NDArray[np.bool_]:
        unusable = ~np.isfinite(dn) if dn.dtype.kind == "f" else np.zeros(dn.shape, np.bool_)
        if self.nodata is not None:
            return np.asarray(unusable | (dn == self.nodata))
        zero = dn == DN_NODATA
        if self.zero_is_nodata:
            return np.asarray(unusable | zero)
        for index in self.others:
            if not zero.any():
                break
            zero &= read_window(self.file, index, window, level) == DN_NODATA
        return np.asarray(unusable | zero)


def _inside(window: Window, around: Window) -> tuple[slice, slice]:
    """Where a window lies in the array of one around it."""
    top, left = window.row_off - around.row_off, window.col_off - around.col_off
    return slice(top, top + window.height), slice(left, left + window.width)
