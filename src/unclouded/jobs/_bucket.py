"""S3-like stores, through obstore, which finds endpoint and keys in the AWS_* environment variables itself.

Nothing here reads, passes on or shows a key, and of what obstore says only the last words are shown.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from unclouded.core.errors import OptionError, OutputError, ProductError, ServiceError
from unclouded.jobs._store import Entry, Record, desk_of, files_in, is_report, merged
from unclouded.outputs.report import NAME, parse_scenes, report_text

SCHEME = "s3://"
_CHUNK = 4 << 20
_PRODUCTS = {".safe", ".zip", ".tif", ".tiff"}
_REFUSED = re.compile(r"status code: 40[13]")


@dataclass(frozen=True, kw_only=True)
class Address:
    """`s3://bucket/prefix`."""

    bucket: str
    prefix: str
    """Without a slash at either end; may be empty."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")


def parse_address(text: str) -> Address:
    """The parts of an address in a store.

    Raises:
        OptionError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise OptionError(
            "store: expected s3://BUCKET/PREFIX, found another address; keys go into AWS_* variables"
        )
    return Address(bucket=parts.netloc, prefix=parts.path.strip("/"))


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A prefix in a bucket. A PUT shows an object whole or not at all, so no draft is needed there."""

    address: Address
    report: str = NAME
    scratch: Path | None = None
    """Where attempts are made; None: the temporary folder of this machine."""

    @property
    def where(self) -> str:
        """Its address."""
        return str(self.address)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Prove that the prefix can be written. Stores have no locks: two runs are the user's own care."""
        probe = f"{desk_of(self.report)}/probe"
        self._put(probe, b"")
        self._delete([probe])
        yield

    @contextmanager
    def attempt(self, key: str) -> Iterator[Path]:
        """A folder on this machine."""
        prefix = f"unclouded-{key[:12]}-"
        try:
            with TemporaryDirectory(prefix=prefix, dir=self.scratch, ignore_cleanup_errors=True) as made:
                yield Path(made)
        except FileNotFoundError as err:
            raise OutputError(
                f"temporary folder: expected one that can be written, found: {err.strerror}; set TMPDIR"
            ) from err

    def commit(self, attempt: Path, source: str, entry: Entry) -> Record:
        """Put the files, then the record."""
        record = Record(source=source, attempt=attempt.name, entry=entry)
        for name in files_in(attempt):
            self._put(name, attempt / name)
        self._put(self._record(record), json.dumps(asdict(record)).encode())
        return record

    def recover(self) -> list[Record]:
        """Records that no report took over."""
        desk = Address(bucket=self.address.bucket, prefix=self._key(desk_of(self.report)))
        names = [item.name for item in list_objects(desk) if item.name.endswith(".json")]
        contents = [self._get(f"{desk_of(self.report)}/{name}") for name in names]
        return [Record(**json.loads(content)) for content in contents if content is not None]

    def forget(self, records: Iterable[Record]) -> None:
        """Delete them."""
        self._delete([self._record(record) for record in records])

    def sizes(self) -> dict[str, int]:
        """By listing once: to ask for each file takes a request each."""
        return {item.name: item.size for item in self._objects()}

    def read_entries(self) -> dict[str, Entry]:
        """Of `run.json` and the reports of its shards."""
        others = sorted(name for name in self.sizes() if is_report(name))
        reports = []
        for name in (*others, self.report):
            content = self._get(name)
            if content is not None:
                reports.append(parse_scenes(content.decode(errors="replace"), f"{self.where}/{name}"))
        return merged(reports)

    def write_report(self, run: Mapping[str, Any], entries: Mapping[str, Entry]) -> None:
        """Put the report."""
        self._put(self.report, report_text(run, entries).encode())

    def _record(self, record: Record) -> str:
        return f"{desk_of(self.report)}/{record.attempt}.json"

    def _key(self, name: str) -> str:
        return f"{self.address.prefix}/{name}".lstrip("/")

    def _put(self, name: str, content: bytes | Path) -> None:
        obstore = _obstore()
        with _said(f"{self.where}/{name}", "write"):
            try:
                obstore.put(_open(self.address), self._key(name), content)
            except FileNotFoundError:
                raise OutputError(
                    f"{self.where}: expected a bucket, found none; make it, or name another with -o"
                ) from None

    def _get(self, name: str) -> bytes | None:
        obstore = _obstore()
        with _said(f"{self.where}/{name}", "read"):
            try:
                return bytes(obstore.get(_open(self.address), self._key(name)).bytes())
            except FileNotFoundError:
                return None

    def _objects(self) -> list["Object"]:
        """Right below the prefix."""
        obstore = _obstore()
        with _said(self.where, "list"):
            found: Any = obstore.list_with_delimiter(_open(self.address), self.address.prefix or None)
        return [_object(item, self.address) for item in found["objects"]]

    def _delete(self, names: list[str]) -> None:
        obstore = _obstore()
        with _said(self.where, "delete in"):
            for name in names:
                obstore.delete(_open(self.address), self._key(name))


@dataclass(frozen=True, kw_only=True)
class Object:
    """An object below an address."""

    name: str
    """From the address on; empty for the object that the address itself names."""
    size: int
    version: str
    """Changes with the content."""


