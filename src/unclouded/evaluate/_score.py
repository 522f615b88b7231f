"""One pair of masks compared, strip by strip."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from unclouded import labels
from unclouded.core.classes import NODATA, Legend, class_bits, to_sets
from unclouded.core.counts import Counts, count, no_counts
from unclouded.core.grid import Grid, check_same_grid
from unclouded.core.windows import Window
from unclouded.evaluate._pairs import Pair
from unclouded.labels import CodesReader

STRIP_PX = 1 << 22
"""Pixels compared at a time. Measured: 133 MiB above the bare import, for scenes of 10980 and of 21960 px a
side alike, with GDAL's block cache at 64 MB (GDAL_CACHEMAX; its default is 5 % of the machine's memory)."""


@dataclass(frozen=True, kw_only=True)
class SceneScore:
    """What comparing one prediction with its reference gave."""

    scene: str
    prediction: Path
    reference: Path
    grid: Grid
    """The reference's."""
    counts: Counts
    warnings: tuple[str, ...] = ()
    """What should make one look again: one line each."""


def score_pair(
    pair: Pair, *, legend: str, prediction_legend: str, column: str = "class", strip_px: int = STRIP_PX
) -> SceneScore:
    """Counts of a pair of files, read in strips; polygons are drawn on the prediction's grid.

    Args:
        legend: label set of the reference.
        prediction_legend: label set of the prediction.
        column: attribute that holds the class, where the reference is polygons.
        strip_px: pixels read at a time, at least one row of blocks.

    Raises:
        GridError: the two do not lie on the same pixels.
        LabelError: one holds a code that its legend does not know.
        RasterError: one cannot be read.
    """
    ours = labels.find(prediction_legend)
    with ExitStack() as stack:
        prediction = stack.enter_context(ours.open_codes(pair.prediction))
        if labels.is_polygons(pair.reference):
            means = labels.legend(legend)
            drawn = labels.open_sets(pair.reference, prediction.grid, column=column, legend=means)
            reference, theirs = stack.enter_context(drawn), labels.SETS_LEGEND
        else:
            reader = labels.find(legend)
            reference, theirs = stack.enter_context(reader.open_codes(pair.reference)), reader.legend
        check_same_grid(prediction.grid, reference.grid, what=f"{pair.prediction} against {pair.reference}")
        counts = no_counts()
        for strip in _strips(prediction, reference, strip_px):
            counts += count(
                to_sets(reference.read(strip), theirs, where=str(pair.reference)),
                to_sets(prediction.read(strip), ours.legend, where=str(pair.prediction)),
            )
        warnings = tuple(_doubts(prediction, reference, counts, ours.legend, theirs))
        grid = reference.grid
    return SceneScore(
        scene=pair.scene,
        prediction=pair.prediction,
        reference=pair.reference,
        grid=grid,
        counts=counts,
        warnings=warnings,
    )


def _strips(one: CodesReader, other: CodesReader, strip_px: int) -> Iterator[Window]:
    """Full-width windows, top to bottom; whole rows of blocks where these fit: none is decoded twice."""
    height, width = one.grid.shape
    rows = max(1, strip_px // width)
    block = max(one.block_height, other.block_height)
    if block <= rows:
        rows -= rows % block
    for top in range(0, height, rows):
        yield Window(row_off=top, col_off=0, height=min(rows, height - top), width=width)


def _doubts(
    prediction: CodesReader, reference: CodesReader, counts: Counts, ours: Legend, theirs: Legend
) -> Iterator[str]:
    if prediction.grid.georeferenced != reference.grid.georeferenced:
        bare = reference if prediction.grid.georeferenced else prediction
        yield f"{bare.path}: carries no georeference; the two were compared by shape alone"
    sides = (
        ("--prediction-legend", prediction, ours, counts.joint.sum(axis=0)),
        ("--legend", reference, theirs, counts.joint.sum(axis=1)),
    )
    for option, reader, legend, held in sides:
        if _looks_original(reader, legend, held.nonzero()[0].tolist()):
            yield (
                f"{reader.path}: holds no code but 0 and 255, and 255 is nodata in legend '{legend.name}'; "
                f"if 255 means cloud here, give {option} original"
            )
        if legend.name == "original" and reader.nodata == NODATA:
            yield (
                f"{reader.path}: declares 255 as nodata, and legend 'original' takes it for cloud; "
                f"if it is nodata, give {option} unclouded or binary"
            )
    if not counts.scored:
        yield f"{prediction.path} against {reference.path}: no pixel was scored, all are nodata on one side"


def _looks_original(reader: CodesReader, legend: Legend, sets: list[int]) -> bool:
    """Whether a mask of ours may be one of the original's: 255 but no class except that of 0, undeclared."""
    clear = class_bits(legend.table.get(0, frozenset()))
    return (
        not legend.table.get(NODATA, True)
        and reader.nodata != NODATA
        and 0 in sets
        and set(sets) <= {0, clear}
    )
