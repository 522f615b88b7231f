"""A picture of a mask beside the scene, for people who would rather look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from unclouded.core.classes import NODATA, MaskClass
from unclouded.outputs._atomic import replacing
from unclouded.outputs.picture import INK, LINE, MARGIN, NO_PIXEL, PAPER, TINTS, Colour, plain, stretch, tint

LEAST_PANEL_PX = 600
"""Smaller pictures are magnified by a whole number towards this, longest side."""
_ITEM_WIDTH = 150

Item = tuple[Colour | None, str]
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
    """Write a PNG: the scene on the left, the same with the classes tinted on the right, a legend below.

    Args:
        rgb: reflectance (3, y, x) of a `picture.Composite`, on the grid of `codes`; None where there is none,
            and the classes are laid over grey.
        codes: uint8 (y, x), 255 nodata.
        shares: class code -> share of the valid pixels, 0 … 1.
        title: what is shown: scene, model, spacing, and the composite.

    Raises:
        OutputError: the file cannot be written.
    """
    colours = plain(codes.shape) if rgb is None else stretch(rgb)
    seen = codes != NODATA
    colours[~seen] = NO_PIXEL
    panels = [_magnified(Image.fromarray(picture)) for picture in (colours, tint(colours, codes))]
    page = _page(panels, _legend_items(legend, shares, seen.mean()), title)
    with replacing(path) as part:
        page.save(part, format="PNG", optimize=True)


def _magnified(panel: Image.Image) -> Image.Image:
    """A small picture with its pixels repeated, so that each can be seen."""
    times = max(1, LEAST_PANEL_PX // max(panel.size))
    return panel.resize((panel.width * times, panel.height * times), Image.Resampling.NEAREST)


def _legend_items(legend: Sequence[MaskClass], shares: Mapping[int, float], seen: float) -> list[Item]:
    items: list[Item] = [
        (TINTS.get(item.code), f"{item.title} {100 * shares.get(item.code, 0.0):.1f} %") for item in legend
    ]
    if seen < 1.0:
        items.append((NO_PIXEL, f"not seen {100 * (1 - seen):.1f} %"))
    return items


def _page(panels: list[Image.Image], items: list[Item], title: str) -> Image.Image:
    """Panels side by side with a title above and a legend below."""
    width = sum(panel.width for panel in panels) + MARGIN * (len(panels) + 1)
    rows = _wrap(items, width)
    height = panels[0].height + 2 * MARGIN + LINE * (1 + len(rows))
    page = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=12)
    draw.text((MARGIN, 2), title, fill=INK, font=font)
    left = MARGIN
    for panel in panels:
        page.paste(panel, (left, LINE))
        left += panel.width + MARGIN
    for number, row in enumerate(rows):
        _draw_row(draw, font, row, top=LINE * (1 + number) + panels[0].height + MARGIN)
    return page


def _wrap(items: list[Item], width: int) -> list[list[Item]]:
    """Legend items in as many rows as the page is wide for."""
    per_row = max(1, (width - MARGIN) // _ITEM_WIDTH)
    return [items[start : start + per_row] for start in range(0, len(items), per_row)]


def _draw_row(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    row: list[Item],
    *,
    top: int,
) -> None:
    for position, (colour, text) in enumerate(row):
        left = MARGIN + position * _ITEM_WIDTH
        draw.rectangle((left, top + 2, left + 11, top + 13), fill=colour, outline=INK)
        draw.text((left + 17, top), text, fill=INK, font=font)
