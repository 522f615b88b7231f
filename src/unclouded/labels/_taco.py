"""TACO version 1: many files in one, listed by a Parquet table at its end.

Read from the package tacoreader 0.5.6 (MIT): bytes 0-1 `WX` (taco) or `#y` (tortilla), 2-10 and 10-18 offset
and length of the table, little endian; rows name what lies at which offset; a row of format TORTILLA is
such a file again. Version 2 of that package refuses version 1, and both need pandas: hence this reader.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from unclouded.core.errors import RasterError
from unclouded.labels._extra import needed

_MAGIC = (b"WX", b"#y")
_HEADER = 18
_COLUMNS = ("tortilla:id", "tortilla:file_format", "tortilla:offset", "tortilla:length")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file inside a TACO."""

    path: Path
    offset: int
    """Where it begins in `path`, bytes."""
    length: int
    fields: Mapping[str, object]
    """What the table says of it."""

    @property
    def virtual(self) -> Path:
        """The path under which GDAL reads this part alone."""
        return Path(f"/vsisubfile/{self.offset}_{self.length},{self.path}")


def parts(path: Path) -> list[Part]:
    """What a TACO file holds.

    Raises:
        RasterError: not a TACO of version 1, or cut off.
        OptionError: pyarrow is not installed.
    """
    with _opened(path) as file:
        return list(_listed(file, path, start=0, end=_size(file)))


def inner_parts(part: Part) -> list[Part]:
    """What a part that is a TACO itself holds.

    Raises:
        RasterError: it is not, or is cut off.
        OptionError: pyarrow is not installed.
    """
    with _opened(part.path) as file:
        return list(_listed(file, part.path, start=part.offset, end=part.offset + part.length))


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as err:
        raise RasterError(
            f"{path}: expected a TACO file, found: {err.strerror or err}; check the path"
        ) from err


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _listed(file: BinaryIO, path: Path, *, start: int, end: int) -> Iterator[Part]:
    file.seek(start)
    header = file.read(_HEADER)
    if not header.startswith(_MAGIC) or len(header) < _HEADER:
        raise RasterError(
            f"{path}: expected a TACO of version 1 at byte {start}, found another beginning; "
            "download it again"
        )
    offset, length = (int.from_bytes(header[at : at + 8], "little") for at in (2, 10))
    if start + offset + length > end:
        raise RasterError(
            f"{path}: expected a table of {length} bytes at byte {start + offset}, found the end at "
            f"byte {end}; the file is cut off: download it again"
        )
    file.seek(start + offset)
    for row in _rows(file.read(length), path):
        place, size = start + _count(row, "tortilla:offset", path), _count(row, "tortilla:length", path)
        if place + size > end:
            raise RasterError(
                f"{path}: {row['tortilla:id']}: expected {size} bytes at byte {place}, found the end at "
                f"byte {end}; the file is cut off: download it again"
            )
        yield Part(path=path, offset=place, length=size, fields=row)


def _rows(table: bytes, path: Path) -> list[dict[str, object]]:
    parquet = needed("pyarrow.parquet", for_set="CloudSEN12+")
    arrow = needed("pyarrow", for_set="CloudSEN12+")
    try:
        rows: list[dict[str, object]] = parquet.read_table(arrow.BufferReader(table)).to_pylist()
    except (arrow.ArrowException, OSError) as err:
        raise RasterError(f"{path}: its table cannot be decoded ({err}); download it again") from err
    for name in _COLUMNS:
        if rows and name not in rows[0]:
            raise RasterError(
                f"{path}: expected a table with {', '.join(_COLUMNS)}, found none named {name}; "
                "this is no TACO of version 1"
            )
    return rows


def _count(row: Mapping[str, object], name: str, path: Path) -> int:
    value = row[name]
    if not isinstance(value, int) or value < 0:
        raise RasterError(f"{path}: {name}: expected a number of bytes, found {value!r}; download it again")
    return value
