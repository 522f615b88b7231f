"""Many scenes: one after the other, resumable; a scene that fails is recorded and the rest go on."""

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unclouded._version import __version__
from unclouded.core.errors import OptionError, OutputError, UncloudedError
from unclouded.jobs._scene import MaskedScene, MaskOptions, Progress, mask_scene, open_for
from unclouded.outputs._atomic import prepare_folder
from unclouded.outputs.report import read_scenes, write_report
from unclouded.predict import Model, load_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SceneReport:
    """What became of one source."""

    source: str
    state: str
    """`done`, `skipped` (done before and still valid) or `failed`."""
    seconds: float
    """Wall time of this run."""
    masked: MaskedScene | None = None
    """Where it was masked, now or before."""
    error: UncloudedError | None = None
    """Where it failed."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What became of every source of a run, in the order given."""

    folder: Path
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
    progress: Progress = lambda _id, _share: None,
) -> RunReport:
    """Mask one product or many: `<id>_mask.tif`, `<id>_preview.png` and `run.json` in a folder.

    What the folder holds already, made from the same input with the same options, is not made again.

    Example:
        >>> import unclouded
        >>> report = unclouded.mask("S2B_MSIL1C_20240305T104819_….SAFE", "masks")  # doctest: +SKIP
        >>> report.scenes[0].masked.shares  # doctest: +SKIP
        {'clear': 0.62, 'thick_cloud': 0.38}

    Raises:
        UncloudedError: a single source failed. Of several, those that fail are in the report.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    if not listed:
        raise OptionError("mask: expected at least one source, found none")
    options = options or MaskOptions()
    folder = prepare_folder(Path(output))
    model = load_model(options.model)
    run = _Run(folder=folder, model=model, options=options, progress=progress)
    reports = tuple(run.reports(listed))
    if len(reports) == 1 and reports[0].error is not None:
        raise reports[0].error
    return RunReport(folder=folder, scenes=reports)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One call of `mask`: what all its scenes share."""

    folder: Path
    model: Model
    options: MaskOptions
    progress: Progress

    def reports(self, sources: Sequence[str | Path]) -> Iterator[SceneReport]:
        """One report a source; `run.json` is brought up to date after each."""
        entries = read_scenes(self.folder)
        started = datetime.now(UTC)
        owners: dict[str, str] = {}
        for source in sources:
            report, entry = self._report(source, entries.get(str(source)), owners)
            entries[str(source)] = entry
            write_report(self.folder, self._facts(started), entries)
            yield report

    def _report(
        self, source: str | Path, before: dict[str, Any] | None, owners: dict[str, str]
    ) -> tuple[SceneReport, dict[str, Any]]:
        """Mask one source unless it is done already; its report and its entry of `run.json`."""
        begun = time.monotonic()
        key = fingerprint(source, self.model, self.options)
        known = _still_valid(before, key, self.folder)
        if before is not None and known is not None:
            owners[known.id] = str(source)
            return SceneReport(source=str(source), state="skipped", seconds=0.0, masked=known), before
        try:
            masked = self._mask(source, owners)
        except UncloudedError as err:
            seconds = time.monotonic() - begun
            report = SceneReport(source=str(source), state="failed", seconds=seconds, error=err)
            return report, _entry(report, key, self.folder)
        seconds = time.monotonic() - begun
        report = SceneReport(source=str(source), state="done", seconds=seconds, masked=masked)
        return report, _entry(report, key, self.folder)

    def _mask(self, source: str | Path, owners: dict[str, str]) -> MaskedScene:
        scene = open_for(source, self.options)
        if owners.setdefault(scene.id, str(source)) != str(source):
            raise OutputError(
                f"{source}: expected one source a scene, found {scene.id} in {owners[scene.id]} too; "
                "mask one of them, or give it another -o"
            )
        return mask_scene(scene, self.model, self.folder, self.options, self.progress)

    def _facts(self, started: datetime) -> dict[str, Any]:
        """What `run.json` says of the run itself."""
        spec = self.model.spec
        return {
            "software": f"unclouded {__version__}",
            "started": started.isoformat(timespec="seconds"),
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "model": {
                "name": spec.name,
                "version": spec.version,
                "sha256": self.model.sha256,
                "recommended": spec.recommended,
            },
            "options": {**asdict(self.options), "model": str(self.options.model)},
        }


def fingerprint(source: str | Path, model: Model, options: MaskOptions) -> str:
    """Changes when the source, the model, the options or the software change. Hexadecimal.

    A source is known by the names, sizes and times of its files; nothing is read.
    """
    path = Path(source)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    seen = [
        (str(file.relative_to(path.parent)), stat.st_size, stat.st_mtime_ns)
        for file in files
        if file.is_file() and (stat := file.stat())
    ]
    facts = (
        seen,
        model.sha256,
        sorted((name, str(value)) for name, value in asdict(options).items()),
        __version__,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _still_valid(entry: dict[str, Any] | None, key: str, folder: Path) -> MaskedScene | None:
    """What was made before, where it was made from the same and its files are still there."""
    if entry is None or entry["state"] != "done" or entry["fingerprint"] != key:
        return None
    scene = entry["scene"]
    mask_path = folder / scene["mask"]
    preview = folder / scene["preview"] if scene["preview"] else None
    if not mask_path.is_file() or mask_path.stat().st_size != entry["mask_bytes"]:
        return None
    if preview is not None and not preview.is_file():
        return None
    return MaskedScene(
        **{**scene, "mask": mask_path, "preview": preview, "warnings": tuple(scene["warnings"])}
    )


def _entry(report: SceneReport, key: str, folder: Path) -> dict[str, Any]:
    """A source's entry of `run.json`; paths are relative to the folder, so that it can be moved."""
    entry: dict[str, Any] = {
        "state": report.state,
        "seconds": round(report.seconds, 3),
        "fingerprint": key,
        "error": str(report.error) if report.error else None,
    }
    if report.masked is not None:
        scene = asdict(report.masked)
        scene["mask"] = report.masked.mask.relative_to(folder).as_posix()
        if report.masked.preview is not None:
            scene["preview"] = report.masked.preview.relative_to(folder).as_posix()
        entry["mask_bytes"] = report.masked.mask.stat().st_size
        entry["scene"] = scene
    return entry
