"""Sentinel-2 product and tile metadata as records. Nothing is guessed from names or dates.

Source of the element names: Sentinel-2 product specification (S2-PDGS-TAS-DI-PSD).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from affine import Affine

from unclouded.core.bands import NAMES
from unclouded.core.errors import ProductError, RadiometryError
from unclouded.core.grid import Grid
from unclouded.sources import _xml
from unclouded.sources._text import shown

OFFSET_SINCE = (4, 0)
"""First processing baseline whose numbers carry an offset (ESA, processing baseline 04.00)."""
KNOWN_BASELINES = frozenset(
    {(2, minor) for minor in range(15)} | {(3, 0), (3, 1), (4, 0), (5, 0), (5, 9), (5, 10), (5, 11), (5, 12)}
)
"""Those that ESA has announced or that real products carry."""


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


@dataclass(frozen=True, kw_only=True)
class TileMetadata:
    """What a granule's own XML says. None where it does not."""

    tile: str | None
    """MGRS square, `32TQM`."""
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
    uri = _xml.text(root, "PRODUCT_URI")
    named = re.search(r"_N(\d{2})(\d{2})_", uri or "")
    return ProductMetadata(
        uri=uri,
        level=level,
        baseline=parse_baseline(_xml.text(root, "Product_Info", "PROCESSING_BASELINE")),
        named_baseline=(int(named[1]), int(named[2])) if named else None,
        satellite=_satellite(_xml.text(root, "SPACECRAFT_NAME")),
        sensing_time=_time(_xml.text(root, "DATATAKE_SENSING_START")),
        quantification=_quantification(root, where),
        offset=_offsets(root, where),
        cloud_cover=_xml.number(_xml.text(root, "Cloud_Coverage_Assessment")),
    )


def parse_tile(root: Element) -> TileMetadata:
    """Tile metadata from the root of `MTD_TL.xml` or its long-name kin."""
    named = re.search(r"_T(\d{2}[A-Z]{3})(?:_|$)", _xml.text(root, "TILE_ID") or "")
    return TileMetadata(
        tile=named[1] if named else None,
        sensing_time=_time(_xml.text(root, "SENSING_TIME")),
        sun_zenith=_angle(root, "ZENITH_ANGLE", highest=180),
        sun_azimuth=_angle(root, "AZIMUTH_ANGLE", highest=360),
        grids=_grids(root),
    )


def parse_baseline(text: str | None) -> tuple[int, int] | None:
    """`05.10` -> (5, 10); two integers, since 5.9 comes before 5.10. None for anything else."""
    found = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", text or "", re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def write_baseline(baseline: tuple[int, int]) -> str:
    """(5, 10) -> `05.10`."""
    return f"{baseline[0]:02d}.{baseline[1]:02d}"


def _level(root: Element, where: str) -> str:
    stated = _xml.text(root, "Product_Info", "PROCESSING_LEVEL") or _xml.text(root, "PRODUCT_TYPE") or ""
    found = re.search(r"(1C|2A)", stated.upper())
    if found is None or "User_Product" not in _xml.local_name(root):
        raise ProductError(
            f"{where}: expected metadata of a Level-1C or Level-2A user product, "
            f"found <{shown(_xml.local_name(root))}> of level '{shown(stated)}'; give a Sentinel-2 product"
        )
    return f"L{found[1]}"


def _satellite(name: str | None) -> str | None:
    found = re.fullmatch(r"SENTINEL-2([A-Z])", (name or "").upper())
    return f"S2{found[1]}" if found else name


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _quantification(root: Element, where: str) -> float | None:
    found = [element.text for element in _xml.every(root, "QUANTIFICATION_VALUE")]
    values = {_xml.number((text or "").strip()) for text in found}
    if not values:
        return None
    value = next(iter(values))
    if len(values) > 1 or value is None or value <= 0:
        raise RadiometryError(
            f"{where}: expected one QUANTIFICATION_VALUE above 0, found {shown(', '.join(map(str, found)))}; "
            "get the product again, or state it with --quantification"
        )
    return value


def _offsets(root: Element, where: str) -> dict[str, float] | None:
    elements = list(_xml.every(root, "RADIO_ADD_OFFSET"))
    lists = list(_xml.every(root, "Radiometric_Offset_List"))
    if not elements and not lists:
        return None
    pairs = [(_band_name(element), _xml.number((element.text or "").strip())) for element in elements]
    found = {name: value for name, value in pairs if name is not None and value is not None}
    if len(found) != len(NAMES) or len(elements) != len(NAMES):
        raise RadiometryError(
            f"{where}: expected one RADIO_ADD_OFFSET for each of {len(NAMES)} bands, found {len(found)} "
            f"usable of {len(elements)}; get the product again, or state it with --offset"
        )
    return {name: found[name] for name in NAMES}


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
