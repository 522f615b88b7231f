"""Sentinel-2 product and tile metadata as records. Nothing is guessed from names or dates.

Source of the element names: Sentinel-2 product specification (S2-PDGS-TAS-DI-PSD).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from affine import Affine

from unclouded.core.bands import NAMES, expected_at
from unclouded.core.errors import ProductError, RadiometryError
from unclouded.core.grid import Grid
from unclouded.sources import _xml
from unclouded.sources._text import shown

OFFSET_SINCE = (4, 0)
"""First processing baseline whose numbers carry an offset (ESA, processing baseline 04.00)."""
KNOWN_BASELINES = frozenset(
    {(0, 1)}
    | {(2, minor) for minor in range(15)}
    | {(3, 0), (3, 1), (4, 0), (5, 0), (5, 9), (5, 10), (5, 11), (5, 12)}
)
"""Those that ESA has announced or that real products carry."""

KNOWN_SATELLITES = frozenset({"S2A", "S2B", "S2C", "S2D"})


@dataclass(frozen=True, kw_only=True)
class ProductMetadata:
    """What the product's own XML says. None where it does not."""

    uri: str | None
    level: str
    """`L1C`, `L2A`."""
    baseline: tuple[int, int] | None
    named_baseline: tuple[int, int] | None
    """The one in the product's name: `N0510` is (5, 10)."""
    satellite: str | None
    """`S2A` …"""
    sensing_time: datetime | None
    """Start of the datatake."""
    quantification: float | None
    offset: Mapping[str, float] | None
    """Band -> offset in DN; None where the metadata hold no list."""
    cloud_cover: float | None
    """Per cent."""
    images: tuple[str, ...] = ()
    """Images that it lists, without extension."""
    tiles: tuple[str, ...] = ()
    """MGRS squares of the granules that it lists."""


@dataclass(frozen=True, kw_only=True)
class TileMetadata:
    """What a granule's own XML says. None where it does not."""

    tile: str | None
    """MGRS square, `32TQM`."""
    id: str | None = None
    """`S2A_OPER_MSI_L1C_TL_EPAE_20201011T011446_A018789_T55HFA_N02.09`."""
    level: str | None = None
    """`L1C`, `L2A`."""
    satellite: str | None = None
    """`S2A` …, out of the id."""
    baseline: tuple[int, int] | None = None
    """Out of the id."""
    strip_baseline: tuple[int, int] | None = None
    """Out of the id of the datastrip."""
    cloud_cover: float | None = None
    """Per cent."""
    sensing_time: datetime | None
    sun_zenith: float | None
    sun_azimuth: float | None
    grids: Mapping[int, Grid]
    """Gsd, m -> grid of a whole tile."""


def parse_product(root: Element, *, where: str) -> ProductMetadata:
    """Product metadata from the root of `MTD_MSIL1C.xml` or its long-name kin.

    Raises:
        ProductError: not product metadata.
        RadiometryError: the list of offsets is incomplete or contradicts itself.
    """
    level = _level(root, where)
    uri = _stated(root, "PRODUCT_URI")
    return ProductMetadata(
        uri=uri,
        level=level,
        baseline=parse_baseline(_stated(root, "PROCESSING_BASELINE")),
        named_baseline=named_baseline(uri),
        satellite=_satellite(_xml.text(root, "SPACECRAFT_NAME")),
        sensing_time=parse_time(_xml.text(root, "DATATAKE_SENSING_START")),
        quantification=_quantification(root, level, where),
        offset=_offsets(root, level, where),
        cloud_cover=_per_cent(_xml.text(root, "Cloud_Coverage_Assessment")),
        images=_images(root),
        tiles=_tiles(root),
    )


