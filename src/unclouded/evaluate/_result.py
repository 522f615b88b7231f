"""What an evaluation found: scenes, and what they come to together."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unclouded.core.counts import TASKS, Confusion, Counts, Task, no_counts
from unclouded.core.errors import OptionError
from unclouded.core.metrics import METRICS, Average, mean, median, score
from unclouded.evaluate._score import SceneScore


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Predictions against references: counts a scene, from which all else follows."""

    scenes: tuple[SceneScore, ...]
    """Sorted by name; one or more."""
    prediction: Path
    """What was asked for: a file or a folder."""
    reference: Path
    legend: str
    """Label set of the references."""
    prediction_legend: str
    """Label set of the predictions."""
    unmatched_predictions: tuple[str, ...] = ()
    """Scenes that have no reference: not scored."""
    unmatched_references: tuple[str, ...] = ()
    """Scenes that were not predicted: not scored."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """What was written, by file name."""

    @property
    def counts(self) -> Counts:
        """The counts of all scenes together."""
        return sum((scene.counts for scene in self.scenes), no_counts())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should make one look again, of all scenes: one line each."""
        return tuple(line for scene in self.scenes for line in scene.warnings)

    def confusion(self, task: str = "cloud") -> Confusion:
        """The pooled counts of a task: `cloud`, `cloud_or_shadow` or the name of a class."""
        return self.counts.confusion(_task(task))

    def pooled(self, task: str = "cloud") -> dict[str, float | None]:
        """Metrics of all pixels together, by name; None where undefined."""
        return score(self.confusion(task))

    def mean(self, task: str = "cloud") -> dict[str, Average]:
        """Means over the scenes for which a metric is defined, by name."""
        return self._over_scenes(task, mean)

    def median(self, task: str = "cloud") -> dict[str, Average]:
        """Medians over the scenes for which a metric is defined, by name."""
        return self._over_scenes(task, median)

    def _over_scenes(self, task: str, of: Callable[[Iterable[float | None]], Average]) -> dict[str, Average]:
        asked = _task(task)
        scores = [score(scene.counts.confusion(asked)) for scene in self.scenes]
        return {name: of(one[name] for one in scores) for name in METRICS}


def _task(name: str) -> Task:
    by_name = {task.name: task for task in TASKS}
    if name not in by_name:
        raise OptionError(f"task '{name}': expected one of {', '.join(by_name)}")
    return by_name[name]
