"""What is said of a source is what is in it."""

import json

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES
from unclouded.core.errors import ProductError, RadiometryError, ServiceError
from unclouded.jobs import StackOptions, inspect, stack
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions
from unclouded.testing.layouts import stac_item, write_fake_cogs
from unclouded.testing.products import CORNER, FakeSafe, write_fake_geotiff, write_fake_safe

KEYS = [
    "id",
    "satellite",
    "level",
    "baseline",
    "tile",
    "sensing_time",
    "offset",
    "quantification",
    "offset_origin",
    "bands",
    "missing_bands",
    "grid",
    "sun_zenith",
    "sun_azimuth",
    "valid_share",
    "percentiles",
    "cloud_cover_stated",
    "models",
    "warnings",
]


def ground(name, height, width, *, offset=1000, unseen=0.25):
    """Dark ground with a bright field; a quarter on the right was not seen."""
    rng = np.random.default_rng(NAMES.index(name))
    dark = 1100 if name in {"B01", "B02"} else 200
    values = rng.integers(dark, dark + 60, (height, width)) + offset
    values[: height // 5] += 4000
    values[:, round(width * (1 - unseen)) :] = 0
    return values.astype(np.uint16)


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=ground))


def only(source, **options):
    (found,) = inspect(source, OpenOptions(**options))
    return found


def test_everything_is_said_and_nothing_else(product):
    found = only(product).plain()
    assert list(found) == KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found | {"percentiles": None, "models": None} == {
        "id": product.stem,
        "satellite": "S2A",
        "level": "L1C",
        "baseline": "05.10",
        "tile": "32TQM",
        "sensing_time": "2024-03-05T10:48:19.024Z",
        "offset": dict.fromkeys(NAMES, -1000),
        "quantification": 10000,
        "offset_origin": "MTD_MSIL1C.xml",
        "bands": list(NAMES),
        "missing_bands": [],
        "grid": {
            "crs": "EPSG:32632",
            "height": 192,
            "width": 192,
            "pixel_size": 10.0,
            "transform": [10.0, 0.0, CORNER[0], 0.0, -10.0, CORNER[1]],
            "bounds": [CORNER[0], CORNER[1] - 1920, CORNER[0] + 1920, CORNER[1]],
        },
        "sun_zenith": 53.25,
        "sun_azimuth": 158.5,
        "valid_share": 0.75,
        "percentiles": None,
        "cloud_cover_stated": 12.5,
        "models": None,
        "warnings": [],
    }


def test_percentiles_are_those_of_the_pixels(product):
    found = only(product).percentiles
    assert list(found) == list(NAMES)
    with rasterio.open(next(product.rglob("*_B04.jp2"))) as dataset:
        dn = dataset.read(1).astype(float)
    wanted = np.percentile((dn[dn > 0] - 1000) / 10000, [1, 5, 25, 50, 75, 95, 99])
    assert list(found["B04"]) == ["p1", "p5", "p25", "p50", "p75", "p95", "p99"]
    # a product of 192 px is read whole
    np.testing.assert_allclose(list(found["B04"].values()), wanted, atol=2e-3)


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"offset": 0}, "input looks un-offset"),
        ({"offset": -2000}, "input looks twice offset"),
        ({"quantification": 1}, "input looks unscaled"),
        ({}, None),
    ],
)
def test_numbers_in_the_wrong_unit_are_named(product, options, warning):
    looks = [line for line in only(product, **options).warnings if line.startswith("input looks")]
    assert (warning is None and not looks) or looks[0].startswith(warning)


def test_an_old_product_with_the_offset_left_in_is_named(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(baseline="02.14", offset=None, dn=ground))
    found = only(source)
    assert found.radiometry.offset["B04"] == 0
    assert any(line.startswith("input looks un-offset") for line in found.warnings)


@pytest.mark.parametrize("what", ["xml", "folder"])
def test_metadata_alone_will_do_and_it_is_said(tmp_path, what):
    source = write_fake_safe(tmp_path, FakeSafe(dn=ground))
    for image in source.rglob("*.jp2"):
        image.unlink()
    found = only(source / "MTD_MSIL1C.xml" if what == "xml" else source)
    assert found.warnings[0] == "pixels are missing: there are metadata alone"
    assert (found.identity.level, found.identity.baseline, found.identity.satellite) == (
        "L1C",
        "05.10",
        "S2A",
    )
    assert found.radiometry.offset == dict.fromkeys(NAMES, -1000)
    assert (found.bands, found.valid_share, found.percentiles) == ((), None, {})
    assert set(found.missing_bands) == set(NAMES)
    assert {(item.runs, item.why) for item in found.models if "L1C" in item.why or "pixels" in item.why}
    assert not any(item.runs for item in found.models)
    assert list(found.plain()) == KEYS
    json.dumps(found.plain(), allow_nan=False)


