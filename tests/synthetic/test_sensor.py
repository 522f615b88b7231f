import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unclouded.core.bands import NAMES
from unclouded.core.radiometry import Radiometry, to_reflectance
from unclouded.synthetic._noise import Sampling
from unclouded.synthetic.config import SceneConfig
from unclouded.synthetic.sensor import DN_LARGEST, noise_of, seen, to_dn, with_noise

WHERE = Sampling(spacing=10.0, row0=-530_004, col0=60_000, height=128, width=96)


@given(
    arrays(np.float32, (2, 3, 4), elements=st.floats(0.0001220703125, 3.0, width=32)),
    st.sampled_from([0, -1000]),
)
def test_dn_give_the_reflectance_back_to_half_a_step(reflectance, add_offset):
    dn = to_dn(reflectance, add_offset=add_offset)
    radiometry = Radiometry(
        offset={"B02": add_offset, "B03": add_offset},
        quantification={"B02": 10_000, "B03": 10_000},
        origin="test",
    )
    back = to_reflectance(dn, ("B02", "B03"), radiometry)
    np.testing.assert_allclose(back, reflectance, atol=0.51e-4)


def test_what_is_dark_is_not_nodata_and_what_is_bright_fits_15_bits():
    dn = to_dn(np.array([[[-0.5, 0.0, 4.0, 9.0]]], np.float32), add_offset=0)
    assert dn.tolist() == [[[1, 1, DN_LARGEST, DN_LARGEST]]]


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_as_strong_as_stated_and_grows_with_light(name):
    dark, bright = (np.full((1, 128, 96), value, np.float32) for value in (0.02, 0.6))
    sigma = [float(noise_of(name, image[0, :1, :1])[0, 0]) for image in (dark, bright)]
    assert 0.0001 < sigma[0] < sigma[1] < 0.02
    for image, expected in zip((dark, bright), sigma, strict=True):
        assert (with_noise(image, (name,), WHERE, 3) - image).std() == pytest.approx(expected, rel=0.05)


def test_noise_belongs_to_the_pixel_and_differs_from_band_to_band():
    flat = np.full((2, 128, 96), 0.2, np.float32)
    whole = with_noise(flat, ("B02", "B03"), WHERE, 3)
    corner = Sampling(spacing=10.0, row0=WHERE.row0 + 5, col0=WHERE.col0 + 7, height=15, width=23)
    part = with_noise(flat[:, 5:20, 7:30], ("B02", "B03"), corner, 3)
    np.testing.assert_array_equal(part, whole[:, 5:20, 7:30])
    assert abs(np.corrcoef(whole[0].ravel() - 0.2, whole[1].ravel() - 0.2)[0, 1]) < 0.05


def test_the_swath_leaves_out_the_share_wanted_in_the_west():
    config = SceneConfig(unseen=0.3, size_m=6_000.0)
    valid = seen(config, config.extent)
    assert 1 - valid.mean() == pytest.approx(0.3, abs=0.02)
    assert (np.diff(valid.astype(int), axis=1) >= 0).all()
    edge = valid.argmax(axis=1)
    assert edge[0] > edge[-1]  # the track runs to the south-south-west
    assert seen(SceneConfig(), WHERE).all()
