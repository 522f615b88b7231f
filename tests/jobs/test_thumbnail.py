import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.windows import Window, tiled
from unclouded.jobs._thumbnail import Thumbnail


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    step=st.integers(1, 13),
    size=st.integers(1, 45),
    seed=st.integers(0, 5),
)
def test_each_pixel_is_the_mean_of_what_was_seen_in_it(height, width, step, size, seed):
    """Of every pixel up to seven to one; beyond, of every second, third and so on of the scene."""
    rng = np.random.default_rng(seed)
    valid = rng.random((height, width)) < 0.8
    values = rng.random((3, height, width), np.float32) * valid
    picture = Thumbnail(shape=(height, width), step=step)
    for window in tiled((height, width), size):
        picture.add(window, values[:, *window.slices], valid[window.slices])
    found = picture.mean()
    for row in range(found.shape[1]):
        for col in range(found.shape[2]):
            rows, cols = (
                [at for at in range(first, min(first + step, side)) if at % max(1, step // 4) == 0]
                for first, side in ((row * step, height), (col * step, width))
            )
            block = np.ix_(rows, cols)
            seen = values[:, *block][:, valid[block]]
            expected = seen.mean(axis=1) if seen.size else np.zeros(3)
            np.testing.assert_allclose(found[:, row, col], expected, rtol=1e-5)


def test_what_lies_beside_the_picture_is_left_out():
    picture = Thumbnail(shape=(4, 4), step=2)
    ones = np.ones((3, 6, 6), np.float32)
    picture.add(Window(row_off=-3, col_off=-5, height=6, width=6), ones, np.ones((6, 6), bool))
    picture.add(Window(row_off=4, col_off=0, height=6, width=6), ones, np.ones((6, 6), bool))
    np.testing.assert_array_equal(picture.seen, [[2, 0], [1, 0]])
