"""Where the results of a run appear: each file whole or not at all, each scene once, whatever ends the run.

A scene is made in an attempt, a folder of its own. When all its files are there, its record is written
beside them, and that is the moment from which it counts as made: what is cut off later is finished by the
next run, what is cut off earlier leaves nothing behind. The report takes the records over now and then.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Any, Protocol

from unclouded.core.errors import OutputError
from unclouded.outputs._atomic import prepare_folder, replacing
from unclouded.outputs.report import NAME, read_scenes, report_text

RECORD = "record.json"
_SHARD = re.compile(r"run-\d+-of-\d+\.json", re.ASCII)
Entry = dict[str, Any]
"""What a report holds of one scene."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A scene that is made: its entry, before a report has it."""

    source: str
    attempt: str
    """Name of the attempt that made it."""
    entry: Entry


class Store(Protocol):
    """A place for results."""

    @property
    def where(self) -> str:
        """What people call it."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold the place for one run of this report's name, made where it was missing.

        Raises:
            OutputError: it cannot be written, or another run holds it.
        """
        ...

    def attempt(self, key: str) -> AbstractContextManager[Path]:
        """An empty folder to make one scene in, gone when the block fails.

        Raises:
            OutputError: it cannot be made.
        """
        ...

    def commit(self, attempt: Path, source: str, entry: Entry) -> Record:
        """The attempt's files under their final names, and its record.

        Raises:
            OutputError: they cannot be written.
        """
        ...

    def recover(self) -> list[Record]:
        """What was made and not reported; what was begun and not made is thrown away."""
        ...

    def forget(self, records: Iterable[Record]) -> None:
        """Records that the report has taken over."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of the files that are there, by name."""
        ...

    def read_entries(self) -> dict[str, Entry]:
        """Entries of every report in the place, by source; those of the own report first of all.

        Raises:
            OutputError: a report that unclouded did not write.
        """
        ...

    def write_report(self, run: Mapping[str, Any], entries: Mapping[str, Entry]) -> None:
        """Put the own report in place.

        Raises:
            OutputError: it cannot be written.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder on disk."""

    path: Path
    report: str = NAME

    @property
    def where(self) -> str:
        """Its path."""
        return str(self.path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder. The system lets go of it even after SIGKILL."""
        prepare_folder(self.path)
        self._desk.mkdir(exist_ok=True)
        with _locked(self._desk / "lock", self):
            try:
                yield
            finally:
                if not any(child.is_dir() for child in self._desk.iterdir()):
                    shutil.rmtree(self._desk, ignore_errors=True)

    @contextmanager
    def attempt(self, key: str) -> Iterator[Path]:
        """A folder within this one, so that files need but new names when they are done."""
        try:
            made = Path(mkdtemp(prefix=f"{key[:12]}-", dir=self._desk))
        except OSError as err:
            raise OutputError(
                f"output folder {self.path}: expected one that every worker can write, found: "
                f"{err.strerror or err}; name a folder that they share, or s3://BUCKET/PREFIX"
            ) from err
        try:
            yield made
        finally:
            if not (made / RECORD).is_file():
                shutil.rmtree(made, ignore_errors=True)

    def commit(self, attempt: Path, source: str, entry: Entry) -> Record:
        """Write the record, then give the files their final names."""
        record = Record(source=source, attempt=attempt.name, entry=entry)
        with replacing(attempt / RECORD) as part:
            part.write_text(json.dumps(asdict(record)), encoding="utf-8")
        self._publish(attempt)
        return record

    def recover(self) -> list[Record]:
        """Records of attempts, their files in place."""
        found = []
        for attempt in sorted(child for child in self._desk.iterdir() if child.is_dir()):
            if (attempt / RECORD).is_file():
                self._publish(attempt)
                found.append(Record(**json.loads((attempt / RECORD).read_text(encoding="utf-8"))))
            else:
                shutil.rmtree(attempt, ignore_errors=True)
        return found

    def forget(self, records: Iterable[Record]) -> None:
        """Remove what is left of their attempts."""
        for record in records:
            shutil.rmtree(self._desk / record.attempt, ignore_errors=True)

    def sizes(self) -> dict[str, int]:
        """Of the folder itself, not of folders in it."""
        with os.scandir(self.path) as found:
            return {item.name: item.stat().st_size for item in found if item.is_file()}

    def read_entries(self) -> dict[str, Entry]:
        """Of `run.json` and the reports of its shards."""
        others = sorted(name for name in self.sizes() if is_report(name))
        return merged([read_scenes(self.path, name) for name in (*others, self.report)])

    def write_report(self, run: Mapping[str, Any], entries: Mapping[str, Entry]) -> None:
        """Replace the report; its draft lies with the attempts, where the next run clears up."""
        draft = self._desk / self.report
        with replacing(draft) as part:
            part.write_text(report_text(run, entries), encoding="utf-8")
        _rename(draft, self.path / self.report)

    @property
    def _desk(self) -> Path:
        return self.path / desk_of(self.report)

    def _publish(self, attempt: Path) -> None:
        for file in files_in(attempt):
            _rename(attempt / file, self.path / file)


def _rename(file: Path, path: Path) -> None:
    try:
        file.replace(path)
    except OSError as err:
        raise OutputError(f"{path}: cannot be written: {err.strerror or err}; check permissions") from err


def is_report(name: str) -> bool:
    """Whether a file of this name is the report of a run or of one of its shards."""
    return name == NAME or _SHARD.fullmatch(name) is not None


def desk_of(report: str) -> str:
    """Where the attempts and records of a report's run lie, beside it."""
    return f".{Path(report).stem}"


def files_in(attempt: Path) -> list[str]:
    """Names of the files that an attempt made."""
    return sorted(child.name for child in attempt.iterdir() if child.name != RECORD)


def merged(reports: Iterable[Mapping[str, Entry]]) -> dict[str, Entry]:
    """Entries by source; what one report has as done stays so, else the later report counts."""
    entries: dict[str, Entry] = {}
    for report in reports:
        for source, entry in report.items():
            if entry["state"] == "done" or entries.get(source, entry)["state"] != "done":
                entries[source] = entry
    return entries


@contextmanager
def _locked(path: Path, store: Folder) -> Iterator[None]:
    """Hold the file for this process."""
    with path.open("w") as file:
        _lock(file, store)
        yield


def _lock(file: IO[str], store: Folder) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where two runs are the user's own care
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        raise OutputError(
            f"output folder {store.path}: another run is writing {store.report} there; wait for it, "
            "name another folder with -o, or share the sources among runs with --shard"
        ) from err
    except OSError:  # a file system without locks: two runs are the user's own care there too
        return
