from pathlib import Path

import pytest

from unclouded.core.errors import PairError
from unclouded.evaluate._pairs import join, scene_name


def folder(where, *names):
    where.mkdir()
    for name in names:
        (where / name).touch()
    return where


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("a.tif", "a"),
        ("a_mask.tif", "a"),
        ("a_Reference.TIF", "a"),
        ("a_truth.tiff", "a"),
        ("a-label.tif", "a"),
        ("a_lab.tif", "a"),
        ("a_prediction.tif", "a"),
        ("a_pred.tif", "a"),
        ("S2A_MSIL1C_20160708T101032_N0204_T32TQM_mask.tif", "S2A_MSIL1C_20160708T101032_N0204_T32TQM"),
        ("unmask.tif", "unmask"),
        ("a_mask_b.tif", "a_mask_b"),
        ("a.v2_mask.tif", "a.v2"),
        ("_mask.tif", "_mask"),
    ],
)
def test_a_scene_is_the_file_name_without_what_the_file_is(name, scene):
    assert scene_name(Path(name)) == scene


def test_folders_are_joined_by_scene_whatever_the_order_and_the_rest_is_named(tmp_path):
    predicted = folder(tmp_path / "p", "b_mask.tif", "a_mask.tif", "extra_mask.tif")
    known = folder(tmp_path / "r", "a_truth.tif", "z_truth.tif", "b.tiff")
    found = join(predicted, known)
    assert [(pair.scene, pair.prediction.name, pair.reference.name) for pair in found.pairs] == [
        ("a", "a_mask.tif", "a_truth.tif"),
        ("b", "b_mask.tif", "b.tiff"),
    ]
    assert found.unmatched_predictions == ("extra",)
    assert found.unmatched_references == ("z",)


def test_what_lies_beside_masks_is_no_mask(tmp_path):
    names = ("a_mask.tif", "a_probabilities.tif", "a_img.tif", "a_preview.png", "run.json", ".b_mask.tif")
    predicted = folder(tmp_path / "p", *names)
    (predicted / "c_mask.tif").mkdir()
    found = join(predicted, folder(tmp_path / "r", "a.tif", "b.tif"))
    assert [pair.prediction.name for pair in found.pairs] == ["a_mask.tif"]
    assert found.unmatched_predictions == ()


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    place = folder(tmp_path / "p", "mine_mask.tif", "theirs.tif")
    (pair,) = join(place / "mine_mask.tif", place / "theirs.tif").pairs
    assert (pair.scene, pair.reference.name) == ("mine", "theirs.tif")


def test_a_file_finds_its_reference_in_a_folder(tmp_path):
    known = folder(tmp_path / "r", "a_truth.tif", "b_truth.tif")
    found = join(folder(tmp_path / "p", "a_mask.tif") / "a_mask.tif", known)
    assert [pair.reference.name for pair in found.pairs] == ["a_truth.tif"]
    assert found.unmatched_references == ("b",)


def test_nothing_in_common_is_shown_by_examples_of_both(tmp_path):
    predicted = folder(tmp_path / "p", *(f"scene{n}_mask.tif" for n in range(5)))
    known = folder(tmp_path / "r", "other_truth.tif")
    with pytest.raises(
        PairError, match=r"found scenes 'scene0', 'scene1', 'scene2' and 2 more and 'other'; rename"
    ):
        join(predicted, known)


def test_two_masks_of_one_scene_are_refused(tmp_path):
    predicted = folder(tmp_path / "p", "a_mask.tif", "a_pred.tif")
    with pytest.raises(
        PairError, match=r"--prediction .*found a_mask\.tif and a_pred\.tif for scene 'a'; keep"
    ):
        join(predicted, folder(tmp_path / "r", "a.tif"))


def test_a_path_that_does_not_exist_is_named_with_its_option(tmp_path):
    known = folder(tmp_path / "r", "a.tif")
    with pytest.raises(PairError, match=r"--prediction .*gone: expected a GeoTIFF or a folder of them"):
        join(tmp_path / "gone", known)
    with pytest.raises(PairError, match=r"--reference .*gone"):
        join(known, tmp_path / "gone")


def test_a_folder_without_masks_is_named(tmp_path):
    empty = folder(tmp_path / "p", "readme.txt")
    with pytest.raises(PairError, match=r"--prediction .*expected masks \(\*\.tif\), found none; name"):
        join(empty, folder(tmp_path / "r", "a.tif"))
