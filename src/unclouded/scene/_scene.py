"""The scene: what a product shows, as reflectance on one grid, read window by window."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import canonical_names, missing, not_at
from unclouded.core.errors import BandError, OptionError
from unclouded.core.grid import Grid
from unclouded.core.product import BandReader, Product
from unclouded.core.radiometry import Radiometry, to_reflectance
from unclouded.core.windows import Window, whole
from unclouded.scene._resample import Plan, plan, resample

Resampling = Literal["average", "nearest"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Bands of one window."""

    reflectance: npt.NDArray[np.float32]
    """(band, y, x), 1.0 = 100 %; 0.0 in all bands where `valid` is False."""
    valid: npt.NDArray[np.bool_]
    """(y, x), True where every band of the reading may be used."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Bands of one window in the source's own numbers, resampled and not converted."""

    dn: npt.NDArray[np.float32]
    """(band, y, x), as the source has them; 0.0 where `valid` is False."""
    valid: npt.NDArray[np.bool_]
    """(band, y, x), True where that band may be used."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One granule of a product. Nothing is decoded before `read`; `read` may run in several threads."""

    product: Product
    """Identity and lazy bands."""
    target: Grid | None = None
    """Grid of the readings; None: that of the finest band."""
    resampling: Resampling = "average"
    """How bands come to that grid: `average` by area, or `nearest` pixel."""
    exact: bool = False
    """Whether every band is read at its full resolution, where nodata are exactly the zeros of the file."""
    coarse_m: Mapping[str, float] = field(default_factory=dict)
    """Band -> spacing that will do for it where the grid is finer, m: it is read no finer where the file has
    such a level, and interpolated. Not with `exact`."""
    notes: tuple[str, ...] = ()
    """Warnings that came after opening."""

    @property
    def id(self) -> str:
        """Product name without extension."""
        return self.product.identity.id

    @property
    def sensor(self) -> str:
        """What took the scene: `sentinel-2`, `landsat-8` and so on."""
        return self.product.identity.sensor

    @property
    def satellite(self) -> str | None:
        """Which satellite of the kind, `S2A`; None where nobody states it."""
        return self.product.identity.satellite

    @property
    def level(self) -> str | None:
        """`L1C`, `L2A`; None where nobody states it."""
        return self.product.identity.level

    @property
    def baseline(self) -> str | None:
        """Processing baseline, `05.10`."""
        return self.product.identity.baseline

    @property
    def tile(self) -> str | None:
        """MGRS square, `32TQM`."""
        return self.product.identity.tile

    @property
    def sensing_time(self) -> datetime | None:
        """When the tile was seen, aware UTC."""
        return self.product.identity.sensing_time

    @property
    def sun_zenith(self) -> float | None:
        """Mean, degrees from vertical."""
        return self.product.identity.sun_zenith

    @property
    def sun_azimuth(self) -> float | None:
        """Mean, degrees clockwise from north."""
        return self.product.identity.sun_azimuth

    @property
    def grid(self) -> Grid:
        """Grid of the readings."""
        return self.target or self.product.grid

    @property
    def pixel_size(self) -> float:
        """Spacing of the grid, m."""
        return self.grid.pixel_size

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that can be read."""
        return tuple(self.product.bands)

    @property
    def missing_bands(self) -> tuple[str, ...]:
        """Names of the bands that the level should have and the product lacks."""
        return self.product.missing_bands

    @property
    def radiometry(self) -> Radiometry:
        """How DN become reflectance, and who says so."""
        return self.product.radiometry

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know, one line each."""
        return self.product.warnings + self.notes

    def at(self, pixel_size: float, *, resampling: Resampling = "average", exact: bool = False) -> "Scene":
        """The scene over the same extent with pixels of another size, m.

        A source that is coarser than asked for stays at its own spacing, and `warnings` say so.

        Args:
            exact: average the full resolution. By itself a JPEG 2000 is decoded at the coarsest level that
                is fine enough, where thin gaps are mixed into their neighbours and may go unseen: below 16 px
                of full resolution at level 2, or some 6 px where DN carry an offset (docs/decisions/0009).

        Raises:
            OptionError: not a size.
        """
        if not (np.isfinite(pixel_size) and pixel_size > 0):
            raise OptionError(f"pixel size: expected a number of metres above 0, found {pixel_size}")
        if resampling not in ("average", "nearest"):
            raise OptionError(f"resampling: expected average or nearest, found '{resampling}'")
        native = self.product.grid
        if pixel_size < native.pixel_size * (1 - 1e-3):
            note = (
                f"{self.id}: {pixel_size:g} m asked for, the source has {native.pixel_size:g} m; "
                "it stays at its own spacing"
            )
            return replace(self, target=native, resampling=resampling, exact=exact, notes=(note,))
        target = native.scaled_to(pixel_size)
        return replace(self, target=target, resampling=resampling, exact=exact, notes=())

    def with_coarse(self, coarse_m: Mapping[str, float]) -> "Scene":
        """The scene with bands that may be read coarser than its grid: band -> spacing that will do, m."""
        return replace(self, coarse_m=dict(coarse_m))

    def read(self, bands: Sequence[str], window: Window | None = None, *, threads: int = 1) -> Reading:
        """Reflectance and validity of a window, the same to the bit however the scene is cut into windows.

        Saturated pixels (DN 65535, or 32767 in files of 15 bits) keep their number and are valid.

        Args:
            bands: names, in the order wanted.
            window: inside the scene's grid; None: all of it.
            threads: bands decoded at the same time.

        Raises:
            BandError: a band is not there.
            OptionError: the window is not inside the grid.
            RasterError: a file is damaged.
        """
        names = canonical_names(bands)
        numbers = self.read_dn(names, window, threads=threads)
        usable = np.asarray(numbers.valid.all(axis=0))
        reflectance = to_reflectance(numbers.dn, names, self.radiometry)
        if not usable.all():
            reflectance[:, ~usable] = 0.0
        return Reading(reflectance=reflectance, valid=usable)

    def read_dn(self, bands: Sequence[str], window: Window | None = None, *, threads: int = 1) -> Numbers:
        """DN and validity of a window, band by band: for those who keep the numbers. Arguments as in `read`.

        Raises:
            BandError: a band is not there.
            OptionError: the window is not inside the grid.
            RasterError: a file is damaged.
        """
        names = canonical_names(bands)
        self.check_bands(names)
        window = whole(self.grid.shape) if window is None else window
        self._check_inside(window)
        dn = np.empty((len(names), *window.shape), np.float32)
        valid = np.ones((len(names), *window.shape), np.bool_)

        def load(position: int) -> None:
            dn[position], valid[position] = self._read_band(names[position], window)

        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(load, range(len(names))))
        else:
            for position in range(len(names)):
                load(position)
        return Numbers(dn=dn, valid=valid)

    def _read_band(self, name: str, window: Window) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        reader = self.product.bands[name]
        steps = self._plan(reader, self.coarse_m.get(name, 0.0))
        source = steps.source(window)
        samples = reader.read(source, steps.level)
        return resample(samples.dn, samples.valid, steps, window)

    def _plan(self, reader: BandReader, coarsest_m: float = 0.0) -> Plan:
        levels = reader.levels[:1] if self.exact else reader.levels
        return plan(levels, self.grid, resampling=self.resampling, coarsest_m=coarsest_m)

    def check_bands(self, names: Sequence[str]) -> None:
        """Pass where the scene has all of these bands.

        Raises:
            BandError: one is not there; why, where that is known.
        """
        absent = missing(names, self.bands)
        if absent:
            reasons = [line for line in self.warnings if line.startswith(tuple(f"{n} (" for n in absent))]
            reasons += [f"{name} is no band of {self.level} products" for name in not_at(self.level, absent)]
            because = f" ({'; '.join(reasons)})" if reasons else ""
            raise BandError(
                f"{self.id}: expected {', '.join(absent)}, found {', '.join(self.bands)}{because}; "
                "use a product that has them, or a model that does without"
            )

    def _check_inside(self, window: Window) -> None:
        height, width = self.grid.shape
        inside = window.clipped(self.grid.shape) == window and min(window.shape) > 0
        if not inside:
            raise OptionError(
                f"{self.id}: expected a window inside {height} x {width} px, found rows {window.row_off} to "
                f"{window.row_end}, columns {window.col_off} to {window.col_end}; clip it first"
            )
