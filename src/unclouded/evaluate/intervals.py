"""How sure a figure is: bootstrap over scenes, or over the sites that scenes are of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from statistics import median as middle
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.counts import Confusion
from unclouded.core.errors import OptionError
from unclouded.core.metrics import METRICS, score

Statistic = Literal["pooled", "mean", "median"]
_AVERAGES: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "median": middle}
_Scores = dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure, and the range in which it may well have lain with other scenes of the kind."""

    value: float | None
    """Of the scenes at hand; None where undefined."""
    low: float | None
    high: float | None
    """Percentiles of the resamples that define the metric; None where none does."""
    defined: float
    """Share of the resamples that define the metric, 0 … 1."""


def bootstrap(
    scenes: Sequence[Confusion],
    *,
    rng: np.random.Generator,
    sites: Sequence[str] | None = None,
    statistic: Statistic = "pooled",
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals of every metric, by name (Efron & Tibshirani 1993, chapter 13).

    Scenes are drawn with replacement; those of one site together, since they are not independent.

    Args:
        scenes: counts of one task, a scene each.
        sites: site of each scene; None: each scene is a site of its own.
        statistic: of `pooled` pixels, or `mean` or `median` of the scenes for which a metric is defined.
        level: share of the resamples that the interval holds.

    Raises:
        OptionError: no scenes, or another number of sites.
    """
    names = [str(at) for at in range(len(scenes))] if sites is None else list(sites)
    if not scenes or len(names) != len(scenes):
        raise OptionError(
            f"bootstrap: expected scenes and a site for each, found {len(scenes)} and {len(names)}"
        )
    summary = _pooled(scenes) if statistic == "pooled" else _averaged(scenes, _AVERAGES[statistic])
    members = _members(names)
    draws = rng.integers(0, len(members), (resamples, len(members)))
    found = [summary(np.concatenate([members[site] for site in draw])) for draw in draws]
    whole = summary(np.arange(len(scenes)))
    return {name: _interval(whole[name], [one[name] for one in found], level) for name in METRICS}


def _members(names: Sequence[str]) -> list[npt.NDArray[np.intp]]:
    """Positions of the scenes of each site."""
    return [np.flatnonzero([name == site for name in names]) for site in dict.fromkeys(names)]


def _pooled(scenes: Sequence[Confusion]) -> Callable[[npt.NDArray[np.intp]], _Scores]:
    """Positions of scenes -> metrics of their pixels together."""
    counts = np.array([(scene.tp, scene.fp, scene.fn, scene.tn) for scene in scenes], np.int64)

    def summary(at: npt.NDArray[np.intp]) -> _Scores:
        tp, fp, fn, tn = counts[at].sum(axis=0).tolist()
        return score(Confusion(tp=tp, fp=fp, fn=fn, tn=tn))

    return summary


def _averaged(
    scenes: Sequence[Confusion], average: Callable[[list[float]], float]
) -> Callable[[npt.NDArray[np.intp]], _Scores]:
    """Positions of scenes -> average of each metric over those that define it."""
    scores = [score(scene) for scene in scenes]
    values = {name: np.array([one[name] for one in scores], np.float64) for name in METRICS}

    def summary(at: npt.NDArray[np.intp]) -> _Scores:
        found: _Scores = {}
        for name, every in values.items():
            defined = every[at][~np.isnan(every[at])].tolist()
            found[name] = average(defined) if defined else None
        return found

    return summary


def _interval(value: float | None, found: Sequence[float | None], level: float) -> Interval:
    defined = [one for one in found if one is not None]
    if not defined:
        return Interval(value=value, low=None, high=None, defined=0.0)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Interval(value=value, low=low, high=high, defined=len(defined) / len(found))
