"""One scene end to end: check, predict, write."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from unclouded.core.classes import NODATA
from unclouded.core.cores import usable_cores
from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.core.strips import Strip
from unclouded.core.windows import Window
from unclouded.jobs._files import Frame, files_of, write_rasters
from unclouded.jobs._fit import check_fit, legend_of, notes
from unclouded.jobs._part import Part, part_of
from unclouded.jobs._provenance import provenance_of
from unclouded.jobs._tally import Tally
from unclouded.outputs.picture import composite_of
from unclouded.outputs.preview import write_preview
from unclouded.outputs.provenance import Provenance
from unclouded.outputs.stac import MaskFiles, write_item
from unclouded.outputs.style import write_style
from unclouded.predict import (
    DEFAULT_MEMORY,
    Edge,
    Model,
    Running,
    Task,
    Windowing,
    fast,
    predict_strips,
    windowing_for,
    windowing_of_size,
)
from unclouded.refine import Refinement, bytes_held, reach_px, spacing_of
from unclouded.scene import Scene, block_cache, open_scene

Progress = Callable[[str, float], None]
"""Told the scene's id and the share of it that is done, 0 … 1."""

DEFAULT_MODEL = "unet-v1"


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """What a user may ask of `mask`; the defaults suit most."""

    model: str | Path = DEFAULT_MODEL
    """Name of a bundled model, or the path of an ONNX file made by unclouded."""
    gsd: float | None = None
    """Spacing of the mask, m; None: what the model does best."""
    exact: bool = False
    """Average the full resolution in place of the coarsest JPEG 2000 level that is fine enough: one mask
    whatever form a scene was delivered in, at 2 to 5 times the decoding (docs/decisions/0010)."""
    edge: Edge = "reflect"
    """What the network sees past the scene's edge: the scene mirrored, or zero as in the study."""
    part: Window | None = None
    """Only these pixels of the mask's grid; None: all."""
    area: str | Path | None = None
    """Only what lies in these polygons, GeoJSON: a file or the text itself. The mask is as large as they are,
    255 outside of them."""
    window: int | None = None
    """Pixels a side that the network is given at a time; None: what costs least in the memory there is.
    Changes memory and time, not the mask."""
    max_memory: int = DEFAULT_MEMORY
    """Bytes that masking a scene may take. Changes time, not the mask."""
    fast: bool = False
    """Read less of the scene, as the model states: a mask that is a little worse, sooner."""
    running: Running = field(default_factory=Running)
    """Runtime, device and precision of the network."""
    offset: float | None = None
    """DN to add before dividing, where the source does not say or says it wrong."""
    quantification: float | None = None
    """What to divide by, where the source does not say or says it wrong."""
    sensor: str | None = None
    """Sensor of a source that does not name it."""
    level: str | None = None
    """Processing level of a source that does not name it."""
    pixel_size: float | None = None
    """Spacing of a source that carries no georeference, m; None: it is masked pixel by pixel."""
    allow_level_mismatch: bool = False
    """Run a model on a level that it was not made for."""
    refinement: Refinement = field(default_factory=Refinement)
    """What is done to the mask after the network: small areas, closing, buffers."""
    probabilities: bool = False
    """Write the probability of each class too."""
    preview: bool = True
    """Write the preview PNG too."""


@dataclass(frozen=True, kw_only=True)
class MaskedScene:
    """What came of one scene."""

    id: str
    mask: Path
    preview: Path | None
    pixel_size: float
    """Spacing of the mask, m."""
    shares: dict[str, float]
    """Class name -> share of the valid pixels, 0 … 1; empty where nothing was seen."""
    valid_share: float
    """Share of the pixels that were seen, 0 … 1."""
    radiometry: str
    """What was applied, and who said so."""
    warnings: tuple[str, ...]
    device: str = ""
    """What the network ran on, by what; and with `--device auto` why on nothing better."""
    refinement: str = "none"
    """What was done to the mask after the network."""
    probabilities: Path | None = None
    style: Path | None = None
    """For QGIS, which takes it by itself."""
    item: Path | None = None
    """STAC item; None where the product does not state when it was taken."""


def open_for(source: str | Path, options: MaskOptions, *, granule: str | None = None) -> Scene:
    """The source, or a granule of it, opened with what the user states of it."""
    return open_scene(
        source,
        offset=options.offset,
        quantification=options.quantification,
        sensor=options.sensor,
        level=options.level,
        gsd=options.pixel_size,
        granule=granule,
    )


