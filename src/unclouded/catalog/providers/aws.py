"""Sinergise's buckets on AWS: tiles by product name, billed to the reader."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from unclouded.catalog._body import Opener
from unclouded.catalog._checksum import from_etag
from unclouded.catalog._names import ProductName, nearest, require_product, safe_name, safe_path
from unclouded.catalog._patience import TransientError, Waiting
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._s3 import Listed
from unclouded.catalog._transfer import RemoteFile
from unclouded.catalog.providers._payer import L1C_BUCKET, L2A_BUCKET, open_payer_buckets
from unclouded.core.errors import OptionError, ServiceError, UnknownProductError

BUCKETS = {"L1C": L1C_BUCKET, "L2A": L2A_BUCKET}
TILE_INFO = "tileInfo.json"
SKIPPED = re.compile(r"preview(/.*|\.\w+)")
"""Pictures of the product."""
PRODUCT_FILES = {"metadata.xml": "product_metadata.xml", "productInfo.json": "productInfo.json"}
"""Of the product that the tile belongs to, and their names beside the tile's own files.

The tile's `metadata.xml` says neither offset nor quantification; the product's does.
"""


class Aws:
    """`Provider` of the requester-pays buckets."""

    connections = 8

    def __init__(self, context: Context) -> None:
        if context.collection is not None:
            raise OptionError("aws: has no collections; leave --collection out")
        self._context = context
        self._s3 = open_payer_buckets(context)

    @property
    def opener(self) -> Opener:
        """By S3, with the user's key."""
        return self._s3.open

    def search(self, query: Query) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """Nothing: the buckets have no search.

        Raises:
            OptionError: always.
        """
        raise OptionError("aws: has no search; search with earth-search, and download from aws")

    def deliver(self, wanted: Wanted) -> Delivery:
        """The tile's folder, with the metadata of its product."""
        product = require_product(wanted.id, provider="aws")
        waiting = Waiting(self._context.patience, self._context.stop)
        while True:
            try:
                return self._deliver(product, wanted)
            except TransientError as trouble:
                waiting.after(trouble, what="aws")

    def _deliver(self, product: ProductName, wanted: Wanted) -> Delivery:
        bucket = BUCKETS[product.level]
        folder, info = self._tile(product, bucket)
        files = [*self._tile_files(bucket, folder), *self._product_files(bucket, info, product)]
        return Delivery(
            id=wanted.id, name=safe_name(product.id, what="product"), folder=True, files=tuple(files)
        )

    def _tile(self, product: ProductName, bucket: str) -> tuple[str, Mapping[str, Any]]:
        """The tile's folder and what its own file says, found by the product's name."""
        seen: list[str] = []
        for prefix in day_folders(product):
            for folder in self._s3.list_folders(bucket, prefix):
                info = self._info(bucket, folder)
                name = product_of(info)
                if name == product.id:
                    return folder, info
                seen.append(name)
        near = nearest(product.id, filter(None, seen))
        hint = f"; nearest: {', '.join(near)}" if near else "; check it with unclouded search"
        raise UnknownProductError(f"aws: expected {product.id}, found none of that name{hint}")

    def _info(self, bucket: str, folder: str) -> Mapping[str, Any]:
        try:
            info = json.loads(self._s3.read(bucket, f"{folder}/{TILE_INFO}"))
        except (UnknownProductError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}

    def _tile_files(self, bucket: str, folder: str) -> Iterator[RemoteFile]:
        for entry in self._s3.list_objects(bucket, f"{folder}/"):
            inside = entry.key.removeprefix(f"{folder}/")
            if not inside.endswith("/") and SKIPPED.fullmatch(inside) is None:
                yield _remote(bucket, entry, safe_path(inside, what="aws"))

    def _product_files(
        self, bucket: str, info: Mapping[str, Any], product: ProductName
    ) -> Iterator[RemoteFile]:
        root = str(info.get("productPath") or _usual_path(product))
        if PurePosixPath(root).name != product.id:
            raise ServiceError(f"aws: expected {TILE_INFO} to name {product.id}, found another product in it")
        listed = {
            entry.key.removeprefix(f"{root}/"): entry for entry in self._s3.list_objects(bucket, f"{root}/")
        }
        for name, target in PRODUCT_FILES.items():
            if name in listed:
                yield _remote(bucket, listed[name], PurePosixPath(target))


def open_provider(context: Context) -> Aws:
    """The provider, nothing asked of it yet."""
    return Aws(context)


def day_folders(product: ProductName) -> tuple[str, ...]:
    """Where the tiles of a product's days are: `tiles/2/T/QM/2017/7/4/`, no number with a leading zero."""
    tile = product.tile
    square = f"{int(tile[:2])}/{tile[2]}/{tile[3:]}"
    return tuple(f"tiles/{square}/{day.year}/{day.month}/{day.day}/" for day in product.days)


def product_of(info: Mapping[str, Any]) -> str:
    """The product that a tile's file names; old ones have only its path."""
    return str(info.get("productName") or PurePosixPath(str(info.get("productPath") or "")).name)


def _usual_path(product: ProductName) -> str:
    day = product.start
    return f"products/{day.year}/{day.month}/{day.day}/{product.id}"


def _remote(bucket: str, entry: Listed, path: PurePosixPath) -> RemoteFile:
    return RemoteFile(
        path=path,
        url=f"s3://{bucket}/{entry.key}",
        size=entry.size,
        checksum=from_etag(entry.etag),
    )
