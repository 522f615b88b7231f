"""Small areas against scipy's labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unclouded.core.classes import CLEAR, NODATA, SHADOW, THICK, THIN, WORST_FIRST
from unclouded.refine._islands import filled

masks = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, max_side=30),
    elements=st.sampled_from([CLEAR, CLEAR, THICK, THIN, SHADOW, NODATA]),
)


def by_hand(codes, code, least):
    """The same by scipy's labels, area by area, pixel by pixel."""
    ndimage = pytest.importorskip("scipy.ndimage")
    labels, count = ndimage.label(codes == code, np.ones((3, 3)))
    out = codes.copy()
    padded = np.pad(codes, 1, constant_values=NODATA)
    for label in range(1, count + 1):
        rows, cols = np.nonzero(labels == label)
        if len(rows) >= least:
            continue
        around = [
            padded[row + down, col + right]
            for row, col in zip(rows, cols, strict=True)
            for down in range(3)
            for right in range(3)
        ]
        contacts = [around.count(other) if other != code else 0 for other in WORST_FIRST]
        if any(contacts):
            out[rows, cols] = WORST_FIRST[int(np.argmax(contacts))]
    return out


@given(masks, st.sampled_from([CLEAR, THICK, SHADOW]), st.integers(2, 40))
def test_small_areas_take_the_class_that_they_touch_most(codes, code, least):
    np.testing.assert_array_equal(filled(codes, code, least), by_hand(codes, code, least))


@given(masks, st.integers(2, 12))
def test_one_class_after_the_other_leaves_no_small_area_but_in_nodata(codes, least):
    ndimage = pytest.importorskip("scipy.ndimage")
    out = codes
    for code in WORST_FIRST:
        out = filled(out, code, least)
    np.testing.assert_array_equal(out == NODATA, codes == NODATA)
    for code in WORST_FIRST:
        labels, count = ndimage.label(out == code, np.ones((3, 3)))
        for label in range(1, count + 1):
            area = labels == label
            rim = ndimage.binary_dilation(area, np.ones((3, 3))) & ~area
            assert area.sum() >= least or (out[rim] == NODATA).all()


def test_a_comb_is_one_area():
    """Its teeth meet in the last row only: runs are joined however late."""
    comb = np.zeros((9, 41), np.uint8)
    comb[:, ::2] = THICK
    comb[-1] = THICK
    size = int((comb == THICK).sum())
    np.testing.assert_array_equal(filled(comb, THICK, size), comb)
    assert not filled(comb, THICK, size + 1).any()


def test_a_spiral_is_one_area():
    spiral = np.zeros((41, 41), np.uint8)
    row, col, down, right = 0, 0, 0, 1
    for length in [40, *np.repeat(np.arange(40, 1, -2), 2)[1:]]:
        for _ in range(length):
            spiral[row, col] = SHADOW
            row, col = row + down, col + right
        down, right = right, -down
    size = int((spiral == SHADOW).sum())
    assert (filled(spiral, SHADOW, size) == spiral).all()
    assert not filled(spiral, SHADOW, size + 1).any()
