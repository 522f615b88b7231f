"""Which part of a grid a stack shows: cut by window or bounds, padded, and walked through in strips."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform_bounds

from unclouded.core.errors import GridError, OptionError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window, reflected, whole

PadMode = Literal["zero", "reflect"]

DEFAULT_GSD = 60.0
"""Spacing of the study's stacks, m."""
_OUTSIDE = -1
# As gdal_translate -projwin: bounds that miss a pixel's edge by less than this share of it meet it.
_SNAP = 1e-3


@dataclass(frozen=True, kw_only=True)
class Placement:
    """On which pixels a stack lies."""

    gsd: float | None = None
    """Spacing, m; None: 60, or the source's own where its spacing is unknown."""
    window: Window | None = None
    """Part of the grid at that spacing, px."""
    bounds: tuple[float, float, float, float] | None = None
    """(xmin, ymin, xmax, ymax): all pixels that it touches."""
    bounds_crs: str | None = None
    """System of `bounds`, `EPSG:4326`; None: the source's own."""
    pad: int = 0
    """Pixels laid around the part; the georeference moves with them."""
    pad_mode: PadMode = "zero"
    """Padded with zero, or with the part mirrored at its edge."""

    def __post_init__(self) -> None:
        problems = {
            f"gsd: expected metres above 0, found {self.gsd}": self.gsd is not None
            and not (math.isfinite(self.gsd) and self.gsd > 0),
            "window and bounds: expected one of them, found both": None not in (self.window, self.bounds),
            "bounds_crs: expected bounds too, found none": self.bounds is None
            and self.bounds_crs is not None,
            f"pad: expected 0 px or more, found {self.pad}": self.pad < 0,
            f"pad_mode: expected zero or reflect, found '{self.pad_mode}'": self.pad_mode
            not in {"zero", "reflect"},
        }
        found = [text for text, wrong in problems.items() if wrong]
        if self.bounds is not None and not _ordered(self.bounds):
            found.append(f"bounds: expected XMIN < XMAX and YMIN < YMAX, found {_listed(self.bounds)}")
        if found:
            raise OptionError(f"stack: {'; '.join(found)}")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A part of a grid with a margin around it."""

    inner: Window
    """The part, inside the grid."""
    pad: int
    mode: PadMode

    @property
    def outer(self) -> Window:
        """The part with its margin."""
        return self.inner.grown(self.pad)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Some rows of what a cut becomes."""

    place: Window
    """Where they lie in the output."""
    source: Window | None
    """What must be read for them, inside the grid; None where they are margin only."""
    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    """Row or column of `source` that each row or column shows; -1 for margin."""
    own: slice
    """Rows of `source` that are shown in their own place: over all strips each row of the part once."""

    def laid(self, values: npt.NDArray[np.generic], fill: float) -> npt.NDArray[np.generic]:
        """Values (…, y, x) of `source` laid where they belong; `fill` in the margin."""
        picked = values[..., self.rows[:, None], self.cols[None, :]]
        if (self.rows != _OUTSIDE).all() and (self.cols != _OUTSIDE).all():
            return picked
        inside = np.outer(self.rows != _OUTSIDE, self.cols != _OUTSIDE)
        return np.where(inside, picked, values.dtype.type(fill))


def cut_of(grid: Grid, placement: Placement, *, where: str) -> tuple[Cut, tuple[str, ...]]:
    """What a placement means on a grid that has its spacing already, and a line for what was clipped.

    Raises:
        OptionError: the window is not inside the grid, or bounds cannot be placed on it.
        GridError: the bounds lie beside the grid.
    """
    inner = whole(grid.shape)
    notes: tuple[str, ...] = ()
    if placement.window is not None:
        inner = _inside(grid, placement.window, where)
    elif placement.bounds is not None:
        inner, notes = _bounded(grid, placement.bounds, placement.bounds_crs, where)
    return Cut(inner=inner, pad=placement.pad, mode=placement.pad_mode), notes


def strips(cut: Cut, rows: int) -> Iterator[Strip]:
    """What a cut becomes, some rows at a time, from the top."""
    outer = cut.outer
    cols = _positions(cut, -cut.pad, outer.width, cut.inner.width)
    for top in range(0, outer.height, rows):
        height = min(rows, outer.height - top)
        place = Window(row_off=top, col_off=0, height=height, width=outer.width)
        yield _strip(cut, place, _positions(cut, top - cut.pad, height, cut.inner.height), cols)


