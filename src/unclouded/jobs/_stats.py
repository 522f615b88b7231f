"""Class shares over an area: of a mask, or of a source of which just the area's part is masked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import (
    CLOUD,
    IGNORE,
    LEGENDS,
    NODATA,
    NOT_CLOUD,
    NOT_CLOUD_OR_SHADOW,
    Legend,
    set_names,
    to_sets,
)
from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.jobs._area import Area, Inside, pixel_areas_km2, pixels_in, read_area
from unclouded.jobs._fit import check_fit, legend_name, notes
from unclouded.jobs._scene import MaskOptions, Progress, open_for, target_of, windowing_of
from unclouded.labels import find
from unclouded.labels import legend as legend_of
from unclouded.predict import InputStatistics, Model, load_model, predict, to_codes
from unclouded.scene import Scene

_ANY = "unclouded"
"""Legend of a mask that names none."""


@dataclass(frozen=True, kw_only=True)
class AreaStats:
    """What lies in an area."""

    source: str
    made_by: str
    """`mask`, or the model that masked the area."""
    pixel_size: float
    """m"""
    pixels: int
    """Those whose centres lie in the area and on the raster."""
    area_km2: float
    """Of these pixels."""
    covered_share: float
    """Share of the area that lies on the raster, 0 … 1."""
    valid_share: float
    """Share of the pixels that were seen, 0 … 1."""
    shares: Mapping[str, float]
    """Class -> share of the valid pixels, 0 … 1; empty where nothing was seen."""
    km2: Mapping[str, float]
    """Class -> km²."""
    cloud_share: float | None
    """Share of the valid pixels that are cloud of any kind; None where nothing was seen."""
    warnings: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"warnings": list(self.warnings)}


def stats(
    source: str | Path,
    area: str | Path,
    options: MaskOptions | None = None,
    *,
    legend: str | None = None,
    progress: Progress = lambda _id, _share: None,
) -> AreaStats:
    """Class shares over an area, of a mask or of a source, by pixels whose centres lie in the area.

    Of a source only the windows that the area needs are read and masked: the pixels are those of its mask.

    Args:
        source: a one-band GeoTIFF of classes, else anything that `mask` takes.
        area: GeoJSON, a file or the text itself.
        options: how a source is masked.
        legend: what the codes of a mask mean; None: what its tags say, else our own.

    Raises:
        InputError: the area is no polygon.
        GridError: the area lies beside the raster.
        UncloudedError: the source cannot be read or masked.

    Example:
        >>> from unclouded.jobs import stats
        >>> stats("masks/S2B_…_mask.tif", "fields.geojson").cloud_share  # doctest: +SKIP
        0.12
    """
    wanted = read_area(area)
    if legend is not None or _is_mask(source):
        return _counted(str(source), _of_mask(Path(source), wanted, legend))
    return _counted(str(source), _of_source(source, wanted, options or MaskOptions(), progress))


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Classes around an area."""

    made_by: str
    grid: Grid
    inside: Inside
    codes: npt.NDArray[np.uint8]
    """(y, x) of the window of `inside`."""
    means: Legend
    warnings: tuple[str, ...] = ()


def _of_mask(path: Path, area: Area, legend: str | None) -> _Found:
    with find(legend or _ANY).open_codes(path) as reader:
        means = legend_of(legend or reader.stated_legend or _ANY)
        inside = pixels_in(area, reader.grid)
        codes = reader.read(inside.window)
    return _Found(made_by="mask", grid=reader.grid, inside=inside, codes=codes, means=means)


def _of_source(source: str | Path, area: Area, options: MaskOptions, progress: Progress) -> _Found:
    scene = open_for(source, options)
    model = load_model(options.model, options.running)
    spec = model.spec
    check_fit(scene, spec, allow_level_mismatch=options.allow_level_mismatch)
    target = target_of(scene, spec, options)
    inside = pixels_in(area, target.grid)
    codes, looks = _masked(target, model, inside, options, progress)
    whole = LEGENDS[legend_name(spec)]
    told = {code: classes for code, classes in whole.table.items() if code in (*spec.classes, NODATA)}
    return _Found(
        made_by=spec.name,
        grid=target.grid,
        inside=inside,
        codes=codes,
        means=replace(
            whole, table=told
        ),  # a class that the model does not know has no share, not a share of 0
        warnings=(*target.warnings, *notes(target, spec), *looks),
    )


