import json
import sqlite3
import struct
import subprocess

import numpy as np
import pytest
from affine import Affine
from rasterio.features import rasterize

from unclouded import labels
from unclouded.core.classes import CLOUD, LEGENDS, SHADOW, class_bits
from unclouded.core.errors import GridError, LabelError, RasterError
from unclouded.core.grid import Grid
from unclouded.labels import _gpkg, vector

GRID = Grid(height=4, width=6, transform=Affine(10, 0, 600_000, 0, -10, 5_100_000), crs="EPSG:32632")
C, S = class_bits(CLOUD), 1 << SHADOW
DRAWN = [[C, C, 0, 0, S, S], [C, C, 0, 0, S, S], [0] * 6, [0] * 6]


@pytest.fixture
def geojson(replica):
    """`geojson(change)`: the replica's file of polygons, its content changed."""
    path = replica("vector") / "a.geojson"

    def write(change):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def gpkg(replica, program, tmp_path):
    """`gpkg(*options)`: the same polygons as a GeoPackage that GDAL wrote."""

    def write(*options):
        source, target = replica("vector") / "a.geojson", tmp_path / "b.gpkg"
        command = [program("ogr2ogr"), "-f", "GPKG", str(target), str(source), *options]
        subprocess.run(command, check=True, capture_output=True)
        return target

    return write


def test_pixels_whose_centre_is_inside_get_the_class_and_others_say_nothing(replica):
    (item,) = vector.find_items(replica("vector"))
    sets = labels.read_item(item)
    assert sets.values.tolist() == DRAWN
    assert (sets.grid.shape, sets.grid.crs) == (GRID.shape, GRID.crs)


@pytest.mark.parametrize(
    "options", [(), ("-t_srs", "EPSG:4326"), ("-nlt", "MULTIPOLYGON"), ("-dim", "XYZ"), ("-dim", "XYZM")]
)
def test_a_geopackage_that_gdal_wrote_is_drawn_alike(gpkg, options):
    polygons = vector.read_polygons(gpkg(*options))
    assert vector.rasterised(polygons, GRID).values.tolist() == DRAWN


def test_longitude_and_latitude_are_the_reference_of_todays_geojson(program, replica, tmp_path):
    source, target = replica("vector") / "a.geojson", tmp_path / "b.geojson"
    command = [program("ogr2ogr"), "-f", "GeoJSON", "-lco", "RFC7946=YES", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    assert "crs" not in json.loads(target.read_text())
    assert vector.rasterised(vector.read_polygons(target), GRID).values.tolist() == DRAWN


def test_a_hole_says_nothing_and_many_parts_are_drawn_as_rasterio_draws_them(geojson, replicas):
    rings = [replicas.square(600_000, 5_100_000, 40), replicas.square(600_010, 5_099_990, 10)]
    geometry = {"type": "MultiPolygon", "coordinates": [rings, [replicas.square(600_050, 5_099_970, 10)]]}

    def change(content):
        content["features"] = content["features"][:1]
        content["features"][0]["geometry"] = geometry

    drawn = vector.rasterised(vector.read_polygons(geojson(change)), GRID).values
    expected = rasterize([(geometry, C)], out_shape=GRID.shape, transform=GRID.transform, dtype="uint8")
    np.testing.assert_array_equal(drawn, expected)
    assert drawn[1, 1] == 0
    assert drawn[3, 5] == C


def test_different_classes_that_overlap_are_refused_unless_the_last_may_win(geojson, replicas):
    def change(content):
        content["features"][1]["geometry"]["coordinates"] = [replicas.square(600_010, 5_100_000)]

    polygons = vector.read_polygons(geojson(change))
    with pytest.raises(
        LabelError, match=r"a\.geojson: expected one class a pixel, found .* over 2 px; cut them apart"
    ):
        vector.rasterised(polygons, GRID)
    assert vector.rasterised(polygons, GRID, overlap="last").values[0].tolist() == [C, S, S, 0, 0, 0]


def test_one_class_may_overlap_itself(geojson, replicas):
    def change(content):
        content["features"][1]["geometry"]["coordinates"] = [replicas.square(600_010, 5_100_000)]
        content["features"][1]["properties"]["class"] = "cloud"

    assert vector.rasterised(vector.read_polygons(geojson(change)), GRID).values[0].tolist() == [
        C,
        C,
        C,
        0,
        0,
        0,
    ]


def test_codes_are_read_with_their_legend(geojson):
    def change(content):
        for feature, code in zip(content["features"], (3, 4), strict=True):
            feature["properties"] = {"code": code}

    path = geojson(change)
    polygons = vector.read_polygons(path, column="code", legend=LEGENDS["baetens-hagolle"])
    assert vector.rasterised(polygons, GRID).values.tolist() == DRAWN
    with pytest.raises(LabelError, match="expected names of classes, found code 3; name the legend"):
        vector.read_polygons(path, column="code")


def set_class(value):
    def change(content):
        content["features"][0]["properties"] = {"class": value}

    return change


def set_geometry(value):
    def change(content):
        content["features"][0]["geometry"] = value

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (set_class("clouds"), LabelError, "expected some of clear, .*, found 'clouds'; name the class"),
        (set_class(None), LabelError, "found None; name the class"),
        (set_class(True), LabelError, "found True; name the class"),
        (
            set_geometry({"type": "Point", "coordinates": [1, 2]}),
            LabelError,
            "feature 1: expected a polygon, found Point",
        ),
        (set_geometry(None), LabelError, "feature 1: expected a polygon, found None"),
        (
            set_geometry({"type": "Polygon", "coordinates": 7}),
            RasterError,
            "feature 1: expected rings of coordinates",
        ),
        (
            lambda content: content.pop("features"),
            LabelError,
            "expected a GeoJSON FeatureCollection, found none",
        ),
        (
            lambda content: content["features"].insert(0, 7),
            LabelError,
            "expected a property 'class', found none",
        ),
    ],
)
def test_what_is_no_polygon_with_a_class_is_refused(geojson, change, error, message):
    with pytest.raises(error, match=rf"a\.geojson: .*{message}"):
        vector.read_polygons(geojson(change))


