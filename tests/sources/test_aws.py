"""Tiles as the AWS buckets lay them out: identity, place, and an offset that no file beside them states."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import ProductError, RadiometryError
from unclouded.core.windows import whole
from unclouded.sources import OpenOptions, aws, open_product, read_metadata
from unclouded.testing.layouts import product_info, tile_info, write_fake_aws
from unclouded.testing.products import FakeSafe, ramp, write_fake_safe
from unclouded.testing.readers import check_product

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
SMALL = FakeSafe(size_60m=8, bands=("B01", "B02", "B05"))
L2A = replace(SMALL, level="L2A")


def opened(path, **options):
    return open_product(path, OpenOptions(**options))


def rewritten(path, **changes):
    """A JSON file with some of its fields changed; None takes one out."""
    content = json.loads(path.read_text())
    content = {key: value for key, value in {**content, **changes}.items() if value is not None}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("fake", [replace(SMALL, bands=NAMES), replace(L2A, bands=NAMES)])
def test_a_tile_folder(tmp_path, fake):
    product = opened(write_fake_aws(tmp_path, fake))
    identity = product.identity
    assert identity.id == fake.name
    assert (identity.satellite, identity.level, identity.baseline) == ("S2A", fake.level, "05.10")
    assert identity.sensing_time == datetime(2024, 3, 5, 10, 48, 19, 24000, UTC)
    assert (identity.tile, identity.sun_zenith, identity.cloud_cover_stated) == ("32TQM", 53.25, 7.5)
    assert {name: reader.grid.pixel_size for name, reader in product.bands.items()} == {
        name: band(name).gsd for name in NAMES if fake.level in band(name).levels
    }
    assert product.missing_bands == ()
    check_product(product)


@pytest.mark.parametrize(
    ("baseline", "offset"),
    [("02.04", 0), ("03.01", 0), ("04.00", -1000), ("05.00", -1000), ("05.11", -1000), ("05.13", -1000)],
)
@pytest.mark.parametrize("infos", [False, True])
def test_the_offset_follows_the_baseline_that_is_named(tmp_path, baseline, offset, infos):
    """The tile's metadata carry none: `productInfo.json`, else the N-number of the tile's id."""
    fake = replace(SMALL, baseline=baseline, offset=None)
    radiometry = opened(write_fake_aws(tmp_path, fake, infos=infos)).radiometry
    assert set(radiometry.offset.values()) == {offset}
    assert set(radiometry.quantification.values()) == {10000}
    who = "name in productInfo.json" if infos else "TILE_ID in metadata.xml"
    assert radiometry.origin == f"processing baseline {baseline} ({who})"


@pytest.mark.parametrize("fake", [replace(SMALL, offset=-7000), replace(L2A, offset=-7000)])
def test_the_product_metadata_in_a_copy_of_the_bucket_count_first(tmp_path, fake):
    product = opened(write_fake_aws(tmp_path, fake, product=True))
    assert set(product.radiometry.offset.values()) == {-7000}
    assert product.radiometry.origin == "metadata.xml"
    assert any("expected offset -1000" in line for line in product.warnings)


@pytest.mark.parametrize("name", ["MTD_MSIL1C.xml", "product_metadata.xml"])
def test_the_product_metadata_beside_the_tile_count_first(tmp_path, name):
    home = write_fake_aws(tmp_path / "aws", SMALL)
    safe = write_fake_safe(tmp_path, replace(SMALL, offset=-7000))
    shutil.copy(safe / "MTD_MSIL1C.xml", home / name)
    assert set(opened(home).radiometry.offset.values()) == {-7000}


def test_metadata_of_another_tiles_product_are_refused(tmp_path):
    home = write_fake_aws(tmp_path / "aws", SMALL)
    other = write_fake_safe(tmp_path, replace(SMALL, tiles=("33UUU",)))
    shutil.copy(other / "MTD_MSIL1C.xml", home / "product_metadata.xml")
    with pytest.raises(ProductError, match="expected the product of tile 32TQM, found that of 33UUU"):
        opened(home)


@pytest.mark.parametrize("baseline", ["99.99", "06.00"])
def test_a_baseline_that_is_not_esas_needs_the_offset_stated(tmp_path, baseline):
    home = write_fake_aws(tmp_path, replace(SMALL, baseline=baseline))
    with pytest.raises(RadiometryError, match="state the offset with --offset"):
        opened(home)
    assert opened(home, offset=-1000).radiometry.offset["B02"] == -1000


def test_baselines_that_contradict_each_other_are_refused(tmp_path):
    home = write_fake_aws(tmp_path, SMALL)
    text = (home / "metadata.xml").read_text()
    (home / "metadata.xml").write_text(text.replace("_N05.10<", "_N02.09<"))
    with pytest.raises(RadiometryError, match=r"05\.10 \(name in productInfo\.json\).*02\.09 \(TILE_ID in"):
        opened(home)


def test_no_baseline_anywhere_needs_the_offset_stated(tmp_path):
    home = write_fake_aws(tmp_path, SMALL, infos=False)
    text = (home / "metadata.xml").read_text()
    (home / "metadata.xml").write_text(text.replace("_N05.10<", "<"))
    with pytest.raises(RadiometryError, match="found neither; state the offset with --offset"):
        opened(home)
    product = opened(home, offset=0)
    assert (
        product.radiometry.describe()
        == "offset 0, quantification 10000 (--offset, ESA's usual quantification)"
    )
    assert "processing baseline: none stated" in product.warnings


def test_a_product_path_never_leads_out_of_the_tree(tmp_path):
    home = write_fake_aws(tmp_path / "bucket", SMALL)
    (tmp_path / "metadata.xml").write_text("<secret/>")
    rewritten(home / "tileInfo.json", productPath="products/../../../metadata.xml/..")
    assert opened(home).radiometry.origin.startswith("processing baseline 05.10")


def test_a_record_of_another_product_is_left_alone(tmp_path):
    home = write_fake_aws(tmp_path, replace(SMALL, baseline="02.09"))
    other = product_info(replace(SMALL, baseline="05.10"))
    (home / "productInfo.json").write_text(json.dumps(other))
    assert opened(home).identity.baseline == "02.09"


def test_tile_info_alone_places_rasters_without_georeference(tmp_path):
    """As `preview/` has them: any number of pixels over the whole tile."""
    fake = replace(SMALL, georeferenced=False, size_60m=10)
    product = opened(write_fake_aws(tmp_path, fake, metadata=False))
    grid = product.bands["B01"].grid
    assert (grid.crs, grid.shape) == ("EPSG:32632", (10, 10))
    assert grid.pixel_size == pytest.approx(109_800 / 10)
    assert product.identity.sun_zenith is None
    assert "no tile metadata (metadata.xml); sun angles are unknown" in product.warnings


def test_preview_is_read_where_it_is_asked_for(tmp_path):
    home = write_fake_aws(tmp_path / "a", replace(SMALL, bands=("B02",)))
    small = write_fake_aws(tmp_path / "b", replace(SMALL, size_60m=4))
    (home / "preview").mkdir()
    for name in SMALL.bands:
        shutil.copy(small / f"{name}.jp2", home / "preview" / f"{name}.jp2")
    assert tuple(opened(home).bands) == ("B02",)
    assert any("preview/ holds 3 bands" in line for line in opened(home).warnings)
    product = opened(home / "preview")
    assert tuple(product.bands) == SMALL.bands
    assert product.identity.id == f"{SMALL.name}_preview"
    assert product.bands["B02"].grid.shape == (24, 24)


@pytest.mark.parametrize("name", ["metadata.xml", "tileInfo.json"])
def test_its_metadata_files_stand_for_the_folder(tmp_path, name):
    home = write_fake_aws(tmp_path, SMALL)
    assert tuple(opened(home / name).bands) == SMALL.bands


def test_a_granule_of_a_safe_by_its_own_folder(tmp_path):
    root = write_fake_safe(tmp_path, replace(SMALL, offset=-7000))
    (granule,) = (root / "GRANULE").iterdir()
    product = opened(granule)
    assert tuple(product.bands) == SMALL.bands
    assert set(product.radiometry.offset.values()) == {-7000}, "the product's own metadata count"
    np.testing.assert_array_equal(product.bands["B05"].read(whole((24, 24))).dn, ramp("B05", 24, 24))


@pytest.mark.parametrize("write", [tile_info, product_info])
def test_a_json_file_alone_is_metadata(tmp_path, write):
    path = tmp_path / "some-name.json"
    path.write_text(json.dumps(write(SMALL)))
    found = read_metadata(path)
    assert (found.identity.tile, found.identity.level, found.identity.satellite) == ("32TQM", "L1C", "S2A")
    assert found.identity.baseline == "05.10"
    assert found.radiometry is not None
    assert found.bands == ()
    with pytest.raises(ProductError, match="expected band images beside the metadata"):
        opened(path)


@pytest.mark.parametrize(
    "content",
    [
        {"utmZone": "32", "latitudeBand": 5, "gridSquare": None},
        {"utmZone": 99, "latitudeBand": "T", "gridSquare": "QM", "timestamp": 5, "datastrip": []},
        {"utmZone": 32, "latitudeBand": "T", "gridSquare": "QM", "tileOrigin": {"coordinates": "x"}},
        {"utmZone": 1e999, "latitudeBand": "T", "gridSquare": "QM"},
        {"datatakeIdentifier": 1, "tiles": "none"},
    ],
)
def test_odd_json_is_read_as_far_as_it_goes(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content).replace("Infinity", "1e999"))
    found = read_metadata(path)
    assert found.radiometry is None
    assert "expected product metadata or one official processing baseline" in found.warnings[0]


def test_sniffing(tmp_path):
    home = write_fake_aws(tmp_path, SMALL)
    assert aws.sniff(home)
    assert aws.sniff(home / "metadata.xml")
    assert not aws.sniff(home.parent)
    assert not aws.sniff(write_fake_safe(tmp_path, SMALL))
    assert not aws.sniff("not a path")


# --- real tiles


def test_the_best_small_real_scene(real_data):
    """Seven hundred pixels of thick cloud, lossless, three of its thirteen bands with a georeference."""
    home = (
        real_data / "products/p06_l1c_s2a_T19UDP_N0205_aws_preview/sentinel-s2-l1c/tiles/19/U/DP/2017/7/29/0"
    )
    product = opened(home / "preview")
    assert tuple(product.bands) == NAMES
    corners = {(reader.grid.transform.c, reader.grid.transform.f) for reader in product.bands.values()}
    assert corners == {(399960.0, 5400000.0)}
    for reader in product.bands.values():
        assert (reader.grid.crs, reader.grid.shape) == ("EPSG:32619", (687, 687))
        assert reader.grid.pixel_size == pytest.approx(109_800 / 687, abs=1e-3)
    with rasterio.open(home / "preview" / "B10.jp2") as plain:
        np.testing.assert_array_equal(product.bands["B10"].read(whole((687, 687))).dn, plain.read(1))
    assert tuple(opened(home).bands) == ("B01", "B02", "B10"), "GeoTIFFs under the name of .jp2"


@pytest.mark.parametrize(
    ("folder", "bands", "grid"),
    [
        ("p04_l1c_s2b_T55HFA_N0209_aws", NAMES, (110, 110)),
        ("p05_l1c_s2b_T56JMQ_N0300_aws", NAMES, (20, 20)),
        ("p11_l2a_s2a_T01WCQ_N0509_antimeridian", ("B04",), (915, 915)),
    ],
)
def test_real_tiles_open(real_data, folder, bands, grid):
    (home,) = (real_data / "products" / folder).iterdir()
    product = opened(home)
    assert tuple(product.bands) == bands
    assert product.grid.shape == grid
    assert product.grid.crs.startswith("EPSG:32")


def test_a_real_tile_without_georeference_lies_where_its_sidecar_says(real_data):
    """We never read sidecars; the tile's own metadata give the same place."""
    (home,) = (real_data / "products/p11_l2a_s2a_T01WCQ_N0509_antimeridian").iterdir()
    grid = opened(home).bands["B04"].grid
    with rasterio.open(home / "B04.jp2") as plain:  # with its .aux.xml
        assert grid.transform.almost_equals(plain.transform, 1e-3)
        assert grid.crs == f"EPSG:{plain.crs.to_epsg()}"
