"""Records of Zenodo: whole archives, held against what the record itself states."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from unclouded.catalog._body import Opener
from unclouded.catalog._checksum import stated
from unclouded.catalog._endpoints import check_url, host_of
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._names import safe_name
from unclouded.catalog._records import Context, Delivery, Found, Query, Wanted
from unclouded.catalog._transfer import RemoteFile
from unclouded.core.errors import OptionError, ServiceError


class Zenodo:
    """`Provider` of records, by number."""

    connections = 2

    def __init__(self, context: Context, *, folder: str) -> None:
        self._url = context.endpoints["zenodo"]
        self._hosts = (host_of(self._url),)
        self._http = Http(self._hosts, patience=context.patience, stop=context.stop)
        self._opener = Https(self._http)
        self._folder = folder

    @property
    def opener(self) -> Opener:
        """By https, without an account."""
        return self._opener

    def search(self, query: Query) -> Iterator[Found]:  # noqa: ARG002 - the protocol's signature
        """Nothing: a record is no product.

        Raises:
            OptionError: always.
        """
        raise OptionError("zenodo: has no products to search")

    def deliver(self, wanted: Wanted) -> Delivery:
        """All files of the record `zenodo-NUMBER`, its zips to be unpacked beside them."""
        record = self._http.get_json(f"{self._url}/records/{wanted.id.removeprefix('zenodo-')}")
        rows = record.get("files") if isinstance(record, dict) else None
        files = tuple(self._file(row, wanted.id) for row in rows or () if isinstance(row, dict))
        if not files:
            raise ServiceError(
                f"{wanted.id}: expected files, found a record without; look at it on zenodo.org"
            )
        return Delivery(id=wanted.id, name=self._folder, folder=True, files=files, unpack=True)

    def _file(self, row: dict[str, Any], where: str) -> RemoteFile:
        links = row.get("links")
        url = links.get("self") if isinstance(links, dict) else None
        # a record of Zenodo says `md5:…`; one without is not taken on trust
        found = re.fullmatch(r"(\w+):([0-9a-fA-F]+)", str(row.get("checksum") or ""))
        checksum = stated(found[1], found[2], origin="the record") if found else None
        if not isinstance(url, str) or checksum is None:
            raise ServiceError(f"{where}: expected files with an address and a checksum, found one without")
        size = row.get("size")
        return RemoteFile(
            path=PurePosixPath(safe_name(str(row.get("key")), what=where)),
            url=check_url(url, self._hosts, what=where),
            size=size if isinstance(size, int) else None,
            checksum=checksum,
        )
