import contextlib
import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from unclouded.cli import app
from unclouded.testing.commands import unclouded


@pytest.fixture
def folders(tmp_path):
    """`folders(n)`: n scenes of 4 px, in each one false alarm, one thin cloud found as thick, one nodata."""

    def write(path, codes):
        path.parent.mkdir(exist_ok=True)
        shape = {"height": 1, "width": len(codes), "count": 1, "dtype": "uint8"}
        place = {"crs": "EPSG:32632", "transform": Affine(10, 0, 600_000, 0, -10, 5_100_000)}
        with rasterio.open(path, "w", driver="GTiff", nodata=255, **shape, **place) as out:
            out.write(np.array([[codes]], np.uint8))

    def make(scenes):
        for n in range(scenes):
            write(tmp_path / "p" / f"scene{n:03d}_mask.tif", [1, 1, 0, 0])
            write(tmp_path / "r" / f"scene{n:03d}_truth.tif", [0, 2, 0, 255])
        return ["--prediction", str(tmp_path / "p"), "--reference", str(tmp_path / "r")]

    return make


def call(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def line(text, start):
    return next(row.split() for row in text.splitlines() if row.strip().startswith(start))


def test_tables_name_mean_median_and_pooled_and_every_class(folders, tmp_path):
    done = call(*folders(2), "-o", tmp_path / "o")
    assert done.exit_code == 0
    assert line(done.stdout, "scene000") == [
        "scene000",
        "0.6667",
        "0.5000",
        "1.0000",
        "0.6667",
        "0.5000",
        "0.7500",
    ]
    for name in ("mean", "median", "pooled"):
        assert line(done.stdout, name)[1:3] == ["0.6667", "0.5000"]
    assert line(done.stdout, "thin cloud")[2:] == [
        "0.6667",
        "-",
        "0.0000",
        "0.0000",
        "0.0000",
        "0.5000",
        "100%",
    ]
    assert line(done.stdout, "snow or ice")[3:] == ["1.0000", "-", "-", "-", "-", "-", "100%"]
    assert "6 of 8 px scored; left out: reference nodata 2" in done.stdout
    for name in ("confusion_matrix.csv", "metrics.csv", "metrics.json"):
        assert str(tmp_path / "o" / name) in done.stdout.splitlines()
        assert (tmp_path / "o" / name).is_file()


def test_json_is_what_the_file_holds_and_nothing_else(folders, tmp_path):
    done = call(*folders(2), "-o", tmp_path / "o", "--json")
    assert done.stdout == (tmp_path / "o" / "metrics.json").read_text()
    assert json.loads(done.stdout)["mean"]["cloud"]["precision"] == {"value": 0.5, "scenes": 2}
    assert done.stderr == ""


def test_many_scenes_are_left_to_the_files_and_counted(folders):
    out = call(*folders(25)).stdout
    assert "scene019" in out
    assert "scene020" not in out
    assert "… and 5 more" in out


def test_a_name_as_long_as_a_products_stays_whole_in_a_pipe(folders, tmp_path):
    arguments = folders(1)
    name = "S2A_MSIL1C_20160708T101032_N0204_R022_T32TQM_20160708T101029"
    (tmp_path / "p" / "scene000_mask.tif").rename(tmp_path / "p" / f"{name}_mask.tif")
    (tmp_path / "r" / "scene000_truth.tif").rename(tmp_path / "r" / f"{name}.tif")
    assert name in call(*arguments).stdout


def test_what_is_doubtful_or_unmatched_is_said_on_stderr_unless_quiet(folders, tmp_path):
    arguments = folders(3)
    (tmp_path / "r" / "scene002_truth.tif").unlink()
    (tmp_path / "p" / "scene001_mask.tif").unlink()
    done = call(*arguments)
    assert "warning: 1 scene(s) predicted, without a reference, not scored: scene002" in done.stderr
    assert "warning: 1 scene(s) with a reference, not predicted, not scored: scene001" in done.stderr
    assert "warning" not in done.stdout
    assert call(*arguments, "-q").stderr == ""


def test_legends_are_passed_on_each_to_its_side(folders):
    found = json.loads(call(*folders(1), "--prediction-legend", "binary", "--json").stdout)
    assert [found["legends"][side]["name"] for side in ("prediction", "reference")] == ["binary", "unclouded"]
    assert found["pooled"]["tasks"]["thin_cloud"]["counts"]["prediction_ambiguous"] == 2


def run(*words):
    return unclouded("evaluate", *words)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--legend", "orignal"], 2, "labels 'orignal': expected one of"),
        (
            ["--legend", "original"],
            3,
            "legend 'original' has codes 0, 255, found 2 (1 px); name the right legend",
        ),
        (["--reference", "gone"], 3, "--reference gone: expected a GeoTIFF or a folder"),
        (["-o", "/dev/null/o"], 3, "expected a place that can be written"),
    ],
)
def test_bad_input_is_one_line_and_its_exit_code(folders, change, code, message):
    done = run(*folders(1), *change)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.startswith("unclouded: error: ")
    assert done.stderr.count("\n") == 1


def test_what_is_required_is_asked_for():
    done = run("--prediction", "x")
    assert done.returncode == 2
    assert "Missing option '--reference'" in done.stderr


def test_a_bar_is_drawn_where_stderr_is_a_terminal_and_nowhere_else(folders):
    arguments = [sys.executable, "-m", "unclouded", "evaluate", *folders(3)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=60)
    drawn = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal that all have left with EIO
        while part := os.read(ours, 1 << 16):
            drawn += part
    os.close(ours)
    assert b"scenes" in drawn
    assert b"pooled" in out
    assert run(*folders(3)).stderr == ""
