import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.core.windows import Window
from unclouded.synthetic import CloudLayer, SceneConfig
from unclouded.synthetic._sky import parallax, under_sky
from unclouded.synthetic.clouds import SHADOW_DEPTH, THICK_DEPTH, THIN_DEPTH
from unclouded.synthetic.config import pixels_of

SIDE = 300


def clear(level=0.2, bands=NAMES):
    return np.full((len(bands), SIDE, SIDE), level, np.float32)


def sky(kind="cumulus", cover=0.2, seed=2, bands=NAMES, ground=0.2, **options):
    config = SceneConfig(
        seed=seed, clouds=(CloudLayer(kind=kind, cover=cover),), size_m=SIDE * 20.0, **options
    )
    where = pixels_of(config, Window(row_off=0, col_off=0, height=SIDE, width=SIDE), 20)
    return under_sky(clear(ground, bands), bands, where, config)


def offset(moving, still, reach):
    """(rows, cols) by which `moving` is displaced against `still`: the best of all correlations."""
    spectrum = np.fft.rfft2(moving - moving.mean()) * np.conj(np.fft.rfft2(still - still.mean()))
    match = np.fft.fftshift(np.fft.irfft2(spectrum, s=moving.shape))
    middle = SIDE // 2
    near = match[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    row, col = np.unravel_index(near.argmax(), near.shape)
    return row - reach, col - reach


def test_truth_follows_from_optical_depth():
    piece = sky()
    cloud, shadow, classes = piece.cloud_depth, piece.shadow_depth, piece.classes
    np.testing.assert_array_equal(classes == 1, cloud >= THICK_DEPTH)
    np.testing.assert_array_equal(classes == 2, (cloud >= THIN_DEPTH) & (cloud < THICK_DEPTH))
    np.testing.assert_array_equal(classes == 3, (cloud < THIN_DEPTH) & (shadow >= SHADOW_DEPTH))
    assert set(np.unique(classes)) == {0, 1, 2, 3}


def test_thick_cloud_is_bright_shadow_dark_and_clear_untouched():
    piece = sky()
    red, nir = (piece.reflectance[NAMES.index(name)] for name in ("B04", "B08"))
    assert red[piece.cloud_depth > 3].min() > 0.35
    deep = (piece.shadow_depth > 3) & (piece.cloud_depth == 0)
    assert nir[deep].max() < 0.09
    untouched = (piece.cloud_depth == 0) & (piece.shadow_depth == 0)
    margin = untouched.copy()
    for rows, cols in ((3, 0), (-3, 0), (0, 3), (0, -3)):
        margin &= np.roll(untouched, (rows, cols), (0, 1))
    np.testing.assert_allclose(red[margin], 0.2, atol=0.02)
    assert margin.any()


def test_skylight_in_a_shadow_is_blue():
    piece = sky()
    deep = (piece.shadow_depth > 3) & (piece.cloud_depth == 0)
    blue, red, swir = (piece.reflectance[NAMES.index(name)][deep].mean() for name in ("B02", "B04", "B12"))
    assert blue > red > swir


@pytest.mark.parametrize(("azimuth", "toward"), [(150.0, (-1, -1)), (30.0, (1, -1)), (210.0, (-1, 1))])
def test_shadows_fall_away_from_the_sun(azimuth, toward):
    piece = sky(sun_azimuth=azimuth, sun_zenith=45.0, view_zenith=0.0)
    rows, cols = offset(piece.shadow_depth, piece.cloud_depth, 100)
    # 1600 m high and the sun at 45 degrees: 80 pixels of 20 m
    expected = 80 * np.array([np.cos(np.radians(azimuth)), -np.sin(np.radians(azimuth))])
    assert np.sign([rows, cols]).tolist() == list(toward)
    np.testing.assert_allclose([rows, cols], expected, atol=3)


def test_a_morning_shadow_in_the_north_falls_to_the_north_west():
    piece = sky()
    rows, cols = offset(piece.shadow_depth, piece.cloud_depth, 100)
    assert rows < 0
    assert cols < 0


def test_shadows_are_longer_under_a_low_sun():
    high, low = (sky(sun_zenith=zenith, view_zenith=0.0) for zenith in (25.0, 45.0))
    reach = [np.hypot(*offset(piece.shadow_depth, piece.cloud_depth, 100)) for piece in (high, low)]
    assert reach[1] / reach[0] == pytest.approx(np.tan(np.radians(45)) / np.tan(np.radians(25)), rel=0.1)


def test_bands_see_a_cloud_in_different_places_by_their_delay():
    piece = sky(kind="storm", cover=0.3, bands=("B02", "B04"), view_zenith=0.0, ground=0.12)
    rows, cols = offset(piece.reflectance[1], piece.reflectance[0], 20)
    south, east = parallax(SceneConfig(view_zenith=0.0), "B04", 10_500)
    assert np.hypot(south, east) == pytest.approx(9.49 * 10.5 * 1.005, rel=0.01)
    np.testing.assert_allclose([rows, cols], [south / 20, east / 20], atol=1.6)
    assert south < 0


def test_the_truth_lies_where_the_visible_bands_see_the_cloud():
    piece = sky(kind="storm", cover=0.3, bands=("B02", "B03", "B04"))
    cloud = 1 - np.exp(-piece.cloud_depth)
    assert offset(piece.reflectance[1], cloud, 20) == (0, 0)


def test_an_oblique_view_moves_clouds_away_from_the_satellite():
    nadir, oblique = (
        sky(kind="storm", cover=0.3, view_zenith=zenith, view_azimuth=90.0) for zenith in (0.0, 6.0)
    )
    rows, cols = offset(oblique.cloud_depth, nadir.cloud_depth, 100)
    assert abs(rows) <= 1
    assert cols == pytest.approx(-10_500 * np.tan(np.radians(6)) / 20, abs=3)


def test_only_high_cloud_shows_in_the_cirrus_band():
    """Over a ground that the band cannot see, as it is at the bottom of a humid atmosphere."""
    row, dark = NAMES.index("B10"), 0.0015
    low, high = sky(ground=dark, cover=0.4), sky(ground=dark, kind="cirrus", cover=0.6)
    assert low.reflectance[row][low.cloud_depth > 3].max() < 0.01
    assert np.median(high.reflectance[row][high.cloud_depth > 0.3]) > 0.04
    assert np.median(high.reflectance[row][high.cloud_depth == 0]) < 0.01


def test_cloud_hides_ground_by_its_optical_depth():
    """Between a black and a white ground remains what 1 - exp(-depth) lets through, twice shaded."""
    black, white = (sky(ground=value, bands=("B03",)) for value in (0.1, 0.6))
    lit = black.shadow_depth == 0
    contrast = (white.reflectance[0] - black.reflectance[0]) / 0.5
    np.testing.assert_allclose(contrast[lit], np.exp(-black.cloud_depth)[lit], atol=1e-4)
