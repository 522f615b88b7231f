"""Windows over a scene: where they lie, and what a network is given for one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window, reflected, whole
from unclouded.predict._slabs import Slab

Edge = Literal["reflect", "zero"]


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How a scene is cut. It changes time and memory, never a class."""

    size: int = 256
    """Rows written per window; a multiple of the model's `stride_px`."""
    wide: int = 1
    """How many times as wide as high a window is."""
    edge: Edge = "reflect"
    """What the network sees past the scene's edge: the scene mirrored, or zero reflectance as the
    original study had it."""
    threads: int = 1
    """Bands decoded at the same time, and windows run at the same time."""
    overlap: bool = True
    """While the windows of a strip run, all rows of the next are decoded; if not, some blocks only: memory
    for one strip in place of two."""
    alone: bool = False
    """One window at a time."""
    block_rows: int = 256
    """Rows of the mask for which bands are decoded at a time."""
    ahead: int = 2
    """Blocks that are being decoded beyond those that were asked for."""
    cache_bytes: int = 512_000_000
    """Decoded blocks that GDAL keeps: what a band's next rows have in common with its last."""

    @property
    def running(self) -> int:
        """Windows at the same time."""
        return 1 if self.alone else max(1, self.threads)

    @property
    def width(self) -> int:
        """Columns written per window, px."""
        return self.size * self.wide

    def check(self, spec: ModelSpec) -> None:
        """Pass where the windows lie on the network's lattice.

        Raises:
            OptionError: a size that is no multiple of its stride.
        """
        if self.size < 1 or self.size % spec.stride_px:
            raise OptionError(
                f"window size: expected a multiple of {spec.stride_px} for {spec.name}, found {self.size}"
            )


def strips_of(shape: tuple[int, int], windowing: Windowing, region: Window | None = None) -> Iterator[Window]:
    """Rows of windows, on the lattice that covers the raster, that hold pixels of a region."""
    wanted = (region or whole(shape)).clipped(shape)
    if min(wanted.shape) < 1:
        return
    height, width = windowing.size, windowing.width
    left = wanted.col_off // width * width
    right = min(shape[1], -(-wanted.col_end // width) * width)
    for row in range(wanted.row_off // height * height, wanted.row_end, height):
        yield Window(row_off=row, col_off=left, height=min(height, shape[0] - row), width=right - left)


def windows_of(strip: Window, width: int) -> Iterator[Window]:
    """The windows of a strip, from the left."""
    for col in range(strip.col_off, strip.col_end, width):
        yield Window(
            row_off=strip.row_off, col_off=col, height=strip.height, width=min(width, strip.col_end - col)
        )


def input_shape(window: Window, spec: ModelSpec) -> tuple[int, int, int]:
    """(band, y, x) of what the network is given for a window."""
    rows, cols = (max(side, spec.min_size_px) for side in window.grown(spec.halo_px).shape)
    return len(spec.bands), rows + -rows % spec.stride_px, cols + -cols % spec.stride_px


def lay_inputs(
    values: npt.NDArray[np.float32],
    window: Window,
    slabs: Sequence[Slab],
    shape: tuple[int, int],
    *,
    halo: int,
    edge: Edge,
) -> None:
    """Write what the network is given for a window into an array of `input_shape`: the halo around it.

    Past the scene's edge lies the scene mirrored or zero. A window smaller than the network's least input, or
    off its stride, is filled with zeros at its far ends: the halo keeps them out of every pixel given back.

    Args:
        slabs: rows that hold the window and its halo, as far as the scene goes.
        shape: of the scene, px.
    """
    grown = window.grown(halo)
    inner = grown.clipped(shape)
    if edge == "zero" or values.shape[1:] != grown.shape:
        values.fill(0)
    _lay(values, grown, inner, slabs)
    if edge == "reflect":
        _mirror(values, grown, inner, shape)


def _lay(values: npt.NDArray[np.float32], grown: Window, inner: Window, slabs: Sequence[Slab]) -> None:
    """Write the scene's own pixels."""
    left = inner.col_off - grown.col_off
    for slab in slabs:
        top = max(inner.row_off, slab.place.row_off)
        bottom = min(inner.row_end, slab.place.row_end)
        if top < bottom:
            part = Window(row_off=top, col_off=inner.col_off, height=bottom - top, width=inner.width)
            at = top - grown.row_off
            values[:, at : at + part.height, left : left + inner.width] = slab.cut(part)


def _mirror(values: npt.NDArray[np.float32], grown: Window, inner: Window, shape: tuple[int, int]) -> None:
    """Write what lies past the scene's edges, out of what lies within: columns first, then whole rows."""
    own = slice(inner.row_off - grown.row_off, inner.row_end - grown.row_off)
    for first, last in ((grown.col_off, inner.col_off), (inner.col_end, grown.col_end)):
        cols = reflected(np.arange(first, last), shape[1]) - grown.col_off
        values[:, own, first - grown.col_off : last - grown.col_off] = values[:, own, cols]
    for first, last in ((grown.row_off, inner.row_off), (inner.row_end, grown.row_end)):
        rows = reflected(np.arange(first, last), shape[0]) - grown.row_off
        values[:, first - grown.row_off : last - grown.row_off, : grown.width] = values[
            :, rows, : grown.width
        ]
