"""STAC APIs: search with paging, one item, and what an item says of a Sentinel-2 product."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urljoin

from unclouded.catalog._area import Area, tile_area
from unclouded.catalog._http import Http
from unclouded.catalog._names import bare, item_scene, nearest, parse_product
from unclouded.catalog._records import Found, Query
from unclouded.core.errors import ServiceError, UnknownProductError

PAGE = 100
MAX_PAGES = 1000

Item = Mapping[str, Any]
Filter = Callable[[Query], Mapping[str, Any]]
"""The part of a search request that says tile and cloud cover in a service's own dialect."""


@dataclass(frozen=True, kw_only=True)
class StacService:
    """One STAC API."""

    provider: str
    url: str
    http: Http
    dialect: Filter

    def search(self, query: Query, collection: str) -> Iterator[Found]:
        """Products of a collection that meet the query, each once, at most `query.limit`.

        What the service may have ignored is asked of each item again: time, tile and cloud cover.
        """
        body = {
            "collections": [collection],
            "intersects": query.area.geometry,
            "datetime": f"{_stamp(query.start)}/{_stamp(query.end)}",
            "limit": min(PAGE, query.limit),
            **self.dialect(query),
        }
        seen: set[str] = set()
        for item in self._pages(body):
            found = read_item(item, provider=self.provider, collection=collection)
            if found.id in seen or not _meets(found, query):
                continue
            seen.add(found.id)
            yield found
            if len(seen) >= query.limit:
                return

    def item(self, name: str, collection: str) -> Item:
        """One item.

        Raises:
            UnknownProductError: there is none of that name.
        """
        url = f"{self.url}/collections/{quote(collection, safe='')}/items/{quote(name, safe='')}"
        found = self.http.get_json(url)
        if not isinstance(found, dict) or found.get("id") != name:
            raise ServiceError(f"{self.provider}: expected the item {name}, found another; try again later")
        return found

    def unknown(self, name: str, collection: str) -> UnknownProductError:
        """The error for a name that is not there, with those that are near it: same tile, same day."""
        here = self._same_day(name, collection)
        near = nearest(name, [found.id for found in here])
        hint = f"; nearest: {', '.join(near)}" if near else "; check it with unclouded search"
        return UnknownProductError(
            f"{self.provider}: expected a product of {collection}, found none named {name[:90]}{hint}"
        )

    def _same_day(self, name: str, collection: str) -> list[Found]:
        scene = item_scene(name)
        if scene is None:
            return []
        tile, level, day = scene
        query = Query(area=tile_area(tile), start=day, end=day + timedelta(days=1), level=level, limit=PAGE)
        return list(self.search(query, collection))

    def _pages(self, body: Mapping[str, Any]) -> Iterator[Item]:
        url: str = f"{self.url}/search"
        asked: dict[str, Any] | None = dict(body)
        for _ in range(MAX_PAGES):
            page = self.http.get_json(url) if asked is None else self.http.post_json(url, asked)
            features = page.get("features") if isinstance(page, dict) else None
            if not isinstance(features, list):
                raise ServiceError(f"{self.provider}: expected search results, found none; try again later")
            yield from (feature for feature in features if isinstance(feature, dict))
            following = _next(page)
            if following is None or not features:
                return
            url, asked = _following(url, asked, following)
        raise ServiceError(f"{self.provider}: expected an end of the results, found {MAX_PAGES} pages")


def read_item(item: Item, *, provider: str, collection: str) -> Found:
    """What an item says, whichever generation of STAC wrote it.

    Raises:
        ServiceError: no item, or one without id or time.
    """
    properties = item.get("properties")
    name, time = item.get("id"), (properties or {}).get("datetime")
    if not isinstance(name, str) or not isinstance(properties, dict) or not isinstance(time, str):
        raise ServiceError(f"{provider}: expected an item with id and datetime, found one without; not used")
    product = parse_product(product_name(name, properties))
    scene = item_scene(name)
    return Found(
        id=name,
        provider=provider,
        collection=str(item.get("collection") or collection),
        product=product.id if product else name,
        level=product.level if product else (scene[1] if scene else _level_of(collection)),
        sensing_time=_time(time, provider),
        tile=_tile(properties) or (product.tile if product else scene[0] if scene else None),
        baseline=_baseline(properties) or (product.baseline if product else None),
        cloud_cover_stated=_number(properties.get("eo:cloud_cover")),
        size=_size(item),
        item=item,
    )


