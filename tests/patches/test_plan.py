"""Plans and the squares cut by them: drawn as asked, the same for the same seed, wherever they are cut."""

import numpy as np
import pytest

from unclouded.core.errors import LabelError, OptionError
from unclouded.core.windows import Window
from unclouded.patches.augment import Augmentation, Sample
from unclouded.patches.memory import MemoryStore, draw, items_of
from unclouded.patches.plan import ANY_CLASS, HARDEST, Plan, Squares, class_pixels, draw_plan, of_class

CHANGES = Augmentation(flips=True, gsd_m=(9.0, 40.0), gain=0.1, noise=0.01, drop=0.3, edges=0.3)


def scene(seed, shape=(60, 40), classes=(1, 2, 4, 8), weight=1.0):
    rng = np.random.default_rng(seed)
    return Sample(
        reflectance=rng.random((4, *shape)).astype(np.float32),
        valid=np.ones(shape, bool),
        sets=rng.choice(np.array(classes, np.uint8), shape),
        bands=("B02", "B03", "B04", "B08"),
        presence=np.ones(4, bool),
        gsd_m=10.0,
        weight=weight,
    )


@pytest.fixture(scope="module")
def store():
    return MemoryStore(scenes=(scene(1), scene(2, (30, 30), (1,)), scene(3, (90, 80), (0, 2), weight=2.0)))


def test_uniform_goes_by_labelled_pixels_and_weight(store):
    plan = draw_plan(store.items, 20_000, "uniform", seed=(1, 0))
    expected = store.items.labelled * store.items.weight
    np.testing.assert_allclose(np.bincount(plan.item) / 20_000, expected / expected.sum(), atol=0.02)
    assert (plan.around == ANY_CLASS).all()


def test_balanced_shows_each_class_as_often(store):
    plan = draw_plan(store.items, 4000, "balanced", seed=(1, 0))
    assert np.bincount(plan.around, minlength=5).tolist() == [1000, 1000, 1000, 1000, 0]
    size = 9
    for position in range(60):
        sample = draw(store, plan, position, size, Augmentation())
        assert (sample.sets == 1 << plan.around[position]).any()
    inside = [
        draw(store, plan, position, size, Augmentation()).sets[size // 2, size // 2]
        == 1 << plan.around[position]
        for position in range(200)
    ]
    assert np.mean(inside) > 0.6  # all but those that were moved to lie inside the scene


def test_hard_follows_the_losses_within_bounds(store):
    losses = np.array([1.0, np.nan, 1000.0])
    plan = draw_plan(store.items, 20_000, "hard", seed=(1, 1), losses=losses)
    even = draw_plan(store.items, 20_000, "hard", seed=(1, 1))
    counts, usual = (np.bincount(p.item, minlength=3) for p in (plan, even))
    assert counts[2] > usual[2]
    assert counts[0] > 0
    ratio = (counts[1] / counts[0]) / (usual[1] / usual[0])
    assert ratio == pytest.approx(HARDEST, rel=0.35)


def test_a_square_depends_on_seed_epoch_and_position_alone(store):
    plan = draw_plan(store.items, 50, "uniform", seed=(5, 2))
    again = draw_plan(store.items, 50, "uniform", seed=(5, 2))
    other = draw_plan(store.items, 50, "uniform", seed=(5, 3))
    np.testing.assert_array_equal(plan.item, again.item)
    assert not np.array_equal(plan.item, other.item)
    backwards = [draw(store, again, position, 16, CHANGES) for position in reversed(range(50))][::-1]
    for position in range(50):
        np.testing.assert_array_equal(
            draw(store, plan, position, 16, CHANGES).reflectance, backwards[position].reflectance
        )


def test_squares_are_parts_of_their_scene(store):
    plan = draw_plan(store.items, 30, "uniform", seed=(0, 0))
    for position in range(30):
        sample = draw(store, plan, position, 20, Augmentation())
        whole = store.scenes[plan.item[position]]
        windows = np.lib.stride_tricks.sliding_window_view(whole.reflectance[0], (20, 20))
        assert (windows == sample.reflectance[0]).all(axis=(-1, -2)).any()
        assert sample.reflectance.shape == (4, 20, 20)


def test_squares_larger_than_the_scene_are_padded(store):
    plan = Plan(item=np.array([1]), around=np.array([ANY_CLASS]), seed=(0, 0))
    sample = draw(store, plan, 0, 40, Augmentation())
    assert sample.valid.sum() == 30 * 30
    assert not sample.sets[30:].any()


def test_counts_are_those_of_the_labels(store):
    items = items_of(store.scenes)
    assert items.pixels[1].tolist() == [900, 0, 0, 0, 0]
    assert items.labelled[2] == np.count_nonzero(store.scenes[2].sets)
    sample = store.read(0, Window(row_off=3, col_off=4, height=5, width=6))
    np.testing.assert_array_equal(sample.sets, store.scenes[0].sets[3:8, 4:10])


def test_without_labels_there_is_no_plan():
    items = items_of([scene(1, classes=(0,))])
    with pytest.raises(LabelError, match="labelled pixels"):
        draw_plan(items, 3, "uniform", seed=(0, 0))
    with pytest.raises(OptionError, match="squares"):
        Squares(size=0)


@pytest.mark.parametrize(
    ("classes", "counts_for"),
    [
        ({0}, 0),
        ({0, 4}, 0),
        ({0, 3, 4}, 0),
        ({1}, 1),
        ({1, 2}, 1),
        ({2}, 2),
        ({3}, 3),
        ({4}, 4),
        ({0, 1}, None),
        ({3, 4}, None),
        (set(), None),
        ({0, 1, 2, 3, 4}, None),
    ],
)
def test_what_a_set_does_not_tell_apart_counts_for_the_commoner(classes, counts_for):
    sets = np.array([[sum(1 << code for code in classes)]], np.uint8)
    expected = [int(code == counts_for) for code in range(5)]
    assert class_pixels(sets).tolist() == expected
    assert [of_class(sets, code).item() for code in range(5)] == [bool(value) for value in expected]
