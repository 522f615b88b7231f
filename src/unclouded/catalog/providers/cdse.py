"""Copernicus Data Space: zipped SAFE by account, or SAFE folders from its object store by key."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from unclouded.catalog._body import Opener
from unclouded.catalog._checksum import Checksum, from_etag, from_multihash, stated
from unclouded.catalog._endpoints import check_url, shown
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._names import bare, parse_product, safe_name, safe_path
from unclouded.catalog._oidc import TokenAuth
from unclouded.catalog._patience import TransientError, Waiting
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._s3 import S3, Bucket
from unclouded.catalog._stac import StacService, assets, cql2_dialect
from unclouded.catalog._transfer import RemoteFile
from unclouded.catalog.providers._hosts import hosts
from unclouded.core.errors import OfflineError, OptionError, ServiceError, UnknownProductError

COLLECTIONS = {"L1C": "sentinel-2-l1c", "L2A": "sentinel-2-l2a"}
FILE_HOSTS = ("zipper.dataspace.copernicus.eu", "catalogue.dataspace.copernicus.eu")
"""Older items and redirects name these."""
BUCKET = "eodata"
ARCHIVE = "Product"
"""Asset of the zipped product."""
ORDER = {"Priority": 1}


class Cdse:
    """`Provider` of the Copernicus Data Space."""

    connections = 4
    """Quota of an account (documentation.dataspace.copernicus.eu, Quotas)."""

    def __init__(self, context: Context) -> None:
        if context.collection not in {None, *COLLECTIONS.values()}:
            raise OptionError(
                f"collection '{context.collection}': expected {' or '.join(COLLECTIONS.values())}"
            )
        self._context = context
        endpoints, patience, stop = context.endpoints, context.patience, context.stop
        plain = Http(hosts(endpoints, "cdse", "cdse-odata", "cdse-token"), patience=patience, stop=stop)
        self._file_hosts = hosts(endpoints, "cdse-download", "cdse-odata", also=FILE_HOSTS)
        auth = TokenAuth(
            context.credentials.cdse, http=plain, url=endpoints["cdse-token"], hosts=self._file_hosts
        )
        self._plain = plain
        self._signed = Http(self._file_hosts, auth=auth, patience=patience, stop=stop)
        self._stac = StacService(
            provider="cdse", url=endpoints["cdse"], http=plain, dialect=cql2_dialect("grid:code")
        )
        self._s3 = _object_store(context) if context.credentials.cdse is None else None
        self._in_order: set[str] = set()

    @property
    def opener(self) -> Opener:
        """By https with a token; by S3 where only its key is known."""
        return self._s3.open if self._s3 is not None else Https(self._signed)

    def search(self, query: Query) -> Iterator[Found]:
        """Products of the level's collection."""
        return self._stac.search(query, self._context.collection or COLLECTIONS[query.level])

    def deliver(self, wanted: Wanted) -> Delivery:
        """The product's zip, or its folder in the object store."""
        name = safe_name(bare(wanted.id), what="product")
        item = wanted.item or self._item(name)
        if item is None:
            return self._by_record(name)
        return self._folder(name, _source(item)) if self._s3 is not None else self._archive(name, item)

    def _item(self, name: str) -> Mapping[str, Any] | None:
        product = parse_product(name)
        if product is None:
            return None
        try:
            return self._stac.item(name, COLLECTIONS[product.level])
        except UnknownProductError:
            return None

    def _archive(self, name: str, item: Mapping[str, Any]) -> Delivery:
        asset = assets(item).get(ARCHIVE)
        if asset is None:
            return self._by_record(name)
        size, checksum = asset.get("file:size"), asset.get("file:checksum")
        return _zipped(
            name,
            url=check_url(asset["href"], self._file_hosts, what=name),
            size=size if isinstance(size, int) and size > 0 else None,
            checksum=from_multihash(checksum, origin="catalogue") if isinstance(checksum, str) else None,
        )

    def _by_record(self, name: str) -> Delivery:
        """From the older catalogue, which knows what the newer one has not taken over yet."""
        record = self._record(name)
        if record.get("Online") is False:
            raise self._ordered(name, record)
        if self._s3 is not None:
            return self._folder(name, str(record.get("S3Path") or ""))
        return _zipped(
            name,
            url=f"{self._context.endpoints['cdse-download']}/Products({record['Id']})/$value",
            # ContentLength is the size of the files, not of their zip
            size_about=record.get("ContentLength"),
            checksum=_checksum(record),
        )

    def _record(self, name: str) -> Mapping[str, Any]:
        # quotes cannot occur: safe_name
        condition = quote(f"Name eq '{name}.SAFE'")
        answer = self._plain.get_json(f"{self._context.endpoints['cdse-odata']}/Products?$filter={condition}")
        rows = answer.get("value") if isinstance(answer, dict) else None
        found = [row for row in rows or () if isinstance(row, dict) and row.get("Id")]
        if not found:
            product = parse_product(name)
            raise self._stac.unknown(name, COLLECTIONS[product.level if product else "L1C"])
        return next((row for row in found if row.get("Online") is not False), found[0])

    def _ordered(self, name: str, record: Mapping[str, Any]) -> OfflineError:
        url = f"{self._context.endpoints['cdse-odata']}/Products({record['Id']})/OData.CSC.Order"
        try:
            if name not in self._in_order:
                self._signed.post_json(url, ORDER)
                self._in_order.add(name)
        except ServiceError as err:
            return OfflineError(
                f"cdse: {name} is in the long-term archive and could not be ordered ({str(err)[:120]}); "
                "order it in the Data Workspace at dataspace.copernicus.eu, then run the same command again"
            )
        return OfflineError(
            f"cdse: {name} is in the long-term archive and was ordered; run the same command again later, or "
            "with --wait MINUTES"
        )

    def _folder(self, name: str, source: str) -> Delivery:
        """The product's folder in the object store, `/eodata/Sentinel-2/…`."""
        prefix = source.strip("/").removeprefix(f"{BUCKET}/").rstrip("/")
        if not prefix.endswith(f"{name}.SAFE"):
            raise ServiceError(f"cdse: expected a folder of {name} in the object store, found none stated")
        waiting = Waiting(self._context.patience, self._context.stop)
        while True:
            try:
                return self._listed(name, f"{prefix}/")
            except TransientError as trouble:
                waiting.after(trouble, what="cdse object store")

    def _listed(self, name: str, prefix: str) -> Delivery:
        store = self._s3
        entries = store.list_objects(BUCKET, prefix) if store is not None else []
        files = tuple(
            RemoteFile(
                path=safe_path(entry.key.removeprefix(prefix), what=name),
                url=f"s3://{BUCKET}/{entry.key}",
                size=entry.size,
                checksum=from_etag(entry.etag),
            )
            for entry in entries
            if not entry.key.endswith("/")
        )
        if not files:
            raise UnknownProductError(f"cdse: expected files of {name} in the object store, found none")
        return Delivery(id=name, name=f"{name}.SAFE", folder=True, files=files)


