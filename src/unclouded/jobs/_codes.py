"""Class rasters brought to the grid of a stack: nearest pixel, cut and padded alike, codes translated."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded._version import __version__
from unclouded.core.classes import IGNORE, LEGEND_TAG, Legend, translate
from unclouded.core.errors import OptionError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.jobs import _resume
from unclouded.jobs._place import DEFAULT_GSD, Cut, Placement, Strip, cut_of, strips
from unclouded.jobs._resume import Entry, Item, Outcome, Owners, Source
from unclouded.jobs._scene import Progress
from unclouded.jobs._stack import check_not_source, output_folder, raise_only
from unclouded.labels import CodesReader, find
from unclouded.labels import legend as legend_of
from unclouded.outputs.stack import BLOCK, Part, StackFile, write_bands

REPORT = "codes.json"
"""Name of the report file."""
_ANY = "unclouded"
"""Legend whose files are plain GeoTIFF: how a file is read whose legend nobody names."""


@dataclass(frozen=True, kw_only=True)
class CodesOptions(Placement):
    """What a user may ask of `stack_codes`."""

    legend: str | None = None
    """What the codes mean; None: what the file's own tags say, if anything."""
    to: str | None = None
    """Legend that they are translated to; None: they stay as they are."""
    cog: bool = False
    """Cloud-optimised, with overviews."""


@dataclass(frozen=True, kw_only=True)
class StackedCodes:
    """What came of one class raster."""

    id: str
    path: Path
    height: int
    width: int
    pixel_size: float
    """m; in the transform's unit where the raster carries no georeference."""
    legend: str | None
    """What the codes of the file mean; None where nobody says."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CodesReport:
    """What became of every class raster of a run, in the order given."""

    folder: Path
    outcomes: tuple[Outcome[StackedCodes], ...]

    @property
    def failed(self) -> tuple[Outcome[StackedCodes], ...]:
        """Those that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")


def stack_codes(
    sources: Source | Sequence[Source],
    output: str | Path,
    options: CodesOptions | None = None,
    *,
    progress: Progress = lambda _id, _share: None,
) -> CodesReport:
    """Bring class rasters to the grid of stacks: `<name>.tif` each, uint8, and `codes.json`, in a folder.

    The same spacing, window, bounds and padding give the pixels of the stack. Padding with zero is padding
    with what says nothing: the legend's code for it, else the raster's nodata, else 0.

    Example:
        >>> from unclouded.jobs import CodesOptions, stack_codes
        >>> options = CodesOptions(legend="baetens-hagolle", to="original", pad=8)
        >>> stack_codes("classification_map.tif", "masks", options)  # doctest: +SKIP

    Raises:
        UncloudedError: a single source failed. Of several, those that fail are in the report.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    if not listed:
        raise OptionError("stack: expected at least one class raster, found none")
    folder = output_folder(output)
    work = _Coding(folder=folder, options=options or CodesOptions(), progress=progress)
    outcomes = tuple(_resume.run(work, [Item(source=source) for source in listed], folder))
    raise_only(outcomes)
    return CodesReport(folder=folder, outcomes=outcomes)


@dataclass(frozen=True, kw_only=True)
class _Coding:
    """One call of `stack_codes`: what all its rasters share."""

    folder: Path
    options: CodesOptions
    progress: Progress
    report_name: str = REPORT

    def key(self, item: Item) -> str:
        """Changes when the source, the options, a legend or the software change."""
        named = [name for name in (self.options.legend, self.options.to) if name is not None]
        tables = [sorted(legend_of(name).table.items()) for name in named]
        return _resume.fingerprint(item.source, sorted(asdict(self.options).items()), tables)

    def make(self, item: Item, owners: Owners) -> StackedCodes:
        """Bring one class raster to its grid."""
        path = Path(item.source)
        owners.claim(path.stem, item)
        target = self.folder / f"{path.stem}.tif"
        check_not_source(target, item.source)
        with find(self.options.legend or _ANY).open_codes(path) as reader:
            return _write(reader, target, self.options, self.progress)

    def keep(self, made: StackedCodes) -> Entry:
        """A raster's part of its source's entry of the report."""
        scene = asdict(made) | {"path": made.path.relative_to(self.folder).as_posix()}
        return {"bytes": made.path.stat().st_size, "scene": scene}

    def recall(self, entry: Entry) -> tuple[str, StackedCodes] | None:
        """What was made before, where its file is still there."""
        scene = entry["scene"]
        path = self.folder / scene["path"]
        if not path.is_file() or path.stat().st_size != entry["bytes"]:
            return None
        made = StackedCodes(**{**scene, "path": path, "warnings": tuple(scene["warnings"])})
        return made.id, made

    def facts(self) -> Entry:
        """What the report says of the run itself."""
        return {"options": asdict(self.options)}


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is written of a class raster."""

    reader: CodesReader
    grid: Grid
    """The raster's extent at the spacing of the stack."""
    cut: Cut
    means: Legend | None
    becomes: Legend | None

    @property
    def written(self) -> Legend | None:
        """What the codes of the file mean."""
        return self.becomes or self.means

    @property
    def nodata(self) -> int | None:
        """Code that says nothing, where a file can state it: not where it is a class too."""
        if self.written is None:
            return _byte(self.reader.nodata)
        fill = self.written.fill
        return fill if fill is not None and self.written.table[fill] == IGNORE else None

    @property
    def fill(self) -> int:
        """What is laid into the margin."""
        own = self.written.fill if self.written is not None else None
        return next((code for code in (own, _byte(self.reader.nodata)) if code is not None), 0)

    def parts(self, name: str, progress: Progress) -> Iterator[Part]:
        """Strips as they are written, reported as they pass."""
        progress(name, 0.0)
        rows_done = 0
        for strip in strips(self.cut, BLOCK):
            yield strip.place, self._part(strip)[None]
            rows_done += strip.place.height
            progress(name, rows_done / self.cut.outer.height)

    def _part(self, strip: Strip) -> npt.NDArray[np.generic]:
        if strip.source is None:
            return np.full(strip.place.shape, self.fill, np.uint8)
        codes = self._nearest(strip.source)
        if self.becomes is not None and self.means is not None:
            codes = translate(codes, self.means, self.becomes, where=str(self.reader.path))
        return strip.laid(codes, self.fill)

    def _nearest(self, window: Window) -> npt.NDArray[np.uint8]:
        """Codes of a window of the grid: of the source pixel that holds each pixel's centre."""
        own = self.reader.grid
        rows = _picked(window.row_off, window.height, self.grid.pixel_size / own.pixel_size, own.height)
        cols = _picked(window.col_off, window.width, self.grid.pixel_size / own.pixel_size, own.width)
        source = Window(
            row_off=int(rows[0]),
            col_off=int(cols[0]),
            height=int(rows[-1] - rows[0]) + 1,
            width=int(cols[-1] - cols[0]) + 1,
        )
        return self.reader.read(source)[np.ix_(rows - rows[0], cols - cols[0])]


