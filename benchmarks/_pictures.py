"""Pictures of scenes, masks and probabilities, for people to judge by."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from unclouded.core.bands import band
from unclouded.core.classes import CLASSES, CLEAR, bits_classes
from unclouded.outputs.picture import (
    NO_PICTURE,
    NO_PIXEL,
    PAPER,
    WHITE_POINT,
    Colours,
    composite_of,
    shade,
    stretch,
)
from unclouded.scene import Scene

SWIR_WHITE_POINT = 0.5
"""Land is brighter in the infra-red than in the visible."""


def visible(scene: Scene) -> Colours | None:
    """True colour, or the next best that the scene's bands allow; None without a band."""
    composite = composite_of(scene.bands)
    return None if composite is None else _shown(scene, composite.bands, WHITE_POINT)


def infrared(scene: Scene) -> Colours | None:
    """Short-wave and near infra-red with red, or near infra-red alone; None where there is none."""
    red, green = band("red").name, band("green").name
    near = next((band(name).name for name in ("nir", "nir08") if band(name).name in scene.bands), "")
    for wanted in ((band("swir16").name, near, red), (near, red, green)):
        if set(wanted) <= set(scene.bands):
            return _shown(scene, wanted, SWIR_WHITE_POINT)
    return None


def _shown(scene: Scene, names: tuple[str, ...], white: float) -> Colours:
    """Three bands, or one of them three times."""
    different = tuple(dict.fromkeys(names))
    reading = scene.read(different)
    layers = reading.reflectance[[different.index(name) for name in names]]
    colours = stretch(layers * np.float32(WHITE_POINT / white))
    colours[~reading.valid] = NO_PIXEL
    return colours


def of_sets(sets: npt.NDArray[np.uint8]) -> Colours:
    """Bit masks (y, x) in the colours of our classes; several are mixed, none is grey.

    Ground of which a label does not say whether it is in shadow, or snow, is near to clear.
    """
    palette = np.full((256, 3), NO_PICTURE, np.uint8)
    for bits in range(1, 1 << len(CLASSES)):
        classes = bits_classes(bits)
        weights = [3.0 if item.code == CLEAR else 1.0 for item in CLASSES if item.code in classes]
        colours = [list(bytes.fromhex(item.color)) for item in CLASSES if item.code in classes]
        palette[bits] = np.average(colours, axis=0, weights=weights)
    return palette[sets]


def of_probability(share: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> Colours:
    """0 … 1 as black … white, greenish where nothing was seen."""
    out = shade(share)
    out[~seen] = (60, 90, 60)
    return out


def fitted(picture: Colours, side: int, *, smooth: bool) -> Colours:
    """A picture in a square of `side` pixels: averaged or picked down, or magnified by a whole number.

    Args:
        smooth: average when shrinking, as for colours; classes are picked instead.
    """
    image = Image.fromarray(picture)
    longest = max(image.size)
    if longest <= side:
        times = side // longest
        size = image.width * times, image.height * times
    else:
        size = max(1, image.width * side // longest), max(1, image.height * side // longest)
    averaged = smooth and longest > side
    page = Image.new("RGB", (side, size[1]), PAPER)
    page.paste(image.resize(size, Image.Resampling.BOX if averaged else Image.Resampling.NEAREST))
    return np.asarray(page)


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other."""
    page = Image.new("RGB", (max(item.width for item in rows), sum(item.height for item in rows)), PAPER)
    top = 0
    for item in rows:
        page.paste(item, (0, top))
        top += item.height
    return page
