"""The files of one mask, written as its strips come: probabilities at once, codes when they are refined."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from unclouded.core.classes import NODATA
from unclouded.core.strips import Strip, Strips
from unclouded.outputs.cog import Write, mask_writer, probability_writer, to_percent
from unclouded.outputs.provenance import Provenance
from unclouded.outputs.stac import MaskFiles
from unclouded.refine import Refinement, refine_strips

Count = Callable[[Strip], None]
"""Told each strip of the mask as it is written."""


def files_of(folder: Path, scene_id: str, *, probabilities: bool, preview: bool) -> MaskFiles:
    """Where the files of a scene's mask go."""
    return MaskFiles(
        mask=folder / f"{scene_id}_mask.tif",
        probabilities=folder / f"{scene_id}_probabilities.tif" if probabilities else None,
        preview=folder / f"{scene_id}_preview.png" if preview else None,
        style=folder / f"{scene_id}_mask.qml",
    )


def write_rasters(
    strips: Strips, files: MaskFiles, made: Provenance, refinement: Refinement, count: Count
) -> None:
    """Write the mask, and its probabilities where a file is named for them.

    Raises:
        OutputError: a file cannot be written.
        OptionError: refinement is asked for on a grid whose spacing is not known.
    """
    with ExitStack() as writers:
        if files.probabilities is not None:
            legend = tuple(map(made.spec.class_of, made.spec.classes))
            write = probability_writer(
                files.probabilities, made.grid, legend=legend, tags=made.network_tags()
            )
            strips = _passing(strips, writers.enter_context(write))
        write_codes = writers.enter_context(
            mask_writer(files.mask, made.grid, legend=made.legend, tags=made.tags())
        )
        for strip in refine_strips(strips, made.grid, refinement):
            count(strip)
            write_codes(strip.window, strip.codes)


def _passing(strips: Strips, write: Write) -> Iterator[Strip]:
    """The strips, their probabilities written and left behind."""
    for strip in strips:
        if strip.probabilities is not None:
            write(strip.window, to_percent(strip.probabilities, strip.codes != NODATA))
        yield replace(strip, probabilities=None)
