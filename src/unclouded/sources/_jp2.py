"""What a JPEG 2000 file's own header says: the wavelet, the tiling, and how long the file should be.

GDAL tells neither the wavelet nor that a file was cut off.
Source: ISO/IEC 15444-1, annex A (codestream: SIZ, COD) and annex I (boxes).
"""

import struct
from dataclasses import dataclass

CODESTREAM = b"\xff\x4f\xff\x51"
"""SOC and SIZ: a codestream without the boxes around it."""
SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
HEAD_BYTES = 1 << 18
"""Enough for the boxes before the codestream and its main header in every product seen (< 8 kB)."""

_SIZ, _COD, _SOT = 0xFF51, 0xFF52, 0xFF90


@dataclass(frozen=True, kw_only=True)
class Jp2Header:
    """Facts of one JPEG 2000 file."""

    reversible: bool
    """True: 5-3 wavelet, lossless when all its layers are there. False: 9-7, always lossy."""
    decompositions: int
    """Resolution levels below the full one."""
    aligned: bool
    """Whether image and tiles start at the canvas origin, so that sample i of level k lies on i * 2^k."""
    end: int | None
    """Length that the file must have at least, bytes; None where the file leaves it open."""


def parse_header(head: bytes) -> Jp2Header | None:
    """The header of a JP2 file from its first bytes; None where they hold no codestream header."""
    found = _codestream(head)
    if found is None:
        return None
    start, end = found
    segments = _segments(head, start)
    if _SIZ not in segments or _COD not in segments:
        return None
    try:
        origin = struct.unpack(">2I", segments[_SIZ][10:18]) + struct.unpack(">2I", segments[_SIZ][26:34])
        levels, wavelet = segments[_COD][5], segments[_COD][9]
    except (struct.error, IndexError):
        return None
    return Jp2Header(reversible=wavelet == 1, decompositions=levels, aligned=not any(origin), end=end)


def _codestream(head: bytes) -> tuple[int, int | None] | None:
    """Where the codestream starts, and where its box ends."""
    if head.startswith(CODESTREAM):
        return 0, None
    at = 0
    while at + 16 <= len(head):
        length, kind = struct.unpack(">I4s", head[at : at + 8])
        content = at + 8
        if length == 1:  # the length follows as 64 bits
            (length,) = struct.unpack(">Q", head[at + 8 : at + 16])
            content = at + 16
        if kind == b"jp2c":
            return content, at + length if length else None
        if length < content - at:  # 0, to the end of the file, or nonsense: no codestream follows
            return None
        at += length
    return None


def _segments(head: bytes, start: int) -> dict[int, bytes]:
    """Marker -> content of the first such segment of the main header."""
    segments: dict[int, bytes] = {}
    at = start + 2  # past SOC
    while at + 4 <= len(head):
        marker, length = struct.unpack(">HH", head[at : at + 4])
        if marker == _SOT or length < 2:
            break
        segments.setdefault(marker, head[at + 4 : at + 2 + length])
        at += 2 + length
    return segments
