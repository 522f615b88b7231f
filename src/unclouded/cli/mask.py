"""`unclouded mask`: products to cloud masks."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from unclouded.cli import _read
from unclouded.cli._groups import GroupedCommand
from unclouded.cli._show import percent, scene_progress, warn
from unclouded.core.errors import ScenesFailedError

if TYPE_CHECKING:
    from unclouded.jobs import RunReport, SceneReport

_GROUPS = {
    "What is written": ("output", "probabilities", "preview", "as_json", "quiet"),
    "Model and spacing": ("model", "gsd", "fast", "exact", "edge", "allow_level_mismatch"),
    "After the network, nothing unless asked for": ("min_area_m2", "closing", "buffer"),
    "Part of a scene": ("window", "area"),
    "What a source does not say": ("offset", "quantification", "sensor", "level", "pixel_size"),
    "Time and memory": ("max_memory", "window_px", "device", "runtime", "precision"),
    "Many scenes": ("shard", "cluster", "workers"),
}


@click.command("mask", cls=GroupedCommand, groups=_GROUPS, short_help="Mask the clouds of a product.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    metavar="DIR",
    help="Folder for the masks, made where missing; or s3://BUCKET/PREFIX.",
)
@click.option(
    "--model",
    default=None,
    metavar="NAME|FILE",
    help="A bundled model or an .onnx file of `unclouded train`.",
)
@click.option(
    "--gsd",
    type=click.FloatRange(min=0, min_open=True),
    metavar="METRES",
    help="Spacing of the mask. Default: what the model does best. A coarser source keeps its own.",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Average the full resolution, not the coarsest level that will do: the same mask whatever form "
    "a scene comes in, at 2 to 5 times the decoding.",
)
@click.option(
    "--fast",
    is_flag=True,
    help="Read coarser levels and fewer bands, as the model states: sooner, and a little worse. `unclouded "
    "models NAME` has the figures of both.",
)
@click.option(
    "--edge",
    type=click.Choice(["reflect", "zero"]),
    default="reflect",
    show_default=True,
    help="Past the scene's edge the network sees it mirrored, or zero as in the original study.",
)
@click.option("--window", metavar="ROW,COL,HEIGHT,WIDTH", help="Only this part, in pixels of the mask.")
@click.option(
    "--area",
    metavar="GEOJSON",
    help="Only what lies in these polygons, a file or the text itself; 255 outside of them.",
)
@click.option(
    "--max-memory",
    default="1.4GB",
    show_default=True,
    metavar="SIZE",
    help="Memory that masking a scene may take, e.g. 512MB: against time, never another mask.",
)
@click.option(
    "--window-px",
    type=click.IntRange(min=1),
    metavar="PX",
    help="Pixels a side given to the network at a time. Default: what costs least in that memory.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto takes an NVIDIA card where onnxruntime can use one and says why not; cuda fails without.",
)
@click.option(
    "--runtime",
    type=click.Choice(["onnxruntime", "openvino"]),
    default="onnxruntime",
    show_default=True,
    help="What runs the network; openvino needs `pip install 'unclouded[openvino]'`.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="bf16: with openvino, on processors that have it.",
)
@click.option("--offset", type=float, metavar="DN", help="Added to each DN, where the source does not say.")
@click.option(
    "--quantification", type=float, metavar="N", help="Divides each DN, where the source does not say."
)
@click.option("--sensor", metavar="NAME", help="Of a GeoTIFF without a SENSOR tag, e.g. sentinel-2.")
@click.option("--level", metavar="LEVEL", help="Of a GeoTIFF without a LEVEL tag: L1C or L2A.")
@click.option(
    "--pixel-size",
    type=click.FloatRange(min=0, min_open=True),
    metavar="METRES",
    help="Spacing of a source that carries no georeference.",
)
@click.option("--allow-level-mismatch", is_flag=True, help="Run a model on a level it was not made for.")
@click.option(
    "--min-area-m2",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="M2",
    help="First: fill areas of one class, corners count, that are smaller, with what touches them most.",
)
@click.option(
    "--closing",
    metavar="CLASS=LENGTH,...",
    help="Then: close gaps that are narrower than twice the length, e.g. cloud=60m.",
)
@click.option(
    "--buffer",
    metavar="CLASS=LENGTH,...",
    help="Last: grow classes by a length on the ground, e.g. cloud=100m,shadow=50m. Classes are cloud, "
    "thick, thin, shadow, snow; none grows into 255 or over a worse one: thick, thin, shadow, snow, clear.",
)
@click.option(
    "--probabilities",
    is_flag=True,
    help="Write the network's probability of each class too, in percent, before anything is done to it.",
)
@click.option("--preview/--no-preview", default=True, show_default=True, help="Write a picture of each mask.")
@click.option("--shard", metavar="I/N", help="Mask the I-th of N shares of the sources: for job arrays.")
@click.option(
    "--cluster", metavar="ADDRESS", help="Mask on the workers of a Dask scheduler, tcp://HOST:PORT."
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Mask in N processes of this machine."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no warnings.")
def command(
    sources: tuple[str, ...],
    output: str,
    model: str | None,
    *,
    shard: str | None,
    cluster: str | None,
    workers: int | None,
    window: str | None,
    window_px: int | None,
    max_memory: str,
    min_area_m2: float,
    closing: str | None,
    buffer: str | None,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> None:
    """Mask the clouds of one product or many.

    SOURCE is a Sentinel-2 product (.SAFE folder or .zip, not unpacked, or a folder of them), a tile as on
    AWS, a STAC item or a file of several, an EOPF Zarr store, a Landsat-8/9 scene, a folder of band files,
    or a GeoTIFF whose bands are described as B01 … B12 or by STAC common names.

    \b
    Examples:
      unclouded mask S2B_MSIL1C_20240305T104819_N0510_R008_T31TCJ_20240305T124902.SAFE -o masks
      unclouded mask *.zip -o masks --gsd 20 --max-memory 2GB
      unclouded mask scene.zip -o masks --area fields.geojson
      unclouded mask scene.zip -o masks --gsd 20 --buffer cloud=100m,shadow=50m --probabilities
      unclouded mask stack.tif -o masks --level L1C --offset -1000 --quantification 10000

    \b
    For each scene, DIR gets
      ID_mask.tif      COG, uint8: 0 clear, 1 thick cloud, 2 thin cloud, 3 cloud shadow, 4 snow,
                       255 not seen; which of them depends on the model
      ID_mask.qml      its style, which QGIS takes by itself
      ID_probabilities.tif
                       with --probabilities: COG, uint8, a band a class in percent
      ID_preview.png   the scene beside the mask, in true colour where its bands allow
      ID.json          STAC item, where the product says when it was taken
    and run.json: the state, shares, warnings and errors of every scene. What is there already, made from
    the same input in the same way, is not made again.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.jobs import MaskOptions, RunOptions, Shard, mask
    from unclouded.predict import Running
    from unclouded.refine import Refinement, rules

    running = Running(**{name: asked.pop(name) for name in ("runtime", "device", "precision")})
    given = asked | {
        "part": _read.window(window) if window else None,
        "max_memory": _read.size_in_bytes(max_memory),
        "window": window_px,
        "running": running,
        "refinement": Refinement(
            min_area_m2=min_area_m2,
            closing=rules(_read.lengths(closing, "--closing"), what="--closing"),
            buffer=rules(_read.lengths(buffer, "--buffer"), what="--buffer"),
        ),
    }
    if model:
        given["model"] = model
    options = MaskOptions(**given)
    share = RunOptions(shard=Shard.parse(shard) if shard else None, cluster=cluster, workers=workers)
    with scene_progress(quiet=quiet) as progress:
        report = mask(sources, output, options, run=share, progress=progress)
    if as_json:
        click.echo(json.dumps([_plain(scene) for scene in report.scenes], indent=2))
    else:
        _show(report, quiet=quiet)
    if report.failed:
        raise ScenesFailedError(
            f"{len(report.failed)} of {len(report.scenes)} scenes failed, the rest are done; "
            f"{report.where}/{report.report} says why"
        )


def _show(report: "RunReport", *, quiet: bool) -> None:
    devices = {scene.masked.device for scene in report.scenes if scene.masked and scene.state == "done"}
    for device in () if quiet else sorted(devices):
        click.echo(f"network on {device}", err=True)
    for scene in report.scenes:
        if scene.masked is None:
            click.echo(f"{scene.source}: failed: {scene.error}", err=True)
            continue
        shares = ", ".join(f"{name} {percent(share)}" for name, share in scene.masked.shares.items())
        note = " (done before)" if scene.state == "skipped" else f" in {scene.seconds:.1f} s"
        click.echo(f"{scene.locations['mask']}  {shares or 'nothing seen'}{note}")
        for line in () if quiet else scene.masked.warnings:
            warn(line)


def _plain(scene: "SceneReport") -> dict[str, object]:
    """A scene's report as JSON has it."""
    masked = asdict(scene.masked) if scene.masked else {}
    masked |= scene.locations
    error = str(scene.error) if scene.error else None
    return {"source": scene.source, "state": scene.state, "seconds": scene.seconds, "error": error, **masked}
