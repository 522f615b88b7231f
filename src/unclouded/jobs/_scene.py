"""One scene end to end: check, predict, write."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unclouded._version import __version__
from unclouded.core.classes import LEGEND_TAG
from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.core.strips import Strips
from unclouded.core.windows import Window
from unclouded.jobs._fit import check_fit, legend_name, legend_of, notes
from unclouded.jobs._part import Part, part_of
from unclouded.jobs._tally import Tally
from unclouded.outputs.cog import write_mask
from unclouded.outputs.preview import write_preview
from unclouded.predict import (
    DEFAULT_MEMORY,
    Edge,
    Model,
    Running,
    Task,
    Windowing,
    predict_strips,
    windowing_for,
    windowing_of_size,
)
from unclouded.scene import Scene, block_cache, open_scene

Progress = Callable[[str, float], None]
"""Told the scene's id and the share of it that is done, 0 … 1."""

DEFAULT_MODEL = "patchcnn-v1"


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
    scene: Scene, model: Model, folder: Path, options: MaskOptions, progress: Progress
) -> MaskedScene:
    """Mask one opened scene: `<id>_mask.tif` and `<id>_preview.png` in the folder.

    Raises:
        LevelError: the model was made for another processing level.
        BandError: the model needs a band that the scene lacks.
        RasterError: pixels cannot be read.
        OutputError: a file cannot be written.
        OptionError: the memory allowed is too little.
    """
    spec = model.spec
    check_fit(scene, spec, allow_level_mismatch=options.allow_level_mismatch)
    target = target_of(scene, spec, options)
    area = str(options.area) if options.area is not None else None
    part = part_of(target.grid, options.part, area, where=scene.id)
    grid = target.grid.cut(part.window)
    windowing = windowing_of(target, spec, options)
    tally = Tally(spec=spec, shape=grid.shape)
    mask = folder / f"{scene.id}_mask.tif"
    with block_cache(windowing.cache_bytes):
        strips = _masked(target, model, windowing, part, tally)
        write_mask(
            mask,
            grid,
            ((strip.window, strip.codes) for strip in _counted(strips, tally, scene.id, progress)),
            legend=legend_of(spec),
            tags=_tags(target, model, options),
        )
    return MaskedScene(
        id=scene.id,
        mask=mask,
        preview=_write_preview(folder, target, spec, tally) if options.preview else None,
        pixel_size=target.pixel_size,
        shares={item.name: tally.shares()[item.code] for item in legend_of(spec) if tally.shares()},
        valid_share=tally.valid_share(),
        radiometry=scene.radiometry.describe(),
        warnings=(*target.warnings, *notes(target, spec), *tally.warnings()),
        device=model.session.device,
    )


def target_of(scene: Scene, spec: ModelSpec, options: MaskOptions) -> Scene:
    """The scene at the spacing of the mask; as it is where its own spacing is unknown."""
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
    task = Task(spec=spec, shape=scene.grid.shape, threads=os.cpu_count() or 1, edge=options.edge)
    if options.window is None:
        return windowing_for(task, options.max_memory)
    return windowing_of_size(task, options.window, options.max_memory)


def _masked(scene: Scene, model: Model, windowing: Windowing, part: Part, tally: Tally) -> Strips:
    """Strips of the part, as the network sees it."""
    strips = predict_strips(
        scene, model, windowing, region=part.window, watch=lambda found: tally.look(found, part.window)
    )
    return (part.shown(strip) for strip in strips)


def _counted(strips: Strips, tally: Tally, name: str, progress: Progress) -> Strips:
    """The strips, counted and reported as they pass."""
    progress(name, 0.0)
    for strip in strips:
        tally.count(strip.window, strip.codes)
        yield strip
        progress(name, strip.row_end / tally.shape[0])


def _write_preview(folder: Path, scene: Scene, spec: ModelSpec, tally: Tally) -> Path:
    path = folder / f"{scene.id}_preview.png"
    write_preview(
        path,
        tally.true_colour,
        tally.overview,
        legend=legend_of(spec),
        shares=tally.shares(),
        title=f"{scene.id} · {spec.name} · {scene.pixel_size:.4g} m",
    )
    return path


def _tags(scene: Scene, model: Model, options: MaskOptions) -> dict[str, str]:
    """Provenance for the file's metadata: what made the mask, from what."""
    spec = model.spec
    tags = {
        "TIFFTAG_SOFTWARE": f"unclouded {__version__}",
        "UNCLOUDED_SOURCE": scene.id,
        "UNCLOUDED_SENSOR": scene.sensor,
        "UNCLOUDED_LEVEL": scene.level or "not stated",
        "UNCLOUDED_BASELINE": scene.baseline or "not stated",
        "UNCLOUDED_MODEL": f"{spec.name} {spec.version}",
        "UNCLOUDED_MODEL_SHA256": model.sha256,
        "UNCLOUDED_MODEL_RECOMMENDED": "yes" if spec.recommended else f"no: {spec.why}",
        "UNCLOUDED_BANDS": " ".join(name for name in spec.bands if name in scene.bands),
        "UNCLOUDED_RADIOMETRY": scene.radiometry.describe(),
        "UNCLOUDED_EDGE": options.edge,
        "UNCLOUDED_RUNTIME": model.session.device.partition(" (")[0],
        "UNCLOUDED_READING": "full resolution" if scene.exact else "coarsest level that is fine enough",
        LEGEND_TAG: legend_name(spec),
    }
    if scene.sensing_time is not None:
        tags["TIFFTAG_DATETIME"] = f"{scene.sensing_time:%Y:%m:%d %H:%M:%S}"
    return tags
