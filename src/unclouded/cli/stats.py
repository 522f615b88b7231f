"""`unclouded stats`: class shares over an area."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unclouded.cli._show import percent, scene_progress, warn

if TYPE_CHECKING:
    from unclouded.jobs import AreaStats

# Of a table that goes into a file or a pipe, where there is no window to fit.
_PIPE_WIDTH = 160


@click.command("stats", short_help="Class shares of a mask or a product over an area.")
@click.argument("source", metavar="MASK|SOURCE")
@click.option(
    "--area",
    required=True,
    metavar="GEOJSON",
    help="Polygons, a file or the text itself: degrees, or the system of its crs member.",
)
@click.option("--legend", metavar="NAME", help="What a mask's codes mean. Default: what its tags say.")
@click.option(
    "--model", metavar="NAME|FILE", help="A bundled model or an .onnx file, to mask a product with."
)
@click.option(
    "--gsd",
    type=click.FloatRange(min=0, min_open=True),
    metavar="METRES",
    help="Spacing at which a product is masked. Default: what the model does best.",
)
@click.option(
    "--edge", type=click.Choice(["reflect", "zero"]), help="Past the scene's edge: mirrored, or zero."
)
@click.option("--offset", type=float, metavar="DN", help="Added to each DN, where the source does not say.")
@click.option(
    "--quantification", type=float, metavar="N", help="Divides each DN, where the source does not say."
)
@click.option("--sensor", metavar="NAME", help="Of a GeoTIFF without a SENSOR tag, e.g. sentinel-2.")
@click.option("--level", metavar="LEVEL", help="Of a GeoTIFF without a LEVEL tag: L1C or L2A.")
@click.option("--allow-level-mismatch", is_flag=True, help="Run a model on a level it was not made for.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no warnings.")
def command(
    source: str,
    *,
    area: str,
    legend: str | None,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Say how much of an area is cloud, shadow or clear, and how much of it was seen.

    \b
    Examples:
      unclouded stats masks/S2B_MSIL1C_20240305T104819_…_mask.tif --area fields.geojson
      unclouded stats S2B_MSIL1C_20240305T104819_….SAFE --area fields.geojson --json

    A one-band GeoTIFF is taken as a mask, anything else is masked: only the windows that the area needs,
    and each pixel comes out as in the mask of the whole product.

    A pixel counts where its centre lies in the area. Shares are of the pixels that were seen. Several
    polygons count as one area.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.jobs import MaskOptions, stats

    given = {name: value for name, value in asked.items() if value is not None}
    with scene_progress(quiet=quiet) as progress:
        found = stats(source, _located(area), MaskOptions(**given), legend=legend, progress=progress)
    if as_json:
        click.echo(json.dumps(found.plain(), indent=2))
        return
    _print(found)
    for line in () if quiet else found.warnings:
        warn(line)


def _located(area: str) -> str | Path:
    return area if area.lstrip().startswith("{") else Path(area)


def _print(found: "AreaStats") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=Path(found.source).name, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    for heading in ("share", "km²"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, share in found.shares.items():
        table.add_row(name.replace("_", " "), percent(share), f"{found.km2[name]:,.3f}")
    Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)
    click.echo(
        f"{percent(found.valid_share)} seen of {found.area_km2:,.3f} km² "
        f"({found.pixels:,} px of {found.pixel_size:.4g} m), by {found.made_by}"
    )
