import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix

from unclouded.core.classes import (
    CLASSES,
    CLEAR,
    CLOUD,
    EVERY_CLASS,
    LEGENDS,
    SHADOW,
    THICK,
    class_bits,
    to_sets,
)
from unclouded.core.counts import SETS, TASKS, Confusion, Counts, Task, count, no_counts
from unclouded.core.errors import GridError

TASK = {task.name: task for task in TASKS}
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
sets = hnp.arrays(np.uint8, st.shared(SHAPES, key="shape"), elements=st.integers(0, SETS - 1))
codes = hnp.arrays(np.uint8, st.shared(SHAPES, key="shape"), elements=st.sampled_from([0, 1, 2, 3, 4, 255]))
positives = st.frozensets(st.sampled_from(sorted(EVERY_CLASS)))


def one(reference, prediction):
    """Counts of a single pixel that may be these classes."""
    return count(np.uint8([[class_bits(reference)]]), np.uint8([[class_bits(prediction)]]))


def test_rows_are_the_reference_and_columns_the_prediction():
    joint = one(frozenset({SHADOW}), CLOUD).joint
    assert joint.shape == (SETS, SETS)
    assert joint[1 << SHADOW, class_bits(CLOUD)] == 1
    assert joint.sum() == 1


@given(sets, sets)
def test_the_histogram_is_that_of_numpy(reference, prediction):
    edges = np.arange(SETS + 1)
    expected, _, _ = np.histogram2d(reference.ravel(), prediction.ravel(), bins=(edges, edges))
    np.testing.assert_array_equal(count(reference, prediction).joint, expected)


@given(sets, sets, st.data())
def test_any_cut_adds_up_to_the_whole(reference, prediction, data):
    height, width = reference.shape
    row, column = data.draw(st.integers(0, height)), data.draw(st.integers(0, width))
    quarters = [
        (rows, columns)
        for rows in (slice(0, row), slice(row, height))
        for columns in (slice(0, column), slice(column, width))
    ]
    parts = [count(reference[q], prediction[q]) for q in data.draw(st.permutations(quarters))]
    assert sum(parts, no_counts()) == count(reference, prediction)


@given(sets, sets, positives)
def test_every_pixel_is_counted_once_for_any_task(reference, prediction, classes):
    counts = count(reference, prediction)
    c = counts.confusion(Task(name="any", title="any", positives=classes))
    answered = c.tp + c.fp + c.fn + c.tn
    assert c.scored == answered
    assert answered + c.reference_ambiguous + c.prediction_ambiguous == counts.scored
    assert counts.scored + sum(counts.left_out.values()) == counts.pixels == reference.size


@given(codes, codes, positives)
def test_singletons_are_scored_as_scikit_learn_does(reference, prediction, classes):
    legend = LEGENDS["unclouded"]
    c = count(to_sets(reference, legend), to_sets(prediction, legend)).confusion(
        Task(name="any", title="any", positives=classes)
    )
    seen = (reference != 255) & (prediction != 255)
    truth, guess = (np.isin(x[seen], list(classes)) for x in (reference, prediction))
    # scikit-learn will have no empty input; the four counts of nothing are 0
    expected = confusion_matrix(truth, guess, labels=[True, False]) if seen.any() else np.zeros((2, 2), int)
    assert [[c.tp, c.fn], [c.fp, c.tn]] == expected.tolist()


@given(codes, codes)
def test_the_class_matrix_is_that_of_scikit_learn(reference, prediction):
    legend = LEGENDS["unclouded"]
    matrix = count(to_sets(reference, legend), to_sets(prediction, legend)).class_matrix()
    seen = (reference != 255) & (prediction != 255)
    names = [item.code for item in CLASSES]
    expected = (
        confusion_matrix(reference[seen], prediction[seen], labels=names)
        if seen.any()
        else np.zeros((len(names), len(names)), int)
    )
    np.testing.assert_array_equal(matrix, expected)


@given(sets, sets, positives)
def test_swapping_the_two_swaps_false_alarms_and_misses(reference, prediction, classes):
    task = Task(name="any", title="any", positives=classes)
    there, back = (
        count(*pair).confusion(task) for pair in ((reference, prediction), (prediction, reference))
    )
    assert (there.tp, there.fp, there.fn, there.tn) == (back.tp, back.fn, back.fp, back.tn)


@pytest.mark.parametrize(
    ("reference", "prediction", "task", "where"),
    [
        ({THICK}, CLOUD, "cloud", "tp"),
        (CLOUD, {CLEAR}, "cloud", "fn"),
        ({SHADOW}, CLOUD, "cloud", "fp"),
        ({CLEAR, SHADOW}, {CLEAR}, "cloud", "tn"),
        ({CLEAR, SHADOW}, {CLEAR}, "cloud_or_shadow", "reference_ambiguous"),
        (CLOUD, {THICK}, "thick_cloud", "reference_ambiguous"),
        ({THICK}, CLOUD, "thick_cloud", "prediction_ambiguous"),
        ({CLEAR}, CLOUD, "thick_cloud", "prediction_ambiguous"),
        (CLOUD, CLOUD, "thick_cloud", "reference_ambiguous"),
        ({SHADOW}, {THICK}, "cloud_or_shadow", "tp"),
    ],
)
def test_what_a_set_answers(reference, prediction, task, where):
    found = one(frozenset(reference), frozenset(prediction)).confusion(TASK[task])
    assert found == Confusion(**{"tp": 0, "fp": 0, "fn": 0, "tn": 0, where: 1})


def test_nodata_counts_nowhere_and_is_named_by_side():
    counts = count(np.uint8([[0, 0, 1, 1]]), np.uint8([[0, 1, 0, 1]]))
    assert counts.left_out == {"reference_nodata": 1, "prediction_nodata": 1, "both_nodata": 1}
    assert (counts.scored, counts.pixels) == (1, 4)


def test_there_is_a_task_for_cloud_for_contamination_and_for_every_class():
    assert [task.name for task in TASKS] == ["cloud", "cloud_or_shadow", *(item.name for item in CLASSES)]
    assert TASK["cloud_or_shadow"].positives == CLOUD | {SHADOW}


def test_shapes_that_differ_are_refused():
    with pytest.raises(GridError, match=r"reference \(2, 3\) and prediction \(3, 2\); bring both"):
        count(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_counts_cannot_be_changed_and_equal_ones_hash_alike():
    counts = one(CLOUD, CLOUD)
    with pytest.raises(ValueError, match="read-only"):
        counts.joint[0, 0] = 7
    assert hash(counts) == hash(one(CLOUD, CLOUD))
    assert counts != no_counts()
    assert counts != "counts"
    assert counts + counts == Counts(joint=counts.joint * 2)
