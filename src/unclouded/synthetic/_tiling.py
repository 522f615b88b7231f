"""Tiles of the military grid, as far as products need them: UTM zone and upper left corner."""

import math
import re

from unclouded.core.errors import OptionError

_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"

TILE_M = 109_800
"""Side of a tile, m: neighbours overlap by nearly 10 km."""


def _parts(tile: str) -> tuple[int, str, str, str]:
    match = re.fullmatch(r"T?(\d{2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])", tile)
    if match is None or not 1 <= int(match[1]) <= 60:
        raise OptionError(f"tile '{tile}': expected a name such as 32TPT; see the Sentinel-2 tiling grid")
    return int(match[1]), match[2], match[3], match[4]


def tile_crs(tile: str) -> str:
    """`EPSG:32632` for a tile of zone 32 north."""
    zone, band, _, _ = _parts(tile)
    return f"EPSG:{(326 if band >= 'N' else 327) * 100 + zone}"


def tile_origin(tile: str) -> tuple[float, float]:
    """Easting and northing of a tile's upper left corner, m: multiples of 60.

    Raises:
        OptionError: not a tile's name.
    """
    zone, band, column, row = _parts(tile)
    letters = _COLUMNS[(zone - 1) % 3]
    if column not in letters:
        raise OptionError(f"tile '{tile}': zone {zone} has columns {letters}, found {column}")
    easting = (letters.index(column) + 1) * 100_000
    # rows repeat every 2000 km; the latitude band tells which of them is meant
    start = 5 if zone % 2 == 0 else 0
    northing = ((_ROWS.index(row) - start) % 20) * 100_000
    south = _band_south(band)
    while northing + 100_000 <= south:
        northing += 2_000_000
    return math.floor(easting / 60) * 60.0, math.ceil((northing + 100_000) / 60) * 60.0


def _band_south(band: str) -> float:
    """Northing of the southern rim of a latitude band of 8 degrees on the central meridian, m."""
    latitude = (_BANDS.index(band) - 10) * 8
    # a meridian arc of 110.57 km a degree at the equator, 111.69 at the poles: 0.9996 of it in UTM
    arc = 111_132.95 * latitude - 16_038.5 * math.sin(math.radians(2 * latitude))
    return 0.9996 * arc + (0 if latitude >= 0 else 10_000_000)
