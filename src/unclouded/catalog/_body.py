"""What arrives: the bytes of a file from some point on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from unclouded.catalog._checksum import Checksum


@dataclass(frozen=True, kw_only=True)
class Body:
    """An answer that is being read."""

    start: int
    """Offset of its first byte in the file: 0 where the service would not go on from where we were."""
    total: int | None
    """Size of the whole file, where it is said."""
    validator: str | None
    """Strong ETag: the same one means the same bytes."""
    chunks: Iterator[bytes]
    """Ends early where the connection was cut."""
    etag_is_opaque: bool = False
    """Whether the ETag is surely no MD5: S3's of objects under a key of AWS KMS (S3 API, Object)."""
    checksum: Checksum | None = None
    """What the answer says of the whole file."""


class Opener(Protocol):
    """How a file is opened from a byte on. Safe to call from several threads."""

    def __call__(self, url: str, start: int, validator: str | None) -> AbstractContextManager[Body]:
        """The file from `start` on, or from 0 where it is not the file that the validator names.

        Raises:
            TransientError: it may pass.
            OfflineError: it has to be ordered first.
            ServiceError: it will not pass.
        """
        ...
