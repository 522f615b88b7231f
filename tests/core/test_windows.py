import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import OptionError
from unclouded.core.windows import Window, reflected, tiled, whole

sides = st.integers(1, 700)
windows = st.builds(
    Window,
    row_off=st.integers(-50, 80),
    col_off=st.integers(-50, 80),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
)


@given(sides, sides, st.integers(1, 800))
def test_tiles_visit_every_pixel_exactly_once(height, width, size):
    visits = np.zeros((height, width), np.uint8)
    for window in tiled((height, width), size):
        assert max(window.shape) <= size
        assert visits[window.slices].shape == window.shape
        visits[window.slices] += 1
    assert (visits == 1).all()


def test_tiles_come_row_by_row():
    corners = [(window.row_off, window.col_off, *window.shape) for window in tiled((5, 7), 4)]
    assert corners == [(0, 0, 4, 4), (0, 4, 4, 3), (4, 0, 1, 4), (4, 4, 1, 3)]


@pytest.mark.parametrize("size", [0, -4])
def test_a_tile_of_no_pixels_is_refused(size):
    with pytest.raises(OptionError, match=f"window size: expected at least 1 px, found {size}"):
        list(tiled((5, 5), size))


@given(windows, st.integers(0, 40))
def test_a_grown_window_has_its_window_in_the_middle(window, halo):
    grown = window.grown(halo)
    assert grown.shape == (window.height + 2 * halo, window.width + 2 * halo)
    assert (grown.row_off + halo, grown.col_off + halo) == (window.row_off, window.col_off)
    assert (grown.row_end - halo, grown.col_end - halo) == (window.row_end, window.col_end)


@given(windows, sides, sides)
def test_a_clipped_window_holds_the_pixels_that_exist(window, height, width):
    rows = [row for row in range(window.row_off, window.row_end) if 0 <= row < height]
    columns = [column for column in range(window.col_off, window.col_end) if 0 <= column < width]
    clipped = window.clipped((height, width))
    assert clipped.shape == (len(rows), len(columns))
    if rows and columns:
        assert (clipped.row_off, clipped.col_off) == (rows[0], columns[0])


def test_the_whole_raster_is_a_window_that_clipping_leaves_alone():
    assert whole((3, 4)) == Window(row_off=0, col_off=0, height=3, width=4)
    assert whole((3, 4)).grown(9).clipped((3, 4)) == whole((3, 4))


@given(st.integers(2, 60), st.integers(0, 200), st.integers(0, 200))
def test_positions_fold_back_as_numpy_reflects(length, before, after):
    padded = np.pad(np.arange(length), (before, after), mode="reflect")
    np.testing.assert_array_equal(reflected(np.arange(-before, length + after), length), padded)


def test_an_axis_of_one_pixel_repeats_it():
    assert reflected(np.arange(-2, 4), 1).tolist() == [0] * 6
