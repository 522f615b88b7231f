"""The one table of spectral bands: Sentinel-2 MSI, and Landsat-8/9 OLI by analogy.

Centres and widths: Sentinel-2 Spectral Response Functions (ESA, COPE-GSEG-EOPG-TN-15-0007) as the
products state them; delays after B02: Heiselberg 2021, S2A focal plane; OLI: USGS Landsat 8 handbook.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from unclouded.core.errors import BandError


@dataclass(frozen=True, kw_only=True)
class Band:
    """One spectral band of Sentinel-2."""

    name: str
    """As the products write it: B01 … B12, B8A."""
    band_id: int
    """Position in the products' own lists (`band_id`, `bandId`), 0 … 12."""
    common_name: str
    """STAC common name."""
    gsd: int
    """Native ground sampling distance, m: 10, 20 or 60."""
    centre_nm: float
    """Central wavelength of S2A, nm."""
    width_nm: float
    """Bandwidth of S2A, nm."""
    delay_s: float
    """Time at which the band sees a point after B02 saw it, s: the cause of parallax."""
    levels: tuple[str, ...] = ("L1C", "L2A")
    """Processing levels that deliver the band."""
    landsat: str | None = None
    """Name of the analogous Landsat-8/9 band, where there is one."""


_TABLE = (
    # name, STAC common name, gsd m, centre nm, width nm, delay s, Landsat-8/9
    ("B01", "coastal", 60, 442.7, 21, 2.314, "B1"),
    ("B02", "blue", 10, 492.7, 66, 0.0, "B2"),
    ("B03", "green", 10, 559.8, 36, 0.527, "B3"),
    ("B04", "red", 10, 664.6, 31, 1.005, "B4"),
    ("B05", "rededge071", 20, 704.1, 15, 1.269, None),
    ("B06", "rededge075", 20, 740.5, 15, 1.525, None),
    ("B07", "rededge078", 20, 782.8, 20, 1.790, None),
    ("B08", "nir", 10, 832.8, 106, 0.263, None),
    ("B8A", "nir08", 20, 864.7, 21, 2.055, "B5"),
    ("B09", "nir09", 60, 945.1, 20, 2.586, None),
    ("B10", "cirrus", 60, 1373.5, 31, 0.851, "B9"),
    ("B11", "swir16", 20, 1613.7, 91, 1.468, "B6"),
    ("B12", "swir22", 20, 2202.4, 175, 2.085, "B7"),
)

SENTINEL2: tuple[Band, ...] = tuple(
    Band(
        name=name,
        band_id=position,
        common_name=common_name,
        gsd=gsd,
        centre_nm=centre,
        width_nm=width,
        delay_s=delay,
        # the surface reflectance product leaves out the cirrus band: it sees no surface
        levels=("L1C",) if common_name == "cirrus" else ("L1C", "L2A"),
        landsat=landsat,
    )
    for position, (name, common_name, gsd, centre, width, delay, landsat) in enumerate(_TABLE)
)
"""All bands in the order of their `band_id`."""

NAMES: tuple[str, ...] = tuple(band.name for band in SENTINEL2)
"""Band names in the order of their `band_id`."""

STUDY_ORDER: tuple[str, ...] = tuple(sorted(NAMES))
"""Band order of Kristollari & Karathanassi 2020: that of the file names, so B8A comes last."""

_BY_NAME = {band.name: band for band in SENTINEL2}
# Spellings met in files: STAC v1.0 red-edge and NIR names, Earth Search's words, and unpadded numbers.
_ALIASES = {
    **{band.common_name: band.name for band in SENTINEL2},
    **{band.name.replace("B0", "B"): band.name for band in SENTINEL2},
    "rededge1": "B05",
    "rededge2": "B06",
    "rededge3": "B07",
    "rededge": "B05",
    "swir1": "B11",
    "swir2": "B12",
}


def band(name: str) -> Band:
    """The band that a name stands for: `B04`, `B4`, `b04` or a STAC common name such as `red`.

    Raises:
        BandError: no such band.
    """
    key = name.strip()
    found = _BY_NAME.get(key.upper()) or _BY_NAME.get(
        _ALIASES.get(key.lower(), _ALIASES.get(key.upper(), ""))
    )
    if found is None:
        near = get_close_matches(key, [*NAMES, *_ALIASES], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise BandError(f"band '{name}': expected one of {', '.join(NAMES)} or a STAC common name{hint}")
    return found


def canonical_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names as the products write them (`red` -> `B04`), in the order given.

    Raises:
        BandError: a name is unknown, or two of them are the same band.
    """
    given = tuple(names)
    found = tuple(band(name).name for name in given)
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise BandError(f"bands {', '.join(given)}: {', '.join(twice)} named twice; name each band once")
    return found


def missing(wanted: Sequence[str], present: Iterable[str]) -> tuple[str, ...]:
    """Those of the wanted bands that are not present, in the order wanted."""
    there = set(present)
    return tuple(name for name in wanted if name not in there)


def not_at(level: str | None, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names whose band no product of this level carries: cirrus at L2A. None: no level known."""
    return tuple(name for name in names if level in {"L1C", "L2A"} and level not in _BY_NAME[name].levels)


def expected_at(level: str) -> tuple[str, ...]:
    """Names of the bands that a whole product of this level carries, e.g. all but cirrus at L2A."""
    return tuple(band.name for band in SENTINEL2 if level in band.levels)
