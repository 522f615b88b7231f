"""Areas out of GeoJSON, laid on pixels."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform

from unclouded.core.errors import GridError, InputError
from unclouded.core.grid import Grid
from unclouded.jobs._area import pixel_areas_km2, pixels_in, read_area

UTM = Grid(height=40, width=50, transform=Affine(60, 0, 600_000, 0, -60, 5_000_040), crs="EPSG:32632")
DEGREES = Grid(height=40, width=50, transform=Affine(0.001, 0, 10, 0, -0.001, 45), crs="EPSG:4326")
NAMED = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}


def polygon(*rings, **members):
    return json.dumps(
        {"type": "Polygon", "coordinates": [list(map(list, ring)) for ring in rings], **members}
    )


def box(left, top, right, bottom, grid=UTM):
    """Ring around a rectangle of pixels (columns and rows, fractions too)."""
    t = grid.transform
    return [
        (t.c + t.a * x, t.f + t.e * y)
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    ]


def marked(area, grid):
    """The whole grid, True where a pixel is in the area."""
    found = pixels_in(area, grid)
    out = np.zeros(grid.shape, bool)
    out[found.window.slices] = found.mask
    assert out.sum() == found.mask.sum()
    return out


@settings(max_examples=60)
@given(
    x=st.tuples(st.floats(-5, 55), st.floats(-5, 55)).map(sorted),
    y=st.tuples(st.floats(-5, 45), st.floats(-5, 45)).map(sorted),
)
def test_a_pixel_is_in_where_its_centre_is(x, y):
    area = read_area(polygon(box(x[0], y[0], x[1], y[1]), crs=NAMED))
    cols, rows = np.arange(50) + 0.5, np.arange(40) + 0.5
    wanted = np.outer((rows > y[0]) & (rows < y[1]), (cols > x[0]) & (cols < x[1]))
    edges = min(abs(np.subtract.outer([*x, *y], np.arange(-6, 60) + 0.5)).min(), 1)
    if edges < 1e-6:
        return  # on the line: either is right
    if not wanted.any():
        with pytest.raises(GridError):
            pixels_in(area, UTM)
        return
    np.testing.assert_array_equal(marked(area, UTM), wanted)


def test_holes_are_out_and_overlaps_count_once():
    outer, hole = box(5, 5, 25, 25), box(10, 10, 15, 15)
    found = marked(read_area(polygon(outer, hole, crs=NAMED)), UTM)
    assert found.sum() == 400 - 25
    assert not found[12, 12]
    both = {"type": "MultiPolygon", "crs": NAMED, "coordinates": [[outer], [box(20, 20, 30, 30)]]}
    assert marked(read_area(json.dumps(both)), UTM).sum() == 400 + 100 - 25


@pytest.mark.parametrize("kind", ["FeatureCollection", "GeometryCollection", "Feature"])
def test_collections_are_the_union(kind, tmp_path):
    one, other = (
        {"type": "Polygon", "coordinates": [box(*corners)]} for corners in ((0, 0, 4, 5), (10, 10, 12, 12))
    )
    content = {
        "FeatureCollection": {"features": [{"type": "Feature", "geometry": item} for item in (one, other)]},
        "GeometryCollection": {"geometries": [one, other]},
        "Feature": {"geometry": one, "properties": {"name": "a field"}},
    }[kind]
    (tmp_path / "area.geojson").write_text(json.dumps({"type": kind, "crs": NAMED, **content}), "utf-8-sig")
    area = read_area(tmp_path / "area.geojson")
    assert marked(area, UTM).sum() == (20 if kind == "Feature" else 24)


def test_degrees_are_brought_to_the_grid():
    """Against every pixel's centre brought to degrees: a second way round."""
    ring = [(10.30, 45.14), (10.32, 45.15), (10.31, 45.135), (10.285, 45.132), (10.30, 45.14)]
    found = marked(read_area(polygon(ring)), UTM)
    rows, cols = np.mgrid[0:40, 0:50] + 0.5
    t = UTM.transform
    lon, lat = transform("EPSG:32632", "EPSG:4326", (t.c + t.a * cols).ravel(), (t.f + t.e * rows).ravel())
    wanted = np.array([inside(x, y, ring) for x, y in zip(lon, lat, strict=True)]).reshape(40, 50)
    assert 50 < wanted.sum() < 1900
    np.testing.assert_array_equal(found, wanted)