def list_objects(address: Address) -> list[Object]:
    """The object of that name, or all below it, sorted.

    Raises:
        ServiceError: the store refuses or does not answer.
    """
    obstore = _obstore()
    store = _open(address)
    with _said(str(address), "list"):
        batches: Any = list(obstore.list(store, address.prefix or None))
        found = [_object(item, address) for batch in batches for item in batch]
        if not found and address.prefix:
            try:
                found = [_object(obstore.head(store, address.prefix), address)]
            except FileNotFoundError:
                return []
    return sorted(found, key=lambda item: item.name)


def products_below(address: Address) -> list[str]:
    """The products right below an address, sorted; the address itself where it is one, or holds none.

    Raises:
        ServiceError: the store refuses or does not answer.
    """
    if _is_product(address.prefix):
        return [str(address)]
    obstore = _obstore()
    with _said(str(address), "list"):
        found: Any = obstore.list_with_delimiter(_open(address), address.prefix or None)
    below = [*found["common_prefixes"], *(item["path"] for item in found["objects"])]
    products = sorted(f"{SCHEME}{address.bucket}/{name}" for name in below if _is_product(name))
    return products or [str(address)]


def _is_product(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _PRODUCTS


def _object(item: Any, address: Address) -> Object:
    version = str(item["e_tag"] or item["last_modified"])
    name = str(item["path"])[len(address.prefix) :].lstrip("/")
    return Object(name=name, size=int(item["size"]), version=version)


@contextmanager
def fetched(address: Address, scratch: Path | None = None) -> Iterator[Path]:
    """A product of a store in a folder of this machine, whole, for as long as the block lasts.

    Args:
        scratch: where; None: in the temporary folder.

    Raises:
        ProductError: nothing there.
        ServiceError: the store refuses or does not answer.
        OutputError: no room for it.
    """
    found = list_objects(address)
    if not found:
        raise ProductError(f"{address}: expected a product, found nothing there; check the address")
    with TemporaryDirectory(prefix="unclouded-source-", dir=scratch, ignore_cleanup_errors=True) as own:
        home = Path(own) / (PurePosixPath(address.prefix).name or address.bucket)
        for item in found:
            _fetch(address, item, _inside(home, item.name, address))
        yield home


def _inside(home: Path, name: str, address: Address) -> Path:
    """Where an object goes, never outside."""
    path = home / name if name else home
    if ".." in PurePosixPath(name).parts:
        raise ProductError(f"{address}: expected names below the address, found '..' in one; do not trust it")
    return path


def _fetch(address: Address, item: Object, path: Path) -> None:
    obstore = _obstore()
    key = f"{address.prefix}/{item.name}".strip("/")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _said(str(address), "read"), path.open("wb") as file:
            for chunk in obstore.get(_open(address), key).stream(min_chunk_size=_CHUNK):
                file.write(chunk)
    except OSError as err:
        if isinstance(err, ServiceError | OutputError):
            raise
        free = shutil.disk_usage(path.parent).free >> 20
        raise OutputError(
            f"{address}: cannot be kept in the temporary folder: {err.strerror} ({free} MB free); set TMPDIR"
        ) from err


def _obstore() -> Any:
    """The package.

    Raises:
        OptionError: the extra is not installed.
    """
    try:
        return import_module("obstore")
    except ImportError as err:
        raise OptionError("an s3:// address needs obstore: pip install 'unclouded[cloud]'") from err


def _open(address: Address) -> Any:
    _obstore()
    from obstore.store import S3Store  # noqa: PLC0415 - of the extra

    with _said(str(address), "open"):
        return S3Store(address.bucket, retry_config={"max_retries": 3})


@contextmanager
def _said(where: str, verb: str) -> Iterator[None]:
    """Errors of obstore as ours."""
    from obstore.exceptions import (  # noqa: PLC0415 - of the extra
        BaseError,
        PermissionDeniedError,
        UnauthenticatedError,
    )

    try:
        yield
    except FileNotFoundError:
        raise
    except BaseError as err:
        told = _reason(err)
        if isinstance(err, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(told):
            kind = OutputError if verb in {"write", "delete in"} else ServiceError
            raise kind(
                f"{where}: expected leave to {verb} the store, found it refused; "
                "check the AWS_* variables and the bucket's policy"
            ) from None
        raise ServiceError(
            f"{where}: cannot {verb} the store: {told}; check the AWS_* variables, or try again"
        ) from None


def _reason(err: Exception) -> str:
    """What obstore says at the end of its first line, without the address it asked."""
    said = (str(err).splitlines() or [""])[0].rpartition(" - ")[2].partition("<?xml")[0]
    plain = re.sub(r"\(?\w+://\S+", "", said).strip(" :")[:120]
    return f"{plain} (an endpoint over http needs AWS_ALLOW_HTTP=true)" if "builder" in plain else plain


def source_versions(address: str) -> tuple[tuple[str, int, str], ...]:
    """Names, sizes and versions of what lies at an address: they change when the source does.

    Raises:
        ServiceError: the store refuses or does not answer.
    """
    return tuple((item.name, item.size, item.version) for item in list_objects(parse_address(address)))
