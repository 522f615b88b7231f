"""Which squares a network is shown, epoch by epoch: a pure function of the seed and of the epoch.

A plan is drawn whole before its epoch begins, so that the same samples come in the same order with any
number of workers, and after a stop as without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLASSES, CLEAR, CLOUD, NODATA, THICK, bits_classes, count_bytes
from unclouded.core.errors import LabelError, OptionError

ANY_CLASS = -1
HARDEST = 8.0
"""How much more often than the mean the hardest item is drawn, at most."""


@dataclass(frozen=True, kw_only=True)
class Squares:
    """Which squares are drawn, for networks that label pixels."""

    size: int = 256
    """Side of a square, px."""
    batch: int = 8
    """Squares a step."""
    sampler: Literal["uniform", "balanced", "hard"] = "uniform"
    """`uniform`: any pixel as likely as another; `balanced`: each class as likely as another to be in the
    middle; `hard`: the more often, the larger an item's loss was in the epoch before."""
    workers: int = 0
    """Processes that cut and augment squares; 0: the training process does."""

    def __post_init__(self) -> None:
        if min(self.size, self.batch) < 1 or self.workers < 0:
            raise OptionError(
                "squares: expected size and batch of at least 1 and workers of at least 0, found "
                f"{self.size}, {self.batch}, {self.workers}"
            )


@dataclass(frozen=True, kw_only=True)
class Items:
    """What a plan needs to know of the things it draws from: scenes in memory, or patches in a store."""

    pixels: npt.NDArray[np.int64]
    """(item, class): pixels that count for each class (`class_pixels`)."""
    labelled: npt.NDArray[np.int64]
    """(item,): pixels that say anything."""
    weight: npt.NDArray[np.float64]
    """(item,): how often it is drawn, relative to another of its size."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An epoch's squares in their order."""

    item: npt.NDArray[np.int64]
    """(n,): which item each is cut from."""
    around: npt.NDArray[np.int64]
    """(n,): class of the pixel that it lies around, or `ANY_CLASS`."""
    seed: tuple[int, int]
    """Of the run, and the epoch."""

    def __len__(self) -> int:
        return len(self.item)

    def rng(self, position: int) -> np.random.Generator:
        """The generator that the square at a position is cut and augmented with."""
        return np.random.default_rng([*self.seed, 1, position])


def class_pixels(sets: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Pixels to balance by, of each class: sets uint8 (y, x) -> (class,)."""
    kinds = count_bytes(_KIND[sets], 256)
    return kinds[: len(CLASSES)]


def of_class(sets: npt.NDArray[np.uint8], code: int) -> npt.NDArray[np.bool_]:
    """Pixels that count for a class: (y, x) -> (y, x)."""
    return np.asarray(_KIND[sets] == code, np.bool_)


def _kinds() -> npt.NDArray[np.uint8]:
    """Set -> class that it counts for, 255 for none.

    Most label sets do not tell snow, or shadow, from clear, and some do not tell thin cloud from thick: such
    pixels count for clear and for thick cloud, or nothing of these sets would be balanced.
    """
    table = np.full(256, NODATA, np.uint8)
    for bits in range(1, 1 << len(CLASSES)):
        classes = bits_classes(bits)
        if CLEAR in classes and not classes & CLOUD:
            table[bits] = CLEAR
        elif classes == CLOUD:
            table[bits] = THICK
        elif len(classes) == 1:
            table[bits] = next(iter(classes))
    return table


_KIND = _kinds()


def draw_plan(
    items: Items,
    count: int,
    sampler: str,
    *,
    seed: tuple[int, int],
    losses: Sequence[float] | npt.NDArray[np.float64] | None = None,
) -> Plan:
    """An epoch of `count` squares.

    Args:
        seed: of the run, and the epoch.
        losses: (item,) of the epoch before, for `hard`; NaN where an item was not shown; None: none yet.

    Raises:
        LabelError: no item has a label.
    """
    rng = np.random.default_rng([*seed, 0])
    chance = items.labelled * items.weight
    if not chance.sum() > 0:
        raise LabelError("training scenes: expected labelled pixels, found none; check legends and splits")
    around = np.full(count, ANY_CLASS, np.int64)
    if sampler == "balanced":
        item, around = _balanced(items, count, rng)
    else:
        if sampler == "hard" and losses is not None:
            chance = chance * _hardness(np.asarray(losses, np.float64))
        item = rng.choice(len(chance), count, p=chance / chance.sum())
    return Plan(item=item.astype(np.int64), around=around, seed=seed)


def _balanced(
    items: Items, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each class that occurs equally often, from items as often as they have it; any where none is sure."""
    chance = items.pixels * items.weight[:, None]
    there = np.flatnonzero(chance.sum(axis=0))
    if not there.size:
        whole = items.labelled * items.weight
        return rng.choice(len(whole), count, p=whole / whole.sum()), np.full(count, ANY_CLASS, np.int64)
    around = there[rng.permutation(np.arange(count) % len(there))]
    item = np.empty(count, np.int64)
    for code in there:
        here = around == code
        item[here] = rng.choice(len(chance), int(here.sum()), p=chance[:, code] / chance[:, code].sum())
    return item, around


def _hardness(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much more often than usual each item is drawn; items not shown yet as the mean."""
    known = np.isfinite(losses)
    if not known.any() or not losses[known].mean() > 0:
        return np.ones(len(losses))
    ratio = np.where(known, losses, losses[known].mean()) / losses[known].mean()
    # even the easiest comes now and then, or it would be forgotten
    return np.asarray(np.clip(ratio, 1 / HARDEST, HARDEST), np.float64)
