import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from unclouded.core.counts import Confusion
from unclouded.core.metrics import METRICS, Average, mean, median, score

cells = st.integers(0, 30)
confusions = st.builds(Confusion, tp=cells, fp=cells, fn=cells, tn=cells)


def pixels(c):
    """Truth and guess, pixel by pixel, that have these counts."""
    truth = [1] * c.tp + [0] * c.fp + [1] * c.fn + [0] * c.tn
    guess = [1] * c.tp + [1] * c.fp + [0] * c.fn + [0] * c.tn
    return truth, guess


def second_opinion(c):
    truth, guess = pixels(c)
    if not truth:
        return dict.fromkeys(METRICS)
    undefined = {"zero_division": math.nan}
    both = len(set(truth)) == 2
    found = {
        "accuracy": sk.accuracy_score(truth, guess),
        "precision": sk.precision_score(truth, guess, **undefined),
        "recall": sk.recall_score(truth, guess, **undefined),
        "f1": sk.f1_score(truth, guess, **undefined),
        "iou": sk.jaccard_score(truth, guess, zero_division=0) if any(truth + guess) else math.nan,
        # scikit-learn averages over the classes that are there; with one of them it is no balance
        "balanced_accuracy": sk.balanced_accuracy_score(truth, guess) if both else math.nan,
    }
    return {name: None if math.isnan(value) else float(value) for name, value in found.items()}


@given(confusions)
def test_every_metric_is_that_of_scikit_learn_and_undefined_where_it_is(c):
    assert score(c) == pytest.approx(second_opinion(c))


def test_a_matrix_worked_by_hand():
    found = score(Confusion(tp=30, fp=10, fn=20, tn=40))
    assert found == pytest.approx(
        {
            "accuracy": 70 / 100,
            "precision": 30 / 40,
            "recall": 30 / 50,
            "f1": 60 / 90,
            "iou": 30 / 60,
            "balanced_accuracy": (30 / 50 + 40 / 50) / 2,
        }
    )


@pytest.mark.parametrize(
    ("c", "undefined"),
    [
        (Confusion(tp=0, fp=0, fn=0, tn=0), set(METRICS)),
        (Confusion(tp=0, fp=0, fn=0, tn=9), {"precision", "recall", "f1", "iou", "balanced_accuracy"}),
        (Confusion(tp=9, fp=0, fn=0, tn=0), {"balanced_accuracy"}),
        (Confusion(tp=0, fp=4, fn=0, tn=5), {"recall", "balanced_accuracy"}),
        (Confusion(tp=0, fp=0, fn=4, tn=5), {"precision"}),
    ],
)
def test_what_is_undefined_is_none_and_never_0(c, undefined):
    assert {name for name, value in score(c).items() if value is None} == undefined


def test_ambiguous_pixels_count_in_no_metric():
    plain = Confusion(tp=3, fp=2, fn=1, tn=4)
    assert score(plain) == score(
        Confusion(tp=3, fp=2, fn=1, tn=4, reference_ambiguous=50, prediction_ambiguous=60)
    )


@given(confusions)
def test_f1_is_the_harmonic_mean_of_precision_and_recall_and_follows_from_iou(c):
    found = score(c)
    if found["precision"] and found["recall"]:
        assert found["f1"] == pytest.approx(2 / (1 / found["precision"] + 1 / found["recall"]))
    if found["iou"] is not None:
        assert found["f1"] == pytest.approx(2 * found["iou"] / (1 + found["iou"]))


def test_averages_leave_out_the_undefined_and_say_how_many_are_left():
    assert mean([0.5, None, 1.0, 0.9]) == Average(value=pytest.approx(0.8), scenes=3)
    assert median([0.1, None, 1.0, 0.9]) == Average(value=0.9, scenes=3)


def test_an_average_of_nothing_defined_is_undefined():
    assert mean([None, None]) == median([]) == Average(value=None, scenes=0)
