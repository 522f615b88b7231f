"""Counting what systems say against references, and what it comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unclouded.core.classes import CLEAR, CLOUD, THIN, Legend, class_bits
from unclouded.core.counts import SETS, TASKS, Counts, Task, count, no_counts
from unclouded.core.errors import GridError
from unclouded.core.metrics import METRICS
from unclouded.evaluate.boundary import without_edges
from unclouded.evaluate.intervals import Statistic, bootstrap
from unclouded.evaluate.reliability import Reliability, no_reliability, reliability

from .subjects import Subject
from .systems import TASK_CLASSES, System, Verdict

SHOWN = ("cloud", "cloud_shadow", "thin_cloud", "cloud_or_shadow")
"""Tasks of the tables; the last is valid against invalid."""
UNSURE = 0.01
"""Share of the pixels at which a system's answer may be either, from which on it does not answer the task."""
_BY_NAME = {task.name: task for task in TASKS}
STATISTICS: tuple[Statistic, ...] = ("pooled", "mean", "median")
SEED = 7
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """One system on one subject."""

    subject: Subject
    counts: Counts
    reliability: Mapping[str, Reliability]
    """By task; those that the system gives probabilities for and the legend can answer."""


def answers(legend: Legend, task: Task) -> bool:
    """Whether a label set marks what a task asks for.

    Some code must say yes, and one that is clear no: where shadow was not annotated, clear may be it.
    """
    said = [classes for classes in legend.table.values() if classes]
    clear = [classes for classes in said if CLEAR in classes and not classes & CLOUD]
    yes = any(classes <= task.positives for classes in said)
    return yes and any(not classes & task.positives for classes in clear)


def score(system: System, subject: Subject, *, tolerance_px: int = 0) -> Score | None:
    """What a system says of a subject, counted; None where it cannot do it."""
    scene = subject.open()
    verdict = system.run(scene, subject.id)
    if verdict is None:
        return None
    reference = without_edges(subject.reference(), tolerance_px)
    if reference.shape != verdict.sets.shape:
        raise GridError(
            f"{subject.id}: expected a label of {verdict.sets.shape} px as the image, found "
            f"{reference.shape}; give the pair that belongs together"
        )
    return Score(
        subject=subject,
        counts=count(reference, verdict.sets),
        reliability=_reliability(subject.legend, reference, verdict),
    )


def _reliability(legend: Legend, reference: np.ndarray, verdict: Verdict) -> dict[str, Reliability]:
    found = {}
    for name, probability in verdict.probability.items():
        bits = class_bits(TASK_CLASSES[name])
        yes, no = (reference & ~np.uint8(bits)) == 0, (reference & np.uint8(bits)) == 0
        known = (reference > 0) & (yes | no) & (verdict.sets > 0)
        if answers(legend, _BY_NAME[name]):
            found[name] = reliability(probability, yes & (reference > 0), known)
    return found


def groups(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """All, what a model may learn from, each source, each biome."""
    found = {"all": list(scores), "all but compare-only": [s for s in scores if s.subject.train_ok]}
    for one in scores:
        found.setdefault(_source(one.subject), []).append(one)
        if one.subject.stratum:
            found.setdefault(f"{one.subject.source}: {one.subject.stratum}", []).append(one)
    return {name: of for name, of in found.items() if of}


def _source(subject: Subject) -> str:
    return subject.source if subject.train_ok else f"{subject.source} (compare-only)"


def summary(scores: Sequence[Score], tasks: Sequence[str] = SHOWN) -> dict[str, Any]:
    """Task -> counts, metrics of pixels and over scenes with their intervals, and calibration.

    Args:
        tasks: what the system answers (`answered`); None stands for the others.
    """
    return {name: _of_task(scores, _BY_NAME[name]) if name in tasks else None for name in SHOWN}


def answered(scores: Iterable[Score]) -> tuple[str, ...]:
    """Tasks that a system answers: not those to which it says "may be" and never "yes"."""
    joint = pool(scores).joint
    said = np.flatnonzero(joint[1:, 1:].sum(axis=0)) + 1
    found = []
    for name in SHOWN:
        positives = class_bits(_BY_NAME[name].positives)
        yes = (said & ~positives) == 0
        either = ~yes & ((said & positives) > 0)
        if yes.any() or not either.any():
            found.append(name)
    return tuple(found)


def _of_task(scores: Sequence[Score], task: Task) -> dict[str, Any] | None:
    """None where no label set of these marks what is asked."""
    able = [one for one in scores if answers(one.subject.legend, task) and sure(one.counts, task)]
    confusions = [one.counts.confusion(task) for one in able]
    if not any(c.scored for c in confusions):
        return None
    together = pool(able)
    pooled = together.confusion(task)
    sites = [one.subject.site for one in able]
    found: dict[str, Any] = {"scenes": len(able), "sites": len(set(sites)), "counts": asdict(pooled)}
    for statistic in STATISTICS:
        intervals = bootstrap(
            confusions,
            rng=np.random.default_rng(SEED),
            sites=sites,
            statistic=statistic,
            resamples=RESAMPLES,
        )
        found[statistic] = {name: rounded(asdict(intervals[name])) for name in METRICS}
    found["false_alarm_rate"] = (
        rounded(pooled.fp / (pooled.fp + pooled.tn)) if pooled.fp + pooled.tn else None
    )
    if task.name == "cloud":
        found["thin_found"] = rounded(thin_found(together))
    calibration = [one.reliability[task.name] for one in able if task.name in one.reliability]
    if calibration:
        found["calibration"] = _calibration(sum(calibration, no_reliability()))
    return found


def sure(counts: Counts, task: Task) -> bool:
    """Whether the system answers the task: one that tells no thin cloud says "thick or thin"."""
    c = counts.confusion(task)
    return c.prediction_ambiguous <= UNSURE * (c.prediction_ambiguous + c.scored)


def thin_found(counts: Counts) -> float | None:
    """Share of the thin cloud that is called cloud, thick or thin. None without any."""
    called = [bits for bits in range(1, SETS) if bits & ~class_bits(CLOUD) == 0]
    seen = counts.joint[class_bits(frozenset({THIN})), 1:].sum()
    return float(counts.joint[class_bits(frozenset({THIN})), called].sum() / seen) if seen else None


def _calibration(sums: Reliability) -> dict[str, Any]:
    bins = zip(sums.pixels.tolist(), sums.predicted.tolist(), sums.found.tolist(), strict=True)
    return {
        "ece": rounded(sums.ece),
        "bins": [
            {"pixels": n, "predicted": rounded(predicted), "found": rounded(share)}
            for n, predicted, share in bins
            if n
        ],
    }


def pool(scores: Iterable[Score]) -> Counts:
    return sum((one.counts for one in scores), no_counts())


def per_scene(score: Score, tasks: Sequence[str] = SHOWN) -> dict[str, Any]:
    """The counts of each task that the system and the subject's labels answer."""
    return {
        name: asdict(score.counts.confusion(_BY_NAME[name]))
        for name in tasks
        if answers(score.subject.legend, _BY_NAME[name]) and sure(score.counts, _BY_NAME[name])
    }


def rounded(value: Any) -> Any:
    """Numbers to four places, in records too: more would be noise in a file that is compared."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value
