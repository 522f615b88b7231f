"""`unclouded labels`: output, --json and exit codes."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from unclouded.cli import app
from unclouded.core.errors import LabelError
from unclouded.testing.products import CORNER, CRS, FakeSafe, write_fake_safe


@pytest.fixture
def folder(tmp_path):
    place = {"transform": Affine(10, 0, 600_000, 0, -10, 5_100_000), "crs": "EPSG:32632"}
    codes = np.array([[0, 1, 2, 3]], np.uint8)
    for name, values in (("a_lab", codes), ("a_img", codes + 1)):
        path = tmp_path / f"{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint8", count=1, height=1, width=4, **place
        ) as out:
            out.write(values, 1)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["labels", *map(str, arguments)])


def test_a_sound_set_is_counted(folder):
    done = run("check", "unclouded", "--data", folder)
    assert done.exit_code == 0, done.output
    assert "cloud_shadow" in done.stdout
    assert "25.0 %" in done.stdout
    assert "1 scene(s) or file(s) of 0 known site(s)" in done.stdout
    assert "no pixel may be: snow" in done.stdout


def test_json_is_all_that_was_found(folder):
    found = json.loads(run("check", "unclouded", "--data", folder, "--json").stdout)
    assert found["pixels"] == {"clear": 1, "thick_cloud": 1, "thin_cloud": 1, "cloud_shadow": 1}
    assert (found["grids_compared"], found["problems"]) == (1, [])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_problem_is_shown_and_leaves_with_3(folder, options):
    done = run("check", "binary", "--data", folder, *options)
    assert isinstance(done.exception, LabelError)
    assert done.exception.exit_code == 3
    assert "expected a sound binary, found 1 problem(s)" in str(done.exception)
    assert "a_lab.tif: legend 'binary' has codes 0, 1, 255, found 2 (1 px), 3 (1 px)" in done.stdout
    if options:
        assert json.loads(done.stdout)["problems"][0]["kind"] == "label"


def test_many_problems_are_cut_short(folder):
    for number in range(25):
        (folder / f"{number}_img.tif").write_bytes(b"II*\0")
    done = run("check", "unclouded", "--data", folder)
    assert done.stdout.count("missing label: ") == 20
    assert "… and 5 more: --json lists them all" in done.stdout


def test_a_folder_that_is_not_there_is_usage(tmp_path):
    assert run("check", "unclouded", "--data", tmp_path / "gone").exit_code == 2


def test_sets_and_legends_are_listed_with_what_they_cannot_say():
    text = run("list").stdout
    assert "baetens-hagolle, binary, chips" in text
    assert "  kappaset: snow is not told from clear; coarse outlines" in text
    listed = json.loads(run("list", "--json").stdout)
    assert "l8-biome-shadow" in listed["legends"]
    assert "vector" in listed["sets"]


def test_polygons_are_checked_against_their_product(tmp_path):
    """Column and legend are named; grids of products are opened where their folder is."""
    product = write_fake_safe(tmp_path / "products", FakeSafe(size_60m=32))
    x, y = CORNER
    ring = [[x, y], [x + 600, y], [x + 600, y - 300], [x, y - 300], [x, y]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    content = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": CRS}},
        "features": [{"type": "Feature", "properties": {"kind": 7}, "geometry": geometry}],
    }
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / f"{product.stem}.geojson").write_text(json.dumps(content), encoding="utf-8")
    legend = tmp_path / "seven.toml"
    legend.write_text('[codes]\n7 = "cloud_shadow"\n', encoding="utf-8")
    words = (
        "check",
        "vector",
        "--data",
        tmp_path / "drawn",
        "--column",
        "kind",
        "--legend",
        legend,
        "--json",
    )
    found = json.loads(run(*words, "--images", tmp_path / "products").stdout)
    assert (found["problems"], found["grids_compared"]) == ([], 1)
    assert found["pixels"] == {"ignored": 192**2 - 60 * 30, "cloud_shadow": 60 * 30}
    (tmp_path / "none").mkdir()
    done = run(*words, "--images", tmp_path / "none")
    assert [problem["kind"] for problem in json.loads(done.stdout)["problems"]] == ["missing image"]
    done = run("check", "chips", "--data", tmp_path, "--column", "kind")
    assert "for 'vector' alone" in str(done.exception)
