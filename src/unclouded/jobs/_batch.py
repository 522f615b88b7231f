"""Masks of many scenes, resumable; a scene that fails is recorded and the rest go on."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rasterio.errors import NotGeoreferencedWarning

from unclouded.core.errors import OptionError, ServiceError, UncloudedError
from unclouded.jobs._bucket import parse_address, products_below, source_versions
from unclouded.jobs._crew import Crew, Relay, work_off
from unclouded.jobs._ledger import Ledger
from unclouded.jobs._places import Place, from_anywhere, is_text, open_place
from unclouded.jobs._resume import Item, Owners, fingerprint, products_of, scenes_of
from unclouded.jobs._scene import MaskedScene, MaskOptions, Progress
from unclouded.jobs._shard import Shard
from unclouded.jobs._store import Entry, Folder
from unclouded.jobs._task import Bench, Finished, Task, files_of, is_ours, recalled
from unclouded.outputs.report import NAME
from unclouded.predict import Model, load_model

_SAME_MASK = ("window", "max_memory")
"""Options that change time and memory, never the mask."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How the work is shared out; it never changes a mask."""

    shard: Shard | None = None
    """Only this share of the sources; the report is `run-i-of-n.json`."""
    cluster: str | None = None
    """Address of a Dask scheduler whose workers mask the scenes."""
    workers: int | None = None
    """Processes of this machine that mask the scenes; None: this one."""

    def __post_init__(self) -> None:
        if self.cluster is not None and self.workers is not None:
            raise OptionError("expected --cluster or --workers, found both; a cluster has workers of its own")
        if self.workers is not None and self.workers < 1:
            raise OptionError(f"--workers: expected at least 1, found {self.workers}")


@dataclass(frozen=True, kw_only=True)
class SceneReport:
    """What became of one scene."""

    source: str
    state: str
    """`done`, `skipped` (done before and still valid) or `failed`."""
    seconds: float
    """Wall time of this run."""
    masked: MaskedScene | None = None
    """Where it was masked, now or before. In a store its paths are relative to the store's prefix."""
    locations: Mapping[str, str] = field(default_factory=dict)
    """Where its files lie, paths or addresses, by their name in `masked`: `mask`, `preview` …"""
    error: UncloudedError | None = None
    """Where it failed."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What became of every scene of a run, in the order given."""

    where: str
    """Folder, or address of the store's prefix."""
    report: str
    """Name of the report in there."""
    scenes: tuple[SceneReport, ...]

    @property
    def failed(self) -> tuple[SceneReport, ...]:
        """Those that failed."""
        return tuple(scene for scene in self.scenes if scene.state == "failed")


def mask(
    sources: str | Path | Sequence[str | Path],
    output: str | Path,
    options: MaskOptions | None = None,
    *,
    run: RunOptions | None = None,
    progress: Progress = lambda _id, _share: None,
) -> RunReport:
    """Mask one product or many: `<id>_mask.tif`, `<id>_preview.png` and `run.json` in a folder or a store.

    What is there already, made from the same input with the same options, is not made again: a run that was
    cut off, however, goes on where it was. Sources and output may be addresses, `s3://bucket/prefix`.

    Example:
        >>> import unclouded
        >>> report = unclouded.mask("S2B_MSIL1C_20240305T104819_….SAFE", "masks")  # doctest: +SKIP
        >>> report.scenes[0].masked.shares  # doctest: +SKIP
        {'clear': 0.62, 'thick_cloud': 0.38}

    Raises:
        UncloudedError: a single source failed. Of several, those that fail are in the report.
    """
    listed = _listed([sources] if isinstance(sources, str | Path) else sources)
    if not listed:
        raise OptionError("mask: expected at least one source, found none")
    options, run = options or MaskOptions(), run or RunOptions()
    shared = run.shard.of(listed) if run.shard else listed
    store = open_place(output, run.shard.report if run.shard else NAME)
    masking = _Masking(
        store=store, model=load_model(options.model, options.running), options=options, owners=Owners()
    )
    with _quiet_about_georeference(), store.alone():
        bench = Bench(model=masking.model, store=store, owners=masking.owners)
        with _crew(run, bench, progress) as crew:
            scenes = _worked_off(masking, crew, shared, _facts(listed, run))
    if len(listed) == len(scenes) == 1 and scenes[0].error is not None:
        raise scenes[0].error
    return RunReport(where=store.where, report=store.report, scenes=scenes)


