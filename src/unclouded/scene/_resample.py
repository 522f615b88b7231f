"""From a band's pixels to the scene's, by place: area average to coarsen, bilinear to refine, or nearest.

All positions are computed from absolute pixel numbers and all sums run in one order, so that a pixel
has the same value to the bit whatever window it is read in.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import GridError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

LEAST_VALID = 0.5
"""Share of a target pixel's area that must be valid. At one half a swath's edge stays where it is: any
other share moves it in or out."""
_SLACK = 1e-5
"""For sums of float32 weights that should meet LEAST_VALID exactly."""
_ON_EDGE = 1e-5
"""Source pixels by which a centre may miss an edge and still lie on it."""
_LONGEST_PERIOD = 8
"""Longer ones (60 m of 34 m …) are picked one by one."""
_LIKE = 1e-3
"""Relative difference of pixel sizes that counts as none (as `Grid.scaled_to`)."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Where target pixels of one axis lie among source pixels: edge t is at `scale * t + start`."""

    scale: float
    """Source pixels per target pixel."""
    start: float
    """Source position of the first target pixel's edge."""
    length: int
    """Source pixels."""
    end: float | None = None
    """Source position where the image ends: a wavelet's samples end short of it. None: with
    the last pixel."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How one band comes to a grid."""

    level: int
    """Resolution level that is read."""
    method: Literal["copy", "average", "bilinear", "nearest"]
    rows: Axis
    cols: Axis

    def source(self, window: Window) -> Window:
        """The source pixels, inside the raster, that decide over a target window; at least one."""
        top, bottom = _span(self.rows, self.method, window.row_off, window.height)
        left, right = _span(self.cols, self.method, window.col_off, window.width)
        return Window(row_off=top, col_off=left, height=bottom - top, width=right - left)


def plan(
    levels: tuple[Grid, ...],
    target: Grid,
    *,
    resampling: Literal["average", "nearest"],
    coarsest_m: float = 0.0,
) -> Plan:
    """The level to read and the way from it to the target grid.

    The coarsest level that is still as fine as the target: each one up costs a third of the decoding.
    Nearest takes the full resolution, since it picks real pixels.

    Args:
        coarsest_m: a level as coarse as this will do, too, m: a coarser one than the target is interpolated.

    Raises:
        GridError: the grids are in different systems, or turned against one another.
    """
    level = 0 if resampling == "nearest" else coarsest_as_fine(levels, target)
    if resampling == "average" and coarsest_m > target.pixel_size:
        level = max(level, _coarsest_within(levels, coarsest_m))
    rows, cols = _axes(levels[level], target)
    if level > 0:
        down, across = _axes(levels[0], target)
        rows = replace(rows, end=_end(rows, down))
        cols = replace(cols, end=_end(cols, across))
    same = (rows.scale, cols.scale, rows.start, cols.start) == (1.0, 1.0, 0.0, 0.0)
    if same and levels[level].shape == target.shape:
        return Plan(level=level, method="copy", rows=rows, cols=cols)
    if resampling == "nearest":
        return Plan(level=level, method="nearest", rows=rows, cols=cols)
    refines = max(rows.scale, cols.scale) < 1 - _LIKE
    return Plan(level=level, method="bilinear" if refines else "average", rows=rows, cols=cols)


def coarsest_as_fine(levels: tuple[Grid, ...], target: Grid) -> int:
    """The coarsest level whose pixels are no bigger than the target's; else the finest."""
    fine = [
        i
        for i, grid in enumerate(levels)
        if grid.pixel_size <= target.pixel_size * (1 + _LIKE) and _serves(grid, levels[0], target)
    ]
    return max(fine, default=0)


def _end(level: Axis, full: Axis) -> float:
    """Where the image ends, in pixels of a level."""
    return (full.length - full.start) / full.scale * level.scale + level.start


def _coarsest_within(levels: tuple[Grid, ...], coarsest_m: float) -> int:
    """The coarsest level whose pixels are no bigger than this; else the finest."""
    fine = [i for i, grid in enumerate(levels) if grid.pixel_size <= coarsest_m * (1 + _LIKE)]
    return max(fine, default=0)


