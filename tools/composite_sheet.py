"""Draw docs/images/composite.jpg, its path the only argument: a cloudy series and what becomes of it."""  # noqa: INP001 - a script

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

from unclouded.core.classes import CLASSES, NODATA
from unclouded.testing.cubes import cloudy_series

SIDE, GAP, HEAD = 200, 4, 18
RED_GREEN_BLUE = ["B04", "B03", "B02"]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "cubes.md"


def main() -> None:
    """Write the sheet: dates, their masks, and composites, a row each."""
    page: dict[str, Any] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(text, page)  # noqa: S102 - our own page
    series = cloudy_series(dates=6, size_px=SIDE, seed=11)
    cube = series.cube
    mask = cube["B02"].copy(data=series.codes)
    dates = [(f"date {t + 1}", coloured(cube.isel(time=t))) for t in range(6)]
    masks = [("truth", named(codes)) for codes in series.codes]
    found = [
        ("mean of all", coloured(cube.mean("time"))),
        ("median of all", coloured(cube.median("time"))),
        ("median of clear", coloured(page["median"](cube, mask))),
        ("best pixel of clear", coloured(page["best_pixel"](cube, mask))),
        ("land without clouds", true_colour(series.land[[3, 2, 1]])),
        ("dates that are clear", counted(page["without_clouds"](cube, mask))),
    ]
    draw([dates, masks, found]).save(sys.argv[1], quality=80)


def coloured(image: xr.Dataset) -> np.ndarray:
    """Its true colour; black where there is none."""
    return true_colour((image[RED_GREEN_BLUE].to_dataarray().values - 1000) / 10000)


def true_colour(reflectance: np.ndarray) -> np.ndarray:
    """(3, y, x) as bytes (y, x, 3)."""
    shown = np.nan_to_num(np.clip(reflectance / 0.35, 0, 1)) ** (1 / 1.6)
    return (shown.transpose(1, 2, 0) * 255).astype(np.uint8)


def named(codes: np.ndarray) -> np.ndarray:
    """Codes in the colours of their classes."""
    palette = np.zeros((NODATA + 1, 3), np.uint8)
    for item in CLASSES:
        palette[item.code] = tuple(bytes.fromhex(item.color))
    return palette[codes]


def counted(clear: xr.Dataset) -> np.ndarray:
    """How many dates are left of each pixel: black none, white all."""
    share = clear["B02"].notnull().mean("time").values
    return np.repeat((share * 255).astype(np.uint8)[..., None], 3, axis=2)


def draw(rows: list[list[tuple[str, np.ndarray]]]) -> Image.Image:
    """Pictures in rows, the name above each."""
    width, height = len(rows[0]) * (SIDE + GAP) + GAP, len(rows) * (SIDE + HEAD + GAP)
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, pictures in enumerate(rows):
        for column, (name, picture) in enumerate(pictures):
            x, y = GAP + column * (SIDE + GAP), row * (SIDE + HEAD + GAP)
            pen.text((x, y + 1), name, fill="black", font=font)
            sheet.paste(Image.fromarray(picture), (x, y + HEAD))
    return sheet


if __name__ == "__main__":
    main()
