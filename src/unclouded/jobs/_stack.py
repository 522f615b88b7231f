"""Products to stacks: one multi-band GeoTIFF a source on one grid, cut, padded and resumable."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded._version import __version__
from unclouded.core.bands import canonical_names
from unclouded.core.cores import usable_cores
from unclouded.core.errors import OptionError, UncloudedError
from unclouded.core.grid import Grid
from unclouded.core.product import REFLECTANCE, VALUES_TAG
from unclouded.jobs import _resume
from unclouded.jobs._encoding import DTYPES, Dtype, Encoding, encoding_of
from unclouded.jobs._levels import Levels, with_levels
from unclouded.jobs._place import DEFAULT_GSD, Cut, Placement, Strip, cut_of, strips
from unclouded.jobs._resume import Entry, Item, Outcome, Owners, Source, scenes_of
from unclouded.jobs._scene import Progress
from unclouded.outputs._atomic import prepare_folder
from unclouded.outputs.stack import BLOCK, Part, StackFile, write_bands
from unclouded.scene import Numbers, Resampling, Scene, open_scene

REPORT = "stack.json"
"""Name of the report file: `run.json` is that of masks."""
_THREADS = 4
"""Bands decoded at a time, at most: each holds a strip of its own source in memory."""
_STRIP_SAMPLES = 16_000_000
"""Numbers of all bands in a strip, about: 64 MB."""
_SOURCE_ROWS = 1024
"""Rows of the source that a strip may span, about: a row of JPEG 2000 tiles at 10 m."""


@dataclass(frozen=True, kw_only=True)
class StackOptions(Placement):
    """What a user may ask of `stack`."""

    bands: tuple[str, ...] = ()
    """In the order wanted; empty: all that the source has, in the order of the table."""
    resampling: Resampling = "average"
    """How bands come to the grid: `average` by area, or `nearest` as the original study had it."""
    levels: Levels = "auto"
    """Which resolution of the source is read: `auto`, the coarsest that is as fine as the stack, and the full
    one for `nearest`; `full`; or `gdal`, that which `gdal_translate` takes."""
    dtype: Dtype = "float32"
    """`float32` reflectance; `uint16` DN; `dn-float32`, DN unscaled and unrounded."""
    cog: bool = False
    """Cloud-optimised, with overviews."""
    offset: float | None = None
    """DN to add before dividing, where the source does not say or says it wrong."""
    quantification: float | None = None
    """What to divide by, where the source does not say or says it wrong."""
    sensor: str | None = None
    """Sensor of a source that does not name it."""
    level: str | None = None
    """Processing level of a source that does not name it."""
    pixel_size: float | None = None
    """Spacing of a source that carries no georeference, m."""
    granule: str | None = None
    """Which tile of a product of several granules; None: each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dtype not in DTYPES:
            raise OptionError(f"dtype: expected one of {', '.join(DTYPES)}, found '{self.dtype}'")
        if self.levels not in ("auto", "full", "gdal"):
            raise OptionError(f"levels: expected auto, full or gdal, found '{self.levels}'")
        canonical_names(self.bands)


@dataclass(frozen=True, kw_only=True)
class Stacked:
    """What came of one source."""

    id: str
    path: Path
    bands: tuple[str, ...]
    height: int
    width: int
    pixel_size: float
    """m; in the transform's unit where the source carries no georeference."""
    valid_share: float
    """Share of the part's pixels that every band has, 0 … 1; padding is not counted."""
    radiometry: str
    """How the source's numbers become reflectance, and who says so."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StackReport:
    """What became of every source of a run, in the order given."""

    folder: Path
    outcomes: tuple[Outcome[Stacked], ...]

    @property
    def failed(self) -> tuple[Outcome[Stacked], ...]:
        """Those that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")