def resample(dn: npt.NDArray[np.generic], valid: Bools, steps: Plan, window: Window) -> tuple[Floats, Bools]:
    """DN and validity of a target window from those of `steps.source(window)`. (y, x) -> (y, x).

    Averages and interpolation use valid samples alone. A pixel is valid, coarsened, where at least
    half of its area is; refined or by nearest, where the sample that it lies in is. Invalid ones are 0.
    """
    if steps.method == "copy":
        # nodata goes before it is converted: that of float64 may be past float32
        return (dn if valid.all() else np.where(valid, dn, 0)).astype(np.float32), valid
    source = steps.source(window)
    if steps.method == "nearest":  # picked before it is converted: it may be one sample of 36
        nearest = _nearest_valid(valid, steps, window, source)
        picked = dn[_nearest_of(steps, window, source)]
        return np.where(nearest, picked, 0).astype(np.float32), nearest
    down, across = _sums(steps, window, source)
    if valid.all() and down.within(source.height) and across.within(source.width):
        return across.sums(down.sums(dn.astype(np.float32))), np.ones(window.shape, np.bool_)
    total = across.sums(down.sums(np.where(valid, dn, 0).astype(np.float32)))
    lost = across.sums(down.sums((~valid).astype(np.float32), outside=1.0), outside=1.0)
    if steps.method == "average":
        good = lost <= 1 - LEAST_VALID + _SLACK
    else:
        good = _nearest_valid(valid, steps, window, source)
    kept = np.where(lost == 0, np.float32(1), np.maximum(1 - lost, np.float32(_SLACK)))
    return np.where(good, total / kept, np.float32(0)), good


def _serves(level: Grid, full: Grid, target: Grid) -> bool:
    """Whether a level gives the target's means.

    An overview's pixels are means already, and a mean of parts of them is not that of the target's area: 40 m
    for 60 m moves 0.7 % of a mask's pixels, 20 m for 60 m none (tests/sources/test_radiometry_traps.py).
    A wavelet's samples, which begin ahead of the image, are no means, and cost by the level.
    """
    ahead = (level.transform.c, level.transform.f) != (full.transform.c, full.transform.f)
    ratio = target.pixel_size / level.pixel_size
    return level is full or ahead or abs(ratio - round(ratio)) < _LIKE * ratio


def _axes(source: Grid, target: Grid) -> tuple[Axis, Axis]:
    """Rows and columns. Rounded to a billionth: georeferences carry the noise of float64."""
    if source.crs is not None and target.crs is not None and source.crs != target.crs:
        raise GridError(
            f"bands: expected one coordinate system, found {source.crs} and {target.crs}; reproject one first"
        )
    inverse, t = ~source.transform, target.transform
    across, down = inverse.a * t.a + inverse.b * t.d, inverse.d * t.b + inverse.e * t.e
    skew = max(abs(inverse.a * t.b + inverse.b * t.e), abs(inverse.d * t.a + inverse.e * t.d))
    if skew > 1e-9 * max(abs(across), abs(down)) or min(across, down) <= 0:
        raise GridError("bands: expected grids along the same axes, found them turned; resample them first")
    left = inverse.a * t.c + inverse.b * t.f + inverse.c
    top = inverse.d * t.c + inverse.e * t.f + inverse.f
    return (
        Axis(scale=round(down, 9), start=round(top, 6) + 0.0, length=source.height),
        Axis(scale=round(across, 9), start=round(left, 6) + 0.0, length=source.width),
    )


def _span(axis: Axis, method: str, first: int, count: int) -> tuple[int, int]:
    """First and past-the-last source pixel, inside the raster, of a run of target pixels."""
    if method == "copy":
        return first, first + count
    if method == "nearest":
        picked = _inside(_nearest(axis, first, count), axis)
        return int(picked.min()), int(picked.max()) + 1
    begin, weights = _taps(axis, method, first, count)
    near = min(max(int(begin.min()), 0), axis.length - 1)
    far = min(max(int(begin.max()) + weights.shape[1], near + 1), axis.length)
    return near, far


def _taps(axis: Axis, method: str, first: int, count: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """For each target pixel its first source pixel and the weights from there on, which sum to 1."""
    pixel = np.arange(first, first + count, dtype=np.float64)
    return _linear(axis, pixel) if method == "bilinear" else _area(axis, pixel)


def _area(axis: Axis, pixel: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], Floats]:
    """Share of the target pixel that each source pixel covers."""
    near, far = pixel * axis.scale + axis.start, (pixel + 1) * axis.scale + axis.start
    begin = np.floor(near)
    taps = np.arange(int(np.ceil(axis.scale)) + 1)
    edges = begin[:, None] + taps
    covered = np.minimum(far[:, None], edges + 1) - np.maximum(near[:, None], edges)
    weights = np.maximum(covered, 0) / axis.scale
    return begin.astype(np.intp), weights.astype(np.float32)


def _linear(axis: Axis, pixel: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], Floats]:
    """Weights of the two source pixels whose centres lie around the target's."""
    centre = (pixel + 0.5) * axis.scale + axis.start - 0.5
    begin = np.floor(centre)
    far = centre - begin
    return begin.astype(np.intp), np.stack([1 - far, far], axis=1).astype(np.float32)


def _nearest(axis: Axis, first: int, count: int) -> npt.NDArray[np.intp]:
    """The source pixel that holds each target pixel's centre; may lie outside of the raster."""
    pixel = np.arange(first, first + count, dtype=np.float64)
    # a centre on the edge of two pixels, but for the rounding of `_axes`, lies in the far one as GDAL has it
    return np.floor((pixel + 0.5) * axis.scale + axis.start + _ON_EDGE).astype(np.intp)


