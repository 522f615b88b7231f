"""Bands in a file each: the name says which, and nothing else is guessed."""

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, OptionError, ProductError, RadiometryError
from unclouded.core.windows import whole
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions, bandfiles, open_product
from unclouded.testing.products import FakeSafe, ramp, write_fake_geotiff, write_jp2
from unclouded.testing.readers import check_product

STATED = {"offset": 0, "quantification": 10000, "level": "L1C", "sensor": "sentinel-2"}


def written(folder, names, **how):
    folder.mkdir(exist_ok=True)
    for name, stem in names.items():
        values = ramp(name, 24, 24)[None]
        write_fake_geotiff(folder / f"{stem}.tif", values, (None,), **how)
    return folder


def opened(path, **options):
    return open_product(path, OpenOptions(**options))


@pytest.mark.parametrize(
    "pattern",
    ["ref_input_S2_{}", "{}", "T32TQM_20240305T104819_{}", "x_{}_20m", "S2A_2024-03-05_{}_reflectance"],
)
def test_a_folder_of_files_named_by_their_band(tmp_path, pattern):
    names = {name: pattern.format(name) for name in ("B02", "B8A", "B12")}
    product = opened(written(tmp_path / "scene", names), **STATED)
    assert tuple(product.bands) == ("B02", "B8A", "B12")
    assert product.identity.id == "scene"
    assert product.identity.level == "L1C"
    assert len(product.missing_bands) == 10
    for name, reader in product.bands.items():
        np.testing.assert_array_equal(reader.read(whole((24, 24))).dn, ramp(name, 24, 24))
    check_product(product)


def test_common_names_and_short_numbers(tmp_path):
    folder = written(
        tmp_path / "s", {"B02": "blue", "B04": "2024-03-05_red", "B8A": "x_nir08", "B03": "y_B3"}
    )
    assert tuple(opened(folder, **STATED).bands) == ("B02", "B03", "B04", "B8A")


def test_radiometry_must_be_stated_or_in_the_files(tmp_path):
    folder = written(tmp_path / "a", {"B02": "B02", "B03": "B03"})
    with pytest.raises(RadiometryError, match="found none on B02, B03; state --offset and --quantification"):
        opened(folder)
    tagged = written(tmp_path / "b", {"B02": "B02", "B03": "B03"}, scale=1e-4, offset=-0.1)
    radiometry = opened(tagged).radiometry
    assert radiometry.describe() == "offset -1000, quantification 10000 (GDAL scale and offset)"


def test_what_nobody_states_is_said(tmp_path):
    folder = written(tmp_path / "a", {"B02": "B02"})
    lines = opened(folder, offset=0, quantification=10000).warnings
    assert "sensor: not stated; taken as sentinel-2 (option)" in lines
    assert "processing level: not stated (option)" in lines


def test_two_files_of_one_band_are_two_scenes(tmp_path):
    folder = written(tmp_path / "a", {"B02": "2024-01-01_B02", "B03": "2024-01-01_B03"})
    written(folder, {"B02": "2024-01-06_B02"})
    with pytest.raises(ProductError, match="expected one file for B02, found 2024-01-01_B02"):
        opened(folder, **STATED)


def test_a_mapping_of_bands_to_files(tmp_path):
    folder = written(tmp_path / "a", {"B04": "one", "B08": "two"})
    scene = open_scene({"red": folder / "one.tif", "B08": str(folder / "two.tif")}, **STATED)
    assert scene.bands == ("B04", "B08")
    with pytest.raises(BandError, match="B04 named twice"):
        open_scene({"red": folder / "one.tif", "B04": folder / "two.tif"}, **STATED)
    with pytest.raises(BandError, match="band 'reed'"):
        open_scene({"reed": folder / "one.tif"}, **STATED)
    with pytest.raises(ProductError, match=r"B04: expected a file, found none at gone\.tif"):
        open_scene({"red": folder / "gone.tif"}, **STATED)


def test_nodata_of_the_file_and_zero_are_no_reflectance(tmp_path):
    values = ramp("B02", 24, 24)
    values[0], values[1] = 0, 65535
    (tmp_path / "a").mkdir()
    write_fake_geotiff(tmp_path / "a" / "B02.tif", values[None], (None,), nodata=65535)
    valid = opened(tmp_path / "a", **STATED).bands["B02"].read(whole((24, 24))).valid
    assert not valid[:2].any()
    assert valid[2:].all()


def test_floats_may_be_zero_where_another_value_says_nodata(tmp_path):
    values = np.full((1, 24, 24), 0.25, np.float32)
    values[0, 0], values[0, 1], values[0, 2] = 0, np.nan, -9999
    for folder, nodata, zero_valid in (("a", -9999, True), ("b", None, False)):
        (tmp_path / folder).mkdir()
        write_fake_geotiff(tmp_path / folder / "B02.tif", values, (None,), nodata=nodata)
        product = opened(tmp_path / folder, offset=0, quantification=1)
        valid = product.bands["B02"].read(whole((24, 24))).valid
        assert valid[0].all() == zero_valid
        assert not valid[1].any()
        assert valid[3:].all()


def test_rasters_without_georeference_share_one_extent(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    fake = FakeSafe(size_60m=8, georeferenced=False)
    for name in ("B02", "B05"):
        write_jp2(folder / f"{name}.jp2", fake, name)
    with pytest.raises(OptionError, match="expected one size, found 2; state the spacing"):
        opened(folder, **STATED)
    product = opened(folder, gsd=10.0, **STATED)
    assert {name: reader.grid.pixel_size for name, reader in product.bands.items()} == {"B02": 10, "B05": 20}
    (folder / "B05.jp2").unlink()
    assert not opened(folder, **STATED).grid.spacing_known


def test_landsat_by_analogy(tmp_path):
    folder = written(tmp_path / "a", {"B02": "LC08_B2", "B08": "LC08_B5"})
    product = opened(folder, offset=0, quantification=10000, sensor="landsat-8", level="L1TP")
    assert tuple(product.bands) == ("B02", "B8A")


def test_sniffing(tmp_path):
    folder = written(tmp_path / "a", {"B02": "B02"})
    assert bandfiles.sniff(folder)
    assert bandfiles.sniff({"B02": "x.tif"})
    assert not bandfiles.sniff({})
    assert not bandfiles.sniff({"type": "Feature", "assets": {}})
    (folder / "item.json").write_text("{}")
    assert not bandfiles.sniff(folder)
    (tmp_path / "b").mkdir()
    assert not bandfiles.sniff(tmp_path / "b")


def test_the_real_crop_at_ten_metres(real_data):
    folder = real_data / "products/p07_l1c_T31UFS_native10m_crop_7bands"
    product = opened(folder, **STATED)
    assert tuple(product.bands) == ("B02", "B03", "B04", "B08", "B8A", "B09", "B11")
    assert product.missing_bands == tuple(name for name in NAMES if name not in product.bands)
    assert (product.grid.crs, product.grid.shape, product.grid.pixel_size) == ("EPSG:32631", (1024, 512), 10)
    reading = open_scene(folder, **STATED).read(("B02", "B11"))
    with rasterio.open(folder / "ref_input_S2_B11.tif") as plain:
        dn = plain.read(1)
    np.testing.assert_allclose(reading.reflectance[1][reading.valid], dn[reading.valid] / 10000, atol=1e-6)
    assert reading.valid.mean() > 0.99