def stack(
    sources: Source | Sequence[Source],
    output: str | Path,
    options: StackOptions | None = None,
    *,
    progress: Progress = lambda _id, _share: None,
) -> StackReport:
    """Bring the bands of one product or many onto one grid: `<id>.tif` each, and `stack.json`, in a folder.

    What the folder holds already, made from the same input with the same options, is not made again.

    Example:
        >>> from unclouded.jobs import StackOptions, stack
        >>> options = StackOptions(gsd=20, bands=("B02", "B03", "B04"))
        >>> stack("S2B_MSIL1C_20240305T104819_….SAFE", "stacks", options)  # doctest: +SKIP

    Raises:
        UncloudedError: a single source failed. Of several, those that fail are in the report.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    if not listed:
        raise OptionError("stack: expected at least one source, found none")
    folder = output_folder(output)
    work = _Stacking(folder=folder, options=options or StackOptions(), progress=progress)
    outcomes = tuple(_resume.run(work, scenes_of(listed, work.options.granule), folder))
    raise_only(outcomes)
    return StackReport(folder=folder, outcomes=outcomes)


def output_folder(output: str | Path) -> Path:
    """The folder for stacks, made where it was missing.

    Raises:
        OptionError: it is named like a file.
        OutputError: it cannot be made or written.
    """
    folder = Path(output)
    if folder.suffix.lower() in {".tif", ".tiff"} and not folder.is_dir():
        raise OptionError(
            f"output {folder}: expected a folder, in which each source gets a file of its own name, found a "
            "file's name; give the folder alone"
        )
    return prepare_folder(folder)


def raise_only(outcomes: Sequence[Outcome[_resume.Made]]) -> None:
    """Pass on the error where there is one source alone.

    Raises:
        UncloudedError: it failed.
    """
    error: UncloudedError | None = outcomes[0].error if len(outcomes) == 1 else None
    if error is not None:
        raise error


def check_not_source(path: Path, source: Source) -> None:
    """Pass where the file to be written is not the one that is read.

    Raises:
        OptionError: it is.
    """
    own = Path(source)
    if path.exists() and own.exists() and path.samefile(own):
        raise OptionError(f"{path}: expected another folder than the source's own; name one with -o")


@dataclass(frozen=True, kw_only=True)
class _Stacking:
    """One call of `stack`: what all its scenes share."""

    folder: Path
    options: StackOptions
    progress: Progress
    report_name: str = REPORT

    def key(self, item: Item) -> str:
        """Changes when the source, the options or the software change."""
        return _resume.fingerprint(item.source, sorted(asdict(self.options).items()))

    def make(self, item: Item, owners: Owners) -> Stacked:
        """Stack one scene."""
        scene = _open(item, self.options)
        owners.claim(scene.id, item)
        path = self.folder / f"{scene.id}.tif"
        check_not_source(path, item.source)
        return stack_scene(scene, path, self.options, self.progress)

    def keep(self, made: Stacked) -> Entry:
        """A stack's part of its source's entry of the report."""
        scene = asdict(made) | {"path": made.path.relative_to(self.folder).as_posix()}
        return {"bytes": made.path.stat().st_size, "scene": scene}

    def recall(self, entry: Entry) -> tuple[str, Stacked] | None:
        """What was made before, where its file is still there."""
        scene = entry["scene"]
        path = self.folder / scene["path"]
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            return None
        changed = {"path": path, "bands": tuple(scene["bands"]), "warnings": tuple(scene["warnings"])}
        stacked = Stacked(**{**scene, **changed})
        return stacked.id, stacked

    def facts(self) -> Entry:
        """What the report says of the run itself."""
        return {"options": asdict(self.options)}


def _open(item: Item, options: StackOptions) -> Scene:
    return open_scene(
        item.source,
        offset=options.offset,
        quantification=options.quantification,
        sensor=options.sensor,
        level=options.level,
        gsd=options.pixel_size,
        granule=item.granule,
    )


def stack_scene(scene: Scene, path: Path, options: StackOptions, progress: Progress) -> Stacked:
    """Write the stack of one opened scene.

    Raises:
        OptionError: the spacing or the part asked for cannot be met.
        GridError: the bounds lie beside the scene.
        BandError: a band is not there.
        RasterError: pixels cannot be read.
        OutputError: the file cannot be written.
    """
    target = _at(scene, options)
    cut, notes = cut_of(target.grid, options, where=scene.id)
    names = canonical_names(options.bands) if options.bands else target.bands
    target.check_bands(names)
    encoding = encoding_of(scene.radiometry, names, options.dtype)
    tally = _Tally()
    grid = target.grid.cut(cut.outer)
    layout = _layout(target, names, grid, encoding, options)
    plan = _Plan(scene=target, names=names, cut=cut, encoding=encoding)
    write_bands(path, layout, plan.parts(tally, progress))
    return Stacked(
        id=scene.id,
        path=path,
        bands=names,
        height=grid.height,
        width=grid.width,
        pixel_size=grid.pixel_size,
        valid_share=tally.seen / (cut.inner.height * cut.inner.width),
        radiometry=scene.radiometry.describe(),
        warnings=(*target.warnings, *notes, *encoding.warnings(tally.lost)),
    )


def _at(scene: Scene, options: StackOptions) -> Scene:
    """The scene on the grid of its stack, before cutting."""
    if scene.grid.spacing_known:
        target = scene.at(options.gsd or DEFAULT_GSD, resampling=options.resampling)
        return with_levels(target, options.levels)
    if options.gsd is not None:
        raise OptionError(
            f"{scene.id}: --gsd {options.gsd:g} cannot be met: the source carries no georeference; "
            "state its own spacing with --pixel-size"
        )
    return scene


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is written of a scene."""

    scene: Scene
    """On the grid of the stack, before cutting."""
    names: tuple[str, ...]
    cut: Cut
    encoding: Encoding

    def parts(self, tally: "_Tally", progress: Progress) -> Iterator[Part]:
        """Strips as they are written, counted and reported as they pass."""
        progress(self.scene.id, 0.0)
        rows_done = 0
        for strip in strips(self.cut, self._strip_rows()):
            yield strip.place, self._part(strip, tally)
            rows_done += strip.place.height
            progress(self.scene.id, rows_done / self.cut.outer.height)

    def _strip_rows(self) -> int:
        """Rows of a strip: a block's, fewer where they are many samples here or many rows of the source."""
        finest = min(reader.grid.pixel_size for reader in self.scene.product.bands.values())
        of_source = _SOURCE_ROWS * finest / self.scene.pixel_size
        of_samples = _STRIP_SAMPLES / (len(self.names) * self.cut.outer.width)
        return max(1, min(BLOCK, int(of_source), int(of_samples)))

    def _part(self, strip: Strip, tally: "_Tally") -> npt.NDArray[np.generic]:
        if strip.source is None:
            return np.zeros((len(self.names), *strip.place.shape), self.encoding.file_dtype)
        threads = min(_THREADS, usable_cores())
        numbers = self.scene.read_dn(self.names, strip.source, threads=threads)
        own = Numbers(dn=numbers.dn[:, strip.own], valid=numbers.valid[:, strip.own])
        tally.seen += int(own.valid.all(axis=0).sum())
        tally.lost += self.encoding.lost(own, self.names)
        return strip.laid(self.encoding.encode(numbers, self.names), 0)


