"""A Sentinel-2 tile by its MGRS name: where it lies, in UTM and in degrees. Pure, no dependency."""

import math
import re
from dataclasses import dataclass

from unclouded.core.errors import OptionError

BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""Latitude bands of 8 degrees from 80 S; X is 12 degrees high (DMA TM 8358.1)."""
COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
"""Letters of the 100 km columns by zone modulo 3, eastings 100 … 800 km."""
ROWS = "ABCDEFGHJKLMNPQRSTUV"
"""Letters of the 100 km rows; even zones begin five letters later."""
SQUARE_M = 100_000
TILE_M = 109_800
"""Side of a Sentinel-2 tile: 10980 px of 10 m."""
ALIGNMENT_M = 60
"""Corners of tiles lie on multiples of the coarsest pixel, outside the 100 km square."""
CYCLE_M = 2_000_000
"""Row letters repeat after this."""

# WGS 84 and the transverse Mercator projection of UTM
SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
SCALE = 0.9996
FALSE_EASTING_M = 500_000
FALSE_NORTHING_M = 10_000_000

_TILE = re.compile(r"T?(?P<zone>\d{1,2})(?P<band>[A-Z])(?P<column>[A-Z])(?P<row>[A-Z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A tile of the Sentinel-2 grid."""

    name: str
    """`32TQM`, zone of two digits."""
    zone: int
    """UTM zone, 1 … 60."""
    south: bool
    """Whether northings count from the South Pole's side."""
    left_m: float
    """Easting of the upper left corner."""
    top_m: float
    """Northing of the upper left corner."""

    def ring(self, steps: int = 10) -> tuple[tuple[float, float], ...]:
        """The outline (longitude, latitude) in degrees, closed, anticlockwise, `steps` points a side.

        Longitudes run on past 180 where the tile crosses the antimeridian.
        """
        shares = [k / steps for k in range(steps)]
        bottom, right = self.top_m - TILE_M, self.left_m + TILE_M
        corners = [(self.left_m, bottom), (right, bottom), (right, self.top_m), (self.left_m, self.top_m)]
        points = [
            (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
            for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True)
            for share in shares
        ]
        outline = [self._degrees(x, y) for x, y in points]
        return (*outline, outline[0])

    def _degrees(self, easting_m: float, northing_m: float) -> tuple[float, float]:
        northing = northing_m - FALSE_NORTHING_M if self.south else northing_m
        return to_degrees(easting_m, northing, zone=self.zone)


def parse_tile(text: str) -> Tile:
    """The tile of a name such as `32TQM` or `T32TQM`.

    Raises:
        OptionError: there is no such tile in the grid.
    """
    found = _TILE.fullmatch(text.strip())
    if found is None:
        raise _no_tile(text, "a zone, a band and two letters, as 32TQM")
    zone = int(found["zone"])
    band, column, row = (found[part].upper() for part in ("band", "column", "row"))
    if not 1 <= zone <= 60 or band not in BANDS:
        raise _no_tile(text, "a zone from 1 to 60 and a band from C to X without I and O")
    if column not in COLUMNS[zone % 3] or row not in ROWS:
        raise _no_tile(text, f"a column of {COLUMNS[zone % 3]} and a row of {ROWS} in zone {zone}")
    south = band < "N"
    easting = (COLUMNS[zone % 3].index(column) + 1) * SQUARE_M
    # aligned from the equator on, before the south's false northing: so are the products' corners
    top = -(-(_northing(zone, band, row) + SQUARE_M) // ALIGNMENT_M) * ALIGNMENT_M
    return Tile(
        name=f"{zone:02}{band}{column}{row}",
        zone=zone,
        south=south,
        left_m=easting // ALIGNMENT_M * ALIGNMENT_M,
        top_m=top + (FALSE_NORTHING_M if south else 0),
    )


def is_tile(text: str) -> bool:
    """Whether the text looks like a tile's name; the tile need not exist."""
    return _TILE.fullmatch(text.strip()) is not None


def to_degrees(easting_m: float, northing_m: float, *, zone: int) -> tuple[float, float]:
    """Longitude and latitude of a UTM position; northing from the equator, negative in the south.

    Source: Karney 2011, Transverse Mercator with an accuracy of a few nanometers, eq. 11, 35 and 36 to the
    third order in the third flattening: good to a millimetre within a zone.
    """
    n = FLATTENING / (2 - FLATTENING)
    radius = SEMI_MAJOR_M / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    xi, eta = northing_m / (SCALE * radius), (easting_m - FALSE_EASTING_M) / (SCALE * radius)
    beta = (n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480)
    delta = (2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15)
    orders = (2, 4, 6)
    pairs = list(zip(beta, orders, strict=True))
    xi1 = xi - sum(b * math.sin(k * xi) * math.cosh(k * eta) for b, k in pairs)
    eta1 = eta - sum(b * math.cos(k * xi) * math.sinh(k * eta) for b, k in pairs)
    chi = math.asin(math.sin(xi1) / math.cosh(eta1))
    latitude = chi + sum(d * math.sin(k * chi) for d, k in zip(delta, orders, strict=True))
    longitude = math.atan2(math.sinh(eta1), math.cos(xi1))
    return zone * 6 - 183 + math.degrees(longitude), math.degrees(latitude)


def _northing(zone: int, band: str, row: str) -> int:
    """Southern edge of a 100 km row, m from the equator: of all repeats of the letter the one in the band."""
    index = ROWS.index(row) - (5 if zone % 2 == 0 else 0)
    offset = index % len(ROWS) * SQUARE_M
    height = 12 if band == "X" else 8
    middle_m = (BANDS.index(band) * 8 - 80 + height / 2) * SCALE * math.radians(1) * 6_367_449.0
    repeat = round((middle_m - SQUARE_M / 2 - offset) / CYCLE_M)
    return offset + repeat * CYCLE_M


def _no_tile(text: str, expected: str) -> OptionError:
    return OptionError(f"tile '{text[:20]}': expected {expected}; the Sentinel-2 grid has no such tile")