def parse_tile(root: Element) -> TileMetadata:
    """Tile metadata from the root of `MTD_TL.xml` or its long-name kin."""
    tile_id = _xml.text(root, "TILE_ID") or _xml.text(root, "TILE_ID_2A") or ""
    satellite = re.match(r"S2[A-Z](?=_)", tile_id)
    level = re.search(r"Level-(1C|2A)", _xml.local_name(root))
    return TileMetadata(
        tile=named_tile(tile_id),
        id=tile_id or None,
        level=f"L{level[1]}" if level else None,
        satellite=satellite[0] if satellite else None,
        baseline=named_baseline(tile_id),
        strip_baseline=named_baseline(_xml.text(root, "DATASTRIP_ID")),
        cloud_cover=_per_cent(_xml.text(root, "CLOUDY_PIXEL_PERCENTAGE")),
        sensing_time=parse_time(_xml.text(root, "SENSING_TIME")),
        sun_zenith=_angle(root, "ZENITH_ANGLE", highest=180),
        sun_azimuth=_angle(root, "AZIMUTH_ANGLE", highest=360),
        grids=_grids(root),
    )


def parse_baseline(text: str | None) -> tuple[int, int] | None:
    """`05.10` -> (5, 10); two integers, since 5.9 comes before 5.10. None for anything else.

    `N01.01` is how the simulated products of 2009 have it.
    """
    found = re.fullmatch(r"N?(\d{1,2})\.(\d{1,2})", text or "", re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def named_baseline(name: str | None) -> tuple[int, int] | None:
    """The baseline that a name holds, `…_N0510_…` or `…_N05.10`, as (5, 10)."""
    found = re.search(r"_N(\d{2})\.?(\d{2})(?=[_.]|$)", name or "", re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def named_tile(name: str | None) -> str | None:
    """The MGRS square that a name holds: `…_T32TQM_…`."""
    found = re.search(r"_T(\d{2}[A-Z]{3})(?=[_.]|$)", name or "", re.ASCII)
    return found[1] if found else None


def named_level(name: str | None) -> str | None:
    """The level that a product's, tile's or datastrip's name holds: `…_MSIL2A_…`, `…_MSI_L1C_TL_…`."""
    found = re.search(r"(?<=_MSI)_?L(1C|2A)(?=_)", name or "")
    return f"L{found[1]}" if found else None


def write_baseline(baseline: tuple[int, int]) -> str:
    """(5, 10) -> `05.10`."""
    return f"{baseline[0]:02d}.{baseline[1]:02d}"


def is_tile(root: Element) -> bool:
    """Whether it is the root of tile metadata."""
    return bool(re.fullmatch(r"Level-(1C|2A)_Tile_ID", _xml.local_name(root)))


def _stated(root: Element, name: str) -> str | None:
    """Of the product itself.

    Sen2Cor before 2.5 calls its own part `L2A_Product_Info` and keeps the Level-1C product's beside it.
    """
    return (
        _xml.text(root, "L2A_Product_Info", name)
        or _xml.text(root, "L2A_Product_Info", f"{name}_2A")
        or _xml.text(root, "Product_Info", name)
    )


def _per_cent(text: str | None) -> float | None:
    value = _xml.number(text)
    return value if value is not None and 0 <= value <= 100 else None


def _images(root: Element) -> tuple[str, ...]:
    kinds = ("IMAGE_FILE", "IMAGE_FILE_2A", "IMAGE_ID", "IMAGE_ID_2A", "IMAGE_DATA_ID")
    found = (element for element in root.iter() if _xml.local_name(element) in kinds)
    return tuple(text for element in found if (text := (element.text or "").strip()))


def _tiles(root: Element) -> tuple[str, ...]:
    found = [named_tile(element.get("granuleIdentifier")) for element in root.iter()]
    return tuple(dict.fromkeys(tile for tile in found if tile is not None))


def _level(root: Element, where: str) -> str:
    stated = _stated(root, "PROCESSING_LEVEL") or _xml.text(root, "PRODUCT_TYPE") or ""
    found = re.search(r"(1C|2A)", stated.upper())
    kind = re.fullmatch(r"Level-(1C|2A)_User_Product", _xml.local_name(root))
    if found is None or kind is None or kind[1] != found[1]:
        raise ProductError(
            f"{where}: expected metadata of a Level-1C or Level-2A user product, "
            f"found <{shown(_xml.local_name(root))}> of level '{shown(stated)}'; give a Sentinel-2 product"
        )
    return f"L{found[1]}"


def _satellite(name: str | None) -> str | None:
    found = re.fullmatch(r"SENTINEL-2([A-Z])", (name or "").upper())
    return f"S2{found[1]}" if found else name


def parse_time(text: str | None) -> datetime | None:
    """ISO 8601, taken as UTC where it names no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


_QUANTIFICATION = {
    "L1C": ("QUANTIFICATION_VALUE",),
    # the last two: Sen2Cor before 2.5 and before 2.4
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE"),
}
_OFFSET = {
    "L1C": ("RADIO_ADD_OFFSET", "Radiometric_Offset_List"),
    "L2A": ("BOA_ADD_OFFSET", "BOA_ADD_OFFSET_VALUES_LIST"),
}


def _quantification(root: Element, level: str, where: str) -> float | None:
    spellings = ([e.text for e in _xml.every(root, name)] for name in _QUANTIFICATION[level])
    found: list[str | None] = next((texts for texts in spellings if texts), [])
    values = {_xml.number((text or "").strip()) for text in found}
    if not values:
        return None
    value = next(iter(values))
    if len(values) > 1 or value is None or value <= 0:
        raise RadiometryError(
            f"{where}: expected one {_QUANTIFICATION[level][0]} above 0, "
            f"found {shown(', '.join(map(str, found)))}; "
            "get the product again, or state it with --quantification"
        )
    return value


def _offsets(root: Element, level: str, where: str) -> dict[str, float] | None:
    name, of_list = _OFFSET[level]
    elements = list(_xml.every(root, name))
    if not elements and _xml.first(root, of_list) is None:
        return None
    pairs = [(_band_name(element), _xml.number((element.text or "").strip())) for element in elements]
    found = {band: value for band, value in pairs if band is not None and value is not None}
    # Level-2A lists B10 too, which it does not deliver
    if len(found) != len(elements) or not set(expected_at(level)) <= found.keys():
        raise RadiometryError(
            f"{where}: expected one {name} for each of {len(NAMES)} bands, found {len(found)} "
            f"usable of {len(elements)}; get the product again, or state it with --offset"
        )
    return {band: found[band] for band in NAMES if band in found}


def _band_name(element: Element) -> str | None:
    # the attribute is band_id here and bandId everywhere else
    text = element.get("band_id", element.get("bandId", ""))
    return NAMES[int(text)] if re.fullmatch(r"\d{1,2}", text, re.ASCII) and int(text) < len(NAMES) else None


def _angle(root: Element, name: str, *, highest: float) -> float | None:
    value = _xml.number(_xml.text(root, "Mean_Sun_Angle", name))
    return value if value is not None and 0 <= value <= highest else None


def _grids(root: Element) -> dict[int, Grid]:
    geocoding = _xml.first(root, "Tile_Geocoding")
    code = _xml.text(root, "Tile_Geocoding", "HORIZONTAL_CS_CODE")
    if geocoding is None or code is None or not re.fullmatch(r"EPSG:\d{4,6}", code.upper(), re.ASCII):
        return {}
    sizes = {element.get("resolution"): element for element in _xml.every(geocoding, "Size")}
    places = {element.get("resolution"): element for element in _xml.every(geocoding, "Geoposition")}
    grids = {}
    for resolution in sizes.keys() & places.keys():
        grid = _grid(sizes[resolution], places[resolution], code.upper())
        if grid is not None and re.fullmatch(r"\d{1,4}", resolution or "", re.ASCII):
            grids[int(resolution or "")] = grid
    return grids


def _grid(size: Element, place: Element, crs: str) -> Grid | None:
    shape = [_xml.number(_xml.text(size, name)) for name in ("NROWS", "NCOLS")]
    corner = [_xml.number(_xml.text(place, name)) for name in ("ULX", "ULY", "XDIM", "YDIM")]
    height, width, ulx, uly, xdim, ydim = (*shape, *corner)
    if height is None or width is None or ulx is None or uly is None or not xdim or not ydim:
        return None
    if min(height, width) < 1 or height % 1 or width % 1:
        return None
    transform = Affine(xdim, 0.0, ulx, 0.0, ydim, uly)
    return Grid(height=int(height), width=int(width), transform=transform, crs=crs)
