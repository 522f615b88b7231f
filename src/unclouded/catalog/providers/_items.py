"""STAC items whose assets are the product: which of them are fetched, and under which names."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from unclouded.catalog._checksum import from_multihash
from unclouded.catalog._names import safe_name
from unclouded.catalog._records import Delivery
from unclouded.catalog._stac import assets
from unclouded.catalog._transfer import RemoteFile
from unclouded.core.errors import ServiceError

SUFFIXES = {".tif", ".tiff", ".jp2", ".xml", ".json", ".safe", ".jpg", ".png"}
SKIPPED_ROLES = {"thumbnail", "overview", "visual", "tiles"}
"""Pictures of the product, not the product."""


def deliver_assets(item: Mapping[str, Any], *, name: str, etag_is_md5: bool) -> Delivery:
    """A folder of an item's data and metadata, each file named after its asset.

    Raises:
        ServiceError: an item without data.
    """
    files = tuple(_files(item, etag_is_md5=etag_is_md5))
    if not any(file.path.suffix in {".tif", ".tiff", ".jp2"} for file in files):
        raise ServiceError(f"{name}: expected an item with images, found none; take another --provider")
    return Delivery(id=name, name=safe_name(name, what="item"), folder=True, files=files, item=item)


def asset_names(item: Mapping[str, Any]) -> dict[str, str]:
    """The file that each fetched asset becomes."""
    return {
        key: f"{safe_name(key, what='asset')}{suffix}"
        for key, asset in assets(item).items()
        if (suffix := _suffix(asset["href"])) is not None and not _skipped(key, asset)
    }


def _files(item: Mapping[str, Any], *, etag_is_md5: bool) -> Iterator[RemoteFile]:
    found = assets(item)
    for key, target in asset_names(item).items():
        asset = found[key]
        size = asset.get("file:size")
        checksum = asset.get("file:checksum")
        yield RemoteFile(
            path=PurePosixPath(target),
            url=asset["href"],
            size=size if isinstance(size, int) and size >= 0 else None,
            checksum=from_multihash(checksum, origin="catalogue") if isinstance(checksum, str) else None,
            etag_is_md5=etag_is_md5,
        )


def _skipped(key: str, asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    # Earth Search lists each COG's source beside it, KEY-jp2, in a bucket that bills
    return key.endswith("-jp2") or bool(SKIPPED_ROLES & set(roles if isinstance(roles, list) else ()))


def _suffix(href: str) -> str | None:
    suffix = PurePosixPath(urlsplit(href).path).suffix.lower()
    return suffix if suffix in SUFFIXES else None
