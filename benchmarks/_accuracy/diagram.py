"""Reliability diagrams: how often a system was right, by how sure it was; a panel a system and task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIDE, MARGIN, COLUMNS = 240, 46, 3
INK, GRID, DIAGONAL, BAR, DOT = "#222222", "#dddddd", "#999999", "#cfe3f5", "#0072b2"


def write(path: Path, labelled: Mapping[str, Any], *, group: str = "all but compare-only") -> int:
    """A PNG of all panels of one group of scenes; how many there were. Nothing is written for none."""
    panels = [
        (f"{name}: {task}", body["groups"][group][task]["calibration"])
        for name, body in labelled.items()
        for task in ("cloud", "cloud_shadow")
        if "calibration" in ((body["groups"].get(group) or {}).get(task) or {})
    ]
    if panels:
        _sheet(panels).save(path, optimize=True)
    return len(panels)


def _sheet(panels: Sequence[tuple[str, Mapping[str, Any]]]) -> Image.Image:
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    step = SIDE + 2 * MARGIN
    sheet = Image.new("RGB", (columns * step, rows * step), "white")
    for at, (title, calibration) in enumerate(panels):
        corner = (at % columns * step + MARGIN, at // columns * step + MARGIN)
        _panel(ImageDraw.Draw(sheet), corner, title, calibration)
    return sheet


def _panel(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], title: str, calibration: Mapping[str, Any]
) -> None:
    left, top = corner
    font = ImageFont.load_default(11)

    def place(predicted: float, found: float) -> tuple[float, float]:
        return left + predicted * SIDE, top + (1 - found) * SIDE

    _grid(draw, corner, font)
    total = sum(one["pixels"] for one in calibration["bins"])
    for one in calibration["bins"]:
        # width of a bin, height the share of the pixels in it
        x, y = place(one["predicted"], one["pixels"] / total)
        draw.rectangle((x - 5, y, x + 5, top + SIDE), fill=BAR)
    draw.line((*place(0, 0), *place(1, 1)), fill=DIAGONAL)
    points = [place(one["predicted"], one["found"]) for one in calibration["bins"]]
    draw.line(points, fill=DOT, width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=DOT)
    draw.text((left, top - 30), title, fill=INK, font=font)
    draw.text((left, top - 16), f"ECE {calibration['ece']:.3f}", fill=INK, font=font)


def _grid(draw: ImageDraw.ImageDraw, corner: tuple[int, int], font: Any) -> None:
    left, top = corner
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + share * SIDE, top + (1 - share) * SIDE
        draw.line((x, top, x, top + SIDE), fill=GRID)
        draw.line((left, y, left + SIDE, y), fill=GRID)
        draw.text((left - 32, y - 6), f"{share:.2f}", fill=INK, font=font)
        draw.text((x - 10, top + SIDE + 4), f"{share:.2f}", fill=INK, font=font)
    draw.text((left + SIDE / 2 - 40, top + SIDE + 20), "probability given", fill=INK, font=font)
    draw.text((left + 4, top + 2), "share found; bars: share of pixels", fill=INK, font=font)
