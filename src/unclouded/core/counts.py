"""What comparing two masks comes down to: how many pixels one calls this and the other that.

One joint histogram over sets of possible classes is kept. It adds up over windows and scenes, and every
metric, of any task, is a formula of it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import CLASSES, CLOUD, SHADOW, class_bits
from unclouded.core.errors import GridError

SETS = 1 << len(CLASSES)
"""Number of sets of classes, the empty one (ignore) included: bit masks 0 … SETS - 1."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A question with yes and no for an answer, put to reference and prediction alike."""

    name: str
    """For files: `cloud`, `cloud_or_shadow`, or the name of a class."""
    title: str
    """For people."""
    positives: frozenset[int]
    """Classes that mean yes; all others mean no."""


TASKS: tuple[Task, ...] = (
    Task(name="cloud", title="cloud", positives=CLOUD),
    Task(name="cloud_or_shadow", title="cloud or shadow", positives=CLOUD | {SHADOW}),
    *(Task(name=item.name, title=item.title, positives=frozenset({item.code})) for item in CLASSES),
)
"""What every evaluation is asked: cloud or not, contaminated or not, and each class against the rest."""


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """The four counts of a task, and the pixels that cannot answer it. Pixels, all of them."""

    tp: int
    """Yes in both."""
    fp: int
    """Yes in the prediction alone: a false alarm."""
    fn: int
    """Yes in the reference alone: a miss."""
    tn: int
    """No in both."""
    reference_ambiguous: int = 0
    """The reference may be either, e.g. "cloud" where thin cloud is asked for."""
    prediction_ambiguous: int = 0
    """The reference answers and the prediction may be either."""

    @property
    def scored(self) -> int:
        """Pixels that answer the task on both sides."""
        return self.tp + self.fp + self.fn + self.tn


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Joint histogram of what reference and prediction may be. Two of them add up to that of both areas."""

    joint: npt.NDArray[np.int64]
    """Pixels (reference set, prediction set), SETS x SETS; set 0 is "ignore" or nodata. Read-only."""

    def __post_init__(self) -> None:
        self.joint.setflags(write=False)

    def __add__(self, other: Self) -> Self:
        return type(self)(joint=self.joint + other.joint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and np.array_equal(self.joint, other.joint)

    def __hash__(self) -> int:
        return hash(self.joint.tobytes())

    @property
    def pixels(self) -> int:
        """All pixels that were compared, whatever they hold."""
        return int(self.joint.sum())

    @property
    def scored(self) -> int:
        """Pixels that say something on both sides."""
        return int(self.joint[1:, 1:].sum())

    @property
    def left_out(self) -> dict[str, int]:
        """Pixels that count nowhere, by reason. The three do not overlap."""
        return {
            "reference_nodata": int(self.joint[0, 1:].sum()),
            "prediction_nodata": int(self.joint[1:, 0].sum()),
            "both_nodata": int(self.joint[0, 0]),
        }

    def confusion(self, task: Task) -> Confusion:
        """The counts of one task; sets that hold both a yes and a no are ambiguous and counted apart."""
        yes, no, either = _answers(task)
        scored = self.joint[1:, 1:]

        def pixels(rows: npt.NDArray[np.bool_], columns: npt.NDArray[np.bool_]) -> int:
            return int(scored[np.ix_(rows, columns)].sum())

        return Confusion(
            tp=pixels(yes, yes),
            fp=pixels(no, yes),
            fn=pixels(yes, no),
            tn=pixels(no, no),
            reference_ambiguous=int(scored[either].sum()),
            prediction_ambiguous=pixels(~either, either),
        )

    def class_matrix(self) -> npt.NDArray[np.int64]:
        """Pixels (reference class, prediction class), by code, where both name one class alone."""
        single = [class_bits(frozenset({item.code})) for item in CLASSES]
        return self.joint[np.ix_(single, single)]


def no_counts() -> Counts:
    """The counts of no pixel at all: where a sum starts."""
    return Counts(joint=np.zeros((SETS, SETS), np.int64))


def count(reference: npt.NDArray[np.uint8], prediction: npt.NDArray[np.uint8]) -> Counts:
    """Counts of two rasters of sets (`core.classes.to_sets`), uint8 of the same shape.

    Raises:
        GridError: the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise GridError(
            f"counting: expected equal shapes, found reference {reference.shape} and prediction "
            f"{prediction.shape}; bring both onto one grid first"
        )
    pair = reference.ravel().astype(np.uint16) * np.uint16(SETS) + prediction.ravel()
    return Counts(joint=np.bincount(pair, minlength=SETS * SETS).astype(np.int64).reshape(SETS, SETS))


def _answers(
    task: Task,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For the sets 1 … SETS - 1: whether each says yes, says no, or may be either."""
    sets = np.arange(1, SETS)
    positives = class_bits(task.positives)
    yes = (sets & ~positives) == 0
    no = (sets & positives) == 0
    return yes, no, ~yes & ~no
