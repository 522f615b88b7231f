"""A picture of a mask beside the scene, for people who would rather look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from unclouded.core.classes import NODATA, MaskClass
from unclouded.outputs._atomic import replacing

WHITE_POINT = 0.35
"""Reflectance shown as white at the least: clouds are brighter, land is well below."""
LEAST_PANEL_PX = 600
"""Smaller pictures are magnified by a whole number towards this, longest side."""
_GAMMA = 1 / 1.6
_TINT_SHARE = 0.55
_LINE, _MARGIN, _ITEM_WIDTH = 18, 8, 150
_PAPER, _INK, _NO_PIXEL = (250, 250, 248), (30, 30, 30), (70, 70, 70)
# On a picture clear is left as it is; colours that tell classes apart over land and cloud alike.
_TINTS: Mapping[int, tuple[int, int, int]] = {
    1: (230, 60, 50),
    2: (255, 176, 0),
    3: (70, 80, 235),
    4: (240, 110, 200),
}

Item = tuple[tuple[int, int, int] | None, str]
"""A legend entry: its colour, if any, and its text."""


def write_preview(
    path: Path,
    rgb: npt.NDArray[np.float32] | None,
    codes: npt.NDArray[np.uint8],
    *,
    legend: Sequence[MaskClass],
    shares: Mapping[int, float],
    title: str,
) -> None:
    """Write a PNG: true colour on the left, the same with the classes tinted on the right, a legend below.

    Args:
        rgb: reflectance (3, y, x) on the grid of `codes`; None where the scene has no such bands.
        codes: uint8 (y, x), 255 nodata.
        shares: class code -> share of the valid pixels, 0 … 1.

    Raises:
        OutputError: the file cannot be written.
    """
    colours = stretch(rgb) if rgb is not None else np.full((*codes.shape, 3), 110, np.uint8)
    seen = codes != NODATA
    colours[~seen] = _NO_PIXEL
    panels = [_magnified(Image.fromarray(picture)) for picture in (colours, tint(colours, codes))]
    page = _page(panels, _legend_items(legend, shares, seen.mean()), title)
    with replacing(path) as part:
        page.save(part, format="PNG", optimize=True)


def stretch(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Reflectance (3, y, x) as colours uint8 (y, x, 3), the same stretch for each scene.

    One fixed white point: a dark scene looks dark, and clouds look the same everywhere.
    """
    bright = np.clip(np.nan_to_num(rgb) / WHITE_POINT, 0.0, 1.0) ** _GAMMA
    return np.ascontiguousarray((bright * 255).astype(np.uint8).transpose(1, 2, 0))


def tint(colours: npt.NDArray[np.uint8], codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture (y, x, 3) with every class but clear laid over it, half transparent."""
    out = colours.astype(np.float32)
    for code, colour in _TINTS.items():
        where = codes == code
        out[where] = (1 - _TINT_SHARE) * out[where] + _TINT_SHARE * np.array(colour, np.float32)
    return out.astype(np.uint8)


def _magnified(panel: Image.Image) -> Image.Image:
    """A small picture with its pixels repeated, so that each can be seen."""
    times = max(1, LEAST_PANEL_PX // max(panel.size))
    return panel.resize((panel.width * times, panel.height * times), Image.Resampling.NEAREST)


def _legend_items(legend: Sequence[MaskClass], shares: Mapping[int, float], seen: float) -> list[Item]:
    items: list[Item] = [
        (_TINTS.get(item.code), f"{item.title} {100 * shares.get(item.code, 0.0):.1f} %") for item in legend
    ]
    if seen < 1.0:
        items.append((_NO_PIXEL, f"not seen {100 * (1 - seen):.1f} %"))
    return items


def _page(panels: list[Image.Image], items: list[Item], title: str) -> Image.Image:
    """Panels side by side with a title above and a legend below."""
    width = sum(panel.width for panel in panels) + _MARGIN * (len(panels) + 1)
    rows = _wrap(items, width)
    height = panels[0].height + 2 * _MARGIN + _LINE * (1 + len(rows))
    page = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    draw.text((_MARGIN, 2), title, fill=_INK, font=font)
    left = _MARGIN
    for panel in panels:
        page.paste(panel, (left, _LINE))
        left += panel.width + _MARGIN
    for number, row in enumerate(rows):
        _draw_row(draw, font, row, top=_LINE * (1 + number) + panels[0].height + _MARGIN)
    return page


def _wrap(items: list[Item], width: int) -> list[list[Item]]:
    """Legend items in as many rows as the page is wide for."""
    per_row = max(1, (width - _MARGIN) // _ITEM_WIDTH)
    return [items[start : start + per_row] for start in range(0, len(items), per_row)]


def _draw_row(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    row: list[Item],
    *,
    top: int,
) -> None:
    for position, (colour, text) in enumerate(row):
        left = _MARGIN + position * _ITEM_WIDTH
        draw.rectangle((left, top + 2, left + 11, top + 13), fill=colour, outline=_INK)
        draw.text((left + 17, top), text, fill=_INK, font=font)
