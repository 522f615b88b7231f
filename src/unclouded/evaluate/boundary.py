"""Leaving out the seam between classes, where people draw one outline and others another."""

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import OptionError

_Bytes = npt.NDArray[np.uint8]


def without_edges(sets: _Bytes, radius_px: int) -> _Bytes:
    """Reference sets (y, x) in which pixels near a change of class are ignored (0).

    A pixel goes where within `radius_px` rows and columns of it lies one of another set. Pixels that say
    nothing (0) are no change: the rim of the data stays.

    Args:
        sets: bit masks as `core.classes.to_sets` gives them.
        radius_px: 0 leaves all as it is.

    Raises:
        OptionError: a negative radius.
    """
    if radius_px < 0:
        raise OptionError(f"boundary tolerance: expected 0 px or more, found {radius_px}")
    if radius_px == 0:
        return sets
    highest = _spread(sets, radius_px)
    # 255 stands for "nothing" among the lowest, as 0 does among the highest: it is no set of classes
    lowest = np.uint8(255) - _spread(np.uint8(255) - np.where(sets == 0, np.uint8(255), sets), radius_px)
    return np.where(highest == lowest, sets, np.uint8(0))


def _spread(values: _Bytes, radius: int) -> _Bytes:
    """The highest value within a square of `2 radius + 1` px around each pixel, cut off at the rim."""
    for axis in (0, 1):
        values = _spread_along(values, radius, axis)
    return values


def _spread_along(values: _Bytes, radius: int, axis: int) -> _Bytes:
    moved = np.moveaxis(values, axis, 0)
    out = moved.copy()
    for step in range(1, min(radius, len(moved) - 1) + 1):
        np.maximum(out[step:], moved[:-step], out=out[step:])
        np.maximum(out[:-step], moved[step:], out=out[:-step])
    return np.moveaxis(out, 0, axis)
