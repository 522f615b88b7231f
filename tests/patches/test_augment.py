"""Augmentation: what must not change does not, labels move with pixels, the sun with the picture."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import GridError, OptionError
from unclouded.patches import augment
from unclouded.patches.augment import Augmentation, Sample, augmented, rescaled

NOT_CLOUD = class_bits(frozenset({CLEAR, SHADOW, SNOW}))
CLEAR_ONLY = 1 << CLEAR


def drawn(seed=0, side=24, bands=NAMES, sets=None):
    rng = np.random.default_rng(seed)
    valid = rng.random((side, side)) > 0.1
    labels = rng.choice([1, 2, 4, 8, 6, 0], (side, side)).astype(np.uint8) if sets is None else sets
    return Sample(
        reflectance=(rng.uniform(0.02, 0.4, (len(bands), side, side)) * valid).astype(np.float32),
        valid=valid,
        sets=(np.broadcast_to(labels, (side, side)) * valid).astype(np.uint8),
        bands=bands,
        presence=np.ones(len(bands), bool),
        gsd_m=10.0,
        sun_zenith=40.0,
        sun_azimuth=150.0,
    )


EVERYTHING = Augmentation(
    flips=True,
    gain=0.1,
    band_gain=0.05,
    offset=0.01,
    noise=0.005,
    drop=0.5,
    edges=0.5,
    tears=0.5,
    holes=0.5,
    clouds=0.5,
)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_what_holds_of_any_sample_holds_after(seed):
    before = drawn(seed, sets=np.uint8(NOT_CLOUD) if seed % 2 else None)
    after = augmented(before, EVERYTHING, np.random.default_rng(seed))
    assert after.reflectance.dtype == np.float32
    assert after.sets.dtype == np.uint8
    assert np.isfinite(after.reflectance).all()
    assert not after.reflectance[:, ~after.valid].any()
    assert not after.reflectance[~after.presence].any()
    assert not after.sets[~after.valid].any()
    assert after.presence.sum() >= 3
    assert after.valid.sum() <= before.valid.sum()


def test_the_same_generator_gives_the_same_sample_another_another():
    first, second, other = (augmented(drawn(), EVERYTHING, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.reflectance, second.reflectance)
    np.testing.assert_array_equal(first.sets, second.sets)
    assert not np.array_equal(first.reflectance, other.reflectance)


def test_nothing_is_done_unasked():
    before = drawn()
    after = augmented(before, Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(after.reflectance, before.reflectance)
    np.testing.assert_array_equal(after.sets, before.sets)
    assert after.sun_azimuth == before.sun_azimuth


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, 270.0])
def test_the_sun_turns_with_the_picture(azimuth):
    """A bright pixel lies towards the sun of a marked one, whatever the turn; every position comes up."""
    east, north = round(np.sin(np.radians(azimuth))), round(np.cos(np.radians(azimuth)))
    values = np.zeros((1, 9, 9), np.float32)
    values[0, 4, 4], values[0, 4 - 3 * north, 4 + 3 * east] = 0.5, 1.0
    sample = Sample(
        reflectance=values,
        valid=np.ones((9, 9), bool),
        sets=np.ones((9, 9), np.uint8),
        bands=("B02",),
        presence=np.ones(1, bool),
        gsd_m=10.0,
        sun_azimuth=azimuth,
    )
    seen = set()
    for seed in range(40):
        after = augment.turned(sample, np.random.default_rng(seed))
        (row, col) = np.argwhere(after.reflectance[0] == 1.0)[0] - 4
        pointed = np.degrees(np.arctan2(col, -row)) % 360
        assert pointed == pytest.approx(after.sun_azimuth)
        seen.add(after.sun_azimuth)
    assert len(seen) >= 2


def test_labels_move_with_pixels():
    before = drawn()
    before = replace(before, reflectance=np.repeat(before.sets[None] / np.float32(10), 13, axis=0))
    after = augmented(before, Augmentation(flips=True, holes=1.0, edges=1.0), np.random.default_rng(4))
    np.testing.assert_allclose(after.reflectance[0] * 10, after.sets, atol=1e-6)
    assert 0 < after.valid.sum() < before.valid.sum()


def test_colour_stays_within_what_was_asked():
    before = drawn()
    change = Augmentation(gain=0.1, band_gain=0.05, offset=0.02)
    for seed in range(20):
        after = augmented(before, change, np.random.default_rng(seed))
        seen = before.valid
        low, high = (
            before.reflectance[:, seen] * (0.9 * 0.95) - 0.02,
            before.reflectance[:, seen] * (1.1 * 1.05) + 0.02,
        )
        assert (after.reflectance[:, seen] >= low - 1e-6).all()
        assert (after.reflectance[:, seen] <= high + 1e-6).all()
        assert np.abs(after.reflectance - before.reflectance).max() > 1e-3


def test_bands_are_dropped_as_sensors_do_and_otherwise():
    landsat = {"B01", "B02", "B03", "B04", "B8A", "B10", "B11", "B12"}
    counts, kinds = set(), set()
    for seed in range(200):
        after = augment.with_fewer_bands(drawn(side=4), 3, np.random.default_rng(seed))
        there = frozenset(np.array(NAMES)[after.presence])
        counts.add(len(there))
        kinds.add(there)
    assert frozenset(NAMES) - {"B10"} in kinds
    assert frozenset(landsat) in kinds
    assert min(counts) == 3
    assert max(counts) == 12


@pytest.mark.parametrize("step", [augment.with_edge, augment.with_tear, augment.with_holes])
def test_lost_pixels_are_some_not_all(step):
    before = drawn(side=64)
    before = replace(before, valid=np.ones((64, 64), bool))
    for seed in range(20):
        after = step(before, np.random.default_rng(seed))
        assert 0.04 < after.valid.mean() < 1


def test_an_edge_is_a_straight_line():
    before = replace(drawn(side=64), valid=np.ones((64, 64), bool))
    lost = ~augment.with_edge(before, np.random.default_rng(3)).valid
    rows, cols = np.nonzero(lost)
    inside_r, inside_c = np.nonzero(~lost)
    points = np.concatenate(
        [np.c_[rows, cols, np.ones(len(rows))], -np.c_[inside_r, inside_c, np.ones(len(inside_r))]]
    )
    from scipy.optimize import linprog  # scikit-learn brings it: tests only

    apart = linprog([0, 0, 0], A_ub=-points, b_ub=-np.full(len(points), 1e-3), bounds=[(None, None)] * 3)
    assert apart.status == 0


def test_synthetic_clouds_come_with_their_labels():
    before = drawn(side=96, sets=np.uint8(NOT_CLOUD))
    clouds = [augment.clouded(before, np.random.default_rng(seed)) for seed in range(12)]
    kinds = set(np.unique(np.concatenate([after.sets.ravel() for after in clouds])).tolist())
    assert {0, NOT_CLOUD, 1 << THICK, 1 << THIN, 1 << SHADOW} == kinds
    blue = NAMES.index("B02")
    for after in clouds:
        untouched = after.sets == NOT_CLOUD
        thick = after.sets == 1 << THICK
        if thick.any():
            assert after.reflectance[blue][thick].mean() > before.reflectance[blue][thick].mean()
        if untouched.any():
            change = np.abs(after.reflectance - before.reflectance)[:, untouched]
            assert np.median(change) < 0.05
        np.testing.assert_array_equal(after.valid, before.valid)


def test_clouds_are_not_pasted_over_clouds():
    before = drawn(side=32)
    assert augment.clouded(before, np.random.default_rng(1)) is before


def test_doubt_leaves_rims_of_synthetic_clouds_open_and_takes_nothing_back():
    before = drawn(side=48, sets=np.uint8(CLEAR_ONLY))
    opened = 0
    for seed in range(6):
        sure = augment.clouded(before, np.random.default_rng(seed))
        open_ = augment.clouded(before, np.random.default_rng(seed), doubt=2.0)
        np.testing.assert_array_equal(sure.reflectance, open_.reflectance)
        np.testing.assert_array_equal(sure.sets & open_.sets, sure.sets)
        widened = open_.sets != sure.sets
        opened += int(widened.sum())
        assert all(int(item).bit_count() > 1 for item in np.unique(open_.sets[widened]))
    assert opened > 0


def test_a_shadow_that_nobody_sees_may_be_clear():
    ground = drawn(side=96, sets=np.uint8(CLEAR_ONLY))
    dark = replace(ground, reflectance=np.minimum(ground.reflectance, np.float32(0.01)))
    for before, seen in ((ground, True), (dark, False)):
        sets = [augment.clouded(before, np.random.default_rng(seed)).sets for seed in range(8)]
        assert any((item == 1 << SHADOW).any() for item in sets) == seen
        assert any((item == CLEAR_ONLY | 1 << SHADOW).any() for item in sets) or seen


def test_absent_bands_stay_absent_under_clouds():
    before = drawn(side=32, sets=np.uint8(CLEAR_ONLY))
    presence = np.array([name in {"B02", "B04", "B08"} for name in NAMES])
    before = replace(before, presence=presence, reflectance=before.reflectance * presence[:, None, None])
    after = augment.clouded(before, np.random.default_rng(5))
    assert not after.reflectance[~presence].any()


@settings(deadline=None, max_examples=30)
@given(factor=st.floats(0.5, 7), size=st.integers(1, 12), height=st.integers(1, 20), width=st.integers(1, 20))
def test_area_means_are_overlap_sums(factor, size, height, width):
    values = np.random.default_rng(0).random((2, height, width)).astype(np.float32)

    def overlaps(length):
        start = np.arange(size)[:, None] * factor
        first = np.arange(length)[None]
        return np.clip(np.minimum(start + factor, first + 1) - np.maximum(start, first), 0, None) / factor

    expected = overlaps(height) @ values.astype(np.float64) @ overlaps(width).T
    np.testing.assert_allclose(augment.area_mean(values, factor, size), expected, atol=1e-6)


def test_rescaling_by_a_whole_number_is_the_mean_of_blocks():
    before = drawn(side=24)
    after = rescaled(before, 40.0, 6)
    blocks = lambda v: v.reshape(*v.shape[:-2], 6, 4, 6, 4)  # noqa: E731 - shorter than a def here
    seen = blocks(before.valid).sum(axis=(-3, -1))
    total = blocks(before.reflectance).sum(axis=(-3, -1))
    np.testing.assert_array_equal(after.valid, seen >= 8)
    np.testing.assert_allclose(
        after.reflectance[:, after.valid], (total / np.maximum(seen, 1))[:, after.valid], atol=1e-6
    )
    shares = np.stack([(blocks(before.sets) == item).sum(axis=(-3, -1)) for item in (1, 2, 4, 8, 6)])
    known = (shares.sum(axis=0) > 8) & after.valid
    np.testing.assert_array_equal(after.sets != 0, known & (after.sets != 0))
    for row, col in np.argwhere(after.sets != 0):
        assert shares[(1, 2, 4, 8, 6).index(after.sets[row, col]), row, col] == shares[:, row, col].max()
    assert after.gsd_m == 40.0


def test_past_the_sample_nothing_is_seen():
    for gsd, size, end in ((10.0, 30, 24), (20.0, 30, 12), (9.0, 40, 26)):
        after = rescaled(drawn(side=24), gsd, size)
        assert after.valid.shape == (size, size)
        assert after.valid[:end, :end].any()
        assert not after.valid[end + 1 :].any()
        assert not after.sets[:, end + 1 :].any()


def test_spacings_are_drawn_between_the_ends():
    change = Augmentation(gsd_m=(9.0, 60.0))
    rng = np.random.default_rng(0)
    fine = [change.draw_gsd(10.0, rng) for _ in range(300)]
    assert min(fine) >= 9.0
    assert max(fine) <= 60.0
    assert np.median(fine) == pytest.approx((9 * 60) ** 0.5, rel=0.15)
    assert all(18 <= change.draw_gsd(20.0, rng) <= 60 for _ in range(50))
    assert Augmentation().draw_gsd(20.0, rng) == 20.0


@pytest.mark.parametrize(
    "options", [{"drop": 1.5}, {"noise": -1.0}, {"gsd_m": (60.0, 10.0)}, {"least_bands": 0}]
)
def test_options_without_meaning_are_named(options):
    with pytest.raises(OptionError, match="augmentation"):
        Augmentation(**options)


def test_a_sample_s_parts_must_fit():
    with pytest.raises(GridError, match="labels"):
        replace(drawn(), sets=np.zeros((3, 3), np.uint8))
    with pytest.raises(GridError, match="names"):
        replace(drawn(), bands=NAMES[:3])
