"""`unclouded stack` as a user meets it."""

import json

import numpy as np
import pytest
import rasterio

from unclouded.testing.commands import unclouded


def run(*words):
    return unclouded("stack", *words)


def test_results_go_to_stdout(product, tmp_path):
    done = run(product, "-o", tmp_path, "--bands", "study", "--window", "0,8,20,24", "--pad", "2")
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / f"{product.stem}.tif"
    assert done.stdout.startswith(f"{path}  13 bands, 24 x 28 px of 60 m, 100.0 % seen in ")
    with rasterio.open(path) as dataset:
        assert dataset.descriptions[-1] == "B8A"
    again = run(product, "-o", tmp_path, "--bands", "study", "--window", "0,8,20,24", "--pad", "2")
    assert again.stdout.endswith("(done before)\n")


def test_json_is_whole(product, tmp_path):
    (found,) = json.loads(run(product, "-o", tmp_path, "--json", "--dtype", "uint16", "--gsd", "20").stdout)
    assert found["path"] == str(tmp_path / f"{product.stem}.tif")
    assert (found["state"], found["height"], found["pixel_size"]) == ("done", 96, 20.0)
    assert found["radiometry"] == "offset -1000, quantification 10000 (MTD_MSIL1C.xml)"


def test_codes_go_the_same_way(product, tmp_path):
    image = next(product.rglob("*_B01.jp2"))
    with rasterio.open(image) as dataset:
        place = {"crs": dataset.crs, "transform": dataset.transform, "height": 32, "width": 32}
    with rasterio.open(tmp_path / "m.tif", "w", driver="GTiff", dtype="uint8", count=1, **place) as dataset:
        dataset.write(np.full((32, 32), 2, np.uint8), 1)
    words = ["--codes", "--legend", "baetens-hagolle", "--to", "original", "--pad", "8"]
    done = run(tmp_path / "m.tif", "-o", tmp_path / "out", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'out' / 'm.tif'}  48 x 48 px of 60 m, legend original in ")
    (found,) = json.loads(run(tmp_path / "m.tif", "-o", tmp_path / "out", *words, "--json").stdout)
    assert (found["state"], found["legend"]) == ("skipped", "original")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "1,2,3"], "--window '1,2,3': expected four whole numbers ROW,COL,HEIGHT,WIDTH"),
        (["--bounds", "1,2,3,north"], "--bounds '1,2,3,north': expected four numbers XMIN,YMIN,XMAX,YMAX"),
        (["--to", "original"], "--to: only with --codes"),
        (["--codes", "--dtype", "uint16", "--bands", "B02"], "--bands, --dtype: not with --codes"),
        (["--bounds-crs", "EPSG:4326"], "expected bounds too"),
    ],
)
def test_usage_is_one_line_and_code_2(product, tmp_path, words, message):
    done = run(product, "-o", tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_some_failed_is_code_4(product, tmp_path):
    done = run(tmp_path / "gone.SAFE", product, "-o", tmp_path / "out", "--gsd", "60")
    assert done.returncode == 4
    assert "1 of 2 sources failed, the rest are done" in done.stderr
    assert f"{product.stem}.tif" in done.stdout
    assert run(tmp_path / "gone.SAFE", "-o", tmp_path / "out").returncode == 3
