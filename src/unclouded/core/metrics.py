"""Metrics as formulas of counts. What is undefined is None: it is neither 0 nor 1, and no mean counts it.

Definitions: CMIX (Skakun et al. 2022, doi 10.1016/j.rse.2022.112990), table 5. Precision is user's
accuracy (UA), recall is producer's accuracy (PA).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from statistics import median as middle
from types import MappingProxyType

from unclouded.core.counts import Confusion


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def accuracy(c: Confusion) -> float | None:
    """Share of the pixels that agree: (TP + TN) / N. Undefined without pixels."""
    return _ratio(c.tp + c.tn, c.scored)


def precision(c: Confusion) -> float | None:
    """Share of the predicted that is there, UA: TP / (TP + FP). Undefined where nothing was predicted."""
    return _ratio(c.tp, c.tp + c.fp)


def recall(c: Confusion) -> float | None:
    """Share of what is there that was found, PA: TP / (TP + FN). Undefined where nothing is there."""
    return _ratio(c.tp, c.tp + c.fn)


def f1(c: Confusion) -> float | None:
    """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).

    Undefined where nothing is there and nothing was predicted; 0 where only false alarms or misses are.
    """
    return _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def iou(c: Confusion) -> float | None:
    """Intersection over union: TP / (TP + FP + FN). Undefined where `f1` is."""
    return _ratio(c.tp, c.tp + c.fp + c.fn)


def balanced_accuracy(c: Confusion) -> float | None:
    """Mean of the recalls of yes and of no, BOA. Undefined where the reference lacks one of them."""
    yes = _ratio(c.tp, c.tp + c.fn)
    no = _ratio(c.tn, c.tn + c.fp)
    return None if yes is None or no is None else (yes + no) / 2


METRICS: Mapping[str, Callable[[Confusion], float | None]] = MappingProxyType(
    {
        "accuracy": accuracy,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "iou": iou,
        "balanced_accuracy": balanced_accuracy,
    }
)
"""Every metric by name, in the order of tables."""


@dataclass(frozen=True, kw_only=True)
class Average:
    """A mean or a median over scenes."""

    value: float | None
    """None where the metric is defined for no scene."""
    scenes: int
    """Scenes that it is defined for: those that were averaged."""


def score(c: Confusion) -> dict[str, float | None]:
    """All metrics of one task's counts, by name."""
    return {name: formula(c) for name, formula in METRICS.items()}


def mean(values: Iterable[float | None]) -> Average:
    """Mean of the defined values, and how many they are."""
    return _average(values, fmean)


def median(values: Iterable[float | None]) -> Average:
    """Median of the defined values, and how many they are."""
    return _average(values, middle)


def _average(values: Iterable[float | None], of: Callable[[list[float]], float]) -> Average:
    defined = [value for value in values if value is not None]
    return Average(value=of(defined) if defined else None, scenes=len(defined))