def inside(x, y, ring):
    """Whether a ray from the point crosses the ring an odd number of times."""
    crossings = 0
    for (x0, y0), (x1, y1) in pairwise(ring):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
    return crossings % 2 == 1


def test_a_long_edge_bends_as_it_should():
    """A parallel is straight in degrees and an arc in UTM: between its ends it is 200 m off the chord."""
    grid = Grid(height=600, width=1800, transform=Affine(60, 0, 446_000, 0, -60, 5_560_000), crs="EPSG:32632")
    ring = [(8.3, 50.0), (9.7, 50.0), (9.7, 50.1), (8.3, 50.1), (8.3, 50.0)]
    found = marked(read_area(polygon(ring)), grid)
    t = grid.transform
    _, middle = transform("EPSG:4326", "EPSG:32632", [9.0], [50.0])
    _, end = transform("EPSG:4326", "EPSG:32632", [8.3], [50.0])
    assert end[0] - middle[0] > 150
    column = round((500_000 - t.c) / 60)
    last = np.flatnonzero(found[:, column]).max()
    assert last == math.floor((t.f - middle[0]) / 60 - 0.5)


def test_how_much_of_the_area_is_covered():
    assert pixels_in(read_area(polygon(box(10, 10, 20, 20), crs=NAMED)), UTM).covered_share == 1.0
    half = pixels_in(read_area(polygon(box(-10, 0, 10, 20), crs=NAMED)), UTM)
    assert half.covered_share == pytest.approx(0.5, abs=0.01)
    assert half.mask.sum() == 200
    most = read_area(polygon([(-30, -20), (60, -20), (60, 70), (-30, 70)]))
    world = pixels_in(most, DEGREES)
    assert world.mask.all()
    assert world.covered_share < 1e-3


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", InputError, "text that is no JSON"),
        (
            '{"type": "Point", "coordinates": [1, 2]}',
            InputError,
            "expected Polygon or MultiPolygon, found none",
        ),
        ('{"type": "FeatureCollection", "features": []}', InputError, "the area is empty"),
        ('{"type": "Polygon", "coordinates": []}', InputError, "expected a polygon of rings"),
        (
            '{"type": "Polygon", "coordinates": [[["a", 1], [2, 3], [4, 5]]]}',
            InputError,
            "positions of two numbers",
        ),
        ('{"type": "Polygon", "coordinates": [[[1, 1], [2, 3]]]}', InputError, "three finite positions"),
        (
            '{"type": "Polygon", "coordinates": [[[1, NaN], [2, 3], [4, 5]]]}',
            InputError,
            "three finite positions",
        ),
        (polygon(box(0, 0, 5, 5)), InputError, r"degrees, found 600000, 5000\d+; .*crs member"),
        (polygon(box(0, 0, 5, 5), crs={"type": "name"}), InputError, "expected a crs that names a system"),
        (polygon([(0, 0), (1, 0), (1, 1)]), GridError, "found one beside it"),
        (polygon([(-170, -89.9), (170, -89.9), (0, -89)]), GridError, "area"),
        (polygon(box(100, 100, 120, 120), crs=NAMED), GridError, "found one beside it"),
        (polygon(box(5.1, 5.1, 5.4, 5.4), crs=NAMED), GridError, "smaller than the pixels of 60 m"),
    ],
)
def test_what_is_no_area(text, error, message):
    with pytest.raises(error, match=message):
        pixels_in(read_area(text), UTM)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"gone\.geojson: expected a GeoJSON file, found: No such file"):
        read_area(tmp_path / "gone.geojson")


def test_a_raster_without_a_place_takes_no_area():
    plain = Grid(height=4, width=4, transform=Affine.identity(), crs=None)
    with pytest.raises(GridError, match="expected a raster with a georeference"):
        pixels_in(read_area(polygon([(0, 0), (1, 0), (1, 1)])), plain)


def test_pixels_of_degrees_shrink_with_latitude():
    np.testing.assert_allclose(pixel_areas_km2(UTM), 0.0036)
    areas = pixel_areas_km2(DEGREES)
    assert areas[0] < areas[-1]
    # 111.13 km of latitude by 111.32 cos(44.98) km of longitude, in thousandths
    assert areas[20] == pytest.approx(0.11113 * 0.11132 * math.cos(math.radians(44.98)), rel=3e-3)
