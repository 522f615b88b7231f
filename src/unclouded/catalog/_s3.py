"""Objects of an S3 store, through obstore: signing, requester pays and retries of small requests are its."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from unclouded.catalog._body import Body
from unclouded.catalog._credentials import Login
from unclouded.catalog._endpoints import host_of, shown
from unclouded.catalog._patience import Patience, TransientError
from unclouded.core.errors import OptionError, ServiceError, UnknownProductError

TRANSIENT_WORDS = ("429", "500", "502", "503", "504", "SlowDown", "HTTP error", "timed out", "reset")
"""In obstore's messages, whose class for all of these is one."""
CHUNK = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One bucket and how it is asked."""

    name: str
    endpoint: str
    region: str
    payer: bool
    """Whether the one who asks pays for the transfer."""
    login: Login


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One object of a listing."""

    key: str
    size: int
    etag: str | None


class S3:
    """The buckets of one provider. Safe to call from several threads."""

    def __init__(self, buckets: tuple[Bucket, ...], *, patience: Patience) -> None:
        self._stores = {bucket.name: _store(bucket, patience) for bucket in buckets}

    def list_objects(self, bucket: str, prefix: str) -> list[Listed]:
        """All objects below a prefix that ends in a slash."""
        import obstore  # noqa: PLC0415 - of the extra

        with _translated(f"s3://{bucket}/{prefix}"):
            batches = list(obstore.list(self._stores[bucket], prefix))
        return [_listed(item) for batch in batches for item in batch]

    def list_folders(self, bucket: str, prefix: str) -> list[str]:
        """The folders right below a prefix, without a slash at the end."""
        import obstore  # noqa: PLC0415

        with _translated(f"s3://{bucket}/{prefix}"):
            found: Any = obstore.list_with_delimiter(self._stores[bucket], prefix)
        return list(found["common_prefixes"])

    def read(self, bucket: str, key: str) -> bytes:
        """A small object, whole."""
        import obstore  # noqa: PLC0415

        with _translated(f"s3://{bucket}/{key}"):
            return bytes(obstore.get(self._stores[bucket], key).bytes())

    @contextmanager
    def open(self, url: str, start: int, validator: str | None) -> Iterator[Body]:
        """An object from a byte on; from its beginning where it is not the one that the validator names."""
        import obstore  # noqa: PLC0415

        bucket, key = self._locate(url)
        options: Any = {"range": {"offset": start}} if start else {}
        if start and validator:
            options["if_match"] = validator
        with _translated(url):
            try:
                found = obstore.get(self._stores[bucket], key, options=options)
            except obstore.exceptions.PreconditionError:
                start = 0
                found = obstore.get(self._stores[bucket], key)
        meta = found.meta
        yield Body(start=start, total=meta["size"], validator=meta["e_tag"], chunks=_chunks(found))

    def _locate(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        if parts.scheme != "s3" or parts.netloc not in self._stores or not parts.path.strip("/"):
            raise ServiceError(
                f"expected an object in {', '.join(sorted(self._stores))}, found a link to '{shown(url)}'; "
                "it is not followed"
            )
        return parts.netloc, parts.path.lstrip("/")


def _store(bucket: Bucket, patience: Patience) -> Any:
    try:
        from obstore.store import S3Store  # noqa: PLC0415 - of the extra
    except ImportError as err:
        raise OptionError(
            f"bucket {bucket.name} needs obstore: pip install 'unclouded[cloud]', or take another --provider"
        ) from err
    token = {"session_token": bucket.login.one_time.reveal()} if bucket.login.one_time else {}
    config: Any = {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.login.name,
        "secret_access_key": bucket.login.secret.reveal(),
        "request_payer": bucket.payer,
        **token,
    }
    plain_http = bucket.endpoint.startswith("http://")  # this machine alone: _endpoints.merged
    options: Any = {"allow_http": plain_http, "timeout": "10m", "connect_timeout": f"{patience.timeout_s}s"}
    return S3Store(bucket.name, config=config, client_options=options, retry_config={"max_retries": 3})


def _chunks(found: Any) -> Iterator[bytes]:
    """Whatever goes wrong on the way may pass: the object was there when it was opened."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    stream = iter(found.stream(min_chunk_size=CHUNK))
    while True:
        try:
            chunk = next(stream, None)
        except (BaseError, OSError) as err:
            raise TransientError(f"the connection broke ({_first_line(err)})") from None
        if chunk is None:
            return
        yield bytes(chunk)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Errors of obstore as ours, cut to their first line: the rest repeats the request."""
    from obstore.exceptions import (  # noqa: PLC0415
        BaseError,
        PermissionDeniedError,
        UnauthenticatedError,
    )

    try:
        yield
    except FileNotFoundError as err:
        raise UnknownProductError(f"{host_of(url)}: nothing is kept at {shown(url)}") from err
    except (PermissionDeniedError, UnauthenticatedError):
        raise ServiceError(
            f"{host_of(url)}: the keys do not open {shown(url)}; check them, and that they may be billed"
        ) from None
    except BaseError as err:
        reason = _first_line(err)
        if any(word in str(err) for word in TRANSIENT_WORDS):
            raise TransientError(f"the object store does not answer ({reason})") from None
        raise ServiceError(f"{host_of(url)}: {reason} at {shown(url)}; try again later") from None


def _first_line(err: Exception) -> str:
    """What obstore says, without the address it asked."""
    before, _, after = (str(err).splitlines() or [""])[0].partition(" Error performing ")
    return (before or after)[:150]


def _listed(item: Any) -> Listed:
    return Listed(key=item["path"], size=item["size"], etag=item["e_tag"])
