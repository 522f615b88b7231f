"""A STAC item as records: its bands with what it states of each, whoever made it.

STAC 1.0 (`eo:bands`, `raster:bands`, `proj:epsg`) and 1.1 (`bands`, `raster:offset`, `proj:code`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affine import Affine

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import BandError, ProductError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.sources import _json
from unclouded.sources._metadata import named_baseline, named_level, named_tile, parse_baseline, parse_time
from unclouded.sources._sensors import parse_level, parse_sensor
from unclouded.sources._text import shown

_NUMBERED = re.compile(r"(?:r\d0m/)?(B\d{1,2}A?)(?:_(10|20|60)m)?", re.IGNORECASE)
_NAMED = re.compile(r"([a-z]+\d*)(?:_(10|20|60)m)?")
_RASTER = re.compile(r"image/(tiff|vnd\.stac\.geotiff|jp2|x\.geotiff)", re.IGNORECASE)
_SEVERAL = {"rededge"}
"""Words that STAC gives to more than one band of Sentinel-2."""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One band's raster."""

    key: str
    band: str
    href: str
    other_href: str | None
    """The same over https, where the item has it."""
    gsd: int
    """Spacing that it is delivered at, m."""
    scale: float | None
    offset: float | None
    """As the item states them: reflectance = DN * scale + offset."""
    grid: Grid | None
    """As the item states it."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a STAC item says."""

    identity: Identity
    baseline: tuple[int, int] | None
    baselines: Mapping[str, tuple[int, int]]
    """Who in the item says which."""
    collection: str | None
    flag: bool | None
    """`earthsearch:boa_offset_applied`; None where the item has none."""
    assets: tuple[Asset, ...]
    """One a band and spacing."""
    zarr: str | None
    """Address of the Zarr group that holds the bands, where that is how they are kept."""
    zarr_bands: tuple[str, ...]
    """Bands that the item names in it."""
    places: tuple[str, ...]
    """Addresses that tell who keeps the pixels, the surest first."""


def items_in(content: Any) -> list[dict[str, Any]]:
    """The STAC items of a document: one, those of a collection of features, or those of a list."""
    if isinstance(content, list):
        found = content
    elif _json.text(content, "type") == "FeatureCollection":
        features = _json.dig(content, "features")
        found = features if isinstance(features, list) else []
    else:
        found = [content]
    return [item for item in found if is_item(item)]


def is_item(content: Any) -> bool:
    """Whether it is a STAC item with assets."""
    return (
        isinstance(content, dict)
        and content.get("type") == "Feature"
        and isinstance(content.get("assets"), dict)
        and isinstance(content.get("id"), str)
        and isinstance(content.get("properties"), dict)
    )


def choose(items: list[dict[str, Any]], wanted: str | None, where: str) -> dict[str, Any]:
    """The one that is meant.

    Raises:
        ProductError: none, none of that id, or several and no id.
    """
    known = shown(", ".join(str(item["id"]) for item in items[:20]), 400)
    if not items:
        raise ProductError(f"{where}: expected a STAC item with assets, found none; give an item")
    if wanted is not None and len(items) > 1:
        items = [item for item in items if item["id"] == wanted]
    if len(items) != 1:
        found = "none of that id" if not items else str(len(items))
        raise ProductError(
            f"{where}: expected one STAC item, found {found}: {known}; choose one with granule="
        )
    return items[0]


def parse(item: dict[str, Any]) -> Item:
    """The record of a STAC item."""
    properties = item["properties"]
    name = shown(item["id"], 200)
    product = _first_text(properties, "s2:product_uri", "s2:product_title", "sentinel2:product_title",
                          "sentinel:product_id")  # fmt: skip
    baselines = _baselines(properties, product, name)
    baseline = next(iter(baselines.values()), None)
    return Item(
        identity=_identity(properties, name, product, _json.text(item, "collection"), baseline),
        baseline=baseline,
        baselines=baselines,
        collection=_json.text(item, "collection"),
        flag=_flag(properties),
        assets=tuple(_assets(item)),
        zarr=_zarr(item),
        zarr_bands=_zarr_bands(item),
        places=tuple(_places(item)),
    )


def _first_text(content: Any, *keys: str) -> str | None:
    return next((text for key in keys if (text := _json.text(content, key))), None)


