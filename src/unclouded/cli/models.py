"""`unclouded models`: what models there are, and making files of one's own."""

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import percent, warn
from unclouded.core.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unclouded.core.spec import ModelSpec
    from unclouded.training.export import Network


@click.group("models", short_help="Look at models, export and import them.")
def command() -> None:
    """Look at models, export checkpoints, and import weights of the original study.

    \b
    Examples:
      unclouded models show patchcnn-v1
      unclouded models export runs/mine/checkpoint.pt -o mine.onnx
      unclouded models import weights.30.hdf5 -o study.onnx --name study
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped


@command.command("show")
@click.argument("model", metavar="[NAME|FILE.onnx]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the whole spec.")
def show(model: str | None, *, as_json: bool) -> None:
    """Print the card of a model; without a name, list the bundled ones.

    \b
    Examples:
      unclouded models show
      unclouded models show runs/mine/mine-v1.onnx --json
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded.predict import bundled_models, load_model

    if model is None:
        for name in bundled_models():
            spec = load_model(name).spec
            click.echo(f"{name}  {'recommended' if spec.recommended else 'not recommended'}: {spec.why}")
        return
    found = load_model(model)
    if as_json:
        click.echo(json.dumps({**json.loads(found.spec.to_json()), "sha256": found.sha256}, indent=1))
        return
    click.echo("\n".join(f"{name:14}{text}" for name, text in card(found.spec)))
    click.echo(f"{'sha256':14}{found.sha256}")


def card(spec: "ModelSpec") -> list[tuple[str, str]]:
    """The spec for people, a line each."""
    optional = f"; can do without {' '.join(spec.optional_bands)}" if spec.optional_bands else ""
    classes = ", ".join(f"{code} {_counted(code, spec)}" for code in spec.classes)
    finest, coarsest = spec.gsd_m
    return [
        ("model", f"{spec.name} {spec.version}"),
        ("recommended", f"{'yes' if spec.recommended else 'no'}: {spec.why}"),
        ("made for", f"{' or '.join(spec.sensors)}, {' or '.join(spec.levels)}"),
        ("bands", " ".join(spec.bands) + optional),
        ("classes", classes),
        ("spacing", f"{finest:g} to {coarsest:g} m, best at {spec.best_gsd_m:g} m"),
        ("context", f"{spec.halo_px} px on each side"),
        *(("figure", f"{name} {value:.4g}") for name, value in spec.figures.items()),
        *(("trained on", line) for line in spec.training_data),
    ]


def _counted(code: int, spec: "ModelSpec") -> str:
    """The class, and what its probability counts where not as it is."""
    weight = spec.class_weights.get(code, 1.0)
    return spec.title_of(code) if weight == 1 else f"{spec.title_of(code)} (counts {weight:g} times)"


@command.command("export")
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT.pt")
@click.option("-o", "--output", "file", required=True, type=click.Path(path_type=Path), metavar="FILE.onnx")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="Numbers inside; int8 needs --calibrate. What it changes is measured and printed.",
)
@click.option(
    "--calibrate",
    "scenes",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="SCENE",
    help="Product or stack to calibrate on, and to measure on; as often as wanted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the measurements as JSON.")
