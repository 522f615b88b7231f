"""`download.json`: what was fetched into a folder, so that the next run knows."""

import json
import os
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unclouded.catalog._names import bare
from unclouded.core.errors import OutputError

NAME = "download.json"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One product that is there."""

    id: str
    provider: str
    name: str
    """Of its file or folder, below the ledger's own."""
    bytes: int
    finished: str
    """When, ISO 8601 in UTC."""


class Ledger:
    """The products of one folder. Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._records = _read(folder / NAME)

    def find(self, product: str) -> Record | None:
        """The record of a product that is there, whole, whoever it came from.

        Raises:
            OutputError: something is there under its name, and it is not what was fetched.
        """
        known = self._records.get(product)
        names = (
            [known.name] if known else [f"{bare(product)}.SAFE", f"{bare(product)}.SAFE.zip", bare(product)]
        )
        path = next((self._folder / name for name in names if (self._folder / name).exists()), None)
        if path is None:
            return None
        size = size_of(path)
        if (known and known.bytes != size) or not _plausible(path):
            expected = f"{known.bytes} bytes as fetched" if known else "a whole product"
            raise OutputError(f"{path}: expected {expected}, found {size} bytes; remove it to fetch it again")
        return known or Record(id=product, provider="", name=path.name, bytes=size, finished="")

    def add(self, record: Record) -> None:
        """Keep a record, on disk at once."""
        with self._lock:
            self._records[record.id] = record
            text = json.dumps({"products": [asdict(item) for item in self._records.values()]}, indent=1)
            draft = self._folder / f".{NAME}.{os.getpid()}"
            draft.write_text(f"{text}\n", encoding="utf-8")
            draft.replace(self._folder / NAME)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _plausible(path: Path) -> bool:
    """Whether what lies there could be a product: other programs leave halves behind."""
    return any(path.iterdir()) if path.is_dir() else path.suffix != ".zip" or zipfile.is_zipfile(path)


def _read(path: Path) -> dict[str, Record]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["products"]
        return {row["id"]: _record(row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _record(row: Mapping[str, Any]) -> Record:
    return Record(
        id=str(row["id"]),
        provider=str(row["provider"]),
        name=Path(str(row["name"])).name,
        bytes=int(row["bytes"]),
        finished=str(row["finished"]),
    )
