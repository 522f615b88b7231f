"""Items by the schemas of STAC and of its extensions, and footprints by GDAL."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from affine import Affine
from rasterio.warp import transform_bounds

from unclouded.core.classes import CLASSES, CLEAR, NODATA, SNOW, THICK, THIN
from unclouded.core.errors import ProductError
from unclouded.core.grid import Grid
from unclouded.core.product import Identity
from unclouded.core.spec import ModelSpec
from unclouded.outputs.provenance import Provenance
from unclouded.outputs.stac import MaskFiles, bbox_of, footprint, mask_item, write_item

GRID = Grid(height=1830, width=1830, transform=Affine(60, 0, 399_960, 0, -60, 5_900_040), crs="EPSG:32633")
SPEC = ModelSpec(
    name="box-v1",
    version="1",
    bands=("B04", "B8A"),
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=60,
    classes=(THICK, CLEAR),
    class_titles={THICK: "cloud"},
    halo_px=2,
)
IDENTITY = Identity(
    id="S2B_MSIL1C_20240305T104819",
    sensor="sentinel-2",
    satellite="S2B",
    level="L1C",
    baseline="05.10",
    sensing_time=datetime(2024, 3, 5, 10, 48, 19, 24_000, tzinfo=UTC),
)
COUNTS = {CLEAR: 60, THICK: 20, NODATA: 20}


def made(**changes):
    base = Provenance(
        identity=IDENTITY,
        source="https://example.com/S2B.SAFE",
        grid=GRID,
        spec=SPEC,
        model_sha256="ab" * 32,
        legend=tuple(map(SPEC.class_of, sorted(SPEC.classes))),
        legend_name="binary",
        bands=SPEC.bands,
        radiometry="offset -1000 <MTD>",
        edge="reflect",
        reading="full resolution",
        runtime="cpu",
        refinement="buffer cloud=100m",
        software="1.2.3",
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return replace(base, **changes)


@pytest.fixture
def files(tmp_path):
    paths = {name: tmp_path / f"a {name}.bin" for name in ("mask", "probabilities", "preview", "style")}
    for name, path in paths.items():
        path.write_text(name)
    return MaskFiles(**paths)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": None},
        {"grid": replace(GRID, crs=None)},
        {"grid": replace(GRID, crs=None, transform=Affine.identity())},
        {"grid": Grid(height=3, width=4, transform=Affine(0.001, 0, 7, 0, -0.001, 50), crs="EPSG:4326")},
        {"identity": replace(IDENTITY, sensor="landsat-8", satellite="L8")},
        {"identity": replace(IDENTITY, sensor="planetscope", satellite=None, level=None, baseline=None)},
        {"legend": CLASSES, "legend_name": "unclouded"},
        {"spec": replace(SPEC, optional_bands=("B8A",), classes=(0, 1, 2, 3), class_titles={2: "haze/veil"})},
    ],
    ids=[
        "whole",
        "no source",
        "no crs",
        "no place",
        "degrees",
        "landsat",
        "other",
        "all classes",
        "optional",
    ],
)
def test_items_are_valid(valid_stac, files, changes):
    valid_stac(mask_item(made(**changes), COUNTS, files))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda item: item.pop("id"),
        lambda item: item["properties"].update({"datetime": "yesterday"}),
        lambda item: item["properties"].update({"eo:cloud_cover": 101}),
        lambda item: item["properties"].update({"proj:code": 32633}),
        lambda item: item["properties"].update({"processing:datetime": "2026-01-01T00:00:00"}),
        lambda item: item["assets"]["mask"]["classification:classes"][0].update(name="a b"),
        lambda item: item["assets"]["mask"].update({"raster:spatial_resolution": "60 m"}),
        lambda item: item["properties"].pop("mlm:name"),
        lambda item: item["assets"].pop("model"),
    ],
)
def test_the_validator_finds_what_is_wrong(valid_stac, files, break_it):
    jsonschema = pytest.importorskip("jsonschema")
    item = mask_item(made(), COUNTS, files)
    break_it(item)
    with pytest.raises(jsonschema.ValidationError):
        valid_stac(item)


def test_an_item_of_the_mask_alone_and_of_nothing_seen(valid_stac, files):
    item = mask_item(made(), {NODATA: 100}, MaskFiles(mask=files.mask))
    valid_stac(item)
    assert set(item["assets"]) == {"mask", "model"}
    assert "eo:cloud_cover" not in item["properties"]
    assert item["properties"]["unclouded:seen_percent"] == 0


def test_shares_are_of_what_was_seen(files):
    properties = mask_item(made(), COUNTS, files)["properties"]
    assert properties["eo:cloud_cover"] == 25
    assert properties["unclouded:seen_percent"] == 80
    assert "eo:snow_cover" not in properties
    many = mask_item(made(legend=CLASSES), {CLEAR: 1, THICK: 1, THIN: 1, SNOW: 1}, files)
    assert many["properties"]["eo:cloud_cover"] == 50
    assert many["properties"]["eo:snow_cover"] == 25


def test_an_item_says_what_made_it(files):
    item = mask_item(made(), COUNTS, files)
    properties, assets = item["properties"], item["assets"]
    assert properties["datetime"] == "2024-03-05T10:48:19.024Z"
    assert properties["platform"] == "sentinel-2b"
    assert properties["proj:code"] == "EPSG:32633"
    assert properties["proj:transform"] == [60, 0, 399_960, 0, -60, 5_900_040]
    assert properties["proj:bbox"] == [399_960, 5_790_240, 509_760, 5_900_040]
    assert properties["mlm:name"] == "box-v1"
    assert "buffer cloud=100m" in properties["processing:lineage"]
    classes = assets["mask"]["classification:classes"]
    assert [(one["value"], one["name"], one["count"]) for one in classes] == [
        (0, "clear", 60),
        (1, "cloud", 20),
        (255, "not_seen", 20),
    ]
    # bands of probabilities are in the order of the network's classes
    assert [band["name"] for band in assets["probabilities"]["bands"]] == ["cloud", "clear"]
    assert item["links"] == [
        {"rel": "derived_from", "href": "https://example.com/S2B.SAFE", "title": IDENTITY.id}
    ]


def test_files_are_named_beside_the_item_with_size_and_hash(files):
    mask = mask_item(made(), COUNTS, files)["assets"]["mask"]
    assert mask["href"] == "./a%20mask.bin"
    assert mask["file:size"] == 4
    assert mask["file:checksum"] == "1220" + hashlib.sha256(b"mask").hexdigest()


def test_a_footprint_holds_the_grid():
    geometry = footprint(GRID)
    expected = transform_bounds("EPSG:32633", "EPSG:4326", 399_960, 5_790_240, 509_760, 5_900_040, 50)
    assert bbox_of(geometry) == pytest.approx(expected, abs=1e-4)
    (ring,) = geometry["coordinates"]
    assert ring[0] == ring[-1]
    turn = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(ring))
    assert turn > 0  # counter-clockwise, RFC 7946


def test_a_tile_across_the_antimeridian_is_cut_there(valid_stac, files):
    """Tile 01WCN lies on both sides of 180 degrees."""
    grid = Grid(
        height=1830, width=1830, transform=Affine(60, 0, 300_000, 0, -60, 7_500_000), crs="EPSG:32601"
    )
    item = mask_item(made(grid=grid), COUNTS, files)
    valid_stac(item)
    assert item["geometry"]["type"] == "MultiPolygon"
    west, south, east, north = item["bbox"]
    assert 178 < west < 180
    assert -180 < east < -177
    assert 66 < south < north < 68


def test_without_a_time_there_is_no_item(files):
    with pytest.raises(ProductError, match="expected the time when it was taken"):
        mask_item(made(identity=replace(IDENTITY, sensing_time=None)), COUNTS, files)


def test_the_item_is_written_whole(valid_stac, files, tmp_path):
    path = tmp_path / "x.json"
    write_item(path, made(), COUNTS, files)
    valid_stac(json.loads(path.read_text(encoding="utf-8")))


def test_tags_say_the_same():
    tags = made().tags()
    assert tags["UNCLOUDED_REFINEMENT"] == "buffer cloud=100m"
    assert tags["TIFFTAG_DATETIME"] == "2024:03:05 10:48:19"
    assert tags["UNCLOUDED_LEGEND"] == "binary"
    assert "TIFFTAG_DATETIME" not in made(identity=replace(IDENTITY, sensing_time=None)).tags()
