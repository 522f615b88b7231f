"""What the files of an AWS tile folder say: `tileInfo.json`, `productInfo.json`, `metadata.xml`.

Source: the registry page of `sentinel-s2-l1c` and `sentinel-s2-l2a` (Sinergise), and real files. The
tile's `metadata.xml` is ESA's MTD_TL: it holds neither offset nor quantification.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affine import Affine

from unclouded.core.grid import Grid
from unclouded.sources import _json
from unclouded.sources._metadata import named_baseline, named_level, named_tile, parse_time

TILE_SIDE_M = 109_800
"""Of every tile of Sentinel-2: 10980 px of 10 m."""
_PRODUCT_NAME = re.compile(r"S2[A-Z]_(?:MSIL(?:1C|2A)|OPER_PRD_MSIL(?:1C|2A))_\w{10,100}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class TileInfo:
    """What `tileInfo.json` says. None where it does not."""

    path: str | None
    """`tiles/19/U/DP/2017/7/29/0`."""
    product: str | None
    """Name of the product that the tile is of."""
    product_path: str | None
    """`products/2017/7/29/S2A_MSIL1C_…`."""
    baselines: Mapping[str, tuple[int, int]]
    """Name in it -> the baseline that it holds."""
    level: str | None
    tile: str | None
    """MGRS square."""
    sensing_time: datetime | None
    cloud_cover: float | None
    """Per cent."""
    grids: Mapping[int, Grid]
    """Gsd, m -> grid of the whole tile."""


@dataclass(frozen=True, kw_only=True)
class ProductInfo:
    """What `productInfo.json` says. None where it does not."""

    name: str | None
    baselines: Mapping[str, tuple[int, int]]
    """Name in it -> the baseline that it holds."""
    level: str | None
    tiles: Mapping[str, str]
    """Path of a tile -> MGRS square."""
    sensing_time: datetime | None
    """Of the datatake."""


def is_tile_info(content: Any) -> bool:
    """Whether a JSON document is a `tileInfo.json`."""
    return isinstance(content, dict) and {"utmZone", "latitudeBand", "gridSquare"} <= content.keys()


def is_product_info(content: Any) -> bool:
    """Whether a JSON document is a `productInfo.json`."""
    return isinstance(content, dict) and {"datatakeIdentifier", "tiles"} <= content.keys()


def parse_tile_info(content: Any) -> TileInfo:
    """The record of a `tileInfo.json`."""
    strip = _json.text(content, "datastrip", "id")
    named = _json.text(content, "productName") or _product_in(_json.text(content, "datastrip", "path"))
    return TileInfo(
        path=_json.text(content, "path"),
        product=_product_in(named),
        product_path=_json.text(content, "productPath"),
        baselines=_named(productName=named, productPath=_json.text(content, "productPath"), datastrip=strip),
        level=named_level(named) or named_level(strip),
        tile=_square(content) or named_tile(named),
        sensing_time=parse_time(_json.text(content, "timestamp")),
        cloud_cover=_json.number(content, "cloudyPixelPercentage"),
        grids=_grids(content),
    )


def parse_product_info(content: Any) -> ProductInfo:
    """The record of a `productInfo.json`."""
    listed = _json.dig(content, "tiles")
    tiles = [
        (_json.text(tile, "path"), _square(tile)) for tile in (listed if isinstance(listed, list) else [])
    ]
    name = _json.text(content, "name")
    return ProductInfo(
        name=_product_in(name),
        baselines=_named(
            name=name,
            datatakeIdentifier=_json.text(content, "datatakeIdentifier"),
            datastrip=_json.text(content, "datastrips", 0, "id"),
        ),
        level=named_level(name),
        tiles={path: square for path, square in tiles if path and square},
        sensing_time=parse_time(_json.text(content, "timestamp")),
    )


def belongs(product: ProductInfo, tile: TileInfo) -> bool:
    """Whether a product's record is that of a tile."""
    return product.name == tile.product if product.name and tile.product else tile.path in product.tiles


def _named(**names: str | None) -> dict[str, tuple[int, int]]:
    found = {key: named_baseline(name) for key, name in names.items()}
    return {key: baseline for key, baseline in found.items() if baseline is not None}


def _product_in(text: str | None) -> str | None:
    found = _PRODUCT_NAME.search(text or "")
    return found[0] if found else None


def _square(content: Any) -> str | None:
    zone = _json.number(content, "utmZone")
    band, square = _json.text(content, "latitudeBand"), _json.text(content, "gridSquare")
    if zone is None or not 1 <= zone <= 60 or zone % 1 or not band or not square:
        return None
    name = f"{int(zone):02d}{band}{square}"
    return name if re.fullmatch(r"\d{2}[A-Z]{3}", name, re.ASCII) else None


def _grids(content: Any) -> dict[int, Grid]:
    """The tile is square and of one size; its corner and system are in `tileOrigin` or `tileGeometry`."""
    for key, place in (("tileOrigin", ()), ("tileGeometry", (0, 0))):
        urn = _json.text(content, key, "crs", "properties", "name") or ""
        epsg = re.fullmatch(r"urn:ogc:def:crs:EPSG:[\d.]*:(32[67]\d{2})", urn, re.ASCII)
        x, y = (_json.number(content, key, "coordinates", *place, axis) for axis in (0, 1))
        if epsg and x is not None and y is not None:
            return {
                gsd: Grid(
                    height=TILE_SIDE_M // gsd,
                    width=TILE_SIDE_M // gsd,
                    transform=Affine(gsd, 0.0, x, 0.0, -gsd, y),
                    crs=f"EPSG:{epsg[1]}",
                )
                for gsd in (10, 20, 60)
            }
    return {}
