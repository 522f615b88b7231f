"""An evaluation as text: the whole of it as JSON, and the two tables that the original study wrote."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from statistics import fmean

from unclouded import labels
from unclouded._version import __version__
from unclouded.core.classes import CLASSES, Legend
from unclouded.core.counts import SETS, TASKS, Confusion, Counts, Task
from unclouded.core.grid import Grid
from unclouded.core.metrics import METRICS, Average, score
from unclouded.evaluate._result import Evaluation
from unclouded.evaluate._score import SceneScore

FORMAT_VERSION = 1
# sklearn's labels [255, 0] give TP, FN, FP, TN: the original wrote them under this header, so that its
# false alarms were misses and its precision recall. Here each number stands under its own name.
_COUNT_COLUMNS = {"TP": "tp", "FP": "fp", "FN": "fn", "TN": "tn"}
# The original's four columns first, then two of ours.
_METRIC_COLUMNS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "fscore": "f1",
    "iou": "iou",
    "balanced_accuracy": "balanced_accuracy",
}
_CLOUD = next(task for task in TASKS if task.name == "cloud")


def to_json(result: Evaluation) -> str:
    """All there is, as `metrics.json` holds it."""
    return json.dumps(to_dict(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_dict(result: Evaluation) -> dict[str, object]:
    """All there is, of numbers, texts, lists and dicts only; what is undefined is None."""
    return {
        "format": "unclouded-evaluation",
        "format_version": FORMAT_VERSION,
        "software": {"name": "unclouded", "version": __version__},
        "inputs": {"prediction": str(result.prediction), "reference": str(result.reference)},
        "legends": {
            "prediction": _legend(labels.legend(result.prediction_legend)),
            "reference": _legend(labels.legend(result.legend)),
        },
        "classes": [{"code": item.code, "name": item.name, "title": item.title} for item in CLASSES],
        "tasks": {task.name: {"title": task.title, "positives": _names(task.positives)} for task in TASKS},
        "scenes": [_scene(scene) for scene in result.scenes],
        "mean": {task.name: _averages(result.mean(task.name)) for task in TASKS},
        "median": {task.name: _averages(result.median(task.name)) for task in TASKS},
        "pooled": _counts(result.counts),
        "unmatched": {
            "predictions": list(result.unmatched_predictions),
            "references": list(result.unmatched_references),
        },
        "warnings": list(result.warnings),
    }


def confusion_csv(result: Evaluation) -> str:
    """`confusion_matrix.csv`: TP, FP, FN, TN of cloud against not cloud, a line a scene, last their mean."""
    confusions = _cloud(result)
    lines = [[f"{getattr(c, field):10.0f}" for field in _COUNT_COLUMNS.values()] for c in confusions]
    means = [f"{fmean(getattr(c, field) for c in confusions):10.0f}" for field in _COUNT_COLUMNS.values()]
    last = _mean_label(len(confusions), {})
    return _csv(_COUNT_COLUMNS, [*zip(_scene_names(result), lines, strict=True), (last, means)])


def metrics_csv(result: Evaluation) -> str:
    """`metrics.csv`: those of cloud against not cloud, a line a scene, last the mean. Undefined is empty."""
    scores = [score(c) for c in _cloud(result)]
    lines = [[_number(one[name]) for name in _METRIC_COLUMNS.values()] for one in scores]
    averages = {column: result.mean("cloud")[name] for column, name in _METRIC_COLUMNS.items()}
    means = [_number(average.value) for average in averages.values()]
    last = _mean_label(len(scores), averages)
    return _csv(_METRIC_COLUMNS, [*zip(_scene_names(result), lines, strict=True), (last, means)])


def _cloud(result: Evaluation) -> list[Confusion]:
    return [scene.counts.confusion(_CLOUD) for scene in result.scenes]


def _scene_names(result: Evaluation) -> list[str]:
    return [scene.scene for scene in result.scenes]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:10.4f}"


def _mean_label(scenes: int, averages: Mapping[str, Average]) -> str:
    """`mean of 21 scenes (precision of 20; recall of 19)`: over how many, where it is not all of them."""
    fewer = [f"{name} of {of.scenes}" for name, of in averages.items() if of.scenes != scenes]
    return f"mean of {scenes} scene{'s' * (scenes > 1)}" + (f" ({'; '.join(fewer)})" if fewer else "")


def _csv(columns: Iterable[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scene", *columns])
    writer.writerows([name, *cells] for name, cells in rows)
    return text.getvalue()


def _scene(scene: SceneScore) -> dict[str, object]:
    return {
        "scene": scene.scene,
        "prediction": str(scene.prediction),
        "reference": str(scene.reference),
        "grid": _grid(scene.grid),
        **_counts(scene.counts),
        "warnings": list(scene.warnings),
    }


def _grid(grid: Grid) -> dict[str, object]:
    return {
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs,
        "transform": list(grid.transform)[:6],
        "pixel_size": grid.pixel_size,
    }


def _counts(counts: Counts) -> dict[str, object]:
    matrix = counts.class_matrix()
    return {
        "pixels": counts.pixels,
        "scored": counts.scored,
        "left_out": counts.left_out,
        "tasks": {task.name: _answers(counts, task) for task in TASKS},
        "class_matrix": {
            "rows": "reference",
            "columns": "prediction",
            "classes": [item.name for item in CLASSES],
            "pixels": matrix.tolist(),
            "not_one_class": counts.scored - int(matrix.sum()),
        },
        "joint": _joint(counts),
    }


def _answers(counts: Counts, task: Task) -> dict[str, object]:
    confusion = counts.confusion(task)
    return {"counts": asdict(confusion), "metrics": {name: score(confusion)[name] for name in METRICS}}


def _joint(counts: Counts) -> list[dict[str, object]]:
    """The sufficient statistic, from which all else can be derived again: only the pairs that occur."""
    return [
        {
            "reference": _set_names(row),
            "prediction": _set_names(column),
            "pixels": int(counts.joint[row, column]),
        }
        for row in range(SETS)
        for column in range(SETS)
        if counts.joint[row, column]
    ]


def _set_names(bits: int) -> list[str]:
    return [item.name for item in CLASSES if bits & (1 << item.code)]


def _names(codes: frozenset[int]) -> list[str]:
    return [item.name for item in CLASSES if item.code in codes]


def _legend(legend: Legend) -> dict[str, object]:
    table = {str(code): _names(classes) for code, classes in sorted(legend.table.items())}
    return {"name": legend.name, "codes": table, "note": legend.note}


def _averages(values: Mapping[str, Average]) -> dict[str, object]:
    return {name: asdict(average) for name, average in values.items()}