def _baselines(properties: Any, product: str | None, name: str) -> dict[str, tuple[int, int]]:
    said = {
        key: parse_baseline(_json.text(properties, key))
        for key in (
            "s2:processing_baseline",
            "sentinel2:processing_baseline",
            "sentinel:processing_baseline",
            "eopf:baseline",
            "processing:version",
        )
    }
    said["product name"] = named_baseline(product)
    said["granule id"] = named_baseline(_first_text(properties, "s2:granule_id", "s2:tile_id"))
    said["id"] = named_baseline(name)
    return {who: baseline for who, baseline in said.items() if baseline is not None}


def _flag(properties: Any) -> bool | None:
    for key in ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"):
        found = _json.dig(properties, key)
        if isinstance(found, bool):
            return found
    return None


def _identity(
    properties: Any,
    name: str,
    product: str | None,
    collection: str | None,
    baseline: tuple[int, int] | None,
) -> Identity:
    zenith, azimuth = _sun(properties)
    cloud = _json.number(properties, "eo:cloud_cover")
    platform = _first_text(properties, "platform", "constellation") or ""
    sensor = parse_sensor(platform or (product or name)[:3])
    return Identity(
        id=re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII),
        sensor=sensor.name,
        satellite=sensor.satellite or _satellite(product or name),
        level=_level(properties, product, name, collection),
        baseline=f"{baseline[0]:02d}.{baseline[1]:02d}" if baseline else None,
        tile=_tile(properties) or named_tile(product) or named_tile(name),
        sensing_time=parse_time(_json.text(properties, "datetime"))
        or parse_time(_json.text(properties, "start_datetime")),
        sun_zenith=zenith if zenith is not None and 0 <= zenith <= 180 else None,
        sun_azimuth=azimuth if azimuth is not None and 0 <= azimuth <= 360 else None,
        cloud_cover_stated=cloud if cloud is not None and 0 <= cloud <= 100 else None,
    )


def _sun(properties: Any) -> tuple[float | None, float | None]:
    """Zenith and azimuth, by the extension `view` or as the Planetary Computer has them."""
    elevation = _json.number(properties, "view:sun_elevation")
    zenith = _json.number(properties, "s2:mean_solar_zenith") if elevation is None else 90 - elevation
    return zenith, _first_number(properties, ("view:sun_azimuth",), ("s2:mean_solar_azimuth",))


def _satellite(name: str) -> str | None:
    found = re.match(r"S2[A-Z](?=_)", name)
    return found[0] if found else None


def _level(properties: Any, product: str | None, name: str, collection: str | None) -> str | None:
    for key in ("s2:product_type", "sentinel2:product_type", "product:type", "processing:level"):
        found = re.search(r"(1C|2A)", (_json.text(properties, key) or "").upper())
        if found:
            return f"L{found[1]}"
    named = named_level(product) or named_level(name)
    found = re.search(r"l(1c|2a)", (collection or "").lower())
    return named or (
        f"L{found[1].upper()}" if found else parse_level(_json.text(properties, "processing:level") or "")
    )


def _tile(properties: Any) -> str | None:
    code = (_json.text(properties, "grid:code") or "").removeprefix("MGRS-")
    for text in (code, _json.text(properties, "s2:mgrs_tile") or ""):
        found = re.fullmatch(r"(\d{1,2})([A-Z]{3})", text, re.ASCII)
        if found:
            return f"{int(found[1]):02d}{found[2]}"
    for kind in ("mgrs", "sentinel"):
        zone = _json.number(properties, f"{kind}:utm_zone")
        letters = (_json.text(properties, f"{kind}:latitude_band") or "") + (
            _json.text(properties, f"{kind}:grid_square") or ""
        )
        if zone is not None and 1 <= zone <= 60 and re.fullmatch(r"[A-Z]{3}", letters):
            return f"{int(zone):02d}{letters}"
    return None


def _assets(item: dict[str, Any]) -> Iterator[Asset]:
    for key, asset in item["assets"].items():
        found = _asset_band(str(key), asset)
        href = _json.text(asset, "href")
        if found is None or href is None or not _is_raster(asset, href):
            continue
        name, spacing = found
        stated = _json.number(asset, "gsd")
        yield Asset(
            key=str(key),
            band=name,
            href=href,
            other_href=_json.text(asset, "alternate", "https", "href"),
            gsd=spacing or (round(stated) if stated and stated >= 1 else band(name).gsd),
            scale=_first_number(
                asset, ("raster:scale",), ("bands", 0, "raster:scale"), ("raster:bands", 0, "scale")
            ),
            offset=_first_number(
                asset, ("raster:offset",), ("bands", 0, "raster:offset"), ("raster:bands", 0, "offset")
            ),
            grid=_grid(asset, item["properties"]),
        )


