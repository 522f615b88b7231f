"""Labels of our own: real scenes with clouds that nobody had labelled, shadow where others marked none.

`draw_labels.py` makes them. `labels/labels.toml` says for each how it was made and whether it may be learnt
from or is for measuring: one site never does both. `labels/ID.png` holds one code a pixel, on the pixels of
the image as `real_images.py`, or of the chip as `_accuracy.subjects`, opens it: our classes, pairs of them
where we could not tell which (12, 20, 30, 40), and 255 where we do not know.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _accuracy.subjects import Subject, chips
from PIL import Image
from real_images import RealImage, list_images, open_image

from unclouded.core.classes import (
    CLEAR,
    CLOUD,
    IGNORE,
    NODATA,
    SHADOW,
    SNOW,
    THICK,
    THIN,
    Legend,
    to_sets,
)
from unclouded.core.errors import LabelError

FOLDER = Path(__file__).parent / "labels"
ROLES = ("train", "measure")
SOURCE = "own"
"""Of every label, as benchmarks and recipes name their sources."""
CLOUD_CODE, HAZE_CODE, DIM_CODE, GROUND_CODE = 12, 20, 30, 40
"""Thick or thin; clear or thin; clear or shadow; clear or snow."""
NAMES: Mapping[str, int] = {
    "clear": CLEAR,
    "thick": THICK,
    "thin": THIN,
    "shadow": SHADOW,
    "snow": SNOW,
    "cloud": CLOUD_CODE,
    "haze": HAZE_CODE,
    "dim": DIM_CODE,
    "ground": GROUND_CODE,
    "unknown": NODATA,
}
"""Names of the codes."""
LEGEND = Legend(
    name="unclouded-own",
    table={
        **{code: frozenset({code}) for code in (CLEAR, THICK, THIN, SHADOW, SNOW)},
        CLOUD_CODE: CLOUD,
        HAZE_CODE: frozenset({CLEAR, THIN}),
        DIM_CODE: frozenset({CLEAR, SHADOW}),
        GROUND_CODE: frozenset({CLEAR, SNOW}),
        NODATA: IGNORE,
    },
    note="drawn with seeds and a classifier, corrected by hand",
    fill=NODATA,
)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How one label was made, as `labels.toml` has it."""

    id: str
    """Of the image in `real_images.toml`, or of the chip in `labels/labels.csv` of the data."""
    role: str
    """`train` or `measure`."""
    shows: str
    """What is there to learn or to fail on."""
    trust: str
    """How sure we are, and of what not."""
    made: str
    """`classifier` (seeds, forest, corrections) or `outlines` (polygons and thresholds alone)."""
    classes: tuple[str, ...]
    """What is in it, by the names of `NAMES`."""
    beside: bool = False
    """Others labelled its cloud: what is thin to us and no cloud to them is clear or thin."""
    clear_dates: tuple[str, ...] = ()
    """Images of the same place without cloud, which the classifier compares with."""
    sure: float = 0.6
    """Probability that the classifier's first choice needs."""
    around_px: tuple[int, ...] = (3, 7)
    """Sides of the squares over which the classifier averages bands."""
    smooth_px: int = 3
    """Side of the square over which its probabilities are averaged; 1: not at all."""
    specks_px: int = 4
    """Smaller patches of one class become unknown."""

    @property
    def strokes(self) -> Path:
        """Seeds, regions and corrections."""
        return FOLDER / "strokes" / f"{self.id}.txt"

    @property
    def raster(self) -> Path:
        """The label."""
        return FOLDER / f"{self.id}.png"


def drawings() -> tuple[Drawing, ...]:
    """Every label of `labels.toml`.

    Raises:
        LabelError: a role that is not `train` or `measure`.
    """
    table = tomllib.loads((FOLDER / "labels.toml").read_text(encoding="utf-8"))
    found = tuple(_drawing(entry) for entry in table["label"])
    for drawing in found:
        if drawing.role not in ROLES:
            raise LabelError(
                f"labels.toml, {drawing.id}: expected role {' or '.join(ROLES)}, found '{drawing.role}'"
            )
    return found


def _drawing(entry: Mapping[str, Any]) -> Drawing:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Drawing(**values)


def own_labels(data: Path) -> Iterator[tuple[str, str, npt.NDArray[np.uint8]]]:
    """Id of the image or chip, role, and what each of its pixels may be, for every label that `data` has.

    Sets are bit masks uint8 (y, x) as `core.classes.to_sets` gives them, 0 where we do not know.
    """
    for subject, role in own_subjects(data):
        yield subject.id, role, subject.reference()


def own_subjects(data: Path) -> Iterator[tuple[Subject, str]]:
    """The same as what is judged and learnt from: with site, opener and legend; `source` is `own`."""
    known = subjects(data)
    for drawing in drawings():
        if drawing.id in known:
            subject = known[drawing.id]
            reference = partial(read_sets, drawing)
            yield replace(subject, source=SOURCE, legend=LEGEND, reference=reference), drawing.role


def subjects(data: Path) -> Mapping[str, Subject]:
    """Everything in `data` that a label of ours may be of, by id; images have no reference yet."""
    found = {image.id: _subject(image) for image in list_images(data)}
    if (data / "labels" / "labels.csv").is_file():
        found |= {subject.id: subject for subject in chips(data)}
    return found


def _subject(image: RealImage) -> Subject:
    return Subject(
        id=image.id,
        source=image.source,
        site=image.site,
        stratum="",
        train_ok=True,
        open=partial(open_image, image),
        reference=partial(np.zeros, (0, 0), np.uint8),
        legend=LEGEND,
        files=image.files,
        origin=image.origin,
    )


def read_sets(drawing: Drawing) -> npt.NDArray[np.uint8]:
    """What each pixel of a label may be: bit masks uint8 (y, x)."""
    return to_sets(read_codes(drawing), LEGEND, where=drawing.raster.name)


def read_codes(drawing: Drawing) -> npt.NDArray[np.uint8]:
    """The codes of a label, uint8 (y, x)."""
    with Image.open(drawing.raster) as image:
        return np.asarray(image, np.uint8)