def _is_mask(source: str | Path) -> bool:
    """Whether the source is one band of classes and no image: by what can be opened as such."""
    path = Path(source)
    if path.suffix.lower() not in {".tif", ".tiff"} or not path.is_file():
        return False
    try:
        with find(_ANY).open_codes(path):
            return True
    except RasterError:
        return False


def _masked(
    scene: Scene, model: Model, inside: Inside, options: MaskOptions, progress: Progress
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Codes of the area's window, 255 where not seen, and what looks wrong with the numbers read."""
    window = inside.window
    codes = np.full(window.shape, NODATA, np.uint8)
    seen = InputStatistics(bands=model.spec.bands)
    windowing = windowing_of(scene, model.spec, options)
    progress(scene.id, 0.0)
    for prediction in predict(scene, model, windowing, region=window):
        seen.add(prediction.reading.reflectance, prediction.reading.valid, prediction.presence)
        _lay(codes, window, to_codes(prediction, model.spec), prediction.window)
        progress(scene.id, min(1.0, (prediction.window.row_end - window.row_off) / window.height))
    return codes, seen.warnings()


def _lay(codes: npt.NDArray[np.uint8], window: Window, part: npt.NDArray[np.uint8], place: Window) -> None:
    """Write the pixels of a part that lie in the window."""
    top, left = max(place.row_off, window.row_off), max(place.col_off, window.col_off)
    bottom, right = min(place.row_end, window.row_end), min(place.col_end, window.col_end)
    shared = Window(row_off=top, col_off=left, height=bottom - top, width=right - left)
    codes[_within(shared, window)] = part[_within(shared, place)]


def _within(inner: Window, outer: Window) -> tuple[slice, slice]:
    """Where a window lies in an array of another around it."""
    top, left = inner.row_off - outer.row_off, inner.col_off - outer.col_off
    return slice(top, top + inner.height), slice(left, left + inner.width)


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """Pixels of the area."""

    pixels: Mapping[int, int]
    """Code -> pixels; codes that occur."""
    km2: Mapping[int, float]


def _counted(source: str, found: _Found) -> AreaStats:
    means, inside = found.means, found.inside
    to_sets(found.codes[inside.mask][None], means, where=source)  # names a code that the legend does not know
    counts = _count(found)
    seen = {code: n for code, n in counts.pixels.items() if means.table[code] != IGNORE}
    pixels, valid = sum(counts.pixels.values()), sum(seen.values())
    cloud = sum(n for code, n in seen.items() if means.table[code] <= CLOUD)
    return AreaStats(
        source=source,
        made_by=found.made_by,
        pixel_size=found.grid.pixel_size,
        pixels=pixels,
        area_km2=sum(counts.km2.values()),
        covered_share=inside.covered_share,
        valid_share=valid / pixels,
        shares={name: n / valid for name, n in _by_name(seen, means).items()} if valid else {},
        km2=_by_name({code: counts.km2[code] for code in seen}, means) if valid else {},
        cloud_share=cloud / valid if valid else None,
        warnings=(*found.warnings, *_notes(inside, valid)),
    )


def _count(found: _Found) -> _Counts:
    inside = found.inside
    rows = pixel_areas_km2(found.grid.cut(inside.window))
    weights = np.broadcast_to(rows[:, None], inside.mask.shape)[inside.mask]
    codes = found.codes[inside.mask]
    pixels = np.bincount(codes, minlength=256)
    km2 = np.bincount(codes, weights=weights, minlength=256)
    present = np.flatnonzero(pixels).tolist()
    return _Counts(
        pixels={code: int(pixels[code]) for code in present},
        km2={code: float(km2[code]) for code in present},
    )


Number = TypeVar("Number", int, float)


def _by_name(values: Mapping[int, Number], means: Legend) -> dict[str, Number]:
    """Sums by name of what the codes mean: every class of the legend, also those that do not occur."""
    sums: dict[str, Number] = {}
    for code, classes in sorted(means.table.items()):
        if classes != IGNORE:
            name = _name_of(classes)
            sums[name] = sums.get(name, 0) + values.get(code, 0)
    return sums


def _name_of(classes: frozenset[int]) -> str:
    """What people call a set of classes that a legend does not tell apart."""
    if classes == CLOUD:
        return "cloud"
    if classes in (NOT_CLOUD, NOT_CLOUD_OR_SHADOW):
        return "clear"
    return " or ".join(set_names(classes))


def _notes(inside: Inside, valid: int) -> tuple[str, ...]:
    found = []
    if inside.covered_share < 1:
        found.append(f"{100 * (1 - inside.covered_share):.1f} % of the area lie past the raster")
    if not valid:
        found.append("nothing was seen in the area")
    return tuple(found)
