"""Which cells of a patch are computed alike along one axis: the cases that `_dense` has a map for each of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One term of a convolution along one axis: kernel element `k` times class `of` at `offset` cells."""

    of: int
    offset: int
    k: int


Variant = tuple[Tap, ...]


@dataclass(frozen=True, kw_only=True)
class AxisClass:
    """Pooled cells of one axis that are computed alike, on the anchor of the first of their two cells."""

    variants: tuple[Variant, ...]
    """Both cells' convolutions; one where the second is the first, moved by a cell."""
    reach: int
    """Length of the kernel that holds every tap, cells."""
    base: Mapping[int, int]
    """Input class -> offset of the kernel's first element, cells."""

    @property
    def moved(self) -> bool:
        """Whether the pool is over one map and the same map a cell further."""
        return len(self.variants) == 1


def axis_classes(cells: Sequence[int]) -> tuple[tuple[AxisClass, ...], tuple[int, ...]]:
    """The distinct pooled classes of one axis, and which of them each pooled cell is.

    Args:
        cells: class of each cell of the layer's input, an even number of them.
    """
    taps = [_taps(cells, position) for position in range(len(cells))]
    pairs = list(zip(taps[::2], taps[1::2], strict=True))
    distinct = list(dict.fromkeys(pairs))
    return tuple(_axis_class(*pair) for pair in distinct), tuple(distinct.index(pair) for pair in pairs)


def _taps(cells: Sequence[int], position: int) -> Variant:
    inside = [k for k in range(3) if 0 <= position + k - 1 < len(cells)]
    return tuple(Tap(of=cells[position + k - 1], offset=k - 1, k=k) for k in inside)


def _axis_class(first: Variant, second: Variant) -> AxisClass:
    moved = tuple(Tap(of=tap.of, offset=tap.offset + 1, k=tap.k) for tap in second)
    variants = (first,) if first == second else (first, moved)
    offsets: dict[int, list[int]] = {}
    for tap in (tap for variant in variants for tap in variant):
        offsets.setdefault(tap.of, []).append(tap.offset)
    reach = max(max(found) - min(found) + 1 for found in offsets.values())
    last = max(max(found) for found in offsets.values())
    base = {of: min(*found, last - reach + 1) for of, found in offsets.items()}
    return AxisClass(variants=variants, reach=reach, base=base)