def open_provider(context: Context) -> Cdse:
    """The provider, nothing asked of it yet."""
    return Cdse(context)


def _object_store(context: Context) -> S3 | None:
    login = context.credentials.cdse_s3
    if login is None:
        return None
    endpoint = context.endpoints["cdse-s3"]
    bucket = Bucket(name=BUCKET, endpoint=endpoint, region="default", payer=False, login=login)
    return S3((bucket,), patience=context.patience)


def _zipped(
    name: str,
    *,
    url: str,
    checksum: Checksum | None,
    size: int | None = None,
    size_about: object = None,
) -> Delivery:
    target = f"{name}.SAFE.zip"
    return Delivery(
        id=name,
        name=target,
        folder=False,
        files=(RemoteFile(path=safe_path(target, what=name), url=url, size=size, checksum=checksum),),
        size_about=size_about if isinstance(size_about, int) and size_about > 0 else None,
    )


def _checksum(record: Mapping[str, Any]) -> Checksum | None:
    """Of the record's checksums the first that we can compute: BLAKE3 is not among them."""
    rows = [row for row in record.get("Checksum") or () if isinstance(row, dict)]
    known = (
        stated(str(row.get("Algorithm", "")), str(row.get("Value", "")), origin="catalogue") for row in rows
    )
    return next((sum_ for sum_ in known if sum_ is not None), None)


def _source(item: Mapping[str, Any]) -> str:
    """The product's folder in the object store, from the item's enclosure."""
    links = item.get("links")
    rows = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    href = next((str(link.get("href")) for link in rows if link.get("rel") == "enclosure"), "")
    return href.removeprefix("s3://") if href.startswith("s3://") else shown(href)
