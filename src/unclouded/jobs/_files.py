"""The files of one mask, written as its strips come: probabilities at once, codes when they are refined."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from unclouded.core.classes import NODATA
from unclouded.core.grid import Grid
from unclouded.core.strips import Strip, Strips
from unclouded.core.windows import Window
from unclouded.outputs.cog import Write, mask_writer, probability_writer, to_percent
from unclouded.outputs.provenance import Provenance
from unclouded.outputs.stac import MaskFiles
from unclouded.refine import Refinement, Spacing, refine_strips

_PERCENT_ROWS = 128


def files_of(folder: Path, scene_id: str, *, probabilities: bool, preview: bool) -> MaskFiles:
    """Where the files of a scene's mask go."""
    return MaskFiles(
        mask=folder / f"{scene_id}_mask.tif",
        probabilities=folder / f"{scene_id}_probabilities.tif" if probabilities else None,
        preview=folder / f"{scene_id}_preview.png" if preview else None,
        style=folder / f"{scene_id}_mask.qml",
    )


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What comes in strips, and which part of it is the mask."""

    grid: Grid
    """Of the strips: the mask's, and around it what its refinement looks at."""
    inner: Window
    """The mask within."""
    spacing: Spacing | None = None
    """Of the scene; None where it is not known, and nothing can be refined."""
    shown: Callable[[Strip], Strip] = lambda strip: strip
    """The mask's strips with 255 where no mask is asked for."""

    def cut(self, strips: Strips) -> Strips:
        """The mask's strips."""
        top, cols = self.inner.row_off, self.inner.slices[1]
        for strip in strips:
            first, end = max(top, strip.row_off), min(self.inner.row_end, strip.row_end)
            if first < end:
                rows = slice(first - strip.row_off, end - strip.row_off)
                yield self.shown(_part(strip, rows, cols, first - top))


def write_rasters(
    strips: Strips,
    files: MaskFiles,
    made: Provenance,
    refinement: Refinement,
    *,
    frame: Frame,
    count: Callable[[Strip], None],
) -> None:
    """Write the mask, and its probabilities where a file is named for them.

    Args:
        count: told each strip of the mask as it is written.

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
            strips = _passing(strips, writers.enter_context(write), frame)
        write_codes = writers.enter_context(
            mask_writer(files.mask, made.grid, legend=made.legend, tags=made.tags())
        )
        for strip in frame.cut(refine_strips(strips, frame.grid, refinement, spacing=frame.spacing)):
            count(strip)
            write_codes(strip.window, strip.codes)


def _passing(strips: Strips, write: Write, frame: Frame) -> Strips:
    """The strips, their probabilities written and left behind."""
    for strip in strips:
        for part in frame.cut(iter([strip])):
            _write_percent(part, write)
        yield replace(strip, probabilities=None)


def _write_percent(strip: Strip, write: Write) -> None:
    """Some rows at a time: percent of a whole strip would take as much again."""
    for top in range(0, len(strip.codes), _PERCENT_ROWS):
        part = _part(strip, slice(top, top + _PERCENT_ROWS), slice(None), strip.row_off + top)
        if part.probabilities is not None:
            write(part.window, to_percent(part.probabilities, part.codes != NODATA))


def _part(strip: Strip, rows: slice, cols: slice, row_off: int) -> Strip:
    probabilities = None if strip.probabilities is None else strip.probabilities[:, rows, cols]
    return Strip(row_off=row_off, codes=strip.codes[rows, cols], probabilities=probabilities)
