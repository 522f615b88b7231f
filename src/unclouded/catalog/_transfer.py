"""One file, fetched: resumed where it was left, checked, and named only when it is whole."""

import errno
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unclouded.catalog._body import Body, Opener
from unclouded.catalog._checksum import Checksum, from_etag, mismatch
from unclouded.catalog._endpoints import shown
from unclouded.catalog._http import UNSATISFIABLE
from unclouded.catalog._patience import CancelledError, Patience, TransientError, Waiting
from unclouded.core.errors import OutputError, ServiceError, UncloudedError

logger = logging.getLogger(__name__)

MAX_BYTES = 60_000_000_000
"""Of one file; a product of many granules has some 7 GB."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a delivery."""

    path: PurePosixPath
    """Where it goes, below the product's folder; one part where the product is one file."""
    url: str
    """`https://…` or `s3://bucket/key`, unsigned."""
    size: int | None = None
    """Bytes, where a catalogue says so."""
    checksum: Checksum | None = None
    etag_is_md5: bool = False
    """Whether the service's ETag is the file's MD5, as S3 has it for objects put in one part."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """How files are fetched."""

    opener: Opener
    patience: Patience
    stop: threading.Event
    received: Callable[[int], None]
    """Called with the bytes of a file that are there, as they grow."""


def fetch(file: RemoteFile, target: Path, transfer: Transfer) -> Path:
    """The file at its final name, complete and checked.

    What has arrived before lies beside it as `NAME.part` and is gone on with; a file that does not meet its
    checksum is fetched once more, whole.

    Raises:
        ServiceError: the service fails, or twice sends something else than it says.
        OutputError: the disk is full or cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        wrong = _bring(file, part, transfer)
        if wrong is not None:
            logger.warning("%s: does not meet its checksum (%s); fetched anew", file.path, wrong.origin)
            wrong = _bring(file, part, transfer)
        if wrong is not None:
            raise ServiceError(
                f"{file.path}: expected {wrong.algorithm} {wrong.digest[:16]}… ({wrong.origin}), found "
                f"another twice; the copy at {shown(file.url)} is damaged: take another --provider"
            )
        return _settle(part, target)
    except OSError as err:
        if isinstance(err, UncloudedError):
            raise
        raise _disk_error(part, err) from err


def _bring(file: RemoteFile, part: Path, transfer: Transfer) -> Checksum | None:
    """All bytes, held against what they must hash to; the checksum that is not met, its bytes dropped."""
    expected = _arrive(file, part, transfer)
    wrong = mismatch(part, expected, between=lambda: _check_stop(transfer.stop))
    if wrong is not None:
        _forget(part)
    return wrong


def _arrive(file: RemoteFile, part: Path, transfer: Transfer) -> tuple[Checksum, ...]:
    """Bring all bytes into the part; what the file must hash to."""
    waiting = Waiting(transfer.patience, transfer.stop)
    while True:
        try:
            return _attempt(file, part, transfer, waiting)
        except TransientError as trouble:
            logger.info("%s: %s", shown(file.url), trouble.reason)
            if trouble.status == UNSATISFIABLE:
                _forget(part)
            waiting.after(trouble, what=str(file.path))


def _attempt(file: RemoteFile, part: Path, transfer: Transfer, waiting: Waiting) -> tuple[Checksum, ...]:
    note = _Note.read(part)
    start = _resumable(file, part, note)
    known = note.total if file.size is None else file.size
    if start and start == known:
        if file.checksum is not None:
            return (file.checksum,)
        start -= 1  # asked for again: a range from the end on is an error to most services
    with transfer.opener(file.url, start, note.validator) as body:
        total = _agreed_size(file, body)
        if body.start and total is not None and body.start > total:
            _forget(part)
            raise TransientError("sends a range that is not the one asked for")
        _Note(validator=body.validator, total=total).write(part)
        got = _pour(body, part, transfer, waiting, limit=MAX_BYTES if total is None else total)
    if total is not None and got < total:
        raise TransientError(f"the connection was cut after {got} of {total} bytes")
    return _promises(file, body)


def _pour(body: Body, part: Path, transfer: Transfer, waiting: Waiting, *, limit: int) -> int:
    with part.open("r+b" if part.exists() else "wb") as out:
        out.truncate(body.start)
        out.seek(body.start)
        got = body.start
        for chunk in body.chunks:
            _check_stop(transfer.stop)
            got += len(chunk)
            if got > limit:
                out.close()
                _forget(part)
                raise ServiceError(f"{part.stem}: expected {limit} bytes, found more; nothing of it is kept")
            out.write(chunk)
            waiting.progress()
            transfer.received(got)
        out.flush()
        os.fsync(out.fileno())
    return got


def _agreed_size(file: RemoteFile, body: Body) -> int | None:
    """The size that catalogue and service agree on."""
    if None not in {file.size, body.total} and file.size != body.total:
        raise ServiceError(
            f"{file.path}: expected {file.size} bytes as the catalogue says, found {body.total} at "
            f"{shown(file.url)}; the product may be being replaced: search for it again"
        )
    total = body.total if file.size is None else file.size
    if total is not None and total > MAX_BYTES:
        raise ServiceError(
            f"{file.path}: expected at most {MAX_BYTES // 10**9} GB, found {total // 10**9} GB; not fetched"
        )
    return total


def _promises(file: RemoteFile, body: Body) -> tuple[Checksum, ...]:
    hashed = file.etag_is_md5 and not body.etag_is_opaque and file.checksum is None
    etag = from_etag(body.validator) if hashed else None
    return tuple(sum_ for sum_ in (file.checksum, body.checksum, etag) if sum_ is not None)


def _resumable(file: RemoteFile, part: Path, note: "_Note") -> int:
    """Bytes that can be gone on from: none where nothing would tell a changed file from the same one."""
    if not part.exists():
        return 0
    have = part.stat().st_size
    known = note.validator is not None or file.checksum is not None
    total = note.total if file.size is None else file.size
    return 0 if not known or (total is not None and have > total) else have


@dataclass(frozen=True, kw_only=True)
class _Note:
    """What is known of a part, kept beside it."""

    validator: str | None
    total: int | None

    @staticmethod
    def path(part: Path) -> Path:
        return part.with_name(f"{part.name}.json")

    @classmethod
    def read(cls, part: Path) -> "_Note":
        try:
            content = json.loads(cls.path(part).read_text(encoding="utf-8"))
            validator, total = content["validator"], content["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return cls(validator=None, total=None)
        return cls(
            validator=validator if isinstance(validator, str) else None,
            total=total if isinstance(total, int) else None,
        )

    def write(self, part: Path) -> None:
        text = json.dumps({"validator": self.validator, "total": self.total})
        draft = part.with_name(f"{part.name}.json~")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.path(part))


def _settle(part: Path, target: Path) -> Path:
    part.replace(target)
    _Note.path(part).unlink(missing_ok=True)
    return target


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _Note.path(part).unlink(missing_ok=True)


def _check_stop(stop: threading.Event) -> None:
    if stop.is_set():
        raise CancelledError


def _disk_error(part: Path, err: OSError) -> OutputError:
    if err.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutputError(
            f"{part.parent}: the disk is full; make room and run the same command again: "
            "what has arrived is kept"
        )
    return OutputError(f"{part}: cannot be written: {err.strerror or err}; check permissions")