def _inside(positions: npt.NDArray[np.intp], axis: Axis) -> npt.NDArray[np.intp]:
    return np.clip(positions, 0, axis.length - 1)


def _on_image(positions: npt.NDArray[np.intp], axis: Axis) -> Bools:
    """Whether the source pixel of a target pixel's centre is there, or the image just ends short of it."""
    reach = axis.length if axis.end is None else max(axis.length, int(np.ceil(axis.end - _ON_EDGE)))
    return np.asarray((positions >= 0) & (positions < reach))


def _nearest_of(steps: Plan, window: Window, source: Window) -> tuple[npt.NDArray[np.intp], ...]:
    """Where in the array of `source` lie the pixels that hold the target's centres; to index it with."""
    rows = _inside(_nearest(steps.rows, window.row_off, window.height), steps.rows)
    cols = _inside(_nearest(steps.cols, window.col_off, window.width), steps.cols)
    return np.ix_(rows - source.row_off, cols - source.col_off)


def _nearest_valid(valid: Bools, steps: Plan, window: Window, source: Window) -> Bools:
    """Validity of the source pixel that holds each target pixel's centre; outside of the raster False."""
    rows = _nearest(steps.rows, window.row_off, window.height)
    cols = _nearest(steps.cols, window.col_off, window.width)
    inside = np.outer(_on_image(rows, steps.rows), _on_image(cols, steps.cols))
    return np.asarray(valid[_nearest_of(steps, window, source)] & inside)


def _sums(steps: Plan, window: Window, source: Window) -> tuple["_Along", "_Along"]:
    """The weighted sums down and across that make a target window of an array of its source."""
    rows = _taps(steps.rows, steps.method, window.row_off, window.height)
    cols = _taps(steps.cols, steps.method, window.col_off, window.width)
    return (
        _Along(begin=rows[0] - source.row_off, weights=rows[1], axis=0),
        _Along(begin=cols[0] - source.col_off, weights=cols[1], axis=1),
    )


@dataclass(frozen=True, kw_only=True)
class _Along:
    """Weighted sums along one axis of an array."""

    begin: npt.NDArray[np.intp]
    """First source position of each target pixel; may lie outside of the array."""
    weights: Floats
    """(target, tap)."""
    axis: int

    def within(self, length: int) -> bool:
        """Whether all taps lie inside of an array of this length."""
        return bool(self.begin.min() >= 0 and self.begin.max() + self.weights.shape[1] <= length)

    def sums(self, array: Floats, *, outside: float = 0.0) -> Floats:
        """One number a target pixel, tap by tap in order; `outside` stands for what the array lacks."""
        shape = list(array.shape)
        shape[self.axis] = len(self.begin)
        out = np.empty(shape, np.float32)
        if not self.within(array.shape[self.axis]):
            self._add(array, slice(None), out, outside)
            return out
        period = self._period()
        for phase in range(period):
            self._add(
                array, slice(phase, None, period), out[self._along(slice(phase, None, period))], outside
            )
        return out

    def _add(self, array: Floats, targets: slice, out: Floats, outside: float) -> None:
        """Write the sums of some of the target pixels."""
        for tap in range(self.weights.shape[1]):
            weight = self.weights[targets, tap]
            picked = self._picked(array, self.begin[targets] + tap, outside)
            if tap == 0:
                np.multiply(picked, self._lying(weight), out=out)
            else:
                out += picked * self._lying(weight)

    def _period(self) -> int:
        """Of how many target pixels the source pixels repeat at one distance: those can be read as a view.

        Pixels of 60 m over samples of 40 m begin 1, 2, 1, 2 … samples apart: every second one 3 apart.
        """
        for period in range(1, _LONGEST_PERIOD + 1):
            apart = self.begin[period:] - self.begin[:-period]
            if (apart == apart[:1]).all():
                return period
        return 1

    def _picked(self, array: Floats, at: npt.NDArray[np.intp], outside: float) -> Floats:
        length = array.shape[self.axis]
        there = (at >= 0) & (at < length)
        if not there.all():
            picked = np.take(array, at, axis=self.axis, mode="clip")
            return np.where(self._lying(there), picked, np.float32(outside))
        step = int(at[1] - at[0]) if len(at) > 1 else 1
        if step > 0 and (np.diff(at) == step).all():
            return array[self._along(slice(int(at[0]), int(at[-1]) + 1, step))]  # a view: no copy
        return np.take(array, at, axis=self.axis)

    def _lying(self, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One number a target pixel, so that it multiplies along the axis."""
        return numbers[:, None] if self.axis == 0 else numbers

    def _along(self, part: slice) -> tuple[slice, slice]:
        return (part, slice(None)) if self.axis == 0 else (slice(None), part)
