"""`unclouded demo`: the whole way once, on a scene whose truth is known."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unclouded.cli._show import percent, scene_progress
from unclouded.core.errors import OptionError

if TYPE_CHECKING:
    from unclouded.evaluate import Evaluation
    from unclouded.jobs import SceneReport

SIZE_PX = 1830
"""Side of the scene at 10 m, px: a sixth of a tile, 18.3 km."""
_MARK = ".unclouded-demo"


@click.command("demo", short_help="A synthetic product, masked and scored.")
@click.option(
    "-o",
    "--output",
    "folder",
    default="demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the product, its mask and its scores; made anew each time.",
)
@click.option("--seed", default=7, show_default=True, help="Another number, another scene.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(folder: Path, seed: int, *, quiet: bool) -> None:
    """Make a synthetic Sentinel-2 product, mask it, and score the mask against the truth.

    Nothing is downloaded. The scene is invented, so that its truth is known to the pixel; what it says of
    accuracy holds for invented scenes only.

    \b
    Examples:
      unclouded demo
      unclouded demo -o another --seed 12
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from unclouded import evaluate
    from unclouded.jobs import mask
    from unclouded.synthetic import SKIES, SceneConfig, write_safe

    begun = time.monotonic()
    _make_room(folder)
    click.echo(f"making a synthetic L1C product, {SIZE_PX / 100:.1f} km a side, seed {seed} …", err=True)
    paths = write_safe(folder, SceneConfig(seed=seed, clouds=SKIES["mixed"]), size_px=SIZE_PX, truth_gsd=20)
    made = time.monotonic()
    with scene_progress(quiet=quiet) as progress:
        (scene,) = mask(paths.product, folder / "masks", progress=progress).scenes
    masked = time.monotonic()
    result = evaluate(folder / "masks", paths.truth.parent, output=folder / "scores")
    _show(scene, result, folder)
    whole = time.monotonic() - begun
    click.echo(f"\n  {whole:.1f} s: {made - begun:.1f} to make the product, {masked - made:.1f} to mask it")


def _make_room(folder: Path) -> None:
    """An empty folder; one that holds anything but an earlier demo is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise OptionError(
                f"{folder}: expected an empty folder or that of an earlier demo, found other files; "
                "name another with -o"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()


def _show(scene: "SceneReport", result: "Evaluation", folder: Path) -> None:
    """What came of it, and where it lies."""
    masked = scene.masked
    if masked is None:  # a single source that fails has raised already
        return
    cloud = result.pooled("cloud")
    shares = ", ".join(f"{name} {percent(share)}" for name, share in masked.shares.items())
    scores = ", ".join(f"{name} {cloud[name]:.3f}" for name in ("f1", "precision", "recall") if cloud[name])
    click.echo(f"""
  synthetic scene, invented by unclouded: no real pixel in it
  shares     {shares}
  cloud      {scores} against its exact truth
  product    {scene.source}
  mask       {masked.mask}
  picture    {masked.preview}
  scores     {folder / "scores" / "metrics.json"}

  on a real product of yours:
    unclouded mask PRODUCT.SAFE -o masks""")
