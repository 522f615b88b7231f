"""`unclouded evaluate`: masks scored against references."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import count_progress

if TYPE_CHECKING:
    from rich.table import Table

    from unclouded.evaluate import Evaluation

# More scenes than these are left to the files: a table of 300 lines is read by nobody.
_SCENES_SHOWN = 20
# Columns of a table that goes into a file or a pipe, where there is no window to fit: names stay whole.
_PIPE_WIDTH = 160
_TITLES = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "iou": "IoU",
    "balanced_accuracy": "BOA",
}


@click.command("evaluate")
@click.option(
    "--prediction",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Predicted mask (GeoTIFF), or a folder of them.",
)
@click.option(
    "--reference",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Reference mask on the same grid, or a folder of them; or polygons (.geojson, .gpkg).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for confusion_matrix.csv, metrics.csv and metrics.json. Without it nothing is written.",
)
@click.option(
    "--legend",
    default="unclouded",
    show_default=True,
    metavar="NAME|FILE",
    help="What the references' codes mean: a name that `unclouded labels list` has, or a TOML file.",
)
@click.option(
    "--prediction-legend",
    metavar="NAME",
    help="What the predictions' codes mean. Default: what their tags say, as our masks do, else unclouded.",
)
@click.option(
    "--column",
    default="class",
    show_default=True,
    metavar="NAME",
    help="Attribute of the polygons that holds their class, where the references are polygons.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what metrics.json holds, instead of tables.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no warnings.")
def command(
    *,
    prediction: Path,
    reference: Path,
    output: Path | None,
    legend: str,
    prediction_legend: str | None,
    column: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score cloud masks against reference masks.

    Give two files, or two folders: then files are joined by scene name, which is the file name without
    .tif and without an ending such as _mask, _prediction, _reference, _truth or _label.

    \b
    Examples:
      unclouded evaluate --prediction masks --reference truth -o scores
      unclouded evaluate --prediction pred.tif --reference gt.tif -o scores \\
          --legend original --prediction-legend original
      unclouded evaluate --prediction masks --reference clouds.gpkg --column type

    \b
    Legends:
      unclouded  0 clear, 1 thick cloud, 2 thin cloud, 3 cloud shadow, 4 snow, 255 nodata
      binary     0 not cloud, 1 cloud, 255 nodata
      original   0 clear, 255 cloud (Kristollari & Karathanassi 2020)
      and those of public label sets and of Sen2Cor and Fmask: unclouded labels list

    Nodata counts nowhere and is reported. A binary "cloud" may be thick or thin, so it answers whether
    there is cloud and not of which kind. What is undefined, such as recall where there is no cloud, is
    left empty and no mean counts it. Pooled is of all pixels together; mean and median are over scenes.
    Precision is also called user's accuracy (UA), recall producer's accuracy (PA), and BOA is balanced
    accuracy: the mean of the recalls of yes and of no.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.evaluate import evaluate, to_json

    with count_progress("scenes", quiet=quiet) as on_scene:
        result = evaluate(
            prediction,
            reference,
            legend=legend,
            prediction_legend=prediction_legend,
            column=column,
            output=output,
            on_scene=on_scene,
        )
    if not quiet:
        _warn(result)
    if as_json:
        click.echo(to_json(result), nl=False)
    else:
        _print(result)


def _warn(result: "Evaluation") -> None:
    lines = list(result.warnings)
    if result.unmatched_predictions:
        lines.append(_unmatched("predicted, without a reference", result.unmatched_predictions))
    if result.unmatched_references:
        lines.append(_unmatched("with a reference, not predicted", result.unmatched_references))
    for line in lines:
        click.echo(f"unclouded: warning: {line}", err=True)


def _unmatched(what: str, names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} scene(s) {what}, not scored: {', '.join(names[:3])}{more}"


def _print(result: "Evaluation") -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.print(_scenes_table(result))
    console.print(_tasks_table(result))
    counts = result.counts
    left_out = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.left_out.items() if n)
    click.echo(
        f"{counts.scored:,} of {counts.pixels:,} px scored" + (f"; left out: {left_out}" if left_out else "")
    )
    for path in result.files.values():
        click.echo(str(path))


def _scenes_table(result: "Evaluation") -> "Table":
    from unclouded.core.counts import TASKS
    from unclouded.core.metrics import score

    table = _table("cloud / not cloud", "scene")
    cloud = next(task for task in TASKS if task.name == "cloud")
    for scene in result.scenes[:_SCENES_SHOWN]:
        table.add_row(scene.scene, *_cells(score(scene.counts.confusion(cloud))))
    if len(result.scenes) > _SCENES_SHOWN:
        table.add_row(f"… and {len(result.scenes) - _SCENES_SHOWN} more", *[""] * len(_TITLES))
    table.add_section()
    for name, averages in (("mean", result.mean("cloud")), ("median", result.median("cloud"))):
        table.add_row(name, *_cells({metric: average.value for metric, average in averages.items()}))
    table.add_row("pooled", *_cells(result.pooled("cloud")))
    return table


def _tasks_table(result: "Evaluation") -> "Table":
    from unclouded.core.counts import TASKS

    table = _table("each class against the rest, pooled", "class")
    table.add_column("answered", justify="right", no_wrap=True, min_width=len("answered"))
    for task in TASKS:
        if task.name != "cloud":
            share = _share(result.confusion(task.name).scored, result.counts.scored)
            table.add_row(task.title, *_cells(result.pooled(task.name)), share)
    return table


def _share(part: int, whole: int) -> str:
    """Of the pixels scored, those that do not leave the question open."""
    return f"{part / whole:.0%}" if whole else "-"


def _table(title: str, first: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in _TITLES.values():
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(6, len(heading)))
    return table


def _cells(values: dict[str, float | None]) -> list[str]:
    """Four decimals; a dash where undefined."""
    return ["-" if values[name] is None else f"{values[name]:.4f}" for name in _TITLES]
