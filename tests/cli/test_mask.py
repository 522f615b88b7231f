"""`unclouded mask` as a user meets it: streams, exit codes, one-line errors."""

import json
from pathlib import Path

import pytest

from unclouded.testing.commands import PATCHWISE, unclouded


def run(*words):
    return unclouded("mask", *words)


def test_help_teaches():
    text = run("--help").stdout
    for word in ("Examples:", ".SAFE", "--offset", "run.json", "255 not seen", "After the network"):
        assert word in text


def test_results_go_to_stdout_and_warnings_to_stderr(product, tmp_path):
    done = run(product, "-o", tmp_path, *PATCHWISE)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{tmp_path / product.stem}_mask.tif  clear ")
    assert "warning: patchcnn-v1 is not recommended" in done.stderr
    assert "\x1b" not in done.stderr  # no bar where nobody watches
    again = run(product, "-o", tmp_path, *PATCHWISE, "-q")
    assert "(done before)" in again.stdout
    assert again.stderr == ""


def test_json_is_whole(product, tmp_path):
    (scene,) = json.loads(run(product, "-o", tmp_path, *PATCHWISE, "--json", "-q").stdout)
    assert scene["state"] == "done"
    assert scene["source"] == str(product)
    assert set(scene["shares"]) == {"clear", "cloud"}
    assert scene["mask"].endswith("_mask.tif")


def test_a_single_bad_source_is_one_line_and_code_3(tmp_path):
    done = run(tmp_path / "gone.SAFE", "-o", tmp_path / "out")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "gone.SAFE" in done.stderr


def test_some_failed_is_code_4_and_the_rest_is_done(product, tmp_path):
    done = run(tmp_path / "gone.SAFE", product, "-o", tmp_path / "out", "-q")
    assert done.returncode == 4
    assert f"{product.stem}_mask.tif" in done.stdout
    assert "1 of 2 scenes failed, the rest are done" in done.stderr


def test_usage_is_code_2(product):
    assert run(product).returncode == 2
    assert run("-o", "x").returncode == 2
    assert run(product, "-o", "x", "--gsd", "0").returncode == 2


def test_a_file_in_place_of_the_folder_is_code_3(product, tmp_path):
    (tmp_path / "taken").write_text("")
    done = run(product, "-o", tmp_path / "taken")
    assert done.returncode == 3
    assert "output folder" in done.stderr


def test_a_mask_is_refined_and_its_files_are_named(product, tmp_path):
    words = ("--min-area-m2", 5000, "--closing", "cloud=120m", "--buffer", "cloud=0.2km", "--probabilities")
    (scene,) = json.loads(run(product, "-o", tmp_path, *words, "--json", "-q").stdout)
    assert scene["refinement"] == "areas below 5000 m2 filled; closing cloud=120m; buffer cloud=200m"
    for name in ("mask", "probabilities", "preview", "style", "item"):
        assert Path(scene[name]).is_file(), name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--buffer", "cloud=3px"), "--buffer: expected class=length in m or km"),
        ((*PATCHWISE, "--buffer", "shadow=50m"), "patchcnn-v1: shadow=50m cannot be met"),
    ],
)
def test_a_refinement_that_cannot_be_is_one_line_and_code_2(product, tmp_path, words, told):
    done = run(product, "-o", tmp_path, *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
