"""Google's public bucket: whole SAFE folders by product name, for everyone, over https."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from unclouded.catalog._body import Opener
from unclouded.catalog._checksum import from_base64_md5
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._manifest import NAME as MANIFEST
from unclouded.catalog._names import ProductName, nearest, require_product, safe_name, safe_path
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._transfer import RemoteFile
from unclouded.catalog.providers._hosts import hosts
from unclouded.core.errors import OptionError, ServiceError, UnknownProductError

BUCKET = "gcp-public-data-sentinel-2"
ROOTS = {"L1C": "tiles", "L2A": "L2/tiles"}
FIELDS = "nextPageToken,prefixes,items(name,size,md5Hash)"
MARKER = "_$folder$"
"""Ends the names of empty objects that stand for folders."""
MAX_PAGES = 1000


class Google:
    """`Provider` of the public bucket."""

    connections = 8

    def __init__(self, context: Context) -> None:
        if context.collection is not None:
            raise OptionError("google: has no collections; leave --collection out")
        self._url = context.endpoints["google"]
        self._http = Http(hosts(context.endpoints, "google"), patience=context.patience, stop=context.stop)
        self._opener = Https(self._http)

    @property
    def opener(self) -> Opener:
        """By https, without an account."""
        return self._opener

    def search(self, query: Query) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """Nothing: the bucket has no search.

        Raises:
            OptionError: always.
        """
        raise OptionError("google: has no search; search with earth-search or cdse, and download from google")

    def deliver(self, wanted: Wanted) -> Delivery:
        """The SAFE folder as the bucket holds it."""
        product = require_product(wanted.id, provider="google")
        root = f"{folder_of(product)}{product.id}.SAFE/"
        files = tuple(self._files(root))
        if not any(file.path.name == MANIFEST for file in files):
            raise self._absent(product, incomplete=bool(files))
        return Delivery(
            id=wanted.id, name=safe_name(f"{product.id}.SAFE", what="product"), folder=True, files=files
        )

    def _files(self, root: str) -> Iterator[RemoteFile]:
        for page in self._pages({"prefix": root}):
            for entry in page.get("items") or ():
                name = str(entry["name"])
                if name.endswith((MARKER, "/")):
                    continue
                yield RemoteFile(
                    path=safe_path(name.removeprefix(root), what="google"),
                    url=f"{self._url}/{BUCKET}/{quote(name)}",
                    size=int(entry["size"]),
                    checksum=from_base64_md5(str(entry.get("md5Hash", "")), origin="Google's listing"),
                )

    def _absent(self, product: ProductName, *, incomplete: bool) -> UnknownProductError:
        if incomplete:
            return UnknownProductError(
                f"google: expected a whole product, found {product.id} without its {MANIFEST}; take another "
                "--provider"
            )
        near = nearest(product.id, self._neighbours(product))
        hint = f"; nearest: {', '.join(near)}" if near else "; it may be newer than this copy: try cdse"
        return UnknownProductError(f"google: expected {product.id}, found none of that name{hint}")

    def _neighbours(self, product: ProductName) -> list[str]:
        """Products of the tile in the same month."""
        start = f"{product.satellite}_MSI{product.level}_{product.start:%Y%m}"
        pages = self._pages({"prefix": f"{folder_of(product)}{start}", "delimiter": "/"})
        found = [str(prefix).rstrip("/") for page in pages for prefix in page.get("prefixes") or ()]
        return [PurePosixPath(prefix).name.removesuffix(".SAFE") for prefix in found]

    def _pages(self, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        token: str | None = ""
        for _ in range(MAX_PAGES):
            text = urlencode({**asked, "fields": FIELDS, **({"pageToken": token} if token else {})})
            page = self._http.get_json(f"{self._url}/storage/v1/b/{BUCKET}/o?{text}")
            if not isinstance(page, dict):
                raise ServiceError("google: expected a listing, found none; try again later")
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
        raise ServiceError(f"google: expected an end of the listing, found {MAX_PAGES} pages")


def open_provider(context: Context) -> Google:
    """The provider, nothing asked of it yet."""
    return Google(context)


def folder_of(product: ProductName) -> str:
    """Where the bucket keeps a tile's products: `tiles/32/T/QM/`, the zone with two digits."""
    return f"{ROOTS[product.level]}/{product.tile[:2]}/{product.tile[2]}/{product.tile[3:]}/"
