"""`unclouded train`: stacks and masks to a model."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import scene_progress
from unclouded.core.errors import OptionError

if TYPE_CHECKING:
    from unclouded.training.optimisation import Progress

_NEEDED = ("torch", "onnx")


@click.command("train", short_help="Train a network on stacks and masks.")
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the model, the checkpoint and the log; made where missing.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(config: Path, folder: Path, *, quiet: bool) -> None:
    """Train a network as CONFIG.toml describes, and export it for `unclouded mask`.

    CONFIG.toml lists multi-band stacks (GeoTIFF with described bands) and their masks (class rasters and
    the legend of their codes), the network's options, how patches are drawn, and what the model's spec
    says. recipes/patchcnn-v1/config.toml is one. Needs the extra `train`.

    \b
    Example:
      unclouded train config.toml -o runs/mine
      unclouded mask PRODUCT.SAFE -o masks --model runs/mine/mine-v1.onnx

    \b
    DIR gets
      NAME.onnx        the model with its description; NAME is the spec's
      checkpoint.pt    its weights, for torch
      loss.csv         step, loss, accuracy, seconds
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    absent = [name for name in _NEEDED if find_spec(name) is None]
    if absent:
        raise OptionError(
            f"unclouded train: expected the extra 'train', found no {' and no '.join(absent)}; "
            "pip install 'unclouded[train]'"
        )
    from unclouded.training import read_config, train

    settings = read_config(config)
    steps = settings.optimisation.steps
    with scene_progress(quiet=quiet) as tell:

        def report(progress: "Progress") -> None:
            tell(settings.spec.name, progress.step / steps)

        trained = train(settings, folder, report)
    click.echo(trained.model)
