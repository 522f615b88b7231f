"""`unclouded train`: scenes and masks to a model."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import scene_progress
from unclouded.core.errors import OptionError

if TYPE_CHECKING:
    from unclouded.training.optimisation import Progress
    from unclouded.training.outlook import Outlook

_NEEDED = ("torch", "onnx", "lightning")


@click.command("train", short_help="Train a network on scenes and masks.")
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the model, the checkpoints and the logs; made where missing.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Take squares from this patch store (`unclouded patches`) instead of scenes in memory.",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in DIR, where there is one.")
@click.option("--dry-run", is_flag=True, help="Print what data, time and memory the run takes, and stop.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    config: Path, folder: Path | None, store: Path | None, *, resume: bool, dry_run: bool, quiet: bool
) -> None:
    """Train a network as CONFIG.toml describes, and export it for `unclouded mask`.

    CONFIG.toml lists products or stacks with their masks, or label sets as they are published; the network
    and its options, how samples are drawn, and what the model's spec says. The folder recipes/ holds some;
    recipes/tiny.toml takes two minutes. Needs the extra `train`.

    \b
    Examples:
      unclouded train recipes/tiny.toml --dry-run
      unclouded train config.toml -o runs/mine
      unclouded train config.toml -o runs/mine --resume
      unclouded mask PRODUCT.SAFE -o masks --model runs/mine/mine-v1.onnx

    \b
    DIR gets
      NAME.onnx          the model with its description; NAME is the spec's
      NAME.json          the same as a STAC item with the MLM extension
      checkpoint.pt      its weights, for torch: the best where a validation part judges, else the last
      best.pt, epochs/   weights of the best epoch and of each
      last.ckpt          what --resume goes on from; it ends with the same weights as a run never stopped
      loss.csv           step, loss, accuracy, seconds
      epochs.csv         a line an epoch, with validation loss and F1 by class
      curves.png         of epochs.csv; tensorboard/ has the same to look into
      splits.csv         which scene was learnt from, validated on, or left alone
      config.json        every option as it was; environment.json: on what it ran
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    absent = [name for name in _NEEDED if find_spec(name) is None]
    if absent:
        raise OptionError(
            f"unclouded train: expected the extra 'train', found no {' and no '.join(absent)}; "
            "pip install 'unclouded[train]'"
        )
    from unclouded.training import read_config, train

    settings = read_config(config)
    if store is not None:
        settings = replace(settings, store=str(store.resolve()))
    if dry_run:
        from unclouded.training.outlook import look_ahead

        click.echo(_told(look_ahead(settings)))
        return
    if folder is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    steps = settings.optimisation.steps
    with scene_progress(quiet=quiet) as tell:

        def report(progress: "Progress") -> None:
            tell(settings.spec.name, progress.step / steps)

        trained = train(settings, folder, report, resume=resume, bundled=bundled_weights(settings.init))
    click.echo(trained.model)


def bundled_weights(init: str) -> bytes | None:
    """Content of the bundled model of that name; None where it is no such name."""
    from unclouded.predict import bundled_models, read_model

    return read_model(init) if init in bundled_models() else None


def _told(plan: "Outlook") -> str:
    """The plan of a run, a line each."""
    parts = ", ".join(
        f"{part} {count} of {plan.sites[part]} {'site' if plan.sites[part] == 1 else 'sites'}"
        for part, count in plan.scenes.items()
    )
    lines = (
        ("network", f"{plan.network}, {plan.parameters:,} weights"),
        ("scenes", parts or f"not there: {plan.missing}"),
        ("pixels", f"{plan.pixels / 1e6:,.1f} million to learn from and to validate on"),
        ("steps", f"{plan.steps:,} in {plan.epochs:,} {'epoch' if plan.epochs == 1 else 'epochs'}"),
        ("time", f"about {_span(plan.hours)} on this machine ({plan.seconds_per_step * 1e3:.0f} ms a step)"),
        ("memory", f"about {plan.memory_bytes / 1e9 + 0.6:.1f} GB"),
    )
    return "\n".join(f"{name:8}{text}" for name, text in lines)


def _span(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 2 else f"{max(1, round(hours * 60))} minutes"
