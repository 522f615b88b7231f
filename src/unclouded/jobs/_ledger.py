"""The report of a run while it is under way."""

import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from unclouded._version import __version__
from unclouded.jobs._store import Entry, Record, Store

_SHARE = 0.05
_PACKAGES = ("numpy", "rasterio", "onnxruntime")


class Ledger:
    """Entries of all scenes of a place, put into its report now and then.

    Records keep what is not in the report yet, so it may lag: writing takes at most a twentieth of the time,
    however many scenes there are.
    """

    def __init__(self, store: Store, facts: Entry) -> None:
        self._store, self._facts = store, facts
        self._started = datetime.now(UTC)
        self.entries = store.read_entries()
        self._unreported: list[Record] = []
        self._next = 0.0
        for record in store.recover():
            self.add(record.source, record.entry, record)

    def add(self, source: str, entry: Entry, record: Record | None = None) -> None:
        """Take up an entry, and write the report where its time has come."""
        self.entries[source] = entry
        if record is not None:
            self._unreported.append(record)
        if time.monotonic() >= self._next:
            self.write()

    def close(self, *, finished: bool) -> None:
        """Take over what was made by workers that nobody heard of again, and write the report."""
        for record in self._store.recover():
            self.entries[record.source] = record.entry
            self._unreported.append(record)
        self.write(finished=finished)

    def write(self, *, finished: bool = False) -> None:
        """Write the report."""
        begun = time.monotonic()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        head = {
            "software": f"unclouded {__version__}",
            "versions": versions(),
            "started": self._started.isoformat(timespec="seconds"),
            "updated": now,
            "finished": now if finished else None,
            **self._facts,
            "counts": _counts(self.entries),
        }
        self._store.write_report(head, self.entries)
        self._store.forget(self._unreported)
        self._unreported.clear()
        ended = time.monotonic()
        self._next = ended + (ended - begun) / _SHARE


def _counts(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Scenes by state."""
    states = [str(entry["state"]) for entry in entries.values()]
    return {state: states.count(state) for state in ("done", "failed")}


def versions() -> dict[str, str]:
    """What the figures may depend on."""
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # onnxruntime goes by other names too: onnxruntime-gpu
            continue
    return found