def export(checkpoint: Path, file: Path, precision: str, scenes: tuple[Path, ...], *, as_json: bool) -> None:
    """Write a checkpoint as ONNX with its spec, checked against torch, and a STAC item (MLM) beside it.

    Checkpoints that `unclouded train` wrote carry their spec: checkpoint.pt, best.pt and epochs/*.pt.

    \b
    Examples:
      unclouded models export runs/mine/epochs/epoch-012.pt -o twelve.onnx
      unclouded models export runs/mine/best.pt -o small.onnx --precision int8 --calibrate PRODUCT.SAFE
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    _needs_torch("export")
    from unclouded.core.spec import ModelSpec
    from unclouded.training.checkpoint import load_with_spec

    network, text = load_with_spec(checkpoint)
    if not text:
        raise OptionError(
            f"{checkpoint}: expected a checkpoint that carries its spec, found none; export one that "
            "`unclouded train` of this version wrote"
        )
    spec = ModelSpec.from_json(text, where=str(checkpoint))
    _write(network, spec, file, precision, scenes, as_json=as_json)


@command.command("import")
@click.argument("weights", type=click.Path(path_type=Path), metavar="FILE.hdf5|.keras")
@click.option("-o", "--output", "file", required=True, type=click.Path(path_type=Path), metavar="FILE.onnx")
@click.option("--name", default="imported", show_default=True, help="Name of the model.")
@click.option(
    "--bands",
    metavar="B01,B02,…",
    help="Bands that it was trained on, in their order. Default: the study's, by file name.",
)
@click.option("--leaky-relu", is_flag=True, help="LeakyReLU follows the convolutions, and FILE does not say.")
def import_(weights: Path, file: Path, name: str, bands: str | None, *, leaky_relu: bool) -> None:
    """Make a model of weights that the original study's Keras network was saved with.

    The network gets FILE.onnx for `unclouded mask`, FILE.pt to train on from, and a STAC item. Nothing in the
    Keras file is executed. Needs the extras `train` and `labels`.

    \b
    Examples:
      unclouded models import weights.30.hdf5 -o study.onnx --name study
      unclouded mask PRODUCT.SAFE -o masks --model study.onnx --edge zero
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    _needs_torch("import")
    from unclouded.core.bands import STUDY_ORDER, canonical_names
    from unclouded.training.checkpoint import save_checkpoint
    from unclouded.training.keras import import_keras, imported_spec

    order = canonical_names(bands.split(",")) if bands else STUDY_ORDER
    network = import_keras(weights, bands=order, leaky_relu=leaky_relu)
    spec = imported_spec(network, name=name, source=weights.name)
    _write(network, spec, file, "fp32", (), as_json=False)
    save_checkpoint(file.with_suffix(".pt"), network, spec.to_json())


def _needs_torch(verb: str) -> None:
    absent = [name for name in ("torch", "onnx", "lightning") if find_spec(name) is None]
    if absent:
        raise OptionError(
            f"unclouded models {verb}: expected the extra 'train', found no {' and no '.join(absent)}; "
            "pip install 'unclouded[train]'"
        )


def _write(
    network: "Network",
    spec: "ModelSpec",
    file: Path,
    precision: str,
    scenes: tuple[Path, ...],
    *,
    as_json: bool,
) -> None:
    """The ONNX file, what its precision changes, and the item beside it."""
    from unclouded.training._files import write_whole
    from unclouded.training.export import compare_with_torch, noise_for, to_onnx
    from unclouded.training.mlm import write_item
    from unclouded.training.precision import change_of, in_precision

    content = to_onnx(network, spec)
    samples = [_sample(scene, spec) for scene in scenes]
    agreement = compare_with_torch(
        content, network, [*noise_for(network), *(s[:, :64, :64] for s in samples)]
    )
    made = in_precision(content, precision, samples)  # type: ignore[arg-type]
    change = change_of(content, made, samples or noise_for(network, strides=4))
    write_whole(file, made)
    write_item(file, made, spec, parameters=sum(parameter.numel() for parameter in network.parameters()))
    if as_json:
        click.echo(json.dumps({"file": str(file), **asdict(change), "torch": agreement.largest}, indent=1))
        return
    click.echo(f"{file}: {len(made) / 1e3:,.0f} kB; {agreement.largest:.1e} from torch before conversion")
    if precision != "fp32":
        on = f"{len(samples)} scenes" if samples else "noise"
        click.echo(
            f"{precision} on {on}: {percent(change.flipped)} of the pixels change class, probabilities by "
            f"{change.mean:.1e} on average and {change.largest:.2g} at most"
        )
        if not samples:
            warn("measured on noise: name scenes with --calibrate to know what it means for them")


def _sample(scene: Path, spec: "ModelSpec") -> "npt.NDArray[np.float32]":
    """The middle of a scene at the model's spacing, at most 512 px a side and a whole number of strides."""
    from unclouded.core.windows import Window
    from unclouded.scene import open_scene

    opened = open_scene(scene)
    opened = opened.at(spec.best_gsd_m) if opened.grid.spacing_known else opened
    height, width = (min(512, side) // spec.stride_px * spec.stride_px for side in opened.grid.shape)
    if min(height, width) < spec.min_size_px:
        raise OptionError(
            f"{scene}: expected at least {spec.min_size_px} px a side, found {height} x {width}"
        )
    top, left = ((side - part) // 2 for side, part in zip(opened.grid.shape, (height, width), strict=True))
    window = Window(row_off=top, col_off=left, height=height, width=width)
    return opened.read(spec.bands, window).reflectance