def test_a_reference_system_that_nobody_knows_is_refused(geojson):
    def change(content):
        content["crs"]["properties"]["name"] = "EPSG:999999"

    with pytest.raises(LabelError, match="reference system 'EPSG:999999' is not known"):
        vector.rasterised(vector.read_polygons(geojson(change)), GRID)


def test_an_image_without_a_place_cannot_be_drawn_into(geojson):
    nowhere = Grid(height=4, width=6, transform=Affine.identity(), crs=None)
    with pytest.raises(GridError, match="expected a grid with a georeference, found none"):
        vector.rasterised(vector.read_polygons(geojson(lambda _: None)), nowhere)


def test_an_image_that_is_not_there_is_missed(replica):
    folder = replica("vector")
    (folder / "a_img.tif").unlink()
    assert [problem.kind for problem in labels.check("vector", folder).problems] == ["missing image", "label"]


def change_base(path, *statements):
    base = sqlite3.connect(path)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


@pytest.mark.parametrize(
    ("statements", "error", "message"),
    [
        (
            ["DROP TABLE gpkg_geometry_columns"],
            RasterError,
            "expected a GeoPackage of polygons, found: no such table",
        ),
        (["DELETE FROM gpkg_geometry_columns"], LabelError, "expected one layer of polygons, found none"),
        (
            ["UPDATE gpkg_geometry_columns SET srs_id = 12345"],
            LabelError,
            "expected a coordinate reference system",
        ),
        (
            ["UPDATE a SET geom = x'0102030405060708'"],
            RasterError,
            "feature 1: expected a geometry, found other bytes",
        ),
        (["UPDATE a SET geom = substr(geom, 1, 60)"], RasterError, "feature 1: the geometry ends early"),
    ],
)
def test_a_geopackage_that_is_damaged_is_refused(gpkg, statements, error, message):
    path = gpkg()
    # GDAL's triggers call functions of its own
    base = sqlite3.connect(path)
    triggers = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    base.close()
    change_base(path, *(f"DROP TRIGGER {name}" for name in triggers), *statements)
    with pytest.raises(error, match=rf"b\.gpkg: {message}"):
        vector.read_polygons(path)


def test_a_column_that_is_not_there_is_named(gpkg):
    with pytest.raises(LabelError, match="expected a column 'kind', found fid, geom, class; name the one"):
        vector.read_polygons(gpkg(), column="kind")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.gpkg").write_bytes(b"PK\3\4")
    with pytest.raises(
        RasterError, match=r"a\.gpkg: expected a GeoPackage of class codes, found a file that does not"
    ):
        vector.read_polygons(tmp_path / "a.gpkg")


@pytest.mark.parametrize("order", ["<", ">"])
def test_well_known_binary_of_both_byte_orders_is_read(order):
    ring = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
    numbers = [number for point in ring for number in point]
    data = struct.pack(f"{order}BIII8d", order == "<", 3, 1, 4, *numbers)
    assert _gpkg.read_wkb(data, "x") == [[ring]]


def test_lines_in_well_known_binary_are_no_polygons():
    with pytest.raises(LabelError, match="x: expected a polygon, found geometry type 2"):
        _gpkg.read_wkb(struct.pack("<BII", 1, 2, 0), "x")
