"""`unclouded stack`: products, or class rasters, to GeoTIFFs on one grid."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unclouded.cli import _read
from unclouded.cli._show import output_folder, percent, scene_progress, warn
from unclouded.core.errors import OptionError, ScenesFailedError

if TYPE_CHECKING:
    from unclouded.jobs import CodesReport, StackReport

_BANDS_ONLY = (
    "bands",
    "resampling",
    "levels",
    "dtype",
    "offset",
    "quantification",
    "sensor",
    "level",
    "pixel_size",
    "granule",
)
_CODES_ONLY = ("legend", "to")

Command = Callable[..., None]


def _place_options(command: Command) -> Command:
    """Options that say on which pixels a stack lies."""
    options = (
        click.option(
            "--gsd",
            type=click.FloatRange(min=0, min_open=True),
            metavar="METRES",
            help="Spacing of the stack. Default: 60.",
        ),
        click.option(
            "--window", metavar="ROW,COL,HEIGHT,WIDTH", help="Only this part, in pixels of the stack."
        ),
        click.option(
            "--bounds", metavar="XMIN,YMIN,XMAX,YMAX", help="Only the pixels that this rectangle touches."
        ),
        click.option(
            "--bounds-crs",
            metavar="CRS",
            help="System of --bounds, e.g. EPSG:4326. Default: the source's own.",
        ),
        click.option(
            "--pad",
            type=click.IntRange(min=0),
            default=0,
            metavar="PX",
            help="Pixels laid around; the georeference moves with them.",
        ),
        click.option(
            "--pad-mode",
            type=click.Choice(["zero", "reflect"]),
            default="zero",
            show_default=True,
            help="Padded with zero, or with the picture mirrored at its edge.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _source_options(command: Command) -> Command:
    """Options that say what a source does not."""
    options = (
        click.option(
            "--offset", type=float, metavar="DN", help="Added to each DN, where the source does not say."
        ),
        click.option(
            "--quantification",
            type=float,
            metavar="N",
            help="Divides each DN, where the source does not say.",
        ),
        click.option("--sensor", metavar="NAME", help="Of a GeoTIFF without a SENSOR tag, e.g. sentinel-2."),
        click.option("--level", metavar="LEVEL", help="Of a GeoTIFF without a LEVEL tag: L1C or L2A."),
        click.option(
            "--pixel-size",
            type=click.FloatRange(min=0, min_open=True),
            metavar="METRES",
            help="Spacing of a source that carries no georeference.",
        ),
        click.option(
            "--granule",
            metavar="TILE",
            help="Which tile, or item by its id, of a source of several. Default: each.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("stack", short_help="Bring the bands of products onto one grid, as GeoTIFF.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@output_folder("Folder for the stacks; made where missing.")
@click.option(
    "--bands",
    metavar="B02,B03,…",
    help="In this order; `study`: all 13, in that of the original study. Default: all there are.",
)
@_place_options
@click.option(
    "--resampling",
    type=click.Choice(["average", "nearest"]),
    help="How bands come to the grid: by area, or the nearest pixel.  [default: average]",
)
@click.option(
    "--levels",
    type=click.Choice(["auto", "full", "gdal"]),
    help="Resolution that is read: the coarsest that will do (the full one for nearest), always the full "
    "one, or the overview that gdal_translate takes.  [default: auto]",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint16", "dn-float32"]),
    help="Reflectance, DN, or DN as floats as the original study had them.  [default: float32]",
)
@click.option("--cog", is_flag=True, help="Write cloud-optimised GeoTIFFs, with overviews.")
@click.option(
    "--codes", is_flag=True, help="SOURCE are class rasters: uint8, nearest, same grid and padding."
)
@click.option("--legend", metavar="NAME", help="With --codes: what the codes mean.")
@click.option("--to", metavar="NAME", help="With --codes: legend that they are translated to.")
@_source_options
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no warnings.")
def command(
    sources: tuple[str, ...],
    folder: Path,
    *,
    codes: bool,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Write the bands of one product or many as multi-band GeoTIFFs on one grid: DIR/ID.tif.

    \b
    Examples:
      unclouded stack *.SAFE -o stacks
      unclouded stack S2A_MSIL1C_….SAFE -o stacks --gsd 20 --bands B02,B03,B04,B11 --dtype uint16 --cog
      unclouded stack *.zip -o stacks --bounds 11.2,46.1,11.6,46.4 --bounds-crs EPSG:4326

    \b
    As the original study made them, images and masks:
      unclouded stack *.SAFE -o images --bands study --resampling nearest --levels gdal \\
          --dtype dn-float32 --pad 8
      unclouded stack masks/*.tif -o masks60 --codes --legend baetens-hagolle --to original --pad 8

    Bands are described by their names, nodata and GDAL's scale and offset are set, so that every verb reads
    a stack as it reads the product. What DIR holds already, made from the same input with the same options,
    is not made again; stack.json (codes.json) there says what became of each source.

    Pixels that were not seen are NaN in float32 and 0 else. Padding with zero is 0, and with --codes what
    says nothing: the legend's code for it, else the raster's nodata, else 0.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.jobs import CodesOptions, StackOptions, stack, stack_codes

    _check_kind(asked, codes=codes)
    options = _given(asked)
    with scene_progress(quiet=quiet) as progress:
        report: StackReport | CodesReport = (
            stack_codes(sources, folder, CodesOptions(**options), progress=progress)
            if codes
            else stack(sources, folder, StackOptions(**options), progress=progress)
        )
    if as_json:
        click.echo(json.dumps(_plain(report), indent=2))
    else:
        _show(report, quiet=quiet)
    if report.failed:
        raise ScenesFailedError(
            f"{len(report.failed)} of {len(report.outcomes)} sources failed, the rest are done; "
            f"{folder / ('codes.json' if codes else 'stack.json')} says why"
        )


def _check_kind(asked: dict[str, Any], *, codes: bool) -> None:
    """Pass where each option means something for what is stacked."""
    foreign = [name for name in (_BANDS_ONLY if codes else _CODES_ONLY) if asked[name] is not None]
    if foreign:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise OptionError(f"{named}: {'not with' if codes else 'only with'} --codes; leave it out")


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, as the options have it; what was not is left to their defaults."""
    readers: dict[str, Callable[[str], object]] = {"bands": _bands, "window": _read.window, "bounds": _bounds}
    return {
        name: readers[name](value) if name in readers else value
        for name, value in asked.items()
        if value is not None
    }