@dataclass(kw_only=True)
class _Tally:
    """What is counted as strips pass by."""

    seen: int = 0
    """Pixels that every band has."""
    lost: int = 0
    """Numbers that the file cannot hold."""


def _layout(
    scene: Scene, names: tuple[str, ...], grid: Grid, encoding: Encoding, options: StackOptions
) -> StackFile:
    target = encoding.target
    return StackFile(
        grid=grid,
        names=names,
        dtype=encoding.file_dtype,
        nodata=encoding.nodata,
        scales=tuple(1 / target.quantification[name] for name in names),
        offsets=tuple(target.offset[name] / target.quantification[name] for name in names),
        tags=_tags(scene, encoding, options),
        cog=options.cog,
    )


def _tags(scene: Scene, encoding: Encoding, options: StackOptions) -> dict[str, str]:
    """Whose bands these are, and what was done to them."""
    target = encoding.target
    is_reflectance = set(target.quantification.values()) == {1.0} and set(target.offset.values()) == {0.0}
    stated = {
        "LEVEL": scene.level,
        "BASELINE": scene.baseline,
        "TILE": scene.tile,
        "SENSING_TIME": scene.sensing_time.isoformat() if scene.sensing_time else None,
        "SUN_ZENITH": scene.sun_zenith,
        "SUN_AZIMUTH": scene.sun_azimuth,
        "TIFFTAG_DATETIME": f"{scene.sensing_time:%Y:%m:%d %H:%M:%S}" if scene.sensing_time else None,
    }
    return {
        "TIFFTAG_SOFTWARE": f"unclouded {__version__}",
        "SENSOR": scene.satellite or scene.sensor,
        "UNCLOUDED_SOURCE": scene.id,
        "UNCLOUDED_RADIOMETRY": scene.radiometry.describe(),
        "UNCLOUDED_RESAMPLING": f"{options.resampling}, levels {options.levels}",
        "UNCLOUDED_PAD": f"{options.pad} px, {options.pad_mode}",
        VALUES_TAG: REFLECTANCE if is_reflectance else "DN",
        **{name: str(value) for name, value in stated.items() if value is not None},
    }
