"""Curves of a run as a picture: loss, accuracy and F1 by epoch. Pillow alone draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Okabe & Ito 2008: told apart by colour-blind eyes
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_PANEL = (460, 320)
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 30, 62


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One diagram: lines over the epochs."""

    title: str
    lines: Mapping[str, Sequence[float]]
    """Name -> value by epoch; NaN where there is none."""
    unit_range: bool = False
    """Whether values lie in 0 … 1: then the axis ends at 1."""


def write_curves(path: Path, epochs: Sequence[int], panels: Sequence[Panel]) -> None:
    """A PNG of the panels side by side."""
    sheet = Image.new("RGB", (_PANEL[0] * len(panels), _PANEL[1]), "white")
    for position, panel in enumerate(panels):
        sheet.paste(_drawn(panel, epochs), (_PANEL[0] * position, 0))
    beside = path.with_name(f".{path.name}.part")
    sheet.save(beside, format="PNG", optimize=True)
    beside.replace(path)


def _drawn(panel: Panel, epochs: Sequence[int]) -> Image.Image:
    image = Image.new("RGB", _PANEL, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=12)
    low, high = _limits(panel)
    right, bottom = _PANEL[0] - _RIGHT, _PANEL[1] - _BOTTOM
    draw.text((_LEFT, 8), panel.title, fill="black", font=font)
    for value in np.linspace(low, high, 5):
        y = _across(value, low, high, bottom, _TOP)
        draw.line([(_LEFT, y), (right, y)], fill="#DDDDDD")
        draw.text((_LEFT - 6, y), f"{value:.3g}", fill="#444444", font=font, anchor="rm")
    for epoch in _ticks(epochs):
        x = _across(epoch, min(epochs), max(epochs), _LEFT, right)
        draw.text((x, bottom + 4), str(epoch), fill="#444444", font=font, anchor="mt")
    for position, (name, values) in enumerate(panel.lines.items()):
        colour = _COLOURS[position % len(_COLOURS)]
        _line(draw, epochs, values, colour, limits=(low, high), corner=(right, bottom))
        # two rows of names under the diagram
        place = (_LEFT + position // 2 * 130, bottom + 24 + position % 2 * 16)
        draw.line([place, (place[0] + 16, place[1])], fill=colour, width=3)
        draw.text((place[0] + 21, place[1]), name, fill="black", font=font, anchor="lm")
    return image


def _line(
    draw: ImageDraw.ImageDraw,
    epochs: Sequence[int],
    values: Sequence[float],
    colour: str,
    *,
    limits: tuple[float, float],
    corner: tuple[int, int],
) -> None:
    points = [
        (
            _across(epoch, min(epochs), max(epochs), _LEFT, corner[0]),
            _across(value, *limits, corner[1], _TOP),
        )
        for epoch, value in zip(epochs, values, strict=True)
        if np.isfinite(value)
    ]
    if len(points) > 1:
        draw.line(points, fill=colour, width=2)
    for x, y in points if len(points) <= 60 else ():
        draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=colour)


def _limits(panel: Panel) -> tuple[float, float]:
    found = [value for values in panel.lines.values() for value in values if np.isfinite(value)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if panel.unit_range:
        return (min(low, 0.9) // 0.1 * 0.1, 1.0)
    return (min(0.0, low), high if high > min(0.0, low) else low + 1.0)


def _across(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return start + share * (end - start)


def _ticks(epochs: Sequence[int]) -> list[int]:
    step = max(1, -(-len(epochs) // 10))
    return list(epochs)[::step]
