import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.counts import Confusion
from unclouded.core.errors import OptionError
from unclouded.core.metrics import METRICS, mean, median, score
from unclouded.evaluate.intervals import bootstrap

counts = st.integers(0, 50)
confusions = st.builds(Confusion, tp=counts, fp=counts, fn=counts, tn=counts)
few = settings(max_examples=25)


def rng(seed=0):
    return np.random.default_rng(seed)


def pooled(scenes):
    return Confusion(**{name: sum(getattr(one, name) for one in scenes) for name in ("tp", "fp", "fn", "tn")})


@few
@given(st.lists(confusions, min_size=1, max_size=8))
def test_the_figure_itself_is_that_of_the_scenes_at_hand(scenes):
    scores = [score(one) for one in scenes]
    for statistic, expected in (
        ("pooled", score(pooled(scenes))),
        ("mean", {name: mean(one[name] for one in scores).value for name in METRICS}),
        ("median", {name: median(one[name] for one in scores).value for name in METRICS}),
    ):
        found = bootstrap(scenes, rng=rng(), statistic=statistic, resamples=10)
        assert {name: found[name].value for name in METRICS} == pytest.approx(expected, nan_ok=True)


@few
@given(st.lists(confusions, min_size=1, max_size=8), st.sampled_from(["pooled", "mean", "median"]))
def test_bounds_are_in_order_and_within_what_single_scenes_gave(scenes, statistic):
    found = bootstrap(scenes, rng=rng(), statistic=statistic, resamples=30)
    for interval in found.values():
        assert 0 <= interval.defined <= 1
        assert (interval.low is None) == (interval.defined == 0)
        if interval.low is not None:
            assert 0 <= interval.low <= interval.high <= 1


def test_scenes_that_agree_leave_no_room():
    one = Confusion(tp=30, fp=10, fn=20, tn=40)
    found = bootstrap([one] * 6, rng=rng(), resamples=50)
    assert found["f1"].low == found["f1"].high == found["f1"].value == pytest.approx(60 / 90)


def test_the_interval_of_a_mean_is_the_textbook_one():
    # the mean of n values has a standard error of s / sqrt(n), and 95 % lie within 1.96 of them
    draw = rng(3).binomial(1000, 0.7, size=200)
    scenes = [Confusion(tp=int(hit), fn=int(1000 - hit), fp=0, tn=0) for hit in draw]
    interval = bootstrap(scenes, rng=rng(), statistic="mean", resamples=4000)["recall"]
    half = 1.96 * (draw / 1000).std() / np.sqrt(200)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)
    assert (interval.high + interval.low) / 2 == pytest.approx(interval.value, abs=half / 5)


def test_scenes_of_one_site_are_drawn_together():
    good, bad = Confusion(tp=10, fp=0, fn=0, tn=10), Confusion(tp=0, fp=10, fn=10, tn=0)
    scenes = [good] * 10 + [bad] * 10
    free = bootstrap(scenes, rng=rng(), resamples=400)["accuracy"]
    tied = bootstrap(scenes, rng=rng(), resamples=400, sites=["x"] * 10 + ["y"] * 10)["accuracy"]
    # two sites: all of one, all of the other, or half of each
    assert (tied.low, tied.high) == (0.0, 1.0)
    assert 0.2 < free.low < free.high < 0.8


def test_the_same_seed_gives_the_same_interval():
    scenes = [Confusion(tp=at, fp=3, fn=20 - at, tn=9) for at in range(20)]
    assert bootstrap(scenes, rng=rng(4)) == bootstrap(scenes, rng=rng(4))
    assert bootstrap(scenes, rng=rng(4)) != bootstrap(scenes, rng=rng(5))


def test_how_often_a_metric_is_defined_is_told():
    # recall is there in one scene of two: half of the pairs hold it once, a quarter not at all
    scenes = [Confusion(tp=5, fp=1, fn=5, tn=5), Confusion(tp=0, fp=1, fn=0, tn=9)]
    found = bootstrap(scenes, rng=rng(), resamples=2000)
    assert found["recall"].defined == pytest.approx(0.75, abs=0.05)
    assert found["accuracy"].defined == 1.0


def test_undefined_stays_undefined():
    found = bootstrap([Confusion(tp=0, fp=0, fn=0, tn=4)], rng=rng(), resamples=10)
    assert (found["f1"].value, found["f1"].low, found["f1"].high, found["f1"].defined) == (
        None,
        None,
        None,
        0,
    )


@pytest.mark.parametrize(
    ("scenes", "sites"), [([], None), ([Confusion(tp=1, fp=0, fn=0, tn=0)], ["a", "b"]), ([], [])]
)
def test_scenes_need_a_site_each(scenes, sites):
    with pytest.raises(OptionError, match="bootstrap: expected scenes and a site for each"):
        bootstrap(scenes, rng=rng(), sites=sites)
