"""Many sources, one after the other: what is done and valid is not made again, what fails is recorded."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from unclouded._version import __version__
from unclouded.core.errors import OutputError, UncloudedError
from unclouded.outputs.report import read_scenes, write_report
from unclouded.sources import find_sources, list_granules

Source = str | Path
Made = TypeVar("Made")
Entry = dict[str, Any]
"""What the report file holds of one source."""


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[Made]):
    """What became of one source."""

    source: str
    state: str
    """`done`, `skipped` (done before and still valid) or `failed`."""
    seconds: float
    """Wall time of this run."""
    made: Made | None = None
    """What came of it, now or before."""
    error: UncloudedError | None = None
    """Where it failed."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One scene to work on: a source, or a granule of a source that holds several."""

    source: Source
    granule: str | None = None

    def __str__(self) -> str:
        return str(self.source) if self.granule is None else f"{self.source} [{self.granule}]"


def scenes_of(sources: Iterable[Source], granule: str | None = None) -> Iterator[Item]:
    """Each scene of each source or folder of products, in order; of a granule that is named, that one.

    A source that cannot be looked into is an item too: what is wrong with it is said when its turn comes.
    """
    for product in products_of(sources):
        granules = _granules(product) if granule is None else (granule,)
        for name in granules or (None,):
            yield Item(source=product, granule=name)


def products_of(sources: Iterable[Source]) -> list[Source]:
    """Each source, or the products in a folder of them, in order and each once. None is opened."""
    return list(dict.fromkeys(product for source in sources for product in _products(source)))


def _products(source: Source) -> list[Source]:
    """The source as it was given, or the products in a folder of them."""
    located = _located(source)
    return [source if found == located else Path(str(found)) for found in find_sources(located)]


def _granules(source: Source) -> tuple[str, ...]:
    try:
        return list_granules(_located(source))
    except UncloudedError:
        return ()


def _located(source: Source) -> Source:
    """Text that is no address is a path."""
    return Path(source) if isinstance(source, Path) or "://" not in source else source


class Owners:
    """Which source a scene's files are of: two sources of one scene must not overwrite each other."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}

    def claim(self, name: str, source: Item) -> None:
        """Take the files of this name for a source.

        Raises:
            OutputError: another source of this run has them.
        """
        owner = self._sources.setdefault(name, str(source))
        if owner != str(source):
            raise OutputError(
                f"{source}: expected one source a scene, found {name} in {owner} too; "
                "take one of them, or give it another -o"
            )


class Work(Protocol[Made]):
    """What is done to each source of a run."""

    @property
    def report_name(self) -> str:
        """Name of the report file in the output folder."""
        ...

    def key(self, item: Item) -> str:
        """Changes when what is made of the scene would change."""
        ...

    def make(self, item: Item, owners: Owners) -> Made:
        """What comes of the scene.

        Raises:
            UncloudedError: it fails.
        """
        ...

    def keep(self, made: Made) -> Entry:
        """What the report keeps of it; paths relative to the folder, so that it can be moved."""
        ...

    def recall(self, entry: Entry) -> tuple[str, Made] | None:
        """Name and result of an earlier run; None where its files are no longer as they were."""
        ...

    def facts(self) -> Entry:
        """What the report says of the run itself."""
        ...


def run(work: Work[Made], items: Iterable[Item], folder: Path) -> Iterator[Outcome[Made]]:
    """One outcome a scene, in order; the report in the folder is brought up to date after each."""
    entries = read_scenes(folder, work.report_name)
    started = datetime.now(UTC)
    owners = Owners()
    for item in items:
        outcome, entry = _outcome(work, item, entries.get(str(item)), owners)
        entries[str(item)] = entry
        write_report(folder, _head(work, started), entries, work.report_name)
        yield outcome


def fingerprint(source: Source, *facts: object) -> str:
    """Changes when the source, the facts or the software change. Hexadecimal.

    A source is known by the names, sizes and times of its files; nothing is read.
    """
    path = Path(source)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    seen = [
        (str(file.relative_to(path.parent)), stat.st_size, stat.st_mtime_ns)
        for file in files
        if file.is_file() and (stat := file.stat())
    ]
    return hashlib.sha256(repr((seen, *facts, __version__)).encode()).hexdigest()


def _outcome(
    work: Work[Made], item: Item, before: Entry | None, owners: Owners
) -> tuple[Outcome[Made], Entry]:
    """Make one scene's files unless they are there; the outcome and the scene's entry of the report."""
    begun = time.monotonic()
    key = work.key(item)
    try:
        known = _recalled(work, before, key)
        if known is not None and before is not None:
            owners.claim(known[0], item)
            return Outcome(source=str(item), state="skipped", seconds=0.0, made=known[1]), before
        made = work.make(item, owners)
    except UncloudedError as err:
        outcome = Outcome[Made](source=str(item), state="failed", seconds=_since(begun), error=err)
        return outcome, _entry(outcome, key, {})
    outcome = Outcome(source=str(item), state="done", seconds=_since(begun), made=made)
    return outcome, _entry(outcome, key, work.keep(made))


def _recalled(work: Work[Made], before: Entry | None, key: str) -> tuple[str, Made] | None:
    if before is None or before["state"] != "done" or before["fingerprint"] != key:
        return None
    return work.recall(before)


def _entry(outcome: Outcome[Made], key: str, kept: Entry) -> Entry:
    return {
        "state": outcome.state,
        "seconds": round(outcome.seconds, 3),
        "fingerprint": key,
        "error": str(outcome.error) if outcome.error else None,
        **kept,
    }


def _head(work: Work[Made], started: datetime) -> Entry:
    return {
        "software": f"unclouded {__version__}",
        "started": started.isoformat(timespec="seconds"),
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
        **work.facts(),
    }


def _since(begun: float) -> float:
    return time.monotonic() - begun
