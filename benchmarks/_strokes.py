"""What a person drew on an image, as lines of text.

    region KIND x,y x,y x,y     cloud, shadow or snow is only inside of one of these
    seed CLASS x,y x,y x,y      all of this is that class: the classifier learns from it
    set CLASS x,y x,y x,y       whatever the classifier said; `CLASS<OTHER` only where it said OTHER

Points are column,row of the image's own pixels, none of them: everywhere. `B02>0.3` or `B08<0.1` among them
keeps a stroke to the pixels whose reflectance is such. CLASS is clear, thick, thin, shadow, snow, cloud
(thick or thin), haze (clear or thin), dim (clear or shadow), ground (clear or snow) or unknown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Bools = npt.NDArray[np.bool_]
Values = Mapping[str, npt.NDArray[np.float32]]
"""Band -> reflectance (y, x)."""

_LIMIT = re.compile(r"(B\w\w)([<>])([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One line of a strokes file."""

    verb: str
    """`region`, `seed` or `set`."""
    what: str
    """Class, or kind of a region."""
    where: str
    """For `set`: only where the label has this class; empty: everywhere."""
    points: tuple[tuple[float, float], ...]
    """Column, row."""
    limits: tuple[tuple[str, str, float], ...] = ()
    """Band, `<` or `>`, reflectance."""


def read_strokes(text: str) -> tuple[Stroke, ...]:
    """The strokes of a file; `#` begins a comment."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return tuple(_stroke(words) for words in lines if words)


def _stroke(words: list[str]) -> Stroke:
    verb, target, *rest = words
    what, _, where = target.partition("<")
    limits = [found for word in rest if (found := _LIMIT.fullmatch(word))]
    points = [word.split(",") for word in rest if not _LIMIT.fullmatch(word)]
    return Stroke(
        verb=verb,
        what=what,
        where=where,
        points=tuple((float(x), float(y)) for x, y in points),
        limits=tuple((found[1], found[2], float(found[3])) for found in limits),
    )


def filled(stroke: Stroke, shape: tuple[int, int]) -> Bools:
    """Pixels inside of a stroke: a polygon, a line of two points, or one pixel; none of them: everything."""
    if not stroke.points:
        return np.ones(shape, np.bool_)
    image = Image.new("1", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    if len(stroke.points) > 2:
        draw.polygon(stroke.points, fill=1, outline=1)
    else:
        draw.line((*stroke.points, stroke.points[-1]), fill=1)
    return np.asarray(image, np.bool_)


def covered(stroke: Stroke, values: Values) -> Bools:
    """Pixels of a stroke: inside of its points, and as bright as its limits say."""
    inside = filled(stroke, next(iter(values.values())).shape)
    for band, sign, bound in stroke.limits:
        inside = inside & (values[band] < bound if sign == "<" else values[band] > bound)
    return inside