def test_bands_that_cannot_be_read_are_named_and_the_rest_is_read(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(dn=ground))
    cut, empty = (next(source.rglob(f"*_{name}.jp2")) for name in ("B04", "B11"))
    content = bytearray(cut.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    cut.write_bytes(bytes(content))
    empty.write_bytes(b"")
    found = only(source)
    assert found.missing_bands == ("B11",)
    assert "B11" not in found.percentiles
    assert found.percentiles.keys() >= set(NAMES) - {"B04", "B11"}
    assert any(line.startswith("B11 (") and "an empty file" in line for line in found.warnings)
    assert found.valid_share == 0.75


def test_without_any_band_that_opens_the_metadata_still_speak(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(bands=("B02", "B03")))
    for image in source.rglob("*.jp2"):
        image.write_bytes(b"")
    found = only(source)
    assert found.identity.tile == "32TQM"
    assert found.bands == ()
    assert found.warnings[0].startswith("pixels cannot be read: ")
    assert not any(item.runs for item in found.models)


def test_models_say_whether_they_can_run_and_why_not(product, tmp_path):
    runs = {item.name: item for item in only(product).models}
    assert runs["patchcnn-v1"].runs
    assert runs["patchcnn-v1"].why.startswith("not recommended: ") == (not runs["patchcnn-v1"].recommended)
    partial = write_fake_safe(tmp_path, FakeSafe(bands=("B02", "B03", "B04")))
    item = next(item for item in only(partial).models if item.name == "patchcnn-v1")
    assert not item.runs
    assert item.why.startswith("patchcnn-v1 needs 13 bands, missing B01, B05")


def stack_of(path, names, level="L1C", *, scale=1e-4, pixel_size=20.0, side=40):
    values = np.stack([ground(name, side, side) for name in names])
    tags = {"SENSOR": "S2B", "LEVEL": level}
    return write_fake_geotiff(path, values, names, scale=scale, offset=-0.1, tags=tags, pixel_size=pixel_size)


def test_a_level_that_has_no_such_band(tmp_path):
    found = only(stack_of(tmp_path / "stack.tif", NAMES, "L2A"))
    assert any("level and bands disagree: L2A has no B10, and here it is" in line for line in found.warnings)
    item = next(item for item in found.models if item.name == "patchcnn-v1")
    assert not item.runs
    assert "patchcnn-v1 needs L1C, found L2A" in item.why


def test_pixels_that_are_not_what_the_metadata_say(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(dn=ground))
    xml = next(source.rglob("MTD_TL.xml"))
    xml.write_text(xml.read_text().replace("<NROWS>192</NROWS>", "<NROWS>10980</NROWS>"))
    assert any("metadata say 10980 x 192 px" in line for line in only(source).warnings)


def test_each_granule_of_a_product_of_many(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(tiles=("32TQM", "32TQL"), dn=ground, size_60m=16))
    assert sorted(item.identity.tile for item in inspect(source)) == ["32TQL", "32TQM"]
    assert only(source, granule="32TQL").identity.tile == "32TQL"


def test_without_georeference(tmp_path):
    found = only(stack_of(tmp_path / "stack.tif", ("B02", "B08"), pixel_size=None)).plain()
    assert found["grid"]["crs"] is None
    assert found["grid"]["pixel_size"] is None
    assert found["grid"]["bounds"] is None
    assert found["valid_share"] == 0.75
    assert found["satellite"] == "S2B"


def test_a_stack_of_ours_is_known(product, tmp_path):
    path = stack(product, tmp_path, StackOptions(dtype="uint16")).outcomes[0].made.path
    found = only(path)
    assert found.identity.satellite == "S2A"
    assert found.radiometry.offset["B04"] == -1000
    assert found.radiometry.origin == "GDAL scale and offset"
    assert [item.runs for item in found.models if item.name == "patchcnn-v1"] == [True]


def test_a_large_raster_without_overviews_is_sampled(tmp_path, monkeypatch):
    """The same figures as of the whole, from a part of it."""
    path = stack_of(tmp_path / "stack.tif", ("B04", "B11"), side=900)
    whole = only(path)
    monkeypatch.setattr("unclouded.jobs._look._FULL_READ_PX", 1000)
    sampled = only(path)
    assert sampled.percentiles != whole.percentiles
    assert sampled.valid_share == pytest.approx(whole.valid_share, abs=0.12)
    for name in ("B04", "B11"):
        assert sampled.percentiles[name]["p5"] == pytest.approx(whole.percentiles[name]["p5"], abs=3e-3)


def test_nothing_seen_is_said(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(dn=lambda _n, h, w: np.zeros((h, w), np.uint16)))
    found = only(source)
    assert found.valid_share == 0
    assert "no valid pixel was found" in found.warnings
    json.dumps(found.plain(), allow_nan=False)


def test_what_is_no_source(tmp_path):
    with pytest.raises(ProductError, match="expected a product, found nothing"):
        inspect(tmp_path / "gone.SAFE")


@pytest.mark.parametrize("kind", ["stack", "bands"])
def test_unknown_radiometry_is_said_with_all_that_is_known(tmp_path, kind):
    """What cannot be masked as it is can be looked at: that is how one learns what to state."""
    if kind == "stack":
        source = stack_of(tmp_path / "stack.tif", ("B02", "B08"), scale=1.0)
        with rasterio.open(source, "r+") as dataset:
            dataset.scales, dataset.offsets = (1, 1), (0, 0)
    else:
        source = tmp_path / "bands"
        source.mkdir()
        for name in ("B02", "B08"):
            values = ground(name, 40, 40)[None]
            write_fake_geotiff(source / f"x_{name}.tif", values, (None,), pixel_size=20.0)
    found = only(source)
    assert found.radiometry is None
    assert found.bands == ("B02", "B08")
    assert found.grid.pixel_size == 20
    assert (found.valid_share, found.percentiles) == (None, {})
    assert any(
        "state --offset and --quantification (0 and 10000, or -1000" in line for line in found.warnings
    )
    plain = found.plain()
    assert (plain["offset"], plain["quantification"], plain["offset_origin"]) == (None, None, None)
    assert list(plain) == KEYS
    assert only(source, offset=-1000, quantification=10000).percentiles["B08"]


def item_in(folder, *, name="item", flag=None, home="s3://sentinel-cogs/x/x.json", added=0):
    """An item of COGs of dark ground, as Earth Search has them."""
    fake = FakeSafe(
        level="L2A",
        bands=("B02", "B04", "B12"),
        size_60m=40,
        dn=lambda band, height, width: ground(band, height, width, offset=added),
    )
    hrefs = write_fake_cogs(folder, fake)
    item = stac_item(fake, hrefs, dialect="earth-search-v1", home=home, flag=flag, stated_offset=-0.1)
    item["id"] = name
    path = folder / f"{name}.json"
    path.write_text(json.dumps(item))
    return path


def test_pixels_that_contradict_a_flag_are_no_end_of_the_inspection(tmp_path):
    source = item_in(tmp_path, flag=False)
    with pytest.raises(RadiometryError, match="found it subtracted"):
        open_scene(source)
    found = only(source)
    assert found.radiometry is None
    assert found.bands == ("B02", "B04", "B12")
    assert found.warnings[0].startswith("pixels are not read: ")
    assert "found it subtracted" in found.warnings[0]


def test_pixels_that_cannot_be_reached_are_no_end_of_the_inspection(tmp_path, monkeypatch):
    def unreachable(*, where, **_how):
        raise ServiceError(f"{where}: expected an answer, found none; try again later")

    monkeypatch.setattr("unclouded.sources._hrefs.remote_file", unreachable)
    source = item_in(tmp_path, flag=True)
    item = json.loads(source.read_text())
    for asset in item["assets"].values():
        asset["href"] = f"https://sentinel-cogs.s3.us-west-2.amazonaws.com/x/{asset['href']}"
    source = tmp_path / "elsewhere/item.json"
    source.parent.mkdir()
    source.write_text(json.dumps(item))
    found = only(source)
    assert found.warnings[0].startswith("pixels cannot be reached: B02 (blue): expected an answer")
    assert found.bands == ("B02", "B04", "B12")
    assert found.radiometry.offset["B04"] == 0
    assert found.percentiles == {}
    assert not any(item.runs for item in found.models)


def test_each_item_of_a_document_by_its_id(tmp_path):
    items = []
    for name in ("one", "two"):
        path = item_in(tmp_path / name, name=name, flag=True)
        item = json.loads(path.read_text())
        for asset in item["assets"].values():
            asset["href"] = f"{name}/{asset['href']}"
        items.append(item)
    for path in tmp_path.glob("*/*.json"):
        path.unlink()
    source = tmp_path / "found.json"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    found = inspect(source)
    assert [item.identity.id for item in found] == ["one", "two"]
    assert all(item.percentiles for item in found)
    assert only(source, granule="two").identity.id == "two"
    report = stack(source, tmp_path / "out", StackOptions(gsd=20))
    assert [(outcome.state, outcome.made.id) for outcome in report.outcomes] == [
        ("done", "one"),
        ("done", "two"),
    ]
    assert {path.name for path in (tmp_path / "out").glob("*.tif")} == {"one.tif", "two.tif"}
    again = stack(source, tmp_path / "out", StackOptions(gsd=20))
    assert {outcome.state for outcome in again.outcomes} == {"skipped"}


def test_each_product_of_a_folder(tmp_path):
    write_fake_safe(tmp_path, FakeSafe(tiles=("32TQL",), dn=ground, size_60m=16))
    write_fake_safe(tmp_path, FakeSafe(tiles=("32TQM",), dn=ground, size_60m=16))
    assert [item.identity.tile for item in inspect(tmp_path)] == ["32TQL", "32TQM"]
    report = stack(tmp_path, tmp_path / "out", StackOptions(bands=("B02",)))
    assert [outcome.made.id[38:44] for outcome in report.outcomes] == ["T32TQL", "T32TQM"]


@pytest.mark.parametrize(
    ("pattern", "facts"),
    [
        ("p08_*/*.zip", ("S2A", "L1C", "02.06", "31TDH", "2018-01-01T10:54:35.457Z", 0, ["B01"])),
        ("p12_*/*.SAFE", ("S2B", "L2A", "04.00", "36NXF", "2022-11-27T07:51:59.024Z", -1000, [])),
        (
            "metadata/S2A_MSIL1C_20240101*",
            ("S2A", "L1C", "05.10", "30NWM", "2024-01-01T10:24:31.024Z", -1000, []),
        ),
    ],
)
def test_real_products_are_what_their_metadata_say(real_data, pattern, facts):
    found = only(next((real_data / "products").glob(pattern))).plain()
    assert (
        found["satellite"],
        found["level"],
        found["baseline"],
        found["tile"],
        found["sensing_time"],
        found["offset"]["B02"],
        found["bands"],
    ) == facts
    assert not any(line.startswith("input looks") for line in found["warnings"])


def test_the_share_that_was_seen_is_exact_where_a_swath_ends(real_data):
    path = next((real_data / "products").glob("p08_*/*.zip"))
    inside = "GRANULE/L1C_T31TDH_A013204_20180101T105435/IMG_DATA/T31TDH_20180101T105441_B01.jp2"
    with rasterio.open(f"/vsizip/{path}/{inside}") as dataset:
        wanted = (dataset.read(1) > 0).mean()
    assert only(path).valid_share == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("pattern", ["p0*", "p1*", "metadata/S2*", "metadata/[ap]*", "stac/*/*", "eopf/*"])
def test_every_real_source_is_inspected(real_data, monkeypatch, pattern):
    """By its own folder or file, whatever is in it; services are not asked."""

    def unreachable(*, where, **_how):
        raise ServiceError(f"{where}: expected an answer, found none; try again later")

    monkeypatch.setattr("unclouded.sources._hrefs.remote_file", unreachable)
    for path in sorted((real_data / "products").glob(pattern)):
        for found in inspect(path):
            plain = found.plain()
            json.dumps(plain, allow_nan=False)
            assert list(plain) == KEYS
            assert plain["level"] in {"L1C", "L2A"} or path.name.startswith("p07_")
            offsets = set((plain["offset"] or {}).values())
            old = plain["baseline"] is not None and plain["baseline"] < "04"
            assert offsets == {0} if old else offsets <= {0, -1000}, path.name
            assert plain["warnings"] or plain["valid_share"] is not None, path.name
            assert bool(plain["percentiles"]) == (plain["valid_share"] is not None)
