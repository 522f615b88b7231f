"""Pictures of arrays: which bands to show, how bright, classes laid over them, sheets of many. No files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from unclouded.core.bands import NAMES, band
from unclouded.core.classes import NODATA

Colours = npt.NDArray[np.uint8]
"""(y, x, 3), red, green, blue."""
Colour = tuple[int, int, int]

WHITE_POINT = 0.35
"""Reflectance shown as white at the least: clouds are brighter, land is well below."""
PAPER: Colour = (250, 250, 248)
INK: Colour = (30, 30, 30)
NO_PIXEL: Colour = (70, 70, 70)
"""Where nothing was seen."""
NO_PICTURE: Colour = (110, 110, 110)
"""Where there is a mask and no band to show."""
# On a picture clear is left as it is; colours that tell classes apart over land and cloud alike.
TINTS: Mapping[int, Colour] = {
    1: (230, 60, 50),
    2: (255, 176, 0),
    3: (70, 80, 235),
    4: (240, 110, 200),
}
LINE, MARGIN = 18, 8
"""Height of a line of text, and the space around panels, px."""
_GAMMA = 1 / 1.6
_TINT_SHARE = 0.55


@dataclass(frozen=True, kw_only=True)
class Composite:
    """Three bands shown as red, green and blue; one of them three times is grey."""

    name: str
    """`true colour`, `false colour` or `grey`."""
    bands: tuple[str, str, str]
    """Names as the products write them."""

    def describe(self) -> str:
        """What the picture shows, for its title: the bands are named where it is not true colour."""
        if self.name == "true colour":
            return self.name
        return f"{self.name}: {', '.join(dict.fromkeys(self.bands))}"


_COMPOSITES = tuple(
    Composite(name=name, bands=(band(red).name, band(green).name, band(blue).name))
    for name, red, green, blue in (
        ("true colour", "red", "green", "blue"),
        ("false colour", "nir", "red", "green"),
        ("false colour", "nir08", "red", "green"),
        ("false colour", "swir16", "nir", "red"),
        ("false colour", "swir16", "nir08", "red"),
        ("false colour", "swir22", "swir16", "nir08"),
    )
)
# The cirrus band sees no ground and water vapour little of it: shown where there is nothing else.
_LAST = tuple(band(name).name for name in ("nir09", "cirrus"))


def composite_of(available: Collection[str]) -> Composite | None:
    """The picture that these bands allow: true colour, else false, else grey; None without a band."""
    for composite in _COMPOSITES:
        if set(composite.bands) <= set(available):
            return composite
    shown = [name for name in (*(n for n in NAMES if n not in _LAST), *_LAST) if name in available]
    if not shown:
        return None
    grey = next((name for name in (band("red").name, band("nir").name) if name in shown), shown[0])
    return Composite(name="grey", bands=(grey, grey, grey))


def stretch(rgb: npt.NDArray[np.float32]) -> Colours:
    """Reflectance (3, y, x) as colours, the same stretch for each scene.

    One fixed white point: a dark scene looks dark, and clouds look the same everywhere.
    """
    bright = np.clip(np.nan_to_num(rgb) / WHITE_POINT, 0.0, 1.0) ** _GAMMA
    return np.ascontiguousarray((bright * 255).astype(np.uint8).transpose(1, 2, 0))


def shade(probability: npt.NDArray[np.float32]) -> Colours:
    """Probability (y, x), 0 … 1, as grey from black to white."""
    grey = (np.clip(np.nan_to_num(probability), 0.0, 1.0) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def tint(colours: Colours, codes: npt.NDArray[np.uint8]) -> Colours:
    """The picture with every class but clear laid over it, half transparent, and nodata grey."""
    out = colours.astype(np.float32)
    for code, colour in TINTS.items():
        where = codes == code
        out[where] = (1 - _TINT_SHARE) * out[where] + _TINT_SHARE * np.array(colour, np.float32)
    out[codes == NODATA] = NO_PIXEL
    return out.astype(np.uint8)


def plain(shape: tuple[int, int], colour: Colour = NO_PICTURE) -> Colours:
    """A picture of one colour."""
    return np.full((*shape, 3), colour, np.uint8)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture of a sheet."""

    picture: Colours
    caption: str = ""


def sheet(rows: Sequence[Sequence[Panel]], *, title: str = "") -> Image.Image:
    """Rows of panels, each with its caption above, under a title; panels of a row are as wide as they are."""
    lines = [max(LINE + panel.picture.shape[0] + MARGIN for panel in row) for row in rows]
    width = max(sum(panel.picture.shape[1] + MARGIN for panel in row) for row in rows) + MARGIN
    top = LINE + MARGIN if title else MARGIN
    page = Image.new("RGB", (width, top + sum(lines)), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    draw.text((MARGIN, 4), title, fill=INK, font=font)
    for row, height in zip(rows, lines, strict=True):
        left = MARGIN
        for panel in row:
            draw.text((left, top), panel.caption, fill=INK, font=font)
            page.paste(Image.fromarray(panel.picture), (left, top + LINE))
            left += panel.picture.shape[1] + MARGIN
        top += height
    return page
