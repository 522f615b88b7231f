"""Masks of many scenes, resumable; a scene that fails is recorded and the rest go on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unclouded.core.errors import OptionError, UncloudedError
from unclouded.jobs import _resume
from unclouded.jobs._resume import Entry, Item, Outcome, Owners, scenes_of
from unclouded.jobs._scene import MaskedScene, MaskOptions, Progress, mask_scene, open_for
from unclouded.outputs import report
from unclouded.outputs._atomic import prepare_folder
from unclouded.predict import Model, load_model


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
    work = _Masking(folder=folder, model=model, options=options, progress=progress)
    reports = tuple(_report(outcome) for outcome in _resume.run(work, scenes_of(listed), folder))
    if len(reports) == 1 and reports[0].error is not None:
        raise reports[0].error
    return RunReport(folder=folder, scenes=reports)


@dataclass(frozen=True, kw_only=True)
class _Masking:
    """One call of `mask`: what all its scenes share."""

    folder: Path
    model: Model
    options: MaskOptions
    progress: Progress
    report_name: str = report.NAME

    def key(self, item: Item) -> str:
        """Changes when the source, the model, the options or the software change."""
        options = sorted((name, str(value)) for name, value in asdict(self.options).items())
        return _resume.fingerprint(item.source, self.model.sha256, options)

    def make(self, item: Item, owners: Owners) -> MaskedScene:
        """Mask one scene."""
        scene = open_for(item.source, self.options, granule=item.granule)
        owners.claim(scene.id, item)
        return mask_scene(scene, self.model, self.folder, self.options, self.progress)

    def keep(self, made: MaskedScene) -> Entry:
        """A mask's part of its source's entry of `run.json`."""
        scene = asdict(made)
        scene["mask"] = made.mask.relative_to(self.folder).as_posix()
        if made.preview is not None:
            scene["preview"] = made.preview.relative_to(self.folder).as_posix()
        return {"mask_bytes": made.mask.stat().st_size, "scene": scene}

    def recall(self, entry: Entry) -> tuple[str, MaskedScene] | None:
        """What was made before, where its files are still there."""
        scene = entry["scene"]
        mask_path = self.folder / scene["mask"]
        preview = self.folder / scene["preview"] if scene["preview"] else None
        if not mask_path.is_file() or mask_path.stat().st_size != entry["mask_bytes"]:
            return None
        if preview is not None and not preview.is_file():
            return None
        changed = {"mask": mask_path, "preview": preview, "warnings": tuple(scene["warnings"])}
        masked = MaskedScene(**{**scene, **changed})
        return masked.id, masked

    def facts(self) -> Entry:
        """What `run.json` says of the run itself."""
        spec = self.model.spec
        return {
            "model": {
                "name": spec.name,
                "version": spec.version,
                "sha256": self.model.sha256,
                "recommended": spec.recommended,
            },
            "options": {**asdict(self.options), "model": str(self.options.model)},
        }


def _report(outcome: Outcome[MaskedScene]) -> SceneReport:
    return SceneReport(
        source=outcome.source,
        state=outcome.state,
        seconds=outcome.seconds,
        masked=outcome.made,
        error=outcome.error,
    )
