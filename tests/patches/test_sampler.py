"""Batches: the right pixel in the right place, whatever is done to a patch; same seed, same batches."""

from itertools import islice

import numpy as np
import pytest

from unclouded.core.errors import LabelError, OptionError
from unclouded.patches.sampler import Sampling, augment, batches
from unclouded.patches.scenes import IGNORED, LabelledScene

PATCH, HALF = 16, 8
BARE = {"flips": False, "balanced": False}


def numbered(height=21, width=34, name="a", start=1.0, codes=None, **options):
    """A scene whose first band counts its pixels and whose second says whether they are cloud."""
    count = np.arange(start, start + height * width, dtype=np.float32).reshape(height, width)
    codes = np.indices((height, width)).sum(axis=0) % 3 % 2 if codes is None else codes
    return LabelledScene(
        name=name,
        reflectance=np.stack([count, codes.astype(np.float32) + 1]),
        cloud=codes.astype(np.uint8),
        **options,
    )


def take(scenes, count=1, seed=0, **sampling):
    source = batches(scenes, PATCH, Sampling(**{"batch": 64, **sampling}), np.random.default_rng(seed))
    return list(islice(source, count))


def test_a_patch_is_cut_around_its_pixel_and_zero_past_the_scene():
    scene = numbered()
    padded = np.pad(scene.reflectance, [(0, 0), (HALF, HALF), (HALF, HALF)])
    (batch,) = take([scene], batch=200, **BARE)
    for patch, cloud in zip(batch.patches, batch.cloud, strict=True):
        row, col = divmod(int(patch[0, HALF, HALF]) - 1, 34)
        np.testing.assert_array_equal(patch, padded[:, row : row + PATCH, col : col + PATCH])
        assert cloud == scene.cloud[row, col]


@pytest.mark.parametrize("balanced", [True, False])
def test_the_label_is_the_middle_pixel_s_whatever_the_turn(balanced):
    scenes = [numbered(), numbered(40, 17, "b", 5000.0)]
    for batch in take(scenes, 5, balanced=balanced, flips=True, edges=1.0):
        assert batch.patches.shape == (64, 2, PATCH, PATCH)
        np.testing.assert_array_equal(batch.patches[:, 1, HALF, HALF] - 1, batch.cloud)


def test_all_eight_turns_occur_and_nothing_else():
    scene = numbered(60, 60)
    (batch,) = take([scene], batch=4000, balanced=False, flips=True)
    inner = [p[0] for p in batch.patches if (p[0] > 0).all()]
    steps = {
        (float(p[HALF, HALF + 1] - p[HALF, HALF]), float(p[HALF + 1, HALF] - p[HALF, HALF])) for p in inner
    }
    assert steps == {(a, b) for a, b in [(1, 60), (-1, 60), (1, -60), (-1, -60)]} | {
        (b, a) for a, b in [(1, 60), (-1, 60), (1, -60), (-1, -60)]
    }


def test_balance_makes_classes_equally_frequent():
    codes = np.zeros((30, 30), np.uint8)
    codes[3, 4] = 1
    (batch,) = take([numbered(30, 30, codes=codes)], balanced=True)
    assert batch.cloud.mean() == 0.5
    (batch,) = take([numbered(30, 30, codes=codes)], balanced=False, batch=1000)
    assert batch.cloud.mean() < 0.02


def test_every_labelled_pixel_is_drawn_and_no_ignored_one():
    codes = np.full((18, 18), IGNORED, np.uint8)
    codes[2:6, 3:9] = 1
    codes[10:12, 5:7] = 0
    scene = numbered(18, 18, codes=codes)
    drawn = {int(p[0, HALF, HALF]) for batch in take([scene], 10, **BARE) for p in batch.patches}
    assert drawn == set(scene.reflectance[0][codes != IGNORED].astype(int))


