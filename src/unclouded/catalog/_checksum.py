"""Checksums as services state them, and files held against them."""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
MULTIHASH = {b"\x12\x20": "sha256", b"\x16\x20": "sha3_256", b"\xd5\x01\x10": "md5"}
"""Multihash prefixes (multiformats table: 0x12 SHA2-256, 0x16 SHA3-256, 0xd5 MD5), the digest's length last.

The Copernicus STAC also writes `d50120`, an MD5 of 32 bytes, which no MD5 has: unknown, left unused.
"""
SIZES = {"md5": 16, "sha256": 32, "sha3_256": 32, "sha512": 64}
SPELT = {"md5": "md5", "sha-256": "sha256", "sha256": "sha256", "sha3-256": "sha3_256", "sha-512": "sha512"}


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """What a file must hash to."""

    algorithm: str
    """As hashlib names it."""
    digest: str
    """Hexadecimal, lower case."""
    origin: str
    """Who says so: `catalogue`, `manifest`, `ETag` …"""


def stated(algorithm: str, value: str, *, origin: str) -> Checksum | None:
    """A checksum as (algorithm, hex digits); None where we do not know the algorithm or it does not fit."""
    name = SPELT.get(algorithm.lower().replace("_", "-"))
    digest = value.strip().lower()
    if name is None or not re.fullmatch(r"[0-9a-f]+", digest) or len(digest) != 2 * SIZES[name]:
        return None
    return Checksum(algorithm=name, digest=digest, origin=origin)


def from_multihash(text: str, *, origin: str) -> Checksum | None:
    """A checksum of the STAC file extension; None where the algorithm is not ours to compute."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    for prefix, name in MULTIHASH.items():
        digest = raw[len(prefix) :]
        if raw.startswith(prefix) and len(digest) == SIZES[name]:
            return Checksum(algorithm=name, digest=digest.hex(), origin=origin)
    return None


def from_base64_md5(text: str, *, origin: str) -> Checksum | None:
    """A checksum as `Content-MD5` and Google's listing state it."""
    try:
        return stated("md5", b64decode(text, validate=True).hex(), origin=origin)
    except (Base64Error, ValueError):
        return None


def from_etag(etag: str | None) -> Checksum | None:
    """The MD5 that an S3 ETag is when the object was put in one part; a dash marks several parts."""
    text = (etag or "").strip().strip('"')
    return stated("md5", text, origin="ETag") if re.fullmatch(r"[0-9a-fA-F]{32}", text) else None


def mismatch(
    path: Path, expected: Iterable[Checksum], *, between: Callable[[], None] = lambda: None
) -> Checksum | None:
    """The first checksum that the file does not meet, or None. Read once; `between` is called on the way."""
    wanted = tuple(expected)
    hashers = {sum_.algorithm: hashlib.new(sum_.algorithm, usedforsecurity=False) for sum_ in wanted}
    if not hashers:
        return None
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            between()
            for hasher in hashers.values():
                hasher.update(chunk)
    found = {name: hasher.hexdigest() for name, hasher in hashers.items()}
    return next((sum_ for sum_ in wanted if found[sum_.algorithm] != sum_.digest), None)
