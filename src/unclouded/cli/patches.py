"""`unclouded patches`: scenes and masks into a patch store."""

from importlib.util import find_spec
from pathlib import Path

import click

from unclouded.cli._show import output_folder, scene_progress
from unclouded.core.errors import OptionError


@click.command("patches", short_help="Cut scenes and masks into a patch store to train from.")
@click.argument("config", type=click.Path(path_type=Path), metavar="CONFIG.toml")
@output_folder("Folder of the store; one that was begun for the same patches is finished.")
@click.option(
    "--size", default=512, show_default=True, metavar="PX", help="Side of a patch; larger than squares."
)
@click.option("--dry-run", is_flag=True, help="Say how many patches, bytes and minutes, and stop.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(config: Path, folder: Path, *, size: int, dry_run: bool, quiet: bool) -> None:
    """Write the scenes of CONFIG.toml, a configuration of `unclouded train`, as a store of patches.

    For sets larger than memory: Zarr version 3, sharded, any patch read alone. The 37 scenes of the original
    study at 60 m fit into memory and need none. The test part is left out. Needs the extra `zarr`, no torch.

    \b
    Examples:
      unclouded patches recipes/tiny.toml -o tiny-patches --size 256
      unclouded train recipes/tiny.toml --store tiny-patches -o runs/tiny

    \b
    A run that was stopped goes on where it was, shard by shard.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    if find_spec("zarr") is None:
        raise OptionError(
            "unclouded patches: expected the extra 'zarr', found no zarr; pip install 'unclouded[zarr]'"
        )
    from unclouded.core.bands import NAMES, canonical_names
    from unclouded.patches import estimate, write_store
    from unclouded.training import read_config
    from unclouded.training.config import find_settled

    settings = read_config(config)
    if settings.model == "patchcnn":
        raise OptionError(
            f"{config}: expected a network that takes its squares from a store, found patchcnn, which takes "
            "patches from scenes in memory; train it without"
        )
    stated = settings.options.get("bands", NAMES)
    if not isinstance(stated, list | tuple) or not stated:
        raise OptionError(f"{config}: [options] bands: expected a list of names, found {stated!r}")
    bands = canonical_names([str(name) for name in stated])
    pairs = [pair for pair in find_settled(settings) if pair.split != "test"]
    said = estimate(pairs, bands, size)
    click.echo(
        f"{said.patches:,} patches of {size} px from {len(pairs)} scenes: {said.raw_bytes / 1e9:.2f} GB "
        f"before compression, about {max(1, round(said.seconds / 60))} min",
        err=True,
    )
    if dry_run:
        return
    with scene_progress(quiet=quiet) as tell:
        write_store(folder, pairs, bands, size, lambda done, whole: tell(folder.name, done / whole))
    click.echo(folder)
