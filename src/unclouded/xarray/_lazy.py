"""Blocks with a halo, in dask: five tasks a block, and rims alone travel (docs/decisions/0014).

Rows first, then columns: a block hands its uppermost and lowest rows to its neighbours, and what came of
that its outermost columns. So corners come along, and each neighbour is asked for thin strips alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from unclouded.core.windows import Window
from unclouded.xarray._blocks import Place

Array = npt.NDArray[np.generic]
Chunks = tuple[int, ...]
Index = tuple[int, int, int]
"""Which block: along date, y and x."""
Key = tuple[Any, ...]
Work = Callable[[Any, Any, Place], Array]
"""(options, block with its halo, where it lies) -> (date, y, x) of the block itself."""


def packed(layers: Sequence[Any]) -> Any:
    """Bands ([date,] y, x) side by side: dask array (date, band, y, x), all bands in a block."""
    dtype = np.result_type(*(layer.dtype for layer in layers))
    dated = layers[0].ndim == 3
    arguments = [part for layer in layers for part in (layer, "tyx" if dated else "yx")]
    return da.blockwise(  # type: ignore[no-untyped-call] # dask leaves it untyped
        _stack,
        "tbyx",
        *arguments,
        new_axes={"b": len(layers), **({} if dated else {"t": 1})},
        dtype=dtype,
        meta=np.empty((0,) * 4, dtype),
    )


def _stack(*blocks: Array) -> Array:
    found = np.stack(blocks, axis=-3)
    return found if found.ndim == 4 else found[None]


def on_lattice(array: Any, *, steps: tuple[int, int], least: int) -> Any:
    """The array in blocks that begin on multiples of steps along y and x, at least so many pixels a side.

    As near to its own chunks as can be: those that are so already stay.
    """
    rows, cols = (
        lattice(chunks, step=step, least=least) for chunks, step in zip(array.chunks[-2:], steps, strict=True)
    )
    return array.rechunk((*array.chunks[:-2], rows, cols))


def lattice(chunks: Chunks, *, step: int, least: int) -> Chunks:
    """Chunks of an axis moved onto multiples of a step, each at least so long; one alone may be shorter."""
    length, least = sum(chunks), max(1, least)
    edges = [0]
    for edge in accumulate(chunks[:-1]):
        moved = round(edge / step) * step
        if moved - edges[-1] >= least and length - moved >= least:
            edges.append(moved)
    return tuple(np.diff([*edges, length]).tolist())


def overlapped(array: Any, work: Work, options: object, *, halo: int, dtype: npt.DTypeLike) -> Any:
    """What `work` makes of each block with `halo` pixels around it: dask array (date, y, x).

    Past the rim of the cube there is no halo. Blocks must be as long as it.

    Args:
        array: (date, …, y, x), cut along date, y and x alone.
        options: first argument of `work`; once in the graph.
    """
    name = f"unclouded-{tokenize(array.name, work, repr(options), halo)}"
    chunks: tuple[Chunks, Chunks, Chunks] = (array.chunks[0], array.chunks[-2], array.chunks[-1])
    between = (0,) * (array.ndim - 3)
    tall = _Pass(
        name=f"{name}-tall",
        source=lambda index: (array.name, index[0], *between, *index[1:]),
        axis=-2,
        count=len(chunks[-2]),
        halo=halo,
    )
    wide = _Pass(name=f"{name}-wide", source=tall.key, axis=-1, count=len(chunks[-1]), halo=halo)
    graph: dict[Any, Any] = {f"{name}-options": options}
    for index, place in _places(chunks, halo):
        graph.update(tall.tasks(index))
        graph.update(wide.tasks(index))
        graph[name, *index] = (work, f"{name}-options", wide.key(index), place)
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[array])
    meta = np.empty((0, 0, 0), dtype)
    return da.Array(layers, name, chunks, meta=meta)  # type: ignore[no-untyped-call] # dask leaves it untyped


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """Blocks given the rims of their neighbours along one axis."""

    name: str
    source: Callable[[Index], Key]
    """Key of a block as it is before."""
    axis: int
    """-2 rows, -1 columns."""
    count: int
    """Blocks along the axis."""
    halo: int

    def key(self, index: Index) -> Key:
        """Key of a block with its rims."""
        return (self.name, *index) if self._joins else self.source(index)

    def tasks(self, index: Index) -> Iterator[tuple[Key, Any]]:
        """What makes that block, and its own rims for its neighbours; nothing where there are none."""
        if self._joins:
            source = self.source(index)
            yield (f"{self.name}-rims", *index), (_rims, source, self.axis, self.halo)
            yield self.key(index), (_joined, self._rims(index, -1), source, self._rims(index, 1), self.axis)

    @property
    def _joins(self) -> bool:
        return self.count > 1 and self.halo > 0

    def _rims(self, index: Index, step: int) -> Key | None:
        """Key of the rims of the neighbour before or after."""
        moved = list(index)
        moved[self.axis] += step
        return (f"{self.name}-rims", *moved) if 0 <= moved[self.axis] < self.count else None


def _rims(block: Array, axis: int, halo: int) -> tuple[Array, Array]:
    """The first and the last pixels of a block along an axis. Copies: they must not keep the block alive."""
    length = block.shape[axis]
    first, last = np.arange(halo), np.arange(length - halo, length)
    return block.take(first, axis), block.take(last, axis)


def _joined(
    before: tuple[Array, Array] | None, block: Array, after: tuple[Array, Array] | None, axis: int
) -> Array:
    """A block between the last pixels of the one before and the first of the one after."""
    parts = [*([before[1]] if before else []), block, *([after[0]] if after else [])]
    return np.concatenate(parts, axis)


def _places(chunks: tuple[Chunks, Chunks, Chunks], halo: int) -> Iterator[tuple[Index, Place]]:
    """Every block and where it lies."""
    dates, tops, lefts = ([0, *accumulate(axis)] for axis in chunks)
    shape = (tops[-1], lefts[-1])
    for date, row, col in product(*(range(len(axis)) for axis in chunks)):
        own = Window(row_off=tops[row], col_off=lefts[col], height=chunks[1][row], width=chunks[2][col])
        place = Place(first_date=dates[date], own=own, given=own.grown(halo).clipped(shape))
        yield (date, row, col), place
