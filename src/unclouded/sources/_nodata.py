"""Which samples may be used: nodata in full resolution, and what it has touched in the coarser levels."""

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]

CORE_PX = 1
"""Zeros are the outside of a swath where they fill a square of 2 * CORE_PX + 1 samples ..."""
SPREAD_PX = 8
"""... and where they hang together with one within this many samples: the thin wedge between the edge of
a swath and that of the tile. Bounded, so that a window's surroundings are."""


def reach_of_wavelet(*, reversible: bool) -> int:
    """How far nodata reaches into valid samples of any coarser level, in samples of that level.

    The low-pass of the 5-3 wavelet has 5 taps (±2 px of the finer level), of the 9-7 wavelet 9 (±4).
    Over k levels a sample looks t * (1 + 2 + … + 2^(k-1)) = t * (2^k - 1) full-resolution px to
    either side, with t = 2 or 4. Beside a wide area of zeros, the last sample that is exactly 0 has
    its whole support in the area, the first clean one none of it: between them lie less than
    2 * t * (2^k - 1) / 2^k < 2 * t samples.
    """
    return 4 if reversible else 8


def untouched_by_zeros(dn: npt.NDArray[np.generic], *, reach: int) -> Bool:
    """Samples of a wavelet level that no nodata has touched. (y, x) -> bool (y, x).

    A sample of 0 is unusable. Zeros that fill 3 x 3 samples, and those that hang together with them, are
    the outside of the swath and spoil all that lies within `reach` of them. Fewer zeros do not: beside
    a bright cloud the low-pass dips below 0 over dark water and is clipped there. What lies outside of
    the array counts as zero.
    Nodata narrower than the wavelet's support (13 px of full resolution at level 2) leaves no zero
    and is not seen here.
    """
    zero = dn == 0
    if not zero.any():
        return np.ones(dn.shape, np.bool_)
    area = ~grown(~zero, CORE_PX)
    for _ in range(CORE_PX + SPREAD_PX):
        area = grown(area, 1) & zero
    return np.asarray(~(zero | grown(area, reach)))


def context_of(reach: int) -> int:
    """How many px around a window decide over its pixels."""
    return reach + SPREAD_PX + 2 * CORE_PX


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
