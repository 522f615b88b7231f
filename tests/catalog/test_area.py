"""Areas as people give them, and none that a service would misread."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.catalog import parse_area
from unclouded.catalog._area import bounds, box_area
from unclouded.core.errors import InputError, OptionError

SQUARE = {"type": "Polygon", "coordinates": [[[11, 44], [12, 44], [12, 45], [11, 45], [11, 44]]]}


def test_a_box():
    area = parse_area(" 11.2, 44.3,11.6,44.6 ")
    assert area.tile is None
    assert bounds(area.geometry) == (11.2, 44.3, 11.6, 44.6)


def test_a_tile():
    area = parse_area("t32tqm")
    assert area.tile == "32TQM"
    assert bounds(area.geometry) == pytest.approx((11.393, 41.404, 12.763, 42.427), abs=1e-3)


@pytest.mark.parametrize("name", ["01WCQ", "60VXH", "01CCV"])
def test_a_tile_across_the_antimeridian_is_cut_there(name):
    geometry = parse_area(name).geometry
    assert geometry["type"] == "MultiPolygon"
    wests = [bounds({"coordinates": [part]})[0] for part in geometry["coordinates"]]
    easts = [bounds({"coordinates": [part]})[2] for part in geometry["coordinates"]]
    assert sorted([-180.0 in wests, 180.0 in easts]) == [True, True]


@given(
    st.floats(-180, 180, allow_subnormal=False),
    st.floats(-180, 180, allow_subnormal=False),
    st.floats(-90, 0),
    st.floats(1, 90),
)
def test_a_box_keeps_its_width_whatever_it_crosses(west, east, south, north):
    if abs(west - east) < 1e-6 or {abs(west), abs(east)} & {180.0}:
        return
    parts = box_area(west, south, east, north).geometry
    rings = parts["coordinates"] if parts["type"] == "MultiPolygon" else [parts["coordinates"]]
    widths = [bounds({"coordinates": ring})[2] - bounds({"coordinates": ring})[0] for ring in rings]
    assert sum(widths) == pytest.approx((east - west) % 360, abs=1e-9)
    assert len(rings) == (2 if west > east else 1)


@pytest.mark.parametrize(
    "content",
    [
        SQUARE,
        {"type": "Feature", "properties": {}, "geometry": SQUARE},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": SQUARE}]},
        {"type": "GeometryCollection", "geometries": [SQUARE]},
    ],
)
def test_geojson_in_its_forms_as_file_and_as_text(content, tmp_path):
    path = tmp_path / "farm.geojson"
    path.write_text(json.dumps(content))
    assert parse_area(str(path)).geometry == parse_area(json.dumps(content)).geometry == SQUARE


def test_several_polygons_become_one_geometry():
    two = {"type": "GeometryCollection", "geometries": [SQUARE, SQUARE]}
    geometry = parse_area(json.dumps(two)).geometry
    assert geometry == {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]] * 2}


@pytest.mark.parametrize(
    ("text", "error", "parts"),
    [
        ("11,44,12", OptionError, "expected west,south,east,north"),
        ("11,45,12,44", OptionError, "south below north"),
        ("600000,4990200,709800,5100000", OptionError, "in degrees"),
        ("nowhere.geojson", OptionError, "check the path"),
        ("nan,1,2,3", OptionError, "in degrees"),
        ('{"type": "FeatureCollection", "features": []}', InputError, "the area is empty"),
        ('{"type": "Point", "coordinates": [600000, 4990200]}', InputError, "reproject it"),
        ('{"type": "Point", "coordinates": ["a", "b"]}', InputError, "expected positions"),
        ("{broken", InputError, "no JSON"),
        (json.dumps({**SQUARE, "crs": {"properties": {"name": "EPSG:32632"}}}), InputError, "another crs"),
        (
            json.dumps({"type": "GeometryCollection", "geometries": [SQUARE, {**SQUARE, "type": "Point"}]}),
            InputError,
            "one geometry or several polygons",
        ),
        ("x" * 100_000, OptionError, "check the path"),
        ('{"a":' * 100_000, InputError, "no JSON"),
    ],
)
def test_what_is_no_area_is_said(text, error, parts):
    with pytest.raises(error, match=parts):
        parse_area(text)
