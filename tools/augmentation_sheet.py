"""Draw docs/images/augmentation.jpg, its path the only argument: what each augmentation does."""  # noqa: INP001 - a script

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unclouded.core.bands import NAMES
from unclouded.core.classes import CLASSES
from unclouded.patches import augment
from unclouded.patches.augment import Augmentation, Sample
from unclouded.synthetic import CloudLayer, SceneConfig, render

SIDE, GAP, HEAD = 150, 4, 18
SCENES = (
    ("temperate", ()),
    ("coast", (CloudLayer(kind="cumulus", cover=0.3),)),
    ("arid", ()),
)
RED_GREEN_BLUE = [NAMES.index(name) for name in ("B04", "B03", "B02")]
Step = Callable[[Sample, np.random.Generator], Sample]
STEPS: tuple[tuple[str, Step], ...] = (
    ("as it is", lambda sample, _: sample),
    ("turned", augment.turned),
    ("10 m to 25 m", lambda sample, _: augment.rescaled(sample, 25.0, SIDE)),
    ("gain, offset, noise", lambda s, rng: augment.recoloured(s, STRONG, rng)),
    ("fewer bands", lambda s, rng: augment.with_fewer_bands(s, 3, rng)),
    ("scene edge", augment.with_edge),
    ("tear", augment.with_tear),
    ("holes", augment.with_holes),
    ("synthetic clouds", augment.clouded),
)
STRONG = Augmentation(gain=0.3, band_gain=0.2, offset=0.03, noise=0.02)


def main() -> None:
    """Write the sheet."""
    rows = [draw_row(number, *scene) for number, scene in enumerate(SCENES)]
    sheet = Image.fromarray(np.concatenate([heads(), *rows], axis=0))
    sheet.save(Path(sys.argv[1]), quality=82, optimize=True)


def heads() -> np.ndarray:
    """Names of the steps, one over each column."""
    image = Image.new("RGB", (len(STEPS) * (SIDE + GAP), HEAD), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=12)
    for position, (name, _) in enumerate(STEPS):
        draw.text((position * (SIDE + GAP) + 2, 2), name, fill="black", font=font)
    return np.asarray(image)


def draw_row(number: int, landscape: str, clouds: tuple[CloudLayer, ...]) -> np.ndarray:
    """Every step on one scene: true colour above, labels below."""
    # three times the side: the coarser spacing needs more ground
    config = SceneConfig(seed=11 + number, landscape=landscape, clouds=clouds, size_m=6000.0)
    rendered = render(config, NAMES, gsd=10.0)
    whole = Sample(
        reflectance=rendered.reflectance,
        valid=np.ones(rendered.classes.shape, np.bool_),
        sets=np.left_shift(1, rendered.classes).astype(np.uint8),
        bands=NAMES,
        presence=np.ones(len(NAMES), np.bool_),
        gsd_m=10.0,
        sun_zenith=config.sun_zenith,
        sun_azimuth=config.sun_azimuth,
    )
    square = augment.rescaled(whole, 10.0, SIDE)
    columns = []
    for position, (name, step) in enumerate(STEPS):
        start = whole if name.startswith("10 m") else square
        columns.append(column(step(start, np.random.default_rng([number, position, 7]))))
    return np.concatenate(columns, axis=1)


def column(sample: Sample) -> np.ndarray:
    """True colour over labels, white between."""
    colour = np.clip(sample.reflectance[RED_GREEN_BLUE] * 2.6, 0, 1) ** 0.8
    picture = (colour.transpose(1, 2, 0) * 255).astype(np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    for item in CLASSES:
        palette[1 << item.code] = [int(item.color[place : place + 2], 16) for place in (0, 2, 4)]
    labels = palette[sample.sets]
    out = np.full((2 * SIDE + 2 + 2 * GAP, SIDE + GAP, 3), 255, np.uint8)
    out[:SIDE, :SIDE] = picture
    out[SIDE + 2 : 2 * SIDE + 2, :SIDE] = labels
    return out


if __name__ == "__main__":
    main()
