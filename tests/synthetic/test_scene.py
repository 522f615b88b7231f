import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, OptionError
from unclouded.core.windows import Window
from unclouded.synthetic import (
    LANDSCAPES,
    SKIES,
    CloudLayer,
    Landscape,
    SceneConfig,
    clouds_over,
    draw_scene,
    render,
)

CONFIG = SceneConfig(
    seed=3,
    clouds=(CloudLayer(kind="cumulus", cover=0.3), CloudLayer(kind="cirrus", cover=0.3)),
    size_m=6_000,
)


def window(top, left, height, width):
    return Window(row_off=top, col_off=left, height=height, width=width)


@pytest.mark.parametrize("gsd", [10, 20, 60])
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_a_window_is_the_crop_of_the_whole_to_the_last_bit(gsd, data):
    side = 1_200 // gsd
    top, left = (data.draw(st.integers(0, side - 1)) for _ in range(2))
    height, width = data.draw(st.integers(1, side - top)), data.draw(st.integers(1, side - left))
    whole = render(CONFIG, ("B02", "B10"), window(0, 0, side, side), gsd)
    part = render(CONFIG, ("B02", "B10"), window(top, left, height, width), gsd)
    rows, cols = slice(top, top + height), slice(left, left + width)
    np.testing.assert_array_equal(part.reflectance, whole.reflectance[:, rows, cols])
    np.testing.assert_array_equal(part.classes, whole.classes[rows, cols])
    np.testing.assert_array_equal(part.cloud_depth, whole.cloud_depth[rows, cols])


def test_pieces_join_without_a_seam():
    """A window larger than what is computed at once, against its parts."""
    whole = render(CONFIG, ("B04",), window(400, 430, 160, 110))
    part = render(CONFIG, ("B04",), window(470, 470, 30, 30))
    large = render(CONFIG, ("B04",), window(0, 0, 560, 540))
    np.testing.assert_array_equal(large.reflectance[:, 400:, 430:], whole.reflectance)
    np.testing.assert_array_equal(large.classes[470:500, 470:500], part.classes)


def test_the_same_seed_is_the_same_scene_and_another_seed_another():
    here = window(0, 0, 60, 60)
    one, again = (render(CONFIG, ("B04",), here) for _ in range(2))
    other = render(dataclasses.replace(CONFIG, seed=4), ("B04",), here)
    np.testing.assert_array_equal(one.reflectance, again.reflectance)
    assert np.abs(one.reflectance - other.reflectance).mean() > 0.01


def test_a_band_is_the_same_alone_and_among_others_in_any_order():
    here = window(0, 0, 40, 40)
    every = render(CONFIG, NAMES, here).reflectance
    some = render(CONFIG, ("B12", "B02"), here).reflectance
    np.testing.assert_array_equal(some, every[[NAMES.index("B12"), NAMES.index("B02")]])


def test_the_share_of_clouds_holds_within_the_scene():
    config = SceneConfig(seed=8, clouds=(CloudLayer(kind="stratocumulus", cover=0.5),), size_m=12_000)
    classes = render(config, ("B02",), gsd=60).classes
    assert classes.shape == (200, 200)
    assert np.isin(classes, (1, 2)).mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("sky", SKIES)
def test_every_sky_over_land_is_finite_and_plausible(sky):
    config = SceneConfig(seed=2, clouds=SKIES[sky], size_m=6_000)
    piece = render(config, NAMES, window(0, 0, 100, 100), 60)
    assert np.isfinite(piece.reflectance).all()
    assert piece.reflectance.min() >= 0
    assert piece.reflectance.max() < 1.3
    if sky == "clear":
        assert (piece.classes == 0).all()
    if sky == "overcast":
        assert np.isin(piece.classes, (1, 2)).mean() > 0.97


