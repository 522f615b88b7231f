import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.calibration import calibration_curve

from unclouded.core.errors import GridError
from unclouded.evaluate.reliability import no_reliability, reliability

shares = hnp.arrays(np.float32, st.integers(1, 200), elements=st.floats(0, 1, width=32))


@given(shares, st.randoms(use_true_random=False), st.integers(1, 20))
def test_bins_are_what_scikit_learn_finds(probability, random, bins):
    positive = np.array([random.random() < 0.5 for _ in probability])
    # values on a bin's edge belong above it here and below it there
    on_edge = np.isclose(probability * bins, np.round(probability * bins), atol=1e-4)
    known = ~on_edge
    if len(set(positive[known])) < 2:
        return
    ours = reliability(probability, positive, known, bins=bins)
    found, predicted = calibration_curve(positive[known], probability[known], n_bins=bins)
    filled = ours.pixels > 0
    np.testing.assert_allclose(ours.found[filled], found)
    np.testing.assert_allclose(ours.predicted[filled], predicted, rtol=1e-6)
    assert np.isnan(ours.found[~filled]).all()


@given(shares, st.integers(0, 200))
def test_parts_add_up_to_the_whole(probability, cut):
    positive, known = probability > 0.4, np.ones(probability.shape, np.bool_)
    whole = reliability(probability, positive, known)
    parts = [
        reliability(probability[at], positive[at], known[at]) for at in (slice(None, cut), slice(cut, None))
    ]
    total = sum(parts, no_reliability())
    np.testing.assert_array_equal(total.pixels, whole.pixels)
    np.testing.assert_array_equal(total.positives, whole.positives)
    np.testing.assert_allclose(total.probability, whole.probability)
    assert total.ece == pytest.approx(whole.ece)


def test_probabilities_that_come_true_have_no_error():
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=400_000).astype(np.float32)
    positive = rng.uniform(size=probability.size) < probability
    assert reliability(probability, positive, np.ones(probability.shape, np.bool_)).ece < 0.004


def test_boasting_is_measured():
    probability = np.full((10, 10), 0.9, np.float32)
    positive = np.zeros((10, 10), np.bool_)
    positive[:6] = True
    assert reliability(probability, positive, np.ones((10, 10), np.bool_)).ece == pytest.approx(0.3)


def test_what_is_not_known_counts_nowhere():
    probability = np.array([0.1, 0.9, 0.9], np.float32)
    positive = np.array([True, True, False])
    found = reliability(probability, positive, np.array([False, True, False]))
    assert (found.pixels.sum(), found.positives.sum()) == (1, 1)
    assert found.ece == pytest.approx(0.1)


def test_certainty_falls_into_the_outer_bins():
    probability = np.array([0.0, 1.0], np.float32)
    found = reliability(probability, probability > 0, np.ones(2, np.bool_), bins=10)
    assert found.pixels.tolist() == [1] + [0] * 8 + [1]
    assert found.ece == 0


def test_without_pixels_there_is_no_error_to_tell():
    assert no_reliability().ece is None


def test_shapes_must_agree():
    flags = np.ones((2, 2), np.bool_)
    with pytest.raises(GridError, match=r"\(2, 3\), \(2, 2\) and \(2, 2\)"):
        reliability(np.zeros((2, 3), np.float32), flags, flags)