def _picked(first: int, count: int, scale: float, length: int) -> npt.NDArray[np.intp]:
    """The source pixel that holds each centre; one on the edge of two lies in the far one, as GDAL has it."""
    pixel = np.arange(first, first + count)
    holding = np.floor((pixel + 0.5) * scale + 1e-5).astype(np.intp)
    return np.asarray(np.clip(holding, 0, length - 1), np.intp)


def _write(reader: CodesReader, path: Path, options: CodesOptions, progress: Progress) -> StackedCodes:
    where = str(reader.path)
    means, becomes = _legends(reader, options)
    target = _at(reader.grid, options, where)
    cut, notes = cut_of(target, options, where=where)
    plan = _Plan(reader=reader, grid=target, cut=cut, means=means, becomes=becomes)
    grid = target.cut(cut.outer)
    layout = StackFile(
        grid=grid,
        names=("classes",),
        dtype="uint8",
        nodata=plan.nodata,
        tags=_tags(reader, plan.written, options),
        cog=options.cog,
    )
    write_bands(path, layout, plan.parts(reader.path.stem, progress))
    return StackedCodes(
        id=reader.path.stem,
        path=path,
        height=grid.height,
        width=grid.width,
        pixel_size=grid.pixel_size,
        legend=plan.written.name if plan.written else None,
        warnings=notes,
    )


def _legends(reader: CodesReader, options: CodesOptions) -> tuple[Legend | None, Legend | None]:
    """What the codes mean, and what they become."""
    name = options.legend or reader.stated_legend
    if options.to is not None and name is None:
        raise OptionError(
            f"{reader.path}: expected a legend to translate from, found none in the options nor in the "
            "file's tags; name it with --legend"
        )
    return legend_of(name) if name else None, legend_of(options.to) if options.to else None


def _at(grid: Grid, options: CodesOptions, where: str) -> Grid:
    """The raster's extent at the spacing of the stack: finer ones repeat codes."""
    if grid.spacing_known:
        return grid.scaled_to(options.gsd or DEFAULT_GSD)
    if options.gsd is not None:
        raise OptionError(
            f"{where}: --gsd {options.gsd:g} cannot be met: the raster carries no georeference; "
            "leave it out to keep its pixels"
        )
    return grid


def _tags(reader: CodesReader, written: Legend | None, options: CodesOptions) -> dict[str, str]:
    tags = {
        "TIFFTAG_SOFTWARE": f"unclouded {__version__}",
        "UNCLOUDED_SOURCE": reader.path.stem,
        "UNCLOUDED_RESAMPLING": "nearest",
        "UNCLOUDED_PAD": f"{options.pad} px, {options.pad_mode}",
    }
    return tags | ({LEGEND_TAG: written.name} if written is not None else {})


def _byte(value: float | None) -> int | None:
    return int(value) if value is not None and value.is_integer() and 0 <= value <= 255 else None
