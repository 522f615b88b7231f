"""Packed rows against plain arrays, discs against scipy's and against the circle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unclouded.refine._bits import Spacing, pack, spread, unpack

pixels = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=150))


@given(pixels)
def test_what_is_packed_is_unpacked(values):
    words = pack(values)
    assert words.dtype == np.uint64
    np.testing.assert_array_equal(unpack(words, values.shape[1]), values)


def disc(reach):
    """The element that a reach stands for, as an array."""
    rows, cols = len(reach) - 1, reach[0]
    out = np.zeros((2 * rows + 1, 2 * cols + 1), np.bool_)
    for step, width in enumerate(reach):
        for row in (rows - step, rows + step):
            out[row, cols - width : cols + width + 1] = True
    return out


@given(pixels, st.floats(0, 400), st.sampled_from([(10, 10), (20, 20), (60, 60), (30, 17.3)]))
def test_spread_is_a_dilation_by_the_disc(values, radius, spacing):
    ndimage = pytest.importorskip("scipy.ndimage")
    reach = Spacing(row=spacing[0], col=spacing[1]).reach(radius)
    expected = ndimage.binary_dilation(values, disc(reach))
    np.testing.assert_array_equal(unpack(spread(pack(values), reach), values.shape[1]), expected)


@given(st.floats(0, 300), st.sampled_from([(10, 10), (60, 60), (30, 17.3)]))
def test_a_disc_holds_the_centres_within_its_radius(radius, spacing):
    row, col = spacing
    rows, cols = np.ogrid[-40:41, -40:41]
    near = np.hypot(rows * row, cols * col) <= radius * (1 + 1e-9)
    assert near.sum() == disc(Spacing(row=row, col=col).reach(radius)).sum()


@pytest.mark.parametrize("spacing", [10, 20, 60])
def test_a_disc_has_the_area_of_the_circle_whatever_the_spacing(spacing):
    area = disc(Spacing(row=spacing, col=spacing).reach(600)).sum() * spacing**2
    assert area == pytest.approx(math.pi * 600**2, rel=0.02)
