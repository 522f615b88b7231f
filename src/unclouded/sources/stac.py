"""STAC items of Sentinel-2: a JSON file, its folder, an address, a dict, or an object with `to_dict`.

Earth Search (v1 and v0), Planetary Computer, CDSE, AWS, Google Cloud and their mirrors; any other whose
items state scale and offset and whose files lie beside the item or on its own host.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unclouded.core.errors import ProductError, RadiometryError, ServiceError
from unclouded.core.grid import Grid
from unclouded.core.product import Product
from unclouded.sources import _json, _radiometry, _stac, eopf_zarr
from unclouded.sources._bandset import BandSet, open_bands, readers
from unclouded.sources._delivery import Delivery, Metadata, opened, stated
from unclouded.sources._fetch import fetch
from unclouded.sources._hrefs import Home, Hrefs, place_of
from unclouded.sources._layout import BandPath, best_of
from unclouded.sources._offset_of_items import of_item
from unclouded.sources._options import OpenOptions
from unclouded.sources._providers import Provider, check_address, provider_of
from unclouded.sources._remote import setting
from unclouded.sources._stac import Asset, Item
from unclouded.sources._text import shown

_TOKEN = "UNCLOUDED_CDSE_TOKEN"  # noqa: S105 - the name of a setting
"""Where a user may keep an access token of CDSE, as with the keys of its object store."""


def sniff(source: object) -> bool:
    """Whether it is an item, a document of items, a folder with one, or an address of one. Never raises."""
    try:
        if isinstance(source, Path):
            return _is_document(source) if source.is_file() else bool(_item_file(source))
    except OSError:
        return False
    if isinstance(source, str):
        path = urlsplit(source).path.rstrip("/") if source.startswith(("https://", "http://")) else ""
        return path.endswith((".json", ".geojson")) or "/items/" in path
    return bool(_stac.items_in(_as_dict(source)))


def open_product(source: object, options: OpenOptions) -> Product:
    """The item's bands. Files beside an item on disk count before those on the network.

    No pixel is decoded, but for items of Earth Search's `sentinel-2-l2a` from baseline 04.00 on: their flag
    is held against three bands at their coarsest level.

    Raises:
        ProductError: no item, several and no id, or addresses that we do not open.
        RadiometryError: the offset cannot be told, or two statements contradict each other.
        RasterError: none of its bands can be opened.
        ServiceError: a service refuses or does not answer.
    """
    options = replace(options, bearer=options.bearer or setting(_TOKEN))
    raw, home, where = _load(source, options)
    item = _stac.parse(raw)
    chosen, places = _chosen(item, home, options)
    if not places and item.zarr is not None:
        return _of_zarr(item, home, options, where)
    if not places:
        raise ProductError(
            f"{where}: expected bands of Sentinel-2 among the item's assets, found "
            f"{'none of their files' if item.assets else 'none'}; "
            "get the files, or give an item that has them"
        )
    provider = _provider(item)
    tree = Hrefs(places, where=item.identity.id, bearer=options.bearer)
    delivery = _delivery(item, chosen, tree, options)
    bands = _open_bands(tree, delivery.paths, places)
    placed = readers(bands, delivery.tile)
    radiometry, notes = of_item(
        item, {name: chosen[name] for name in placed}, provider, options, readers=placed
    )
    settled = replace(delivery, radiometry=radiometry, warnings=(*delivery.warnings, *notes))
    return opened(settled, bands)


def _open_bands(tree: Hrefs, paths: Mapping[str, BandPath], places: Mapping[str, Path | str]) -> BandSet:
    """The bands; those on disk alone, and a line that says so, where a service fails beside them.

    Raises:
        RasterError: none can be opened.
        ServiceError: the service refuses or does not answer, and none is on disk.
    """
    try:
        return open_bands(tree, paths)
    except ServiceError as err:
        local = {name: raster for name, raster in paths.items() if isinstance(places[raster.path], Path)}
        if not local:
            raise
        left_out = ", ".join(name for name in paths if name not in local)
        bands = open_bands(tree, local)
        return replace(bands, damaged=(*bands.damaged, f"{left_out}: on the network, left out ({err})"))


def _of_zarr(item: Item, home: Home, options: OpenOptions, where: str) -> Product:
    place = place_of(item.zarr or "", home, where=where, is_folder=True)
    if place is None or (isinstance(place, str) and not place.startswith("http")):
        raise ProductError(
            f"{where}: expected the item's Zarr store beside it or over https, found it elsewhere; "
            "get the store, or give its own address"
        )
    return eopf_zarr.open_product(place, options)


def read_metadata(source: object, options: OpenOptions) -> Metadata:
    """What the item says; nothing but the item itself is fetched.

    Raises:
        ProductError: no item, or several and no id.
        ServiceError: its address does not answer.
    """
    raw, home, _ = _load(source, options)
    item = _stac.parse(raw)
    chosen: dict[str, Asset] = {}
    refused: list[str] = []
    try:
        chosen, _ = _chosen(item, home, options)
    except ProductError as err:  # shown all the same: nothing is opened
        refused.append(str(err))
    found = _delivery(item, chosen, Hrefs({}, where=item.identity.id), options)
    everything = {asset.band: asset for asset in item.assets}
    said = _radiometry.settled_with(
        lambda: of_item(item, chosen or everything, _provider(item), options, readers=None)
    )
    notes = (*found.warnings, *said[1], *refused)
    return stated(replace(found, radiometry=said[0], warnings=notes))


def list_granules(source: object) -> tuple[str, ...]:
    """Ids of the items of a document, by which `granule` picks one.

    Raises:
        ProductError: no item.
        ServiceError: its address does not answer.
    """
    content, _, _ = _content(source)
    return tuple(str(item["id"]) for item in _stac.items_in(content))


def _as_dict(source: object) -> Any:
    """Of a dict, a list of them, or an object of a STAC library."""
    if (
        hasattr(source, "to_dict")
        and not isinstance(source, Mapping)
        and type(source).__module__.startswith("pystac")
    ):
        return source.to_dict()
    return source


def _is_document(path: Path) -> bool:
    if path.suffix.lower() not in {".json", ".geojson"} or path.stat().st_size > _json.MAX_BYTES:
        return False
    try:
        return bool(_stac.items_in(_json.parse(path.read_bytes(), where=path.name)))
    except ProductError:
        return False


def _item_file(folder: Path) -> Path | None:
    """The one item in a folder. Beside the metadata of an AWS tile those count: they are ESA's own."""
    if not folder.is_dir() or any((folder / name).is_file() for name in ("tileInfo.json", "metadata.xml")):
        return None
    found = [path for path in sorted(folder.glob("*.json"))[:20] if _is_document(path)]
    return found[0] if len(found) == 1 else None