def _listed(sources: Sequence[str | Path]) -> list[str | Path]:
    """Each source, or the products in a folder or a prefix of them, in order and each once."""
    found = (product for source in products_of(sources) for product in _in_store(source))
    return list(dict.fromkeys(found))


def _in_store(source: str | Path) -> Sequence[str | Path]:
    """A source, or the products below the prefix that it is; what is wrong is said in its turn."""
    if not is_ours(source):
        return (source,)
    try:
        return products_below(parse_address(str(source)))
    except ServiceError:
        return (source,)


@contextmanager
def _crew(run: RunOptions, bench: Bench, progress: Progress) -> Iterator[Crew]:
    """Who masks the scenes: this process, or those that were asked for."""
    if run.cluster is None and run.workers is None:
        yield Relay(bench, progress)
        return
    try:
        from unclouded.jobs import _cluster  # noqa: PLC0415 - needs an extra
    except ImportError as err:
        raise OptionError("a cluster needs Dask's distributed: pip install 'unclouded[cluster]'") from err
    start = (
        _cluster.local(run.workers, progress) if run.workers else _cluster.joined(str(run.cluster), progress)
    )
    with start as crew:
        yield crew


def _facts(listed: Sequence[str | Path], run: RunOptions) -> Entry:
    return {"sources": len(listed), "shard": str(run.shard) if run.shard else None}


@dataclass(frozen=True, kw_only=True)
class _Masking:
    """One call of `mask`: what all its scenes share."""

    store: Place
    model: Model
    options: MaskOptions
    owners: Owners

    def task(self, item: Item, key: str) -> Task:
        """What a crew needs to know."""
        return Task(
            item=item,
            source=from_anywhere(item.source),
            key=key,
            output=str(from_anywhere(self.store.where)),
            report=self.store.report,
            options=_from_anywhere(self.options),
            model_sha256=self.model.sha256,
        )

    def key(self, item: Item) -> str:
        """Changes when the source, the model, the options that show in a mask or the software change."""
        options = {name: str(value) for name, value in asdict(self.options).items() if name not in _SAME_MASK}
        versions = source_versions(str(item.source)) if is_ours(item.source) else ()
        area = self.options.area
        polygons = fingerprint(area) if area is not None and not is_text(area) else ""
        return fingerprint(item.source, self.model.sha256, sorted(options.items()), versions, polygons)

    def recall(self, entry: Entry | None, key: str, sizes: Mapping[str, int]) -> MaskedScene | None:
        """What was made before, where its files are still as they were."""
        if entry is None or entry["state"] != "done" or entry["fingerprint"] != key:
            return None
        files = entry.get("files")
        if not files or any(sizes.get(name) != size for name, size in files.items()):
            return None
        return recalled(entry["scene"], self.folder)

    @property
    def folder(self) -> Path:
        """What the paths of masks start with."""
        return self.store.path if isinstance(self.store, Folder) else Path()

    def locations(self, masked: MaskedScene) -> dict[str, str]:
        """Where a scene's files lie."""
        before = "" if isinstance(self.store, Folder) else f"{self.store.where}/"
        return {name: f"{before}{path}" for name, path in files_of(masked).items()}

    def facts(self) -> Entry:
        """What the report says of the run itself."""
        spec = self.model.spec
        return {
            "model": {
                "name": spec.name,
                "version": spec.version,
                "sha256": self.model.sha256,
                "recommended": spec.recommended,
            },
            "options": {
                name: str(value) if isinstance(value, Path) else value
                for name, value in asdict(self.options).items()
            },
        }


