"""Scenes held in memory, and squares cut from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from unclouded.core.windows import Window
from unclouded.patches.augment import Augmentation, Sample, augmented, guides, rescaled
from unclouded.patches.plan import ANY_CLASS, Items, Plan, class_pixels, of_class


class Store(Protocol):
    """Where squares are cut from: scenes in memory, or patches on disk."""

    @property
    def items(self) -> Items:
        """What a plan needs to know."""
        ...

    def sets(self, item: int) -> npt.NDArray[np.uint8]:
        """Labels of an item, (y, x)."""
        ...

    def gsd_m(self, item: int) -> float:
        """Spacing of an item's pixels, m."""
        ...

    def read(self, item: int, window: Window) -> Sample:
        """A window that lies inside an item."""
        ...


@dataclass(frozen=True, kw_only=True)
class MemoryStore:
    """Whole scenes with their labels."""

    scenes: tuple[Sample, ...]

    @property
    def items(self) -> Items:
        """Counts of each scene."""
        return items_of(self.scenes)

    def sets(self, item: int) -> npt.NDArray[np.uint8]:
        """Labels of a scene."""
        return self.scenes[item].sets

    def gsd_m(self, item: int) -> float:
        """Spacing of a scene."""
        return self.scenes[item].gsd_m

    def read(self, item: int, window: Window) -> Sample:
        """A window of a scene."""
        return cut(self.scenes[item], window)


def items_of(samples: Sequence[Sample]) -> Items:
    """What a plan needs to know of samples."""
    return Items(
        pixels=np.stack([class_pixels(sample.sets) for sample in samples]),
        labelled=np.array([np.count_nonzero(sample.sets) for sample in samples], np.int64),
        weight=np.array([sample.weight for sample in samples]),
    )


def cut(sample: Sample, window: Window) -> Sample:
    """A window that lies inside a sample."""
    rows, cols = window.slices
    return replace(
        sample,
        reflectance=sample.reflectance[:, rows, cols],
        valid=sample.valid[rows, cols],
        sets=sample.sets[rows, cols],
        **guides(sample, lambda item: item[..., rows, cols]),
    )


def draw(store: Store, plan: Plan, position: int, size: int, augmentation: Augmentation) -> Sample:
    """The square at a position of a plan, cut, brought to its spacing and augmented: (band, size, size).

    The same plan and position give the same square, in whatever process.
    """
    item, rng = int(plan.item[position]), plan.rng(position)
    sets, native = store.sets(item), store.gsd_m(item)
    gsd = augmentation.draw_gsd(native, rng)
    wanted = int(np.ceil(size * gsd / native))
    middle = _middle(sets, int(plan.around[position]), rng)
    sample = store.read(item, _window(middle, wanted, sets.shape))
    return augmented(rescaled(sample, gsd, size), augmentation, rng)


def _middle(sets: npt.NDArray[np.uint8], around: int, rng: np.random.Generator) -> tuple[int, int]:
    """A pixel of a class, or any that says something."""
    found = np.flatnonzero(sets if around == ANY_CLASS else of_class(sets, around))
    row, col = divmod(int(found[rng.integers(len(found))]), sets.shape[1])
    return row, col


def _window(middle: tuple[int, int], side: int, shape: tuple[int, ...]) -> Window:
    """A square around a pixel, moved to lie inside; smaller where the item is."""
    tall, wide = (min(side, length) for length in shape[:2])
    top = min(max(middle[0] - tall // 2, 0), shape[0] - tall)
    left = min(max(middle[1] - wide // 2, 0), shape[1] - wide)
    return Window(row_off=top, col_off=left, height=tall, width=wide)


def whole_items(store: Store, indices: Sequence[int]) -> Iterator[Sample]:
    """Items whole, one after the other."""
    for item in indices:
        height, width = store.sets(item).shape
        yield store.read(item, Window(row_off=0, col_off=0, height=height, width=width))
