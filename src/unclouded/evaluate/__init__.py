"""Any mask against any reference: counts, metrics, report. It never knows whose mask it is.

The room is called as the function in it: `unclouded.evaluate(...)` is `unclouded.evaluate.evaluate(...)`,
before and after the room has been imported.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import ModuleType

from unclouded import labels
from unclouded.core.errors import LabelError
from unclouded.evaluate._pairs import join, scene_name
from unclouded.evaluate._report import confusion_csv, metrics_csv, to_dict, to_json
from unclouded.evaluate._result import Evaluation
from unclouded.evaluate._score import SceneScore, score_pair
from unclouded.evaluate._write import prepare_folder, write_text

__all__ = ["Evaluation", "SceneScore", "evaluate", "scene_name", "to_dict", "to_json", "write"]


def evaluate(
    prediction: str | PathLike[str],
    reference: str | PathLike[str],
    *,
    legend: str = "unclouded",
    prediction_legend: str | None = None,
    column: str = "class",
    output: str | PathLike[str] | None = None,
    on_scene: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Counts and metrics of predicted masks against reference masks, or against polygons.

    Two GeoTIFFs, or two folders whose files are joined by scene name: the file name without `.tif` and
    without an ending such as `_mask`, `_prediction`, `_reference`, `_truth` or `_label`. Scenes are read in
    strips, so that memory does not grow with them beyond GDAL's block cache.

    Args:
        prediction: mask or folder of masks.
        reference: the same, on the same grids; or polygons (GeoJSON, GeoPackage) anywhere over them, whose
            outside says nothing.
        legend: label set of the references; `unclouded.labels.names()` has all.
        prediction_legend: label set of the predictions; None: the one that the files name in their tags, as
            masks of unclouded do, else `unclouded`.
        column: attribute of the polygons that holds their class.
        output: folder for `confusion_matrix.csv`, `metrics.csv` and `metrics.json`; nothing is written
            without it.
        on_scene: called after each scene with how many are done and how many there are.

    Raises:
        PairError: nothing to compare, or two masks of one scene.
        GridError: a prediction lies on other pixels than its reference.
        LabelError: a code that the legend does not know.
        RasterError: a file that is no GeoTIFF of codes, or is damaged.
        OptionError: no such legend.
        OutputError: the folder cannot be written.

    Example::

        result = unclouded.evaluate("masks", "references", output="scores")
        print(result.pooled("cloud")["f1"], result.mean("cloud_shadow")["recall"])
    """
    labels.legend(legend)
    if prediction_legend is not None:
        labels.legend(prediction_legend)
    found = join(Path(prediction), Path(reference))
    prediction_legend = prediction_legend or _stated_legend([pair.prediction for pair in found.pairs])
    if output is not None:
        prepare_folder(Path(output))
    scenes: list[SceneScore] = []
    for pair in found.pairs:
        scenes.append(score_pair(pair, legend=legend, prediction_legend=prediction_legend, column=column))
        if on_scene is not None:
            on_scene(len(scenes), len(found.pairs))
    result = Evaluation(
        scenes=tuple(scenes),
        prediction=Path(prediction),
        reference=Path(reference),
        legend=legend,
        prediction_legend=prediction_legend,
        unmatched_predictions=found.unmatched_predictions,
        unmatched_references=found.unmatched_references,
    )
    return result if output is None else write(result, Path(output))


def _stated_legend(predictions: Sequence[Path]) -> str:
    """The one legend that all predictions name; ours where they name none."""
    stated = {labels.stated_legend(path) or "unclouded": path for path in predictions}
    if len(stated) > 1:
        found = ", ".join(f"{name} ({path.name})" for name, path in sorted(stated.items()))
        raise LabelError(
            f"predictions: expected one legend for all, found {found}; "
            "evaluate them apart, or state --prediction-legend"
        )
    return next(iter(stated))


def write(result: Evaluation, folder: Path) -> Evaluation:
    """The result with its three files written into a folder and named in `files`.

    Raises:
        OutputError: the folder cannot be written.
    """
    texts = {
        "confusion_matrix.csv": confusion_csv(result),
        "metrics.csv": metrics_csv(result),
        "metrics.json": to_json(result),
    }
    prepare_folder(folder)
    for name, text in texts.items():
        write_text(folder / name, text)
    return replace(result, files={name: folder / name for name in texts})


class _Room(ModuleType):
    """A module that is called as its function: importing it puts it where `unclouded` names the function.

    Python's own way of giving a module behaviour (reference, 3.3.2.4: a module's `__class__` may be set).
    """

    __call__ = staticmethod(evaluate)


sys.modules[__name__].__class__ = _Room