def mask_scene(
    scene: Scene,
    model: Model,
    folder: Path,
    options: MaskOptions,
    progress: Progress,
    *,
    source: str | Path | None = None,
) -> MaskedScene:
    """Mask one opened scene: `<id>_mask.tif` and what belongs to it, in the folder.

    Args:
        source: where the product was found; the STAC item links to it.

    Raises:
        LevelError: the model was made for another processing level.
        BandError: the model needs a band that the scene lacks.
        RasterError: pixels cannot be read.
        OutputError: a file cannot be written.
        OptionError: the memory allowed is too little; refinement is asked for of a class that the model
            lacks, or where the spacing is not known.
    """
    spec = model.spec
    options.refinement.check_classes(set(spec.classes), where=spec.name)
    check_fit(scene, spec, allow_level_mismatch=options.allow_level_mismatch)
    target = target_of(scene, spec, options)
    area = str(options.area) if options.area is not None else None
    part = part_of(target.grid, options.part, area, where=scene.id)
    made = provenance_of(
        target,
        model,
        target.grid.cut(part.window),
        edge=options.edge,
        refinement=options.refinement,
        source=source,
    )
    composite = composite_of(made.bands) if options.preview else None
    tally = Tally(spec=spec, shape=made.grid.shape, composite=composite)
    files = files_of(folder, scene.id, probabilities=options.probabilities, preview=options.preview)
    job = _Job(scene=target, model=model, options=options, part=part, made=made, files=files, tally=tally)
    _write_rasters(job, progress)
    item = _write_others(job, folder)
    idle = options.refinement.without_effect(target.pixel_size)
    return MaskedScene(
        id=scene.id,
        mask=files.mask,
        preview=files.preview,
        pixel_size=target.pixel_size,
        shares={item.name: tally.shares()[item.code] for item in legend_of(spec) if tally.shares()},
        valid_share=tally.valid_share(),
        radiometry=scene.radiometry.describe(),
        warnings=(*target.warnings, *notes(target, spec), *idle, *tally.warnings()),
        device=model.session.device,
        refinement=made.refinement,
        probabilities=files.probabilities,
        style=files.style,
        item=item,
    )


def target_of(scene: Scene, spec: ModelSpec, options: MaskOptions) -> Scene:
    """The scene at the spacing of the mask; as it is where its own spacing is unknown."""
    if options.fast and options.exact:
        raise OptionError(f"{scene.id}: expected --fast or --exact, found both; give one")
    scene = fast(scene, spec) if options.fast else scene
    if scene.grid.spacing_known:
        return scene.at(options.gsd or spec.best_gsd_m, exact=options.exact)
    if options.gsd is not None:
        raise OptionError(
            f"{scene.id}: --gsd {options.gsd:g} cannot be met: the source carries no georeference; "
            "state its own spacing with --pixel-size"
        )
    return scene


def windowing_of(scene: Scene, spec: ModelSpec, options: MaskOptions) -> Windowing:
    """The windows that were asked for, or those that cost least in the memory allowed.

    Raises:
        OptionError: the memory allowed is too little, or the windows do not fit the model.
    """
    task = Task(
        spec=spec,
        shape=scene.grid.shape,
        threads=usable_cores(),
        edge=options.edge,
        running=options.running,
        beside=bytes_held(options.refinement, scene.grid),
    )
    if options.window is None:
        return windowing_for(task, options.max_memory)
    return windowing_of_size(task, options.window, options.max_memory)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One mask in the making."""

    scene: Scene
    """At the spacing of the mask."""
    model: Model
    options: MaskOptions
    part: Part
    made: Provenance
    files: MaskFiles
    tally: Tally


def _write_rasters(job: _Job, progress: Progress) -> None:
    """Predict the part and what its refinement looks at around it, and write the part."""
    grid, window, refinement = job.scene.grid, job.part.window, job.options.refinement
    wide = window.grown(reach_px(refinement, grid)).clipped(grid.shape)
    inner = replace(window, row_off=window.row_off - wide.row_off, col_off=window.col_off - wide.col_off)
    windowing = windowing_of(job.scene, job.model.spec, job.options)

    def count(strip: Strip) -> None:
        job.tally.count(strip.window, strip.codes)
        progress(job.scene.id, strip.row_end / window.height)

    progress(job.scene.id, 0.0)
    with block_cache(windowing.cache_bytes):
        strips = predict_strips(
            job.scene,
            job.model,
            windowing,
            region=wide,
            watch=lambda found: job.tally.look(found, window),
            probabilities=job.options.probabilities,
        )
        spacing = spacing_of(grid) if grid.spacing_known else None
        frame = Frame(grid=grid.cut(wide), inner=inner, spacing=spacing, shown=job.part.shown)
        write_rasters(strips, job.files, job.made, refinement, frame=frame, count=count)


def _write_others(job: _Job, folder: Path) -> Path | None:
    """Write preview, style and item; the path of the item, which needs the time when the scene was taken."""
    made, files, tally = job.made, job.files, job.tally
    if files.style is not None:
        write_style(files.style, made.legend)
    if files.preview is not None:
        drawn = tally.composite.describe() if tally.composite else "no band to show"
        write_preview(
            files.preview,
            None if tally.thumbnail is None else tally.thumbnail.mean(),
            tally.overview,
            legend=made.legend,
            shares=tally.shares(),
            title=f"{made.identity.id} · {made.spec.name} · {made.grid.pixel_size:.4g} m · {drawn}",
        )
    if made.identity.sensing_time is None:
        return None
    item = folder / f"{made.identity.id}.json"
    counts = {code: int(tally.counts[code]) for code in (*made.spec.classes, NODATA)}
    write_item(item, made, counts, files)
    return item