def _load(source: object, options: OpenOptions) -> tuple[dict[str, Any], Home, str]:
    content, home, where = _content(source)
    item = _stac.choose(_stac.items_in(content), options.granule, where)
    if home.folder is None and home.address is None:
        home = Home(address=_self(item))
    return item, home, where


def _content(source: object) -> tuple[Any, Home, str]:
    """The document, what its relative addresses start at, and what to call it."""
    if isinstance(source, Path):
        path = _item_file(source) if source.is_dir() else source
        if path is None:
            raise ProductError(
                f"{shown(source.name)}: expected one STAC item in the folder; give the item itself"
            )
        home = Home(folder=path.parent, local_only=source.is_dir())
        return _json.parse(path.read_bytes(), where=shown(path.name)), home, shown(path.name)
    if isinstance(source, str):
        where = shown(urlsplit(source).path.rpartition("/")[2] or "item")
        check_address(source, where=where, home=source)
        data = fetch(source, most=_json.MAX_BYTES + 1)
        return _json.parse(data, where=where), Home(address=source), where
    return _as_dict(source), Home(), "STAC item"


def _self(item: dict[str, Any]) -> str | None:
    links = item.get("links")
    for link in links if isinstance(links, list) else []:
        href = _json.text(link, "href") or ""
        if _json.text(link, "rel") == "self" and href.startswith(("https://", "s3://")):
            return href
    return None


def _chosen(item: Item, home: Home, options: OpenOptions) -> tuple[dict[str, Asset], dict[str, Path | str]]:
    """Band -> asset at the best spacing of those whose files are there, and key -> where it lies."""
    places: dict[str, Path | str] = {}
    for asset in item.assets:
        href = asset.other_href if options.bearer is not None and asset.other_href else asset.href
        place = place_of(href, home, where=f"{item.identity.id}, {shown(asset.key, 40)}")
        if place is not None:
            places[asset.key] = place
    there = {asset.key: asset for asset in item.assets if asset.key in places}
    best = best_of((asset.band, BandPath(path=key, gsd=asset.gsd)) for key, asset in there.items())
    return (
        {name: there[raster.path] for name, raster in best.items()},
        {raster.path: places[raster.path] for raster in best.values()},
    )


def _provider(item: Item) -> Provider | None:
    """Who keeps the pixels: the first place that is known."""
    return next((found for place in item.places if (found := provider_of(place)) is not None), None)


def _delivery(
    item: Item,
    chosen: Mapping[str, Asset],
    tree: Hrefs,
    options: OpenOptions,
) -> Delivery:
    identity = item.identity
    if identity.level is None and options.level is not None:
        identity = replace(identity, level=options.level)
    return Delivery(
        tree=tree,
        identity=identity,
        radiometry=RadiometryError(f"{identity.id}: not settled yet"),
        paths={name: BandPath(path=asset.key, gsd=asset.gsd) for name, asset in chosen.items()},
        listed=_stac.expected_names(item),
        tile=_tile(item),
        warnings=tuple(_notes(item)),
    )


def _tile(item: Item) -> dict[int, Grid]:
    return {asset.gsd: asset.grid for asset in item.assets if asset.grid is not None}


def _notes(item: Item) -> list[str]:
    lines = list(_radiometry.baseline_notes(item.identity.baseline))
    if len(set(item.baselines.values())) > 1:
        said = ", ".join(f"{major:02d}.{minor:02d} ({who})" for who, (major, minor) in item.baselines.items())
        lines.append(f"processing baseline: the item says {said}")
    if item.identity.level is None:
        lines.append("processing level: not stated (option level)")
    if not item.identity.sensor.startswith("sentinel-2"):
        lines.append(
            f"sensor: {shown(item.identity.sensor, 40)}; its assets are read by Sentinel-2's band names"
        )
    return lines
