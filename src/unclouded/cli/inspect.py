"""`unclouded inspect`: what a source is, before anything is done with it."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import percent, warn

if TYPE_CHECKING:
    from rich.table import Table

    from unclouded.jobs import Inspection

# Of a table that goes into a file or a pipe, where there is no window to fit.
_PIPE_WIDTH = 160
_SHOWN = ("p1", "p5", "p50", "p95", "p99")


@click.command("inspect", short_help="Say what a product is, and what can be done with it.")
@click.argument("source", metavar="SOURCE")
@click.option("--offset", type=float, metavar="DN", help="Added to each DN, where the source does not say.")
@click.option(
    "--quantification", type=float, metavar="N", help="Divides each DN, where the source does not say."
)
@click.option("--sensor", metavar="NAME", help="Of a GeoTIFF without a SENSOR tag, e.g. sentinel-2.")
@click.option("--level", metavar="LEVEL", help="Of a GeoTIFF without a LEVEL tag: L1C or L2A.")
@click.option(
    "--pixel-size",
    "gsd",
    type=click.FloatRange(min=0, min_open=True),
    metavar="METRES",
    help="Spacing of a source that carries no georeference.",
)
@click.option(
    "--granule", metavar="TILE", help="Which tile, or item by its id, of a source of several. Default: each."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON: an object, or a list of several.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings beside the table.")
def command(
    source: str,
    *,
    offset: float | None,
    quantification: float | None,
    sensor: str | None,
    level: str | None,
    gsd: float | None,
    granule: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what SOURCE is: identity, radiometry, bands, grid, what its numbers look like, which models fit.

    \b
    Examples:
      unclouded inspect S2B_MSIL1C_20240305T104819_N0510_R008_T31TCJ_20240305T124902.SAFE
      unclouded inspect MTD_MSIL1C.xml --json
      unclouded inspect stack.tif --offset -1000 --quantification 10000

    SOURCE is anything that `unclouded mask` takes, or metadata alone: an XML file, or a folder without its
    images. Pixels are read coarsely, in seconds: percentiles are of some 100 000 pixels a band.

    Warnings say what looks wrong: numbers that look un-offset or twice offset, a level that should not have
    such bands, pixels that are not what the metadata say.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.jobs import inspect
    from unclouded.sources import OpenOptions

    options = OpenOptions(
        offset=offset, quantification=quantification, sensor=sensor, level=level, gsd=gsd, granule=granule
    )
    found = inspect(source, options)
    if as_json:
        plain = [item.plain() for item in found]
        click.echo(json.dumps(plain[0] if len(plain) == 1 else plain, indent=2))
        return
    for item in found:
        _print(item)
        for line in () if quiet else item.warnings:
            warn(line)


def _print(found: "Inspection") -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.print(_facts_table(found))
    if found.percentiles:
        console.print(_bands_table(found))
    console.print(_models_table(found))


def _table(title: str, *, header: bool = True) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD if header else None,
        pad_edge=False,
        show_header=header,
    )


def _facts_table(found: "Inspection") -> "Table":
    table = _table(found.identity.id, header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in _facts(found):
        table.add_row(name, value or "not stated")
    return table


def _facts(found: "Inspection") -> Iterator[tuple[str, str | None]]:
    who = found.identity
    yield "satellite", who.satellite or who.sensor
    yield "level, baseline", f"{who.level or 'not stated'}, {who.baseline or 'not stated'}"
    yield "tile", who.tile
    yield "sensed", f"{who.sensing_time:%Y-%m-%d %H:%M:%S} UTC" if who.sensing_time else None
    yield "radiometry", found.radiometry.describe() if found.radiometry else None
    yield "bands", " ".join(found.bands) or "none"
    if found.missing_bands:
        yield "missing bands", " ".join(found.missing_bands)
    yield "grid", _grid(found)
    if who.sun_zenith is not None and who.sun_azimuth is not None:
        yield "sun", f"zenith {who.sun_zenith:.1f}°, azimuth {who.sun_azimuth:.1f}°"
    else:
        yield "sun", None
    yield "seen", percent(found.valid_share) if found.valid_share is not None else "no pixel was read"
    stated = who.cloud_cover_stated
    yield "cloud, as the provider says", f"{stated:.1f} %" if stated is not None else None


def _grid(found: "Inspection") -> str | None:
    grid = found.grid
    if grid is None:
        return None
    size = f"{grid.height} x {grid.width} px"
    spacing = f" of {grid.pixel_size:.4g} m" if grid.spacing_known else ", spacing unknown"
    return f"{size}{spacing}, {_system(grid.crs)}"


def _system(crs: str | None) -> str:
    """A short name of a coordinate system: WKT is of no use here."""
    if crs is None:
        return "place unknown"
    return crs if len(crs) < 20 else crs.partition('"')[2].partition('"')[0]


def _bands_table(found: "Inspection") -> "Table":
    table = _table("reflectance of what was seen, by percentile")
    table.add_column("band", no_wrap=True)
    for heading in _SHOWN:
        table.add_column(f"{heading.removeprefix('p')} %", justify="right", no_wrap=True, min_width=7)
    for name, values in found.percentiles.items():
        table.add_row(name, *(f"{values[key]:.4f}" if key in values else "-" for key in _SHOWN))
    return table


def _models_table(found: "Inspection") -> "Table":
    table = _table("bundled models")
    table.add_column("model", no_wrap=True)
    table.add_column("runs", no_wrap=True)
    table.add_column("why not, or what to know", overflow="fold")
    for item in found.models:
        table.add_row(item.name, "yes" if item.runs else "no", item.why)
    return table
