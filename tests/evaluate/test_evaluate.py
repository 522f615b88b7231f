"""The room from outside: the function, its record and the files it writes."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from unclouded import __version__
from unclouded.core.errors import OptionError, OutputError, PairError
from unclouded.core.metrics import Average
from unclouded.evaluate import evaluate, to_dict

FILES = ("confusion_matrix.csv", "metrics.csv", "metrics.json")


@pytest.fixture
def folders(write, tmp_path):
    """Three scenes: one of 2 TP, 1 FP, 1 FN, 4 TN; one without cloud but one false alarm; one all clear."""
    scenes = {
        "a": ([[1, 1, 2, 0, 0, 0, 0, 3]], [[1, 2, 0, 1, 0, 0, 0, 3]]),
        "b": ([[0, 0, 0, 1]], [[0, 0, 0, 0]]),
        "c": ([[0, 0, 255]], [[0, 0, 255]]),
    }
    for name, (prediction, reference) in scenes.items():
        write(tmp_path / "p" / f"{name}_mask.tif", prediction, nodata=255)
        write(tmp_path / "r" / f"{name}_truth.tif", reference, nodata=255)
    return tmp_path / "p", tmp_path / "r"


def rows(path):
    return list(csv.reader(io.StringIO(path.read_text())))


def test_scenes_are_counted_apart_and_pooled_by_adding(folders):
    result = evaluate(*folders)
    assert [scene.scene for scene in result.scenes] == ["a", "b", "c"]
    c = result.confusion("cloud")
    assert (c.tp, c.fp, c.fn, c.tn) == (2, 2, 1, 9)
    assert result.counts.left_out == {"reference_nodata": 0, "prediction_nodata": 0, "both_nodata": 1}


def test_pooled_mean_and_median_are_three_different_things(folders):
    result = evaluate(*folders)
    accuracies = [6 / 8, 3 / 4, 1.0]
    assert result.pooled()["accuracy"] == pytest.approx(11 / 14)
    assert result.mean()["accuracy"] == Average(value=pytest.approx(np.mean(accuracies)), scenes=3)
    assert result.median()["accuracy"] == Average(value=pytest.approx(np.median(accuracies)), scenes=3)
    assert (
        len({result.pooled()["accuracy"], *(x()["accuracy"].value for x in (result.mean, result.median))})
        == 3
    )


def test_what_is_undefined_in_a_scene_is_in_no_mean(folders):
    mean = evaluate(*folders).mean("cloud")
    assert mean["recall"] == Average(value=pytest.approx(2 / 3), scenes=1)
    assert mean["precision"] == Average(value=pytest.approx((2 / 3 + 0) / 2), scenes=2)


def test_an_unknown_task_is_answered_with_the_known(folders):
    with pytest.raises(OptionError, match="task 'clowd': expected one of cloud, cloud_or_shadow, clear"):
        evaluate(*folders).pooled("clowd")


def test_the_confusion_csv_is_the_originals_with_each_number_under_its_name(folders, tmp_path):
    evaluate(*folders, output=tmp_path / "o")
    assert rows(tmp_path / "o" / "confusion_matrix.csv") == [
        ["scene", "TP", "FP", "FN", "TN"],
        ["a", "         2", "         1", "         1", "         4"],
        ["b", "         0", "         1", "         0", "         3"],
        ["c", "         0", "         0", "         0", "         2"],
        ["mean of 3 scenes", *(f"{value:10.0f}" for value in (2 / 3, 2 / 3, 1 / 3, 3))],
    ]


def test_the_metrics_csv_is_scikit_learns_and_its_mean_is_over_the_scenes_there_are(folders, tmp_path):
    evaluate(*folders, output=tmp_path / "o")
    head, a, b, c, mean = rows(tmp_path / "o" / "metrics.csv")
    assert head == ["scene", "accuracy", "precision", "recall", "fscore", "iou", "balanced_accuracy"]
    truth, guess = [1, 1, 0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0]
    score = (sk.accuracy_score, sk.precision_score, sk.recall_score, sk.f1_score, sk.jaccard_score)
    assert a == ["a", *(f"{one(truth, guess):10.4f}" for one in (*score, sk.balanced_accuracy_score))]
    assert b == ["b", "    0.7500", "    0.0000", "", "    0.0000", "    0.0000", ""]
    assert c == ["c", "    1.0000", "", "", "", "", ""]
    assert mean[1] == f"{(0.75 + 0.75 + 1) / 3:10.4f}"
    assert mean[2:4] == [f"{1 / 3:10.4f}", f"{2 / 3:10.4f}"]
    assert mean[0] == (
        "mean of 3 scenes (precision of 2; recall of 1; fscore of 2; iou of 2; balanced_accuracy of 1)"
    )


def test_a_metric_that_no_scene_defines_is_empty_in_the_mean_too(write, tmp_path):
    clear = write(tmp_path / "a.tif", [[0, 0]])
    evaluate(clear, clear, output=tmp_path / "o")
    assert rows(tmp_path / "o" / "metrics.csv")[-1][1:] == ["    1.0000", "", "", "", "", ""]


def test_the_json_holds_everything_and_says_which_is_which(folders, tmp_path):
    result = evaluate(*folders, output=tmp_path / "o")
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert found == json.loads(json.dumps(to_dict(result)))
    assert found["software"] == {"name": "unclouded", "version": __version__}
    assert found["legends"]["reference"]["codes"]["2"] == ["thin_cloud"]
    assert found["tasks"]["cloud"]["positives"] == ["thick_cloud", "thin_cloud"]
    assert found["pooled"]["tasks"]["cloud"]["counts"] == {
        "tp": 2, "fp": 2, "fn": 1, "tn": 9, "reference_ambiguous": 0, "prediction_ambiguous": 0,
    }  # fmt: skip
    assert found["mean"]["cloud"]["recall"] == {"value": pytest.approx(2 / 3), "scenes": 1}
    assert found["median"]["snow"]["f1"] == {"value": None, "scenes": 0}
    scene = found["scenes"][0]
    assert scene["grid"]["crs"] == "EPSG:32632"
    assert scene["grid"]["transform"] == [10, 0, 600_000, 0, -10, 5_100_000]
    matrix = scene["class_matrix"]
    assert matrix["classes"][:3] == ["clear", "thick_cloud", "thin_cloud"]
    # reference thin was called thick once, reference clear thin once, reference thick clear once
    assert matrix["pixels"] == [[3, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0] * 5]


def test_the_json_is_enough_to_count_again(write, tmp_path):
    reference = write(tmp_path / "r.tif", [[0, 1, 1, 255]])
    prediction = write(tmp_path / "p.tif", [[0, 1, 2, 3]])
    found = to_dict(evaluate(prediction, reference, legend="binary"))["pooled"]
    assert sum(entry["pixels"] for entry in found["joint"]) == found["pixels"] == 4
    assert {"reference": [], "prediction": ["cloud_shadow"], "pixels": 1} in found["joint"]
    assert {
        "reference": ["thick_cloud", "thin_cloud"],
        "prediction": ["thin_cloud"],
        "pixels": 1,
    } in found["joint"]
    assert found["class_matrix"]["not_one_class"] == 3
    assert found["tasks"]["thin_cloud"]["counts"]["reference_ambiguous"] == 2


def test_unmatched_scenes_are_in_the_result_and_in_the_json(folders, write):
    write(folders[0] / "lonely_mask.tif", [[0]])
    write(folders[1] / "waiting_truth.tif", [[0]])
    found = to_dict(evaluate(*folders))
    assert found["unmatched"] == {"predictions": ["lonely"], "references": ["waiting"]}
    assert len(found["scenes"]) == 3


def test_progress_is_told_after_each_scene(folders):
    told = []
    evaluate(*folders, on_scene=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_second_run_writes_the_same_bytes_and_nothing_else_is_left(folders, tmp_path):
    place = tmp_path / "deep" / "o"
    first = {name: path.read_bytes() for name, path in evaluate(*folders, output=place).files.items()}
    second = {name: path.read_bytes() for name, path in evaluate(*folders, output=place).files.items()}
    assert first == second
    assert sorted(path.name for path in place.iterdir()) == sorted(FILES)


def test_without_output_nothing_is_written(folders, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert evaluate(*folders).files == {}
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_is_a_file_is_refused_before_any_work(folders, tmp_path):
    (tmp_path / "o").touch()
    told = []
    with pytest.raises(
        OutputError, match=r"/o: expected a place that can be written, found: .*; name another"
    ):
        evaluate(*folders, output=tmp_path / "o", on_scene=lambda *_: told.append(1))
    assert told == []


def test_a_write_that_fails_leaves_what_was_there(folders, tmp_path, monkeypatch):
    result = evaluate(*folders, output=tmp_path / "o")
    before = result.files["metrics.json"].read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("unclouded.evaluate._write.os.fsync", full)
    with pytest.raises(OutputError, match=r"confusion_matrix\.csv: .*No space left on device"):
        evaluate(*folders, output=tmp_path / "o")
    assert result.files["metrics.json"].read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(FILES)


def test_legends_are_checked_before_files(tmp_path):
    with pytest.raises(OptionError, match="labels 'nosuch'"):
        evaluate(tmp_path / "gone", tmp_path / "gone", legend="nosuch")
    with pytest.raises(PairError):
        evaluate(tmp_path / "gone", tmp_path / "gone")


def test_a_scene_name_with_a_comma_stays_one_cell(write, tmp_path):
    mask = write(tmp_path / "oak, 2020_mask.tif", [[0, 1]])
    evaluate(mask, mask, output=tmp_path / "o")
    assert rows(tmp_path / "o" / "metrics.csv")[1][0] == "oak, 2020"


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import unclouded.evaluate",
        "from unclouded.evaluate import Evaluation",
        "from unclouded import evaluate",
    ],
)
def test_the_public_name_is_the_function_whatever_was_imported_before(folders, first):
    program = (
        f"import sys, unclouded\n{first}\n"
        "result = unclouded.evaluate(sys.argv[1], sys.argv[2])\n"
        "again = unclouded.evaluate(prediction=sys.argv[1], reference=sys.argv[2])\n"
        "import unclouded.evaluate as room\n"
        "assert isinstance(again, room.Evaluation) and room.evaluate(*sys.argv[1:]).scenes == again.scenes\n"
        "assert callable(unclouded.evaluate)\n"
        "print(result.confusion().tp)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_real_masks_against_themselves_are_perfect(real_data):
    result = evaluate(
        real_data / "labels" / "oncloudn",
        real_data / "labels" / "oncloudn",
        legend="binary",
        prediction_legend="binary",
    )
    assert len(result.scenes) == 8
    assert set(result.pooled("cloud").values()) == {1.0}
    # chips that are all cloud or all clear have no balanced accuracy
    assert result.mean("cloud")["balanced_accuracy"] == Average(value=1.0, scenes=6)
    assert result.warnings == ()


def test_real_masks_of_two_dates_are_scored_as_scikit_learn_does(real_data):
    import rasterio

    chips = real_data / "labels" / "cloudsen12-dense"
    files = [chips / f"ROI_1746_{date}_lab.tif" for date in ("cloudy", "mid-cloudy")]
    codes = []
    for file in files:
        with rasterio.open(file) as src:
            codes.append(src.read(1).ravel())
    guess, truth = codes
    result = evaluate(*files)
    np.testing.assert_array_equal(
        result.counts.class_matrix(), sk.confusion_matrix(truth, guess, labels=[0, 1, 2, 3, 4])
    )
    cloud = result.pooled("cloud")
    truth, guess = np.isin(truth, [1, 2]), np.isin(guess, [1, 2])
    assert cloud["f1"] == pytest.approx(sk.f1_score(truth, guess))
    assert cloud["iou"] == pytest.approx(sk.jaccard_score(truth, guess))
    assert cloud["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, guess))


def test_a_real_mask_of_0_and_255_is_taken_for_the_originals_when_told(real_data):
    mask = real_data / "labels" / "38cloud" / "p192_lab.tif"
    doubtful = evaluate(mask, mask)
    assert len(doubtful.warnings) == 2
    told = evaluate(mask, mask, legend="original", prediction_legend="original")
    assert told.warnings == ()
    assert told.pooled("cloud")["f1"] == 1.0
    assert told.counts.scored == told.counts.pixels > doubtful.counts.scored