def test_a_coarse_pixel_is_about_the_mean_of_fine_ones():
    fine = render(CONFIG, ("B04",), window(0, 0, 240, 240), 10).reflectance[0]
    coarse = render(CONFIG, ("B04",), window(0, 0, 40, 40), 60).reflectance[0]
    mean = fine.reshape(40, 6, 40, 6).mean(axis=(1, 3))
    assert np.corrcoef(mean.ravel(), coarse.ravel())[0, 1] > 0.95
    assert coarse.mean() == pytest.approx(mean.mean(), rel=0.03)


def test_clouds_can_be_laid_over_an_image_of_ones_own():
    clear = np.full((3, 100, 100), 0.1, np.float32)
    clear[1] = 0.3
    config = dataclasses.replace(CONFIG, size_m=2_000.0, seed=9)
    over = clouds_over(clear, ("B04", "B08", "B10"), 20, config)
    cloudy, classes = over.reflectance, over.classes
    assert cloudy.shape == clear.shape
    assert set(np.unique(classes)) <= {0, 1, 2, 3}
    thick = classes == 1
    assert cloudy[0][thick].mean() > 0.4
    assert (np.abs(cloudy[1] - 0.3)[classes == 0] < 0.1).mean() > 0.9
    assert (clear[0] == np.float32(0.1)).all()  # the image given is left as it was


def test_the_clouds_of_a_scene_and_those_laid_over_its_land_are_the_same():
    bare = dataclasses.replace(CONFIG, clouds=())
    here = window(0, 0, 80, 80)
    land = render(bare, ("B03", "B11"), here).reflectance
    over = clouds_over(land, ("B03", "B11"), 10, CONFIG)
    laid, classes = over.reflectance, over.classes
    whole = render(CONFIG, ("B03", "B11"), here)
    np.testing.assert_array_equal(classes, whole.classes)
    np.testing.assert_array_equal(laid, whole.reflectance)


def test_a_landscape_of_ones_own():
    sea = Landscape(water=1.0, relief_m=1.0)
    config = SceneConfig(seed=1, landscape=sea, clouds=(), size_m=6_000)
    assert render(config, ("B11",), window(0, 0, 50, 50), 60).reflectance.mean() < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sun_zenith": 85.0}, "sun zenith: expected 0 to 80 degrees, found 85"),
        ({"origin": (600_010.0, 5_300_040.0)}, "scene origin: expected multiples of 60 m"),
        ({"landscape": "moon"}, f"landscape 'moon': expected one of {next(iter(LANDSCAPES))}"),
        ({"clouds": (CloudLayer(kind="haze", cover=0.1),) * 2}, "expected one of a kind, found haze, haze"),
    ],
)
def test_what_a_scene_cannot_be_is_said(options, message):
    with pytest.raises(OptionError, match=message.replace("(", r"\(")):
        SceneConfig(**options)


def test_a_spacing_must_nest_with_60_m():
    with pytest.raises(OptionError, match="gsd: expected a divisor of 60 m or a multiple of it, found 25"):
        render(CONFIG, ("B02",), window(0, 0, 4, 4), 25)


def test_a_band_that_does_not_exist_is_refused():
    with pytest.raises(BandError, match="band 'B13'"):
        render(CONFIG, ("B13",), window(0, 0, 4, 4))


def test_drawn_scenes_vary_and_come_again():
    scenes = [draw_scene(seed, size_m=6_000) for seed in range(60)]
    assert scenes == [draw_scene(seed, size_m=6_000) for seed in range(60)]
    assert {scene.landscape for scene in scenes} == set(LANDSCAPES)
    assert {len(scene.clouds) for scene in scenes} == {0, 1, 2, 3}
    assert len({scene.sun_zenith for scene in scenes}) == 60
    covers = [layer.cover for scene in scenes for layer in scene.clouds]
    assert min(covers) < 0.1
    assert max(covers) > 0.6


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_scene_can_be_rendered(seed):
    piece = render(draw_scene(seed, size_m=6_000), ("B02", "B10", "B12"), window(0, 0, 60, 60), 20)
    assert np.isfinite(piece.reflectance).all()
    assert 0 <= piece.reflectance.min() < piece.reflectance.max() < 1.4