def _from_anywhere(options: MaskOptions) -> MaskOptions:
    """The options with paths that mean the same in every folder."""
    model, area = options.model, options.area
    return replace(
        options,
        model=from_anywhere(model) if Path(model).exists() else model,
        area=area if area is None or is_text(area) else from_anywhere(area),
    )


def _worked_off(
    masking: _Masking, crew: Crew, sources: Sequence[str | Path], facts: Entry
) -> tuple[SceneReport, ...]:
    """A report a scene, in order; the ledger is written whatever happens."""
    ledger = Ledger(masking.store, {**masking.facts(), **facts})
    run = _Run(masking=masking, ledger=ledger)
    finished = False
    try:
        work_off(crew, run.tasks(sources), run.tell)
        finished = True
    finally:
        ledger.close(finished=finished)
    return run.reports()


class _Run:
    """Reports as they come in, by scene in the order given."""

    def __init__(self, *, masking: _Masking, ledger: Ledger) -> None:
        self._masking, self._ledger = masking, ledger
        self._order: list[str] = []
        self._reports: dict[str, SceneReport] = {}

    def reports(self) -> tuple[SceneReport, ...]:
        """Of all scenes, in order; of some where the run was broken off."""
        return tuple(self._reports[name] for name in self._order if name in self._reports)

    def tasks(self, sources: Sequence[str | Path]) -> Iterator[Task]:
        """What is to be made; the rest is reported right away."""
        sizes = self._masking.store.sizes()
        for item in scenes_of(sources):
            self._order.append(str(item))
            task = self._looked_at(item, sizes)
            if task is not None:
                yield task

    def _looked_at(self, item: Item, sizes: Mapping[str, int]) -> Task | None:
        """The task of a scene; None where its report is in already."""
        key = ""
        try:
            key = self._masking.key(item)
            masked = self._masking.recall(self._ledger.entries.get(str(item)), key, sizes)
            if masked is None:
                return self._masking.task(item, key)
            self._masking.owners.claim(masked.id, item)
        except UncloudedError as err:
            self._failed(item, key, Finished(seconds=0.0, error=err))
            return None
        self._report(item, "skipped", 0.0, masked)
        return None

    def tell(self, task: Task, finished: Finished) -> None:
        """Take in what became of a task."""
        item, record = task.item, finished.record
        if record is None:
            self._failed(item, task.key, finished)
            return
        self._ledger.add(str(item), record.entry, record)
        masked = recalled(record.entry["scene"], self._masking.folder)
        try:
            self._masking.owners.claim(record.entry["scene"]["id"], item)
        except UncloudedError as err:  # made by another process, which could not know
            self._failed(item, task.key, Finished(seconds=finished.seconds, error=err))
            return
        self._report(item, "done", finished.seconds, masked)

    def _report(self, item: Item, state: str, seconds: float, masked: MaskedScene | None) -> None:
        locations = self._masking.locations(masked) if masked else {}
        self._reports[str(item)] = SceneReport(
            source=str(item), state=state, seconds=seconds, masked=masked, locations=locations
        )

    def _failed(self, item: Item, key: str, finished: Finished) -> None:
        entry = {
            "state": "failed",
            "seconds": round(finished.seconds, 3),
            "fingerprint": key,
            "error": str(finished.error),
        }
        self._ledger.add(str(item), entry | ({"traceback": finished.traceback} if finished.traceback else {}))
        self._reports[str(item)] = SceneReport(
            source=str(item), state="failed", seconds=finished.seconds, error=finished.error
        )


@contextmanager
def _quiet_about_georeference() -> Iterator[None]:
    """A raster without georeference gives one without it; the scene has said so.

    Held around all scenes: what they do of this kind themselves is not safe among threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