def _asset_band(key: str, asset: Any) -> tuple[str, int | None] | None:
    """Band and spacing of an asset, by the band's own number where it has one, else by its words.

    None for `visual` and other rasters of several bands, for masks, and for the twins in another format.
    """
    if key.endswith("-jp2"):
        return None
    listed = _json.dig(asset, "bands") or _json.dig(asset, "eo:bands") or []
    if not isinstance(listed, list) or len(listed) > 1:
        return None
    entry = listed[0] if listed else None
    for text in (_json.text(entry, "name") or "", key):
        found = _NUMBERED.fullmatch(text)
        if found and (name := _known(found[1])):
            own = _NUMBERED.fullmatch(key) or _NAMED.fullmatch(key)
            return name, int(own[2]) if own and own[2] else None
    own = _NAMED.fullmatch(key)
    common = _json.text(entry, "common_name") or _json.text(entry, "eo:common_name") or ""
    for text in (own[1] if own else "", _json.text(entry, "name") or "", common):
        if text not in _SEVERAL and (name := _known(text)):
            return name, int(own[2]) if own and own[2] else None
    return None


def _known(text: str) -> str | None:
    try:
        return band(text).name
    except BandError:
        return None


def _is_raster(asset: Any, href: str) -> bool:
    kind = _json.text(asset, "type")
    if kind is not None:
        return _RASTER.match(kind) is not None
    return href.partition("?")[0].lower().endswith((".tif", ".tiff", ".jp2"))


def _first_number(content: Any, *paths: tuple[str | int, ...]) -> float | None:
    return next((value for path in paths if (value := _json.number(content, *path)) is not None), None)


def _grid(asset: Any, properties: Any) -> Grid | None:
    """Of `proj:shape`, `proj:transform` and the system, on the asset or on the item."""
    crs = _crs(asset) or _crs(properties)
    shape = _json.dig(asset, "proj:shape") or _json.dig(properties, "proj:shape")
    values = _json.dig(asset, "proj:transform") or _json.dig(properties, "proj:transform")
    numbers = [_json.number(values, index) for index in range(6)] if isinstance(values, list) else []
    sizes = [_json.number(shape, index) for index in range(2)] if isinstance(shape, list) else []
    if crs is None or len(numbers) < 6 or None in numbers or len(sizes) < 2 or None in sizes:
        return None
    height, width = (int(size or 0) for size in sizes)
    transform = Affine(*(value for value in numbers if value is not None))
    if not (0 < height < 10**6 and 0 < width < 10**6) or transform.a * transform.e == 0:
        return None
    return Grid(height=height, width=width, transform=transform, crs=crs)


def _crs(content: Any) -> str | None:
    code = _json.text(content, "proj:code") or ""
    if re.fullmatch(r"EPSG:\d{4,6}", code, re.ASCII):
        return code
    number = _json.number(content, "proj:epsg")
    return f"EPSG:{int(number)}" if number is not None and 1000 <= number < 10**6 else None


def _zarr(item: dict[str, Any]) -> str | None:
    """The group's address: up to its `.zarr`."""
    for asset in item["assets"].values():
        href = _json.text(asset, "href") or ""
        root = re.match(r"(.*?\.zarr)(?:/|$)", href)
        if root and "zarr" in (_json.text(asset, "type") or "zarr"):
            return root[1]
    return None


def _zarr_bands(item: dict[str, Any]) -> tuple[str, ...]:
    found: set[str] = set()
    for asset in item["assets"].values():
        listed = _json.dig(asset, "bands")
        if "zarr" in (_json.text(asset, "type") or "") and isinstance(listed, list):
            names = (_NUMBERED.fullmatch(_json.text(entry, "name") or "") for entry in listed)
            found |= {name for match in names if match and (name := _known(match[1]))}
    return tuple(name for name in NAMES if name in found)


def _places(item: dict[str, Any]) -> Iterator[str]:
    for asset in _assets(item):
        yield asset.href
    for other in item["assets"].values():
        if href := _json.text(other, "href"):
            yield href
    path = _json.text(item["properties"], "earthsearch:s3_path")
    if path:
        yield path
    links = item.get("links")
    for link in links if isinstance(links, list) else []:
        if _json.text(link, "rel") in {"self", "canonical"} and (href := _json.text(link, "href")):
            yield href


def expected_names(item: Item) -> tuple[str, ...]:
    """Bands that the item names, in the order of the table."""
    there = {asset.band for asset in item.assets} | set(item.zarr_bands)
    return tuple(name for name in NAMES if name in there)
