"""What is done to one block of a cube: plain arrays in and out, so that a worker anywhere can do it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import NODATA
from unclouded.core.errors import ModelError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.jobs._numbers import Numbers, scene_of
from unclouded.jobs._wording import in_python
from unclouded.predict import InputStatistics, Model, Windowing, load_model, predict
from unclouded.refine import Refinement, refine_array
from unclouded.xarray._layout import metric

Codes = npt.NDArray[np.uint8]
UNSCALED = "input looks unscaled"
"""How the guard of `predict` begins where most values are above any reflectance."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a block lies in its cube."""

    first_date: int
    own: Window
    """What it has to give."""
    given: Window
    """What it was given: its own pixels, and the halo where the cube goes on."""


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model by name or path: what travels in its place."""

    model: str
    """Name of a bundled model, or path of a file."""
    sha256: str
    """Of the file that is meant."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """How blocks of a cube are masked."""

    model: ModelRef
    numbers: tuple[Numbers, ...]
    """One a date, of the bands that the network reads, in the order in which blocks hold them."""
    windowing: Windowing


def mask_block(masking: Masking, values: Sequence[Sequence[npt.NDArray[np.generic]]], place: Place) -> Codes:
    """Codes (date, y, x) of a block, the same as the whole cube would give them.

    Args:
        values: (date, band, y, x) of what the block was given; blocks begin on multiples of the windows.
    """
    model = _model(masking.model)
    out = np.empty((len(values), *place.own.shape), np.uint8)
    seen = InputStatistics(bands=model.spec.bands)
    for position, bands in enumerate(values):
        numbers = masking.numbers[place.first_date + position]
        scene = scene_of(numbers, bands, place.given)
        for prediction in predict(scene, model, masking.windowing, region=place.own):
            rows, cols = _inside(prediction.window, place.own)
            out[position, rows, cols] = prediction.codes
            seen.add(prediction.reading.reflectance, prediction.reading.valid, prediction.presence)
    _warn(seen, is_whole=place.own.shape == masking.numbers[0].grid.shape)
    return out


def _warn(seen: InputStatistics, *, is_whole: bool) -> None:
    """Say what looks wrong with the numbers of all dates; of a part of them only what no landscape explains.

    All of a block may be dark water or bright cloud, and so may a date.
    """
    for line in seen.warnings():
        if is_whole or line.startswith(UNSCALED):
            warnings.warn(f"cube: {in_python(line)}", stacklevel=2)


@dataclass(frozen=True, kw_only=True)
class Clearing:
    """What of a mask is not clear."""

    removed: frozenset[int]
    """Codes of the classes that are taken out."""
    refinement: Refinement
    """By which they grow first."""
    grid: Grid
    """Of the whole cube."""


def clear_block(clearing: Clearing, codes: Codes, place: Place) -> npt.NDArray[np.bool_]:
    """Where a block (date, y, x) of codes is clear, bool; what was not seen is not."""
    grid = metric(clearing.grid, place.given.shape) if clearing.refinement else clearing.grid
    gone = np.zeros(256, np.bool_)
    gone[[NODATA, *clearing.removed]] = True
    rows, cols = _inside(place.own, place.given)
    refined = [refine_array(date, grid, clearing.refinement)[rows, cols] for date in codes]
    return ~gone[np.stack(refined)]


def _inside(window: Window, around: Window) -> tuple[slice, slice]:
    """Where a window lies in the array of one around it."""
    top, left = window.row_off - around.row_off, window.col_off - around.col_off
    return slice(top, top + window.height), slice(left, left + window.width)


# A worker opens a network once, not once a block. It is kept by name and content, and never changes.
@lru_cache(maxsize=2)
def _model(ref: ModelRef) -> Model:
    model = load_model(ref.model)
    if model.sha256 != ref.sha256:
        raise ModelError(
            f"model {ref.model}: expected the file that was named (sha256 {ref.sha256[:12]}…), found another "
            f"({model.sha256[:12]}…); put the same file on every worker"
        )
    return model