def test_a_weight_of_three_is_drawn_three_times_as_often():
    scenes = [numbered(weight=3.0), numbered(name="b", start=5000.0)]
    found = np.concatenate(
        [b.patches[:, 0, HALF, HALF] for b in take(scenes, 40, flips=False, balanced=False)]
    )
    assert (found < 5000).mean() == pytest.approx(0.75, abs=0.03)


def test_coarser_scales_show_area_means():
    scene = numbered(64, 64, scales=(2,))
    (batch,) = take([scene], balanced=False, flips=False)
    means = scene.reflectance[0].reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert set(batch.patches[:, 0, HALF, HALF].tolist()) <= set(means.ravel().tolist())


def test_same_seed_same_batches_other_seed_others():
    options = {"edges": 0.5, "gain": 0.05, "offset": 0.01, "noise": 0.002}
    one, two = take([numbered()], 3, 7, **options), take([numbered()], 3, 7, **options)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.patches, b.patches)
        np.testing.assert_array_equal(a.cloud, b.cloud)
    assert not np.array_equal(one[0].patches, take([numbered()], 1, 8, **options)[0].patches)


def test_gain_and_offset_are_one_draw_a_patch_and_leave_the_unseen_at_zero():
    patches = np.zeros((500, 3, PATCH, PATCH), np.float32)
    patches[:, :, :, 4:] = 0.5
    patches[:, 1, :, 4:] = 0.1
    found = augment(patches, Sampling(flips=False, gain=0.05, offset=0.01), np.random.default_rng(0))
    assert not found[:, :, :, :4].any()
    assert np.ptp(found[:, :, :, 4:], axis=(2, 3)).max() < 1e-6
    gain = (found[:, 0, 0, 9] - found[:, 1, 0, 9]) / 0.4
    offset = found[:, 1, 0, 9] - 0.1 * gain
    assert (gain.min(), gain.max()) == pytest.approx((0.95, 1.05), abs=0.002)
    assert (offset.min(), offset.max()) == pytest.approx((-0.01, 0.01), abs=0.001)


def test_noise_has_the_spread_asked_for():
    patches = np.full((50, 3, PATCH, PATCH), 0.4, np.float32)
    found = augment(patches, Sampling(flips=False, noise=0.003), np.random.default_rng(0))
    assert found.std() == pytest.approx(0.003, rel=0.05)


def test_edges_are_zero_or_mirrored_on_one_side_and_keep_the_middle():
    scene = numbered(60, 60)
    (plain,) = take([scene], batch=400, seed=3, **BARE)
    rng = np.random.default_rng(3)
    full = plain.patches
    found = augment(full.copy(), Sampling(flips=False, edges=1.0), rng)
    kinds = set()
    for before, after in zip(plain.patches[:, 0], found[:, 0], strict=True):
        changed = before != after
        assert not changed[HALF, HALF]
        if not changed.any() or not before.all():  # nothing beyond the line, or at the scene's own edge
            continue
        rows, cols = changed.all(axis=1), changed.all(axis=0)
        line = rows if rows.any() else cols
        view = after if rows.any() else after.T
        assert changed.sum() <= line.sum() * PATCH
        lost = np.flatnonzero(line)
        assert lost[0] == 0 or lost[-1] == PATCH - 1, "a side, not a stripe"
        if not view[lost].any():
            kinds.add("zero")
        else:
            last = lost[-1] + 1 if lost[0] == 0 else lost[0] - 1
            np.testing.assert_array_equal(view[lost], view[2 * last - lost])
            kinds.add("mirror")
    assert kinds == {"zero", "mirror"}


def test_a_class_without_a_pixel_is_named():
    with pytest.raises(LabelError, match=r"labelled cloud.*balanced"):
        take([numbered(codes=np.zeros((21, 34)))])


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"edges": 1.5}, {"gain": -0.1}, {"noise": -1.0}])
def test_sampling_that_has_no_meaning_is_an_error(wrong):
    with pytest.raises(OptionError, match="sampling"):
        Sampling(**wrong)
