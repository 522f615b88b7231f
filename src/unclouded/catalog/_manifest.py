"""What a SAFE manifest says of the product's files, and whether they are so."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from unclouded.catalog._checksum import Checksum, mismatch, stated
from unclouded.catalog._names import safe_path
from unclouded.core.errors import ServiceError

logger = logging.getLogger(__name__)

NAME = "manifest.safe"
MAX_BYTES = 20_000_000
"""The manifest of 500 files has some 300 kB."""

# What a product cannot do without; copies of the archive lack the pages and reports around it.
_NEEDED = re.compile(r"(GRANULE/.+/IMG_DATA/.+|GRANULE/[^/]+/[^/]+\.xml|[^/]*MTD_[^/]*\.xml)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of the manifest."""

    path: str
    """Relative to the product's folder, `/` between parts."""
    size: int | None
    checksum: Checksum | None
    needed: bool
    """Whether the product cannot be read without it."""


def read_manifest(content: bytes, *, where: str) -> tuple[Entry, ...]:
    """The files that a manifest lists; none where it is no well-formed XML, as some of 2018 are not.

    Raises:
        ServiceError: entities or a document type in it, or names that lead out of the product.
    """
    if len(content) > MAX_BYTES:
        raise ServiceError(
            f"{where}: expected a manifest below {MAX_BYTES // 10**6} MB, found more; not read"
        )
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as err:
        raise ServiceError(
            f"{where}: expected plain XML in {NAME}, found entities or a document type; do not trust it"
        ) from err
    except (ParseError, ValueError, LookupError) as err:
        logger.warning("%s: %s is no XML (%s); its checksums are not used", where, NAME, type(err).__name__)
        return ()
    return tuple(_entries(root, where))


def check_files(
    entries: tuple[Entry, ...],
    locate: Callable[[str], Path | None],
    *,
    where: str,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Pass where every file that is needed is there and all are what the manifest says.

    Raises:
        ServiceError: a needed file is missing, or is another than listed.
    """
    for entry in entries:
        path = locate(entry.path)
        if path is None:
            check_missing(entry, where)
        else:
            wrong = entry.checksum and mismatch(path, (entry.checksum,), between=between) is not None
            check_same(entry, size=path.stat().st_size, wrong=bool(wrong), where=where)


def check_missing(entry: Entry, where: str) -> None:
    """Say that a listed file is not there.

    Raises:
        ServiceError: the product cannot be read without it.
    """
    if not entry.needed:
        logger.info("%s: %s is listed and not there", where, entry.path)
        return
    raise ServiceError(
        f"{where}: expected {entry.path} as the manifest lists it, found no such file; this copy is "
        "incomplete: take another --provider"
    )


def check_same(entry: Entry, *, size: int, wrong: bool, where: str) -> None:
    """Say that a file is another than the manifest lists.

    Raises:
        ServiceError: the product cannot be read without it.
    """
    if not wrong and (entry.size is None or entry.size == size):
        return
    if not entry.needed:
        logger.warning("%s: %s is another than the manifest lists", where, entry.path)
        return
    raise ServiceError(
        f"{where}: expected {entry.path} as the manifest lists it ({entry.size} bytes), found another file "
        f"({size} bytes); this copy is damaged: take another --provider"
    )


def _entries(root: Element, where: str) -> Iterator[Entry]:
    for stream in root.iter():
        if _local(stream) != "byteStream":
            continue
        place = next((child for child in stream if _local(child) == "fileLocation"), None)
        href = (place.get("href") if place is not None else None) or ""
        path = href.removeprefix("./")
        if not path:
            continue
        safe_path(path, what=where)
        size = stream.get("size") or ""
        yield Entry(
            path=path,
            size=int(size) if size.isdecimal() else None,
            checksum=_checksum(stream),
            needed=_NEEDED.fullmatch(path) is not None,
        )


def _checksum(stream: Element) -> Checksum | None:
    found = next((child for child in stream if _local(child) == "checksum"), None)
    if found is None:
        return None
    return stated(found.get("checksumName") or "", found.text or "", origin="manifest")


def _local(element: Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
