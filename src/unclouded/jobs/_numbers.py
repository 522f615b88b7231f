"""Arrays in memory as scenes: parts of a raster that answer as the whole of it would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.grid import Grid
from unclouded.core.product import BandReader, Identity, Product, Samples
from unclouded.core.radiometry import Radiometry
from unclouded.core.windows import Window
from unclouded.scene import Scene
from unclouded.sources._arrays import ArrayBand


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What there is to know of an array's numbers but the numbers."""

    identity: Identity
    bands: tuple[str, ...]
    """In the order of the array."""
    radiometry: Radiometry
    nodata: Mapping[str, float | None]
    """Band -> its own nodata value, besides NaN."""
    zero_is_nodata: Mapping[str, bool]
    """Band -> whether DN 0 says nodata."""
    grid: Grid
    """Of the whole raster, of which the array may hold a part."""


def scene_of(
    numbers: Numbers,
    values: Iterable[npt.NDArray[np.generic]],
    place: Window,
    *,
    valid: npt.NDArray[np.bool_] | None = None,
) -> Scene:
    """The whole raster as a scene of which only the pixels of `place` can be read.

    Args:
        values: one (y, x) a band.
        valid: (y, x) of `place`, False where a pixel may not be used.
    """
    usable = None if valid is None else _Part(values=valid, place=place)
    bands: dict[str, BandReader] = {}
    for name, layer in zip(numbers.bands, values, strict=True):
        band = ArrayBand(
            values=_Part(values=layer, place=place),
            where=f"{numbers.identity.id}, {name}",
            levels=(numbers.grid,),
            nodata=numbers.nodata[name],
            zero_is_nodata=numbers.zero_is_nodata[name],
        )
        bands[name] = band if usable is None else _Masked(band=band, usable=usable)
    return Scene(
        product=Product(
            identity=numbers.identity, bands=bands, radiometry=numbers.radiometry, grid=numbers.grid
        )
    )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Pixels of a part of a raster, asked for by their place in all of it."""

    values: npt.NDArray[np.generic]
    """(y, x)"""
    place: Window

    def __getitem__(self, slices: tuple[slice, slice]) -> npt.NDArray[np.generic]:
        rows, cols = slices
        top, left = self.place.row_off, self.place.col_off
        found = self.values[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
        if found.dtype.kind != "f":
            return found
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and not used
            return found.astype(np.float32, copy=False)


@dataclass(frozen=True, kw_only=True)
class _Masked:
    """A band of which the caller says what may be used."""

    band: ArrayBand
    usable: _Part

    @property
    def grid(self) -> Grid:
        """Grid of the full resolution."""
        return self.band.grid

    @property
    def levels(self) -> tuple[Grid, ...]:
        """Only the full resolution."""
        return self.band.levels

    def read(self, window: Window, level: int = 0) -> Samples:
        """Numbers of a window, and which of them may be used."""
        samples = self.band.read(window, level)
        return Samples(dn=samples.dn, valid=samples.valid & self.usable[window.slices].astype(np.bool_))
