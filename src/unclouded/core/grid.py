"""Where pixels lie: shape, affine transform and coordinate reference system in one record."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from affine import Affine

from unclouded.core.errors import GridError
from unclouded.core.windows import Window

# One degree of latitude on the WGS 84 ellipsoid at 45° (IERS 2010); enough to name a spacing in metres.
METRES_PER_DEGREE = 111_132.0


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A regular north-up or rotated grid of pixels."""

    height: int
    width: int
    transform: Affine
    """Pixel (column, row) to map coordinates, of the corner of the first pixel."""
    crs: str | None
    """`EPSG:32632` or WKT; None where the raster carries no georeference."""

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise GridError(
                f"grid: expected at least one row and one column, found {self.height} x {self.width}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), px."""
        return self.height, self.width

    @property
    def georeferenced(self) -> bool:
        """Whether the pixels' place on Earth is known."""
        return self.crs is not None

    @property
    def spacing_known(self) -> bool:
        """Whether `pixel_size` is in metres: some rasters state a spacing and no place, others neither."""
        return self.georeferenced or self.transform != Affine.identity()

    @property
    def geographic(self) -> bool:
        """Whether map coordinates are degrees."""
        return self.crs is not None and (
            self.crs in {"EPSG:4326", "OGC:CRS84"} or self.crs.startswith(("GEOGCS", "GEOGCRS"))
        )

    @property
    def pixel_size(self) -> float:
        """Spacing of the rows, m (degrees are converted). Without georeference: in the transform's unit."""
        size = math.hypot(self.transform.b, self.transform.e)
        return size * METRES_PER_DEGREE if self.geographic else size

    def scaled_to(self, pixel_size: float) -> Self:
        """The grid of the same origin at another spacing, m, covering the extent to the nearest pixel."""
        factor = pixel_size / self.pixel_size
        if math.isclose(factor, 1.0, rel_tol=1e-3):
            return self
        t = self.transform
        return type(self)(
            height=max(1, round(self.height / factor)),
            width=max(1, round(self.width / factor)),
            # spelt out: affine 2 multiplies with *, affine 3 with @
            transform=Affine(t.a * factor, t.b * factor, t.c, t.d * factor, t.e * factor, t.f),
            crs=self.crs,
        )

    def cut(self, window: Window) -> Self:
        """The grid of a window of this one; a window that reaches past it gives a padded grid."""
        t, down, right = self.transform, window.row_off, window.col_off
        return type(self)(
            height=window.height,
            width=window.width,
            transform=Affine(
                t.a, t.b, t.c + right * t.a + down * t.b, t.d, t.e, t.f + right * t.d + down * t.e
            ),
            crs=self.crs,
        )

    def to_geobox(self) -> object:
        """The same grid as `odc.geo.geobox.GeoBox`, for cubes. Needs odc-geo (docs/decisions/0002)."""
        from odc.geo.geobox import GeoBox  # noqa: PLC0415 - optional, see above

        return GeoBox(self.shape, self.transform, self.crs)


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Values that travel with their grid: the only thing a writer takes."""

    values: npt.NDArray[np.generic]
    """(y, x) or (band, y, x)."""
    grid: Grid

    def __post_init__(self) -> None:
        if self.values.shape[-2:] != self.grid.shape:
            raise GridError(f"raster: expected values of {self.grid.shape}, found {self.values.shape[-2:]}")


def check_same_grid(one: Grid, other: Grid, *, what: str) -> None:
    """Pass where two grids are the same to a thousandth of a pixel.

    Grids without a georeference are compared by shape alone.

    Raises:
        GridError: they differ.
    """
    if one.shape != other.shape:
        raise GridError(
            f"{what}: expected equal grids, found {_size(one)} and {_size(other)}; "
            "resample the reference with nearest, or give the pair that belongs together"
        )
    if not (one.georeferenced and other.georeferenced):
        return
    tolerance = 1e-3 * math.hypot(one.transform.b, one.transform.e)
    if one.crs != other.crs or not one.transform.almost_equals(other.transform, tolerance):
        raise GridError(
            f"{what}: expected equal grids, found {_place(one)} and {_place(other)}; "
            "reproject one onto the other first"
        )


def _size(grid: Grid) -> str:
    return f"{grid.height} x {grid.width} px"


def _place(grid: Grid) -> str:
    t = grid.transform
    return f"{grid.crs} at ({t.c:g}, {t.f:g}) with pixels of {t.a:g} x {t.e:g}"
