"""`unclouded stats` as a user meets it."""

import json

import numpy as np
import pytest

from unclouded.testing.commands import unclouded
from unclouded.testing.products import CORNER, write_fake_geotiff

RING = [[CORNER[0] + x, CORNER[1] - y] for x, y in ((0, 0), (240, 0), (240, 120), (0, 120), (0, 0))]
AREA = {
    "type": "Polygon",
    "coordinates": [RING],
    "crs": {"type": "name", "properties": {"name": "EPSG:32632"}},
}


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    codes = np.array([[[0, 1, 2, 255], [0, 0, 3, 0]]], np.uint8)
    tags = {"UNCLOUDED_LEGEND": "unclouded"}
    path = tmp_path_factory.mktemp("mask") / "x_mask.tif"
    return write_fake_geotiff(path, codes, (None,), pixel_size=60, tags=tags)


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    path = tmp_path_factory.mktemp("area") / "area.geojson"
    path.write_text(json.dumps(AREA))
    return path


def run(*words):
    return unclouded("stats", *words)


def test_a_table_for_people(mask, area):
    done = run(mask, "--area", area)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "thick cloud 14.3 % 0.004" in lines
    assert "clear 57.1 % 0.014" in lines
    assert lines[-1] == "87.5 % seen of 0.029 km² (8 px of 60 m), by mask"


def test_json_is_whole_and_text_is_an_area_too(mask, area):
    found = json.loads(run(mask, "--area", json.dumps(AREA), "--json").stdout)
    assert found == json.loads(run(mask, "--area", area, "--json").stdout)
    assert found["shares"] == {
        "clear": 4 / 7,
        "thick_cloud": 1 / 7,
        "thin_cloud": 1 / 7,
        "cloud_shadow": 1 / 7,
        "snow": 0,
    }
    assert found["cloud_share"] == 2 / 7
    assert (found["pixels"], found["valid_share"], found["warnings"]) == (8, 7 / 8, [])


def test_an_area_outside_is_one_line_and_code_3(mask):
    outside = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}'
    done = run(mask, "--area", outside)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "area: expected an area on the raster, found one beside it" in done.stderr
    gone = run(mask, "--area", "gone.geojson")
    assert gone.returncode == 3
    assert "gone.geojson: expected a GeoJSON file" in gone.stderr