def _bands(text: str) -> tuple[str, ...]:
    from unclouded.core.bands import STUDY_ORDER

    if text.strip().lower() == "study":
        return STUDY_ORDER
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bounds(text: str) -> tuple[float, float, float, float]:
    try:
        xmin, ymin, xmax, ymax = (float(part) for part in text.split(","))
    except ValueError as err:
        raise OptionError(f"--bounds '{text}': expected four numbers XMIN,YMIN,XMAX,YMAX") from err
    return xmin, ymin, xmax, ymax


def _show(report: "StackReport | CodesReport", *, quiet: bool) -> None:
    for outcome in report.outcomes:
        made = outcome.made
        if made is None:
            click.echo(f"{outcome.source}: failed: {outcome.error}", err=True)
            continue
        note = " (done before)" if outcome.state == "skipped" else f" in {outcome.seconds:.1f} s"
        click.echo(f"{made.path}  {_about(made)}{note}")
        for line in () if quiet else made.warnings:
            warn(line)


def _about(made: Any) -> str:
    size = f"{made.height} x {made.width} px of {made.pixel_size:.4g} m"
    if hasattr(made, "bands"):
        return f"{len(made.bands)} bands, {size}, {percent(made.valid_share)} seen"
    return f"{size}, legend {made.legend or 'not stated'}"


def _plain(report: "StackReport | CodesReport") -> list[dict[str, object]]:
    """The report as JSON has it."""
    plain = []
    for outcome in report.outcomes:
        made = asdict(outcome.made) | {"path": str(outcome.made.path)} if outcome.made else {}
        error = str(outcome.error) if outcome.error else None
        head = {
            "source": outcome.source,
            "state": outcome.state,
            "seconds": outcome.seconds,
            "error": error,
        }
        plain.append({**head, **made})
    return plain
