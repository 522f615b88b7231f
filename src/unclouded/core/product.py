"""What every reader delivers: a product's identity and its bands, lazy and in digital numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from unclouded.core.grid import Grid
from unclouded.core.radiometry import Radiometry
from unclouded.core.windows import Window

VALUES_TAG, REFLECTANCE = "UNCLOUDED_VALUES", "reflectance"
"""Metadata tag by which a stack of ours says that its numbers are reflectance: GDAL's scale 1 with offset 0
is also what a file has that says nothing."""


class BandReader(Protocol):
    """One band's pixels. Safe to call from several threads."""

    @property
    def grid(self) -> Grid:
        """Grid of the full resolution, as the raster itself states it."""
        ...

    @property
    def levels(self) -> tuple[Grid, ...]:
        """Grids of the resolution levels, finest first; the first is `grid`.

        Each tells where its samples really lie: a wavelet's low-pass sample sits on the first of the
        pixels that it stands for, not in the middle of them.
        """
        ...

    def read(self, window: Window, level: int = 0) -> "Samples":
        """DN of a window that lies inside `levels[level]`, and which of them may be used.

        Raises:
            RasterError: the file is damaged.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Samples:
    """One window of one band. What a reader knows of nodata, it says here."""

    dn: npt.NDArray[np.generic]
    """Digital numbers (y, x), as the file holds them."""
    valid: npt.NDArray[np.bool_]
    """(y, x), True where the pixel may be used. The same whatever the window around it."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a product says of itself. None where it does not say."""

    id: str
    """Product name without extension; names the outputs."""
    sensor: str
    """`sentinel-2`, `landsat-8` …"""
    satellite: str | None = None
    """`S2A` …"""
    level: str | None = None
    """`L1C`, `L2A`."""
    baseline: str | None = None
    """Processing baseline, `05.10`."""
    tile: str | None = None
    """MGRS square, `32TQM`."""
    sensing_time: datetime | None = None
    """When the tile was seen, aware UTC."""
    sun_zenith: float | None = None
    """Mean over the tile, degrees from vertical."""
    sun_azimuth: float | None = None
    """Mean over the tile, degrees clockwise from north."""
    cloud_cover_stated: float | None = None
    """Per cent, as the provider has it."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """One delivery, opened and not yet read."""

    identity: Identity
    bands: Mapping[str, BandReader]
    """By band name, in the order of `core.bands.NAMES`."""
    radiometry: Radiometry
    grid: Grid
    """Grid of the finest band: what masks are aligned to."""
    missing_bands: tuple[str, ...] = ()
    """Bands that this level should have and the product lacks."""
    warnings: tuple[str, ...] = field(default=())
    """What a user should know: one line each."""
