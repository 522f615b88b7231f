"""Earth Search (Element 84): COGs of L2A for everyone, JP2 of L1C for who pays the transfer."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from unclouded.catalog._body import Body, Opener
from unclouded.catalog._endpoints import check_url
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._s3 import S3
from unclouded.catalog._stac import StacService, query_dialect
from unclouded.catalog.providers._hosts import hosts
from unclouded.catalog.providers._items import deliver_assets
from unclouded.catalog.providers._payer import open_payer_buckets
from unclouded.core.errors import OptionError, UnknownProductError

COLLECTIONS = {"L1C": "sentinel-2-l1c", "L2A": "sentinel-2-c1-l2a"}
"""Collection 1 for L2A: the offset of `sentinel-2-l2a` cannot be known from its items."""
OTHERS = ("sentinel-2-l2a", "sentinel-2-pre-c1-l2a")
FILE_HOSTS = (
    "sentinel-cogs.s3.us-west-2.amazonaws.com",
    "e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",
    "roda.sentinel-hub.com",
)


class EarthSearch:
    """`Provider` of Earth Search v1."""

    connections = 8

    def __init__(self, context: Context) -> None:
        self._hosts = hosts(context.endpoints, "earth-search", also=FILE_HOSTS)
        http = Http(self._hosts, patience=context.patience, stop=context.stop)
        self._stac = StacService(
            provider="earth-search",
            url=context.endpoints["earth-search"],
            http=http,
            dialect=query_dialect("grid:code"),
        )
        self._collection = _known(context.collection)
        self._context = context
        self._https = Https(http)
        self._s3: S3 | None = None

    @property
    def opener(self) -> Opener:
        """By https, and from the buckets that bill by S3."""
        return self._open

    def search(self, query: Query) -> Iterator[Found]:
        """Products of the level's collection, or of the one asked for."""
        return self._stac.search(query, self._collection or COLLECTIONS[query.level])

    def deliver(self, wanted: Wanted) -> Delivery:
        """The item's data and metadata."""
        item = wanted.item or self._find(wanted.id)
        delivery = deliver_assets(item, name=wanted.id, etag_is_md5=True)
        for file in delivery.files:
            if not file.url.startswith("s3://"):
                check_url(file.url, self._hosts, what=wanted.id)
            elif self._s3 is None:
                self._s3 = open_payer_buckets(self._context)
        return delivery

    def _find(self, name: str) -> Mapping[str, Any]:
        usual = COLLECTIONS["L1C" if name.endswith("_L1C") else "L2A"]
        for collection in (self._collection,) if self._collection else (usual, *OTHERS):
            try:
                return self._stac.item(name, collection)
            except UnknownProductError:
                continue
        raise self._stac.unknown(name, self._collection or usual)

    def _open(self, url: str, start: int, validator: str | None) -> AbstractContextManager[Body]:
        if self._s3 is not None and url.startswith("s3://"):
            return self._s3.open(url, start, validator)
        return self._https(url, start, validator)


def open_provider(context: Context) -> EarthSearch:
    """The provider, nothing asked of it yet."""
    return EarthSearch(context)


def _known(collection: str | None) -> str | None:
    known = (*COLLECTIONS.values(), *OTHERS)
    if collection is not None and collection not in known:
        raise OptionError(f"collection '{collection}': expected one of {', '.join(known)}")
    return collection
