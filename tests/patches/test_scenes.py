"""Labels out of sets of classes, and scenes at coarser spacings."""

import numpy as np
import pytest

from unclouded.core.classes import CLEAR, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import GridError, LabelError, OptionError
from unclouded.patches.scenes import IGNORED, LabelledScene, cloud_labels, coarser, labelled, pyramid


def bits(*classes):
    return class_bits(frozenset(classes))


@pytest.mark.parametrize(
    ("classes", "label"),
    [
        ((THICK,), 1),
        ((THIN,), 1),
        ((THICK, THIN), 1),
        ((CLEAR,), 0),
        ((SHADOW,), 0),
        ((SNOW,), 0),
        ((CLEAR, SHADOW, SNOW), 0),
        ((CLEAR, THIN), IGNORED),
        ((THICK, SNOW), IGNORED),
        ((), IGNORED),
    ],
)
def test_a_pixel_is_cloud_where_all_it_may_be_is_cloud(classes, label):
    assert cloud_labels(np.array([[bits(*classes)]], np.uint8)).item() == label


def test_what_was_not_seen_is_ignored_and_zero():
    reflectance = np.full((2, 3, 3), 0.5, np.float32)
    valid = np.ones((3, 3), bool)
    valid[1, 2] = False
    scene = labelled("a", reflectance, valid, np.full((3, 3), bits(THICK), np.uint8))
    assert scene.cloud[1, 2] == IGNORED
    assert (scene.cloud == 1).sum() == 8
    assert not scene.reflectance[:, 1, 2].any()
    assert (reflectance == 0.5).all(), "the caller's array is left alone"


def test_a_scene_without_a_label_is_an_error_that_names_it():
    with pytest.raises(LabelError, match=r"gap: .*legend"):
        labelled("gap", np.ones((1, 2, 2), np.float32), np.ones((2, 2), bool), np.zeros((2, 2), np.uint8))


def test_labels_of_another_shape_are_an_error():
    with pytest.raises(GridError, match=r"a: .*\(4, 4\).*\(4, 5\)"):
        LabelledScene(name="a", reflectance=np.ones((1, 4, 4), np.float32), cloud=np.ones((4, 5), np.uint8))


@pytest.mark.parametrize("wrong", [{"scales": ()}, {"scales": (0, 1)}, {"weight": 0.0}])
def test_scales_and_weights_that_have_no_meaning_are_errors(wrong):
    with pytest.raises(OptionError, match="a: "):
        LabelledScene(
            name="a", reflectance=np.ones((1, 4, 4), np.float32), cloud=np.ones((4, 4), np.uint8), **wrong
        )


def test_a_coarser_scene_is_the_area_mean_and_the_majority():
    values = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)
    codes = np.zeros((5, 7), np.uint8)
    codes[0:2, 0:2] = [[1, 1], [1, 0]]  # three of four are cloud
    codes[0:2, 2:4] = [[IGNORED, IGNORED], [IGNORED, 1]]  # most are not known
    codes[2:4, 0:2] = [[IGNORED, 1], [1, 0]]
    found = coarser(LabelledScene(name="a", reflectance=values, cloud=codes), 2)
    assert found.reflectance.shape == (2, 2, 3)
    assert found.reflectance[1, 1, 2] == values[1, 2:4, 4:6].mean()
    np.testing.assert_array_equal(found.cloud, [[1, IGNORED, 0], [1, 0, 0]])


def test_a_pyramid_leaves_out_what_is_smaller_than_a_patch():
    scene = LabelledScene(
        name="a",
        reflectance=np.ones((1, 40, 90), np.float32),
        cloud=np.zeros((40, 90), np.uint8),
        scales=(1, 2, 3),
    )
    assert [level.cloud.shape for level in pyramid([scene], least=16)] == [(40, 90), (20, 45)]
