"""Small connected areas of one class, filled with what touches them most.

Rows are cut into runs of one class, runs that touch are joined, and only the pixels of small areas are
looked at one by one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import NODATA, WORST_FIRST

Codes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.intp]


def filled(codes: Codes, code: int, least: int) -> Codes:
    """Codes (y, x) in which areas of this class (8 neighbours) below `least` px took their neighbours' class.

    The class that they touch most, pixel by pixel and neighbour by neighbour; the worse where two are equal.
    Areas that touch nodata or the rim alone stay.
    """
    padded = np.pad(codes, 1, constant_values=NODATA)
    runs = _runs_of(padded, code)
    areas = _areas(runs)
    size = np.bincount(areas, weights=runs.lengths, minlength=len(areas))
    chosen = size[areas] < least
    if not chosen.any():
        return codes
    pixels = _pixels(runs.starts[chosen], runs.lengths[chosen])
    _, area = np.unique(np.repeat(areas[chosen], runs.lengths[chosen]), return_inverse=True)
    flat = padded.ravel()
    new = _touched_most(flat, pixels, area, code, padded.shape[1])[area]
    flat[pixels] = new
    return np.ascontiguousarray(padded[1:-1, 1:-1])


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Runs of one class along the rows, by their places in the flattened raster, in order."""

    starts: _Places
    ends: _Places
    """One past the last pixel."""
    stride: int
    """Places from a pixel to the one below."""

    @property
    def lengths(self) -> _Places:
        """Pixels of each run."""
        return self.ends - self.starts


def _runs_of(padded: Codes, code: int) -> _Runs:
    inside = (padded == code).ravel()
    changes = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    return _Runs(starts=changes[0::2], ends=changes[1::2], stride=padded.shape[1])


def _areas(runs: _Runs) -> _Places:
    """The area of each run, named by its first run."""
    upper, lower = _touching(runs)
    names = np.arange(len(runs.starts))
    while upper.size:
        one, other = names[upper], names[lower]
        apart = one != other
        upper, lower = upper[apart], lower[apart]
        first, last = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        np.minimum.at(names, last, first)
        names = _followed(names)
    return names


def _followed(names: _Places) -> _Places:
    """Each name followed to the one that names itself."""
    while True:
        further = names[names]
        if np.array_equal(further, names):
            return names
        names = further


def _touching(runs: _Runs) -> tuple[_Places, _Places]:
    """Pairs of runs that touch, the second in the row below: sides and corners."""
    first = np.searchsorted(runs.ends, runs.starts + runs.stride, side="left")
    past = np.searchsorted(runs.starts, runs.ends + runs.stride, side="right")
    counts = past - first
    return np.repeat(np.arange(len(counts)), counts), _pixels(first, counts)


def _pixels(starts: _Places, lengths: _Places) -> _Places:
    """Every place of ranges that begin at `starts`, one range after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _touched_most(flat: Codes, pixels: _Places, area: _Places, code: int, stride: int) -> Codes:
    """The class that each area touches most, (area,); its own where it touches none."""
    columns = np.full(256, -1)
    columns[list(WORST_FIRST)] = np.arange(len(WORST_FIRST))  # of equals argmax takes the first: the worst
    columns[code] = -1
    contacts = np.zeros((int(area.max()) + 1, len(WORST_FIRST)), np.intp)
    for step in (-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1):
        column = columns[flat[pixels + step]]
        seen = column >= 0
        places = area[seen] * len(WORST_FIRST) + column[seen]
        contacts += np.bincount(places, minlength=contacts.size).reshape(contacts.shape)
    most = np.array(WORST_FIRST, np.uint8)[contacts.argmax(axis=1)]
    return np.where(contacts.any(axis=1), most, np.uint8(code))