def _strip(cut: Cut, place: Window, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]) -> Strip:
    shown = rows[rows != _OUTSIDE]
    if not shown.size:
        return Strip(place=place, source=None, rows=rows, cols=cols, own=slice(0, 0))
    first, last = int(shown.min()), int(shown.max())
    top, bottom = (
        min(max(row - cut.pad, 0), cut.inner.height) - first for row in (place.row_off, place.row_end)
    )
    return Strip(
        place=place,
        source=Window(
            row_off=cut.inner.row_off + first,
            col_off=cut.inner.col_off,
            height=last - first + 1,
            width=cut.inner.width,
        ),
        rows=np.where(rows == _OUTSIDE, _OUTSIDE, rows - first),
        cols=cols,
        own=slice(top, bottom) if top < bottom else slice(0, 0),
    )


def _positions(cut: Cut, first: int, count: int, length: int) -> npt.NDArray[np.intp]:
    """Which pixel of the part each of a run of output pixels shows, along one axis."""
    positions = np.arange(first, first + count)
    if cut.mode == "reflect":
        return reflected(positions, length)
    return np.where((positions >= 0) & (positions < length), positions, _OUTSIDE)


def _inside(grid: Grid, window: Window, where: str) -> Window:
    if window.clipped(grid.shape) != window or min(window.shape) < 1:
        raise OptionError(
            f"{where}: expected a window inside {grid.height} x {grid.width} px, found rows "
            f"{window.row_off} to {window.row_end}, columns {window.col_off} to {window.col_end}; "
            "give ROW,COL,HEIGHT,WIDTH in pixels of the stack"
        )
    return window


def _bounded(
    grid: Grid, bounds: tuple[float, float, float, float], crs: str | None, where: str
) -> tuple[Window, tuple[str, ...]]:
    """The pixels that bounds touch."""
    if grid.crs is None:
        raise OptionError(
            f"{where}: expected a georeference to place bounds on, found none; cut by window instead"
        )
    box = bounds if crs is None else _reprojected(bounds, crs, grid.crs, where)
    corners = [applied(~grid.transform, x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    left, right = _whole_pixels([col for col, _ in corners])
    top, bottom = _whole_pixels([row for _, row in corners])
    touched = Window(row_off=top, col_off=left, height=bottom - top, width=right - left)
    inner = touched.clipped(grid.shape)
    if min(inner.shape) < 1:
        raise GridError(
            f"{where}: expected bounds that meet {_listed(extent(grid))} in {grid.crs}, "
            f"found {_listed(box)}; "
            + ("check their system with --bounds-crs" if crs is None else "they lie beside the source")
        )
    lost = "bounds: they reach past the source and are cut at its edge"
    return inner, (lost,) if inner != touched else ()


def extent(grid: Grid) -> tuple[float, float, float, float]:
    """(xmin, ymin, xmax, ymax) of a grid in its own system."""
    corners = [applied(grid.transform, col, row) for col in (0, grid.width) for row in (0, grid.height)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def applied(transform: Affine, x: float, y: float) -> tuple[float, float]:
    """A position through a transform. Spelt out: affine 2 multiplies with *, affine 3 with @."""
    t = transform
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def _reprojected(
    bounds: tuple[float, float, float, float], crs: str, target: str, where: str
) -> tuple[float, float, float, float]:
    try:
        box = transform_bounds(crs, target, *bounds)
    except (CRSError, RasterioError, ValueError) as err:  # ValueError: EPSG:nothing
        reason = " ".join(str(err).split())
        raise OptionError(
            f"{where}: bounds {_listed(bounds)} cannot be brought from '{crs}' to {target}: {reason}; "
            "check --bounds-crs"
        ) from err
    return box[0], box[1], box[2], box[3]


def _whole_pixels(positions: list[float]) -> tuple[int, int]:
    """First and past-the-last pixel that lie between the least and the greatest position."""
    return math.floor(min(positions) + _SNAP), math.ceil(max(positions) - _SNAP)


def _ordered(bounds: tuple[float, float, float, float]) -> bool:
    return all(map(math.isfinite, bounds)) and bounds[0] < bounds[2] and bounds[1] < bounds[3]


def _listed(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:.10g}" for number in numbers)
