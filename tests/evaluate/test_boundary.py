import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.core.errors import OptionError
from unclouded.evaluate.boundary import without_edges

sets = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 6, 8, 31])
)


def by_the_book(values, radius):
    out = values.copy()
    for row, col in np.ndindex(values.shape):
        near = values[max(0, row - radius) : row + radius + 1, max(0, col - radius) : col + radius + 1]
        if len(set(near[near > 0].tolist())) > 1:
            out[row, col] = 0
    return out


@given(sets, st.integers(0, 12))
def test_it_is_what_looking_around_each_pixel_gives(values, radius):
    before = values.copy()
    np.testing.assert_array_equal(without_edges(values, radius), by_the_book(values, radius))
    np.testing.assert_array_equal(values, before)


def test_a_border_loses_its_width_on_both_sides():
    values = np.ones((4, 10), np.uint8)
    values[:, 5:] = 6
    assert without_edges(values, 2)[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 6, 6, 6]


def test_what_says_nothing_makes_no_border():
    values = np.ones((3, 6), np.uint8)
    values[:, :3] = 0
    np.testing.assert_array_equal(without_edges(values, 3), values)


def test_a_radius_below_nothing_is_an_error():
    with pytest.raises(OptionError, match="boundary tolerance: expected 0 px or more, found -1"):
        without_edges(np.ones((2, 2), np.uint8), -1)
