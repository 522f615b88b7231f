"""Which samples may be used: nodata in full resolution, and what it has touched in the coarser levels."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]

CORE_PX = 1
"""Zeros are the outside of a swath where they fill a square of 2 * CORE_PX + 1 samples ..."""
SPREAD_PX = 8
"""... and where they hang together with one within this many samples: the thin wedge between the edge of
a swath and that of the tile. Bounded, so that a window's surroundings are."""


LINE_PX = 12
"""They are a gap, too, where they run on for so many samples, up and down or across, ..."""
LEAN_PX = 2
"""... straying by at most this many to either side: swaths lean by some 14 degrees."""
_IMPOSSIBLE = {"L1C": 0.9}
_UNLIKELY = 0.5
"""Share of an offset below which no sample is real, and lines of them have zeros mixed in. With -1000: a
reflectance of -0.01 at the top of the atmosphere; of -0.05 at the surface, where correction for the
atmosphere goes below 0 over dark water and shadow."""


def floor_of(offset: float, level: str | None) -> float:
    """DN at or below which no sample of a level is real; 0 where there is no offset."""
    return max(0.0, -offset) * _IMPOSSIBLE.get(level or "", _UNLIKELY)


def reach_of_wavelet(*, reversible: bool) -> int:
    """How far nodata reaches into valid samples of any coarser level, in samples of that level.

    The low-pass of the 5-3 wavelet has 5 taps (±2 px of the finer level), of the 9-7 wavelet 9 (±4).
    Over k levels a sample looks t * (1 + 2 + … + 2^(k-1)) = t * (2^k - 1) full-resolution px to
    either side, with t = 2 or 4. Beside a wide area of zeros, the last sample that is exactly 0 has
    its whole support in the area, the first clean one none of it: between them lie less than
    2 * t * (2^k - 1) / 2^k < 2 * t samples.
    """
    return 4 if reversible else 8


def untouched_by_zeros(dn: npt.NDArray[np.generic], *, reach: int, floor: float = 0.0) -> Bool:
    """Samples of a wavelet level that no nodata has touched. (y, x) -> bool (y, x).

    A sample of 0 is unusable. Zeros that fill 3 x 3 samples, and those that hang together with them, are
    the outside of the swath and spoil all that lies within `reach` of them; so do lines of samples at or
    below the floor, which are gaps in it. Fewer zeros do not: beside a bright cloud the low-pass dips
    below 0 over dark water and is clipped there. What lies outside of the array counts as zero.
    A gap narrower than the wavelet's support (13 px of full resolution at level 2) leaves no zero, and
    is seen only as far as it brings samples below the floor.

    Args:
        floor: DN at or below which no sample is real; 0 where there is no offset.
    """
    low = np.less_equal(dn, floor)
    if not low.any():
        return np.ones(dn.shape, np.bool_)
    zero = dn == 0
    area = ~grown(~zero, CORE_PX)
    for _ in range(CORE_PX + SPREAD_PX):
        area = grown(area, 1) & zero
    spoiled = grown(area, reach)
    # what is low beside the swath's edge is no gap of its own
    gaps = lines_of(low & ~spoiled)
    return np.asarray(~(zero | spoiled | grown(gaps, reach)))


def lines_of(low: Bool) -> Bool:
    """Those of the samples that lie in a line of at least LINE_PX, upright or level, leaning a little."""
    upright = _runs(_grown_along(low, LEAN_PX, 1), 0)
    level = _runs(_grown_along(low, LEAN_PX, 0), 1)
    return np.asarray(low & (upright | level))


def _runs(mask: Bool, axis: int) -> Bool:
    """Where the mask runs on for LINE_PX along an axis; beyond the array it does."""
    shape = list(mask.shape)
    shape[axis] = LINE_PX - 1
    rim = np.ones(shape, np.bool_)
    starts = np.concatenate([rim, mask, rim], axis=axis)
    for step in _steps_to(LINE_PX):  # then: where so many in a row begin
        starts = _from(starts, step, axis) & _until(starts, step, axis)
    found = np.zeros(mask.shape, np.bool_)
    for shift in range(LINE_PX):  # a run that begins here, or up to so many before
        found |= _until(_from(starts, shift, axis), LINE_PX - 1 - shift, axis)
    return found


def _steps_to(length: int) -> Iterator[int]:
    """Shifts by which a run of one grows, doubled at most, to this length: 1, 2, 4, 4 to 12."""
    grown_to = 1
    while grown_to < length:
        step = min(grown_to, length - grown_to)
        yield step
        grown_to += step


def _from(array: Bool, count: int, axis: int) -> Bool:
    return array[count:] if axis == 0 else array[:, count:]


def _until(array: Bool, count: int, axis: int) -> Bool:
    """The array without the last so many."""
    end = array.shape[axis] - count
    return array[:end] if axis == 0 else array[:, :end]


def context_of(reach: int) -> int:
    """How many px around a window decide over its pixels."""
    return 2 * reach + LINE_PX - 1 + LEAN_PX + SPREAD_PX + 2 * CORE_PX


def grown(mask: Bool, radius: int) -> Bool:
    """The mask with all that lies within `radius` px of it, diagonals included."""
    for axis in (0, 1):
        mask = _grown_along(mask, radius, axis)
    return mask


def _grown_along(mask: Bool, radius: int, axis: int) -> Bool:
    out = mask.copy()
    length = mask.shape[axis]
    for shift in range(1, min(radius, length - 1) + 1):
        near, far = slice(0, length - shift), slice(shift, length)
        before = [slice(None)] * 2
        after = [slice(None)] * 2
        before[axis], after[axis] = near, far
        out[tuple(after)] |= mask[tuple(before)]
        out[tuple(before)] |= mask[tuple(after)]
    return out
