"""Labels of our own: real scenes with clouds that nobody else had labelled, drawn by `draw_labels.py`.

`labels/labels.toml` says for each image how its label was made and whether it may be learnt from or is for
measuring: one site never does both. `labels/ID.png` holds one code a pixel, on the pixels of the image as
`real_images.py` opens it: our classes, pairs of them where we could not tell which (12, 20, 30, 40),
and 255 where we do not know.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from real_images import list_images

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
    """Of the image in `real_images.toml`."""
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
    """Id of the image, role, and what each of its pixels may be, for every label whose image is in `data`.

    Sets are bit masks uint8 (y, x) as `core.classes.to_sets` gives them, 0 where we do not know.
    """
    there = {image.id for image in list_images(data)}
    for drawing in drawings():
        if drawing.id in there:
            yield drawing.id, drawing.role, read_sets(drawing)


def read_sets(drawing: Drawing) -> npt.NDArray[np.uint8]:
    """What each pixel of a label may be: bit masks uint8 (y, x)."""
    return to_sets(read_codes(drawing), LEGEND, where=drawing.raster.name)


def read_codes(drawing: Drawing) -> npt.NDArray[np.uint8]:
    """The codes of a label, uint8 (y, x)."""
    with Image.open(drawing.raster) as image:
        return np.asarray(image, np.uint8)
