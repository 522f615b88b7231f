"""One scene of a run, from its source to its record in the store: what a thread or a worker carries out."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args, get_type_hints

from unclouded._version import __version__
from unclouded.core.errors import InputError, UncloudedError
from unclouded.jobs._bucket import SCHEME, fetched, parse_address
from unclouded.jobs._resume import Item, Owners
from unclouded.jobs._scene import MaskedScene, MaskOptions, Progress, mask_scene, open_for
from unclouded.jobs._store import Entry, Record, Store, files_in
from unclouded.predict import Model
from unclouded.sources._providers import provider_of


@dataclass(frozen=True, kw_only=True)
class Task:
    """A scene to mask: paths and options, a few hundred bytes, so that it can be sent anywhere."""

    item: Item
    source: str | Path
    """Of the item, as it is reached from anywhere."""
    key: str
    """Changes when the mask would change: `fingerprint`."""
    output: str
    """Folder, or address of a store."""
    report: str
    """Name of the run's report."""
    options: MaskOptions
    model_sha256: str
    version: str = __version__
    """Of who gives the task."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of a task."""

    seconds: float
    record: Record | None = None
    error: UncloudedError | None = None
    """Where there is no record."""
    traceback: str | None = None
    """Of a defect of ours."""
    suspect: bool = False
    """Whether the error may be another task's, carried out beside it."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the tasks of one process share."""

    model: Model
    store: Store
    owners: Owners
    scratch: Path | None = None
    """Where copies of sources go; None: in the temporary folder of this machine."""


def carry_out(
    task: Task,
    bench: Bench,
    *,
    progress: Progress = lambda _id, _share: None,
    begin: Callable[[], None] = lambda: None,
) -> Finished:
    """Mask the task's scene and commit it to the store; what fails is told, not raised.

    Args:
        begin: called when the source is at hand and nothing is opened yet; it may wait.
    """
    clock = _Clock()
    try:
        return Finished(record=_made(task, bench, progress, begin, clock), seconds=clock.read())
    except UncloudedError as err:
        return Finished(error=err, seconds=clock.read())
    except MemoryError:
        return Finished(error=out_of_memory(task.item, "this process"), seconds=clock.read())
    except Exception as err:  # noqa: BLE001 - a defect of ours at one scene must not cost the others
        told = UncloudedError(
            f"{task.item}: a defect in unclouded {__version__}: {type(err).__name__}: {err}; "
            f"report it with the traceback in {task.report}"
        )
        told.__cause__ = err
        return Finished(error=told, traceback=traceback.format_exc(), seconds=clock.read())


def out_of_memory(item: Item, who: str) -> InputError:
    """The error of a scene that was too much for somebody."""
    return InputError(
        f"{item}: expected to fit into the memory of {who}, found it full; "
        "give workers more memory, or ask for less with --max-memory or --gsd"
    )


class _Clock:
    """Seconds since it was made or set."""

    def __init__(self) -> None:
        self.set()

    def set(self) -> None:
        self._begun = time.monotonic()

    def read(self) -> float:
        return time.monotonic() - self._begun


def _made(task: Task, bench: Bench, progress: Progress, begin: Callable[[], None], clock: _Clock) -> Record:
    with bench.store.attempt(task.key) as attempt, _at_hand(task.source, bench.scratch) as source:
        begin()
        clock.set()
        started = datetime.now(UTC)
        scene = open_for(source, task.options, granule=task.item.granule)
        bench.owners.claim(scene.id, task.item)
        made = mask_scene(scene, bench.model, attempt, task.options, progress, source=task.item.source)
        entry = {
            "state": "done",
            "started": started.isoformat(timespec="milliseconds"),
            "seconds": round(clock.read(), 3),
            "fingerprint": task.key,
            "error": None,
            "files": {name: (attempt / name).stat().st_size for name in files_in(attempt)},
            "scene": plain(made, attempt),
        }
        return bench.store.commit(attempt, str(task.item), entry)


@contextmanager
def _at_hand(source: str | Path, scratch: Path | None) -> Iterator[str | Path]:
    """The source, or a copy on this machine of one in a store of one's own.

    What lies in the buckets of a known provider is left to the readers, which fetch only what they need.
    """
    if not is_ours(source):
        yield source
        return
    with fetched(parse_address(str(source)), scratch) as path:
        yield path


def is_ours(source: str | Path) -> bool:
    """Whether the source lies in an S3-like store of no provider that we know."""
    return isinstance(source, str) and source.startswith(SCHEME) and provider_of(source) is None


def plain(made: MaskedScene, folder: Path) -> Entry:
    """A masked scene as JSON has it, its paths relative to the folder."""
    paths = {name: path.relative_to(folder).as_posix() for name, path in files_of(made).items()}
    return asdict(made) | paths


def files_of(made: MaskedScene) -> dict[str, Path]:
    """The files of a masked scene by the names of their fields."""
    return {name: getattr(made, name) for name in _PATHS if getattr(made, name) is not None}


def recalled(scene: Entry, folder: Path) -> MaskedScene | None:
    """A masked scene out of JSON; None where another version of unclouded wrote it."""
    names = {field.name for field in fields(MaskedScene)}
    if set(scene) != names:
        return None
    known: Entry = {name: tuple(value) if isinstance(value, list) else value for name, value in scene.items()}
    paths = {name: folder / known[name] for name in _PATHS if known[name] is not None}
    return MaskedScene(**{**known, **paths})


_PATHS = tuple(
    name for name, hint in get_type_hints(MaskedScene).items() if hint is Path or Path in get_args(hint)
)
"""Fields of a masked scene that are files."""
