"""Whether probabilities mean what they say: of all pixels called 70 % cloud, are 70 % cloud?"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import GridError

BINS = 15
"""Equal bins of probability (Guo et al. 2017, On calibration of modern neural networks, use 15)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """Sums over bins of probability. Two of them add up to that of both areas."""

    pixels: npt.NDArray[np.int64]
    """(bin,)."""
    probability: npt.NDArray[np.float64]
    """(bin,) sum of what was predicted."""
    positives: npt.NDArray[np.int64]
    """(bin,) pixels that are of the class."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            pixels=self.pixels + other.pixels,
            probability=self.probability + other.probability,
            positives=self.positives + other.positives,
        )

    @property
    def ece(self) -> float | None:
        """Expected calibration error: mean distance of predicted and found, weighted by pixels, 0 … 1.

        None without pixels.
        """
        total = int(self.pixels.sum())
        return float(np.abs(self.probability - self.positives).sum() / total) if total else None

    @property
    def predicted(self) -> npt.NDArray[np.float64]:
        """(bin,) mean probability; NaN where a bin is empty."""
        return self._mean(self.probability)

    @property
    def found(self) -> npt.NDArray[np.float64]:
        """(bin,) share of the pixels that are of the class; NaN where a bin is empty."""
        return self._mean(self.positives)

    def _mean(self, sums: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
        empty = self.pixels == 0
        return np.where(empty, np.nan, sums / np.where(empty, 1, self.pixels))


def reliability(
    probability: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    known: npt.NDArray[np.bool_],
    *,
    bins: int = BINS,
) -> Reliability:
    """Sums over bins of the probability of one answer. All (y, x) or of any one shape.

    Args:
        probability: 0 … 1 of "yes".
        positive: whether the reference says yes.
        known: whether the pixel counts: the reference answers, and it was seen.

    Raises:
        GridError: the shapes differ.
    """
    if not probability.shape == positive.shape == known.shape:
        raise GridError(
            f"reliability: expected equal shapes, found {probability.shape}, {positive.shape} and "
            f"{known.shape}; bring all onto one grid first"
        )
    values = probability[known].astype(np.float64)
    place = np.clip((values * bins).astype(np.intp), 0, bins - 1)
    return Reliability(
        pixels=np.bincount(place, minlength=bins).astype(np.int64),
        probability=np.asarray(np.bincount(place, weights=values, minlength=bins), np.float64),
        positives=np.bincount(place[positive[known]], minlength=bins).astype(np.int64),
    )


def no_reliability(bins: int = BINS) -> Reliability:
    """That of no pixel at all: where a sum starts."""
    return Reliability(
        pixels=np.zeros(bins, np.int64),
        probability=np.zeros(bins, np.float64),
        positives=np.zeros(bins, np.int64),
    )
