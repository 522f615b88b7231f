import numpy as np
import pytest

from unclouded.core.errors import OptionError
from unclouded.synthetic._noise import Sampling
from unclouded.synthetic.clouds import (
    KINDS,
    THICK_DEPTH,
    THIN_DEPTH,
    CloudLayer,
    cloud_colour,
    depth_of,
    extinction,
    settle,
    vapour_left,
)

EXTENT = Sampling(spacing=60.0, row0=-88_334, col0=10_000, height=900, width=900)
WIDE = Sampling(spacing=540.0, row0=-9_815, col0=1_111, height=100, width=100, pointwise=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cover", [0.15, 0.6])
def test_a_layer_covers_the_share_that_was_asked_for(kind, cover):
    layer = settle(CloudLayer(kind=kind, cover=cover), 4)
    depth = depth_of(layer, WIDE, EXTENT)
    assert (depth >= THIN_DEPTH).mean() == pytest.approx(cover, abs=0.06)
    assert depth.min() >= 0
    assert depth.max() <= layer.depth


def test_no_cover_is_no_cloud_and_full_cover_leaves_no_gap():
    none = depth_of(settle(CloudLayer(kind="cumulus", cover=0), 4), WIDE, EXTENT)
    full = depth_of(settle(CloudLayer(kind="overcast", cover=1), 4), WIDE, EXTENT)
    assert not none.any()
    assert (full >= THIN_DEPTH).mean() > 0.99


def test_thick_kinds_are_thick_and_thin_kinds_thin():
    shares = {}
    for kind in KINDS:
        depth = depth_of(settle(CloudLayer(kind=kind, cover=0.4), 4), WIDE, EXTENT)
        shares[kind] = (depth >= THICK_DEPTH).sum() / (depth >= THIN_DEPTH).sum()
    assert min(shares[kind] for kind in ("cumulus", "stratocumulus", "storm", "overcast")) > 0.4
    assert max(shares[kind] for kind in ("cirrus", "haze", "dust")) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_the_crop_of_the_whole(kind):
    layer = settle(CloudLayer(kind=kind, cover=0.5), 4)
    whole = Sampling(spacing=10.0, row0=-530_004, col0=60_000, height=90, width=70)
    part = Sampling(spacing=10.0, row0=-530_004 + 31, col0=60_000 + 17, height=40, width=33)
    crop = depth_of(layer, whole, EXTENT)[31:71, 17:50]
    np.testing.assert_array_equal(depth_of(layer, part, EXTENT), crop)


def test_the_cirrus_band_sees_high_clouds_alone():
    high, low = (settle(CloudLayer(kind=kind, cover=1), 1) for kind in ("cirrus", "cumulus"))
    assert cloud_colour(high, "B10") > 0.2
    assert cloud_colour(low, "B10") < 0.01


def test_vapour_darkens_band_9_less_the_higher_the_cloud():
    left = [vapour_left("B09", height) for height in (0, 1_500, 4_000, 9_000)]
    assert left == sorted(left)
    assert left[0] == pytest.approx(0.36, abs=0.01)
    assert vapour_left("B04", 0) == 1


def test_haze_fades_with_wavelength_and_water_clouds_do_not():
    haze, cumulus = (settle(CloudLayer(kind=kind, cover=1), 1) for kind in ("haze", "cumulus"))
    assert extinction(haze, "B12") < 0.3
    assert extinction(haze, "B01") > 1
    assert extinction(cumulus, "B12") == extinction(cumulus, "B01") == 1


def test_a_kind_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(OptionError, match=r"'cumulos': expected one of cumulus, .*storm"):
        settle(CloudLayer(kind="cumulos", cover=0.5), 1)


def test_a_cover_outside_0_to_1_is_refused():
    with pytest.raises(OptionError, match="cover of haze: expected 0 to 1, found 30"):
        settle(CloudLayer(kind="haze", cover=30), 1)
