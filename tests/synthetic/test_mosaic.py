import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.synthetic._mosaic import mosaic
from unclouded.synthetic._noise import Sampling


def patches(top=0, left=0, height=150, width=130, spacing=10.0):
    where = Sampling(spacing=spacing, row0=-530_004 + top, col0=60_000 + left, height=height, width=width)
    return mosaic(where, 11, block_m=400.0, parcel_m=90.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 50), st.integers(1, 30))
def test_a_window_is_the_crop_of_the_whole(top, left, height, width):
    whole, part = patches(), patches(top, left, height, width)
    for name in ("block", "parcel", "lane", "border", "along", "across"):
        crop = getattr(whole, name)[top : top + height, left : left + width]
        np.testing.assert_array_equal(getattr(part, name), crop)


def test_lanes_run_where_blocks_meet():
    whole = patches()
    changes = whole.block[:, 1:] != whole.block[:, :-1]
    assert whole.lane[:, 1:][changes].max() <= 20
    assert np.quantile(whole.lane[:, 1:][changes], 0.9) <= 10
    assert whole.lane.min() >= 0
    assert np.median(whole.lane) > 40


def test_a_parcel_lies_in_one_block():
    whole = patches()
    pairs = np.unique(np.stack([whole.parcel.ravel(), whole.block.ravel()]), axis=1)
    assert pairs.shape[1] == np.unique(whole.parcel).size


def test_parcels_change_only_at_their_border():
    whole = patches()
    changes = whole.parcel[:, 1:] != whole.parcel[:, :-1]
    inside = np.minimum(whole.border, whole.lane)
    assert inside[:, 1:][changes].max() <= 20
    assert np.quantile(inside[:, 1:][changes], 0.9) <= 10
