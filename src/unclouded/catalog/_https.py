"""Files over http: ranges, validators, and answers that mean "not yet"."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse

from unclouded.catalog._body import Body
from unclouded.catalog._checksum import Checksum, from_base64_md5
from unclouded.catalog._endpoints import host_of, shown
from unclouded.catalog._http import Http, Request, broken
from unclouded.catalog._patience import TransientError
from unclouded.core.errors import OfflineError, ServiceError

CHUNK = 1 << 18
ACCEPTED = 202
PARTIAL = 206

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Https:
    """`Opener` of an `Http`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @contextmanager
    def __call__(self, url: str, start: int, validator: str | None) -> Iterator[Body]:
        """The file from a byte on, or from its beginning where it has changed."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator is not None:
                headers["If-Range"] = validator
        with self._http.open(Request(url=url, headers=headers)) as response:
            yield _body(url, response, start)


def _body(url: str, response: HTTPResponse, asked: int) -> Body:
    if response.status == ACCEPTED:  # an archive brings it back first
        raise OfflineError(f"{host_of(url)}: accepts the request and is not ready to send {shown(url)} yet")
    start, total = _extent(url, response, asked)
    return Body(
        start=start,
        total=total,
        validator=_strong_etag(response),
        etag_is_opaque=response.headers.get("x-amz-server-side-encryption", "").startswith("aws:kms"),
        chunks=_chunks(response),
        checksum=_stated(response) if start == 0 or response.status != PARTIAL else None,
    )


def _extent(url: str, response: HTTPResponse, asked: int) -> tuple[int, int | None]:
    """First byte and whole size of what is sent."""
    if response.status != PARTIAL:
        return 0, response.length
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != asked:
        raise ServiceError(
            f"{host_of(url)}: expected bytes from {asked} on, found another part of {shown(url)}"
        )
    return asked, None if found[2] == "*" else int(found[2])


def _strong_etag(response: HTTPResponse) -> str | None:
    etag: str | None = response.headers.get("ETag")
    return None if etag is None or etag.startswith("W/") else etag


def _stated(response: HTTPResponse) -> Checksum | None:
    value = response.headers.get("Content-MD5")
    return None if value is None else from_base64_md5(value, origin="Content-MD5")


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (OSError, HTTPException) as err:
        trouble = broken(err)
        raise trouble if isinstance(trouble, TransientError) else TransientError(str(trouble)) from err
