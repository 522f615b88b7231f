"""`unclouded labels`: what label sets hold, and what is wrong with them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import count_progress
from unclouded.core.errors import LabelError

if TYPE_CHECKING:
    from unclouded.core.grid import Grid
    from unclouded.labels import Check, LabelItem, ProductGrid

# More problems than these are left to --json: they mostly repeat each other.
_SHOWN = 20
_PIPE_WIDTH = 160


@click.group("labels", short_help="Look into label sets.")
def command() -> None:
    """Look into label sets: folders of reference masks, single pixels or spectra.

    \b
    Examples:
      unclouded labels check baetens-hagolle --data downloads/baetens
      unclouded labels list
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped


@command.command("check")
@click.argument("name", metavar="SET")
@click.option(
    "--data",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder that the set was unpacked into.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Products that the labels are of, NAME.SAFE or .zip: compare grids with them.",
)
@click.option(
    "--column", default="", metavar="NAME", help="Of vector: attribute that holds the class. Default: class."
)
@click.option(
    "--legend",
    "legend_name",
    default="",
    metavar="NAME|FILE",
    help="Of vector: what numbers in the column mean. Default: unclouded.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all that was found, instead of a table.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def check(
    name: str,
    folder: Path,
    *,
    images: Path | None,
    column: str,
    legend_name: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read every label of SET in DIR: count its pixels and say what is wrong.

    SET is one that `unclouded labels list` names, or a file LEGEND.toml for GeoTIFF masks with a legend of
    your own. Wrong are codes that the legend does not know, labels or images without the other half, images
    on another grid than their label, and sites on both sides of a published split. Then the exit code is 3.

    \b
    Examples:
      unclouded labels check chips --data labels
      unclouded labels check my-legend.toml --data masks --json
      unclouded labels check vector --data polygons --column type --legend my-legend.toml
      unclouded labels check baetens-hagolle --data baetens --images products

    Pixels are counted by what they may be: a set that tells only cloud from no cloud says "thick_cloud or
    thin_cloud". Such pixels train and score what they can answer, and nothing else.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded import labels

    with count_progress("labels", quiet=quiet) as on_item:
        found = labels.check(
            name,
            folder,
            column=column,
            legend_name=legend_name,
            product_grid=None if images is None else _product_grids(images),
            on_item=on_item,
        )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        _print(found)
    if found.problems:
        raise LabelError(
            f"{folder}: expected a sound {name}, found {len(found.problems)} problem(s); "
            f"{'see `problems`' if as_json else 'they are listed above'}"
        )


def _product_grids(folder: Path) -> "ProductGrid":
    """Grids of the products in a folder. No pixel of them is decoded."""
    from unclouded.patches.pairs import product_of
    from unclouded.scene import open_scene

    def grid(item: "LabelItem", label: "Grid | None") -> "Grid":
        path, granule = product_of(item, folder)
        scene = open_scene(path, granule=granule)
        return scene.grid if label is None else scene.at(abs(label.transform.a)).grid

    return grid


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def list_sets(*, as_json: bool) -> None:
    """List the label sets, and the legends of codes with what they cannot say.

    \b
    Example:
      unclouded labels list --json
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded import labels
    from unclouded.core.classes import LEGENDS

    sets = [name.replace("_", "-") for name in labels.names()]
    notes = {legend.name: legend.note for legend in LEGENDS.values()}
    if as_json:
        click.echo(json.dumps({"sets": sets, "legends": notes}, indent=2))
        return
    click.echo(
        f"Label sets, for `unclouded labels check SET`:\n  {', '.join(sets)}\n\nLegends, for `--legend`:"
    )
    for name, note in notes.items():
        click.echo(f"  {name}{': ' if note else ''}{note}")


def _print(found: "Check") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from unclouded.cli._show import percent

    table = Table(
        title=f"{found.set_name}: what its pixels may be",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("class", overflow="fold")
    for heading in ("pixels", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    total = sum(found.pixels.values())
    for name, count in found.pixels.items():
        table.add_row(name, f"{count:,}", percent(count / total))
    Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)
    for line in _lines(found):
        click.echo(line)


def _lines(found: "Check") -> Iterator[str]:
    yield f"{found.scenes} scene(s) or file(s) of {found.sites} known site(s)"
    for title, held in (("legends", found.legends), ("splits", found.splits)):
        if held:
            yield f"{title}: {', '.join(f'{name} {count}' for name, count in held.items())}"
    yield f"grids compared with their images: {found.grids_compared}"
    if found.absent:
        yield f"no pixel may be: {', '.join(found.absent)}"
    for problem in found.problems[:_SHOWN]:
        yield f"{problem.kind}: {problem.what}: {problem.message}"
    if len(found.problems) > _SHOWN:
        yield f"… and {len(found.problems) - _SHOWN} more: --json lists them all"