def assets(item: Item) -> dict[str, Mapping[str, Any]]:
    """The assets that have an address."""
    found = item.get("assets")
    pairs = found.items() if isinstance(found, dict) else ()
    return {
        key: asset for key, asset in pairs if isinstance(asset, dict) and isinstance(asset.get("href"), str)
    }


def query_dialect(tile_property: str) -> Filter:
    """The STAC API query extension, with the property that names the tile."""

    def say(query: Query) -> Mapping[str, Any]:
        conditions: dict[str, Any] = {}
        if query.area.tile is not None:
            conditions[tile_property] = {"eq": _tile_value(tile_property, query.area)}
        if query.max_cloud is not None:
            conditions["eo:cloud_cover"] = {"lte": query.max_cloud}
        return {"query": conditions} if conditions else {}

    return say


def cql2_dialect(tile_property: str) -> Filter:
    """The filter extension in CQL2 JSON."""

    def say(query: Query) -> Mapping[str, Any]:
        conditions: list[Any] = []
        if query.area.tile is not None:
            value = _tile_value(tile_property, query.area)
            conditions.append({"op": "=", "args": [{"property": tile_property}, value]})
        if query.max_cloud is not None:
            conditions.append({"op": "<=", "args": [{"property": "eo:cloud_cover"}, query.max_cloud]})
        if not conditions:
            return {}
        joined = conditions[0] if len(conditions) == 1 else {"op": "and", "args": conditions}
        return {"filter-lang": "cql2-json", "filter": joined}

    return say


def _tile_value(tile_property: str, area: Area) -> str:
    return f"MGRS-{area.tile}" if tile_property == "grid:code" else str(area.tile)


def _meets(found: Found, query: Query) -> bool:
    cloud = found.cloud_cover_stated
    return (
        query.start <= found.sensing_time <= query.end
        and query.area.tile in {None, found.tile}
        and (query.max_cloud is None or (cloud is not None and cloud <= query.max_cloud))
    )


def _next(page: Item) -> Item | None:
    links = page.get("links")
    rows = links if isinstance(links, list) else []
    return next((link for link in rows if isinstance(link, dict) and link.get("rel") == "next"), None)


def _following(url: str, asked: dict[str, Any] | None, link: Item) -> tuple[str, dict[str, Any] | None]:
    """Address and body of the next page: by GET, or by POST with a body to merge or to take (STAC API)."""
    body, target = link.get("body"), urljoin(url, str(link.get("href") or url))
    if not isinstance(body, dict):
        return target, None
    return target, {**(asked or {}), **body} if link.get("merge") else dict(body)


def product_name(name: str, properties: Item) -> str:
    """ESA's name of an item's product; the item's own where it does not say."""
    keys = ("s2:product_uri", "sentinel:product_id", "s2:product_name")
    text = next((properties[key] for key in keys if isinstance(properties.get(key), str)), name)
    return bare(text)


def _tile(properties: Item) -> str | None:
    code = str(properties.get("grid:code") or properties.get("s2:mgrs_tile") or "").removeprefix("MGRS-")
    return code.rjust(5, "0") if re.fullmatch(r"\d{1,2}[A-Z]{3}", code) else None


def _baseline(properties: Item) -> str | None:
    """`05.10`, however a service writes it: 5.1 and 05.10 may be one thing, so only two whole parts count."""
    for key in ("s2:processing_baseline", "processing:version"):
        found = re.fullmatch(r"(\d{2})\.(\d{2})", str(properties.get(key) or ""))
        if found:
            return found[0]
    return None


def _size(item: Item) -> int | None:
    """Bytes: of the zipped product where there is one."""
    whole = assets(item).get("Product")
    value = whole.get("file:size") if whole else None
    return value if isinstance(value, int) and value > 0 else None


def _level_of(collection: str) -> str:
    return "L1C" if "l1c" in collection.lower() else "L2A"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(text: str, provider: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as err:
        raise ServiceError(f"{provider}: expected a time in an item, found '{text[:40]}'; not used") from err
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
