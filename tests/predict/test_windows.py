import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.classes import NODATA
from unclouded.core.errors import OptionError
from unclouded.core.windows import Window
from unclouded.predict import Windowing, predict, to_codes


def assembled(scene, model, windowing):
    """Codes and cloud probability of the whole scene, and how often each pixel came."""
    codes = np.zeros(scene.grid.shape, np.uint8)
    cloud = np.zeros(scene.grid.shape, np.float32)
    visits = np.zeros(scene.grid.shape, int)
    for prediction in predict(scene, model, windowing):
        place = prediction.window.slices
        codes[place] = to_codes(prediction, model.spec)
        cloud[place] = prediction.probabilities[1]
        visits[place] += 1
    return codes, cloud, visits


def box_mean(values, halo, mode):
    """The network's answer computed on the whole array at once."""
    padded = np.pad(values, halo, mode=mode)
    boxes = np.lib.stride_tricks.sliding_window_view(padded, (2 * halo + 1, 2 * halo + 1))
    return boxes.mean(axis=(-1, -2), dtype=np.float64)


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    size=st.integers(1, 40),
    halo=st.integers(0, 9),
    trim=st.integers(0, 9),
    edge=st.sampled_from(["reflect", "zero"]),
    threads=st.integers(1, 3),
)
def test_windows_equal_the_whole_scene_at_once(
    array_scene, box_model, height, width, size, halo, trim, edge, threads
):
    """Any window size, halo and margin: each pixel once, and as if the scene had been seen whole."""
    scene = array_scene(height, width)
    model = box_model(halo, margin=max(0, halo - trim))
    codes, cloud, visits = assembled(scene, model, Windowing(size=size, edge=edge, threads=threads))
    assert (visits == 1).all()
    mode = "reflect" if edge == "reflect" else "constant"
    expected = box_mean(scene.reflectance[0], halo, mode)
    np.testing.assert_allclose(cloud, np.where(scene.valid, expected, 0.5), atol=1e-6)
    assert (codes[~scene.valid] == NODATA).all()
    sure = scene.valid & (np.abs(expected - 0.5) > 1e-5)
    np.testing.assert_array_equal(codes[sure], (expected > 0.5)[sure])


@pytest.mark.parametrize(("stride", "min_size"), [(4, 1), (1, 64), (8, 48)])
def test_small_windows_are_padded_where_no_pixel_sees_it(array_scene, box_model, stride, min_size):
    """A network that wants larger or rounder input than the scene has gives the same pixels."""
    scene = array_scene(21, 13)
    plain = assembled(scene, box_model(3, margin=0), Windowing(size=8))
    picky = assembled(scene, box_model(3, 0, stride=stride, min_size=min_size), Windowing(size=8))
    np.testing.assert_allclose(picky[1], plain[1], atol=1e-6)


def test_window_size_must_fit_the_stride(array_scene, box_model):
    with pytest.raises(OptionError, match="multiple of 8 for box, found 20"):
        next(predict(array_scene(30, 30), box_model(3, stride=8), Windowing(size=20)))


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    corner=st.tuples(st.integers(-5, 55), st.integers(-5, 55)),
    extent=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    size=st.integers(1, 20),
    halo=st.integers(0, 6),
    edge=st.sampled_from(["reflect", "zero"]),
)
def test_a_region_gives_the_windows_of_the_whole(
    array_scene, box_model, shape, corner, extent, size, halo, edge
):
    """Those that hold pixels of it and no others, to the bit."""
    scene, model, windowing = array_scene(*shape), box_model(halo), Windowing(size=size, edge=edge)
    region = Window(row_off=corner[0], col_off=corner[1], height=extent[0], width=extent[1])
    found = {item.window: item for item in predict(scene, model, windowing, region=region)}
    wanted = {}
    for item in predict(scene, model, windowing):
        shared = region.clipped(shape)
        inside = max(item.window.row_off, shared.row_off) < min(item.window.row_end, shared.row_end) and max(
            item.window.col_off, shared.col_off
        ) < min(item.window.col_end, shared.col_end)
        if inside:
            wanted[item.window] = item
    assert found.keys() == wanted.keys()
    for window, item in wanted.items():
        np.testing.assert_array_equal(found[window].probabilities, item.probabilities)
        np.testing.assert_array_equal(found[window].reading.reflectance, item.reading.reflectance)
        np.testing.assert_array_equal(found[window].reading.valid, item.reading.valid)
