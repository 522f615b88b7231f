"""GeoTIFF of named bands: names, radiometry, provenance, place, nodata."""

from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import BandError, ProductError, RadiometryError, RasterError
from unclouded.core.windows import Window, whole
from unclouded.sources import OpenOptions, geotiff, open_product
from unclouded.testing.products import write_fake_geotiff
from unclouded.testing.readers import check_product

STATED = {"offset": 0, "quantification": 10000}


def stack(count, height=12, width=20, start=1, dtype=np.uint16):
    return np.arange(start, start + count * height * width).reshape(count, height, width).astype(dtype)


def opened(path, **options):
    return open_product(path, OpenOptions(**options))


def failure(path, kind, **options):
    with pytest.raises(kind) as error:
        opened(path, **options)
    message = str(error.value)
    assert message.startswith(f"{path.name}: expected ")
    assert len(message.splitlines()) == 1
    assert str(path.parent) not in message
    return message


def test_bands_go_by_their_names_in_the_tables_order(tmp_path):
    values = stack(4)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("nir", "red", "B2", "green"), scale=1e-4)
    product = opened(path)
    assert tuple(product.bands) == ("B02", "B03", "B04", "B08")
    window = Window(row_off=2, col_off=3, height=5, width=7)
    for name, position in {"B08": 0, "B04": 1, "B02": 2, "B03": 3}.items():
        samples = product.bands[name].read(window)
        np.testing.assert_array_equal(samples.dn, values[position][window.slices])
        assert samples.valid.all()
    check_product(product)


def test_bands_that_are_none_of_ours_are_ignored_and_said(tmp_path):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(3), ("red", "lwir11", None), scale=1e-4)
    product = opened(path)
    assert tuple(product.bands) == ("B04",)
    assert "ignored, no band of reflectance: lwir11, band 3, without description" in product.warnings


def test_no_names_at_all(tmp_path):
    message = failure(write_fake_geotiff(tmp_path / "a.tif", stack(2), (None, None)), ProductError, **STATED)
    assert "bands described by their names (B02 or blue" in message
    assert "found band 1, without description, band 2, without description" in message


def test_one_band_twice(tmp_path):
    message = failure(write_fake_geotiff(tmp_path / "a.tif", stack(2), ("red", "B04")), BandError, **STATED)
    assert "found B04 as band 1 and 2" in message


@pytest.mark.parametrize(
    ("scale", "offset", "says"),
    [
        (1e-4, 0, "offset 0, quantification 10000 (GDAL scale and offset)"),
        (1e-4, -0.1, "offset -1000, quantification 10000 (GDAL scale and offset)"),
        (2e-5, -0.1, "offset -5000, quantification 50000 (GDAL scale and offset)"),
    ],
)
def test_radiometry_from_the_file(tmp_path, scale, offset, says):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(2), ("red", "nir"), scale=scale, offset=offset)
    assert opened(path).radiometry.describe() == says


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (STATED, "offset 0, quantification 10000 (--offset, --quantification)"),
        ({"offset": 7}, "offset 7, quantification 5000 (--offset, GDAL scale and offset)"),
        ({"quantification": 9}, "offset 0, quantification 9 (--quantification, GDAL scale and offset)"),
    ],
)
def test_the_caller_overrules_the_file(tmp_path, options, says):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(2), ("red", "nir"), scale=2e-4)
    assert opened(path, **options).radiometry.describe() == says


@pytest.mark.parametrize("options", [{}, {"offset": 0}, {"quantification": 10000}])
def test_no_scale_and_not_both_options(tmp_path, options):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(2), ("red", "nir"))
    message = failure(path, RadiometryError, **options)
    assert "a GDAL scale and offset on each band, found none on B04, B08" in message
    assert "--offset and --quantification (0 and 10000" in message
    assert opened(path, **STATED).radiometry.origin == "--offset, --quantification"


def test_floats_that_are_plainly_reflectance(tmp_path):
    values = (stack(2) / 500).astype(np.float32)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("red", "nir"))
    assert "--offset 0 --quantification 1 if its numbers are reflectance" in failure(path, RadiometryError)
    product = opened(path, offset=0, quantification=1)
    np.testing.assert_array_equal(product.bands["B04"].read(whole((12, 20))).dn, values[0])


def test_sensor_and_level_from_tags_options_or_said(tmp_path):
    values = stack(1)
    tags = {"SENSOR": "Landsat-8", "level": "l1t"}
    tagged = write_fake_geotiff(tmp_path / "a.tif", values, ("red",), scale=1e-4, tags=tags)
    identity = opened(tagged).identity
    assert (identity.id, identity.sensor, identity.level) == ("a", "landsat-8", "L1T")
    assert opened(tagged).missing_bands == ()
    stated = opened(tagged, sensor="sentinel-2", level="L2A")
    assert (stated.identity.sensor, stated.identity.level) == ("sentinel-2", "L2A")
    assert len(stated.missing_bands) == 11
    silent = opened(write_fake_geotiff(tmp_path / "b.tif", values, ("red",), scale=1e-4))
    assert (silent.identity.sensor, silent.identity.level) == ("sentinel-2", None)
    assert [line.split(":")[0] for line in silent.warnings] == ["sensor", "processing level"]


def test_landsat_counts_its_bands_otherwise(tmp_path):
    """B5 of Landsat-8 is the near infrared, B05 of Sentinel-2 the red edge."""
    names = ("B1", "B2", "B5", "B6", "B9", "B10", "BQA")
    path = write_fake_geotiff(tmp_path / "a.tif", stack(7), names, scale=2e-5, offset=-0.1)
    product = opened(path, sensor="LC08", level="L1TP")
    assert tuple(product.bands) == ("B01", "B02", "B8A", "B10", "B11")
    assert product.bands["B8A"].index == 3
    assert product.identity.sensor == "landsat-8"
    assert "ignored, no band of reflectance: B10, BQA" in product.warnings
    message = failure(path, ProductError, sensor="landsat-7")
    assert "expected bands described by their names" in message


def test_without_georeference_pixels_are_taken_as_they_are(tmp_path):
    """A guess at the spacing would resample a raster by it."""
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1), ("B05",), scale=1e-4, pixel_size=None)
    product = opened(path)
    assert product.grid.crs is None
    assert not product.grid.spacing_known
    assert any("place and spacing unknown; state the spacing with" in line for line in product.warnings)


def test_without_georeference_the_spacing_can_be_stated(tmp_path):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1), ("B05",), scale=1e-4, pixel_size=None)
    product = opened(path, gsd=12.5)
    assert product.grid.crs is None
    assert product.grid.pixel_size == 12.5
    assert "no georeference: place unknown, spacing 12.5 m as stated" in product.warnings


def test_gsd_does_not_move_a_raster_that_knows_its_place(tmp_path):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1), ("red",), scale=1e-4, pixel_size=20)
    product = opened(path, gsd=55, granule="32TQM")
    assert product.grid.pixel_size == 20
    assert "gsd: ignored, the raster's own georeference says 20 m" in product.warnings
    assert "granule: ignored, a GeoTIFF has none" in product.warnings


def test_zeros_are_nodata_in_all_bands_together_where_dark_water_may_be_clipped(tmp_path):
    values = stack(3)
    values[:, :, :4] = 0
    values[1, 5, 5:9] = 0  # one band alone: clipped, not unseen
    product = opened(write_fake_geotiff(tmp_path / "a.tif", values, ("blue", "red", "nir"), scale=1e-4))
    for reader in product.bands.values():
        np.testing.assert_array_equal(reader.read(whole((12, 20))).valid, (values != 0).any(axis=0))


def test_zeros_are_nodata_in_each_band_where_an_offset_makes_them_impossible(tmp_path):
    values = stack(2)
    values[1, 5, 5:9] = 0
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("blue", "red"), scale=1e-4, offset=-0.1)
    for name, plane in zip(("B02", "B04"), values, strict=True):
        np.testing.assert_array_equal(opened(path).bands[name].read(whole((12, 20))).valid, plane != 0)


def test_the_files_own_nodata_value_counts_alone(tmp_path):
    values = stack(2)
    values[0, :3] = 65535
    values[:, 5] = 0
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("blue", "red"), scale=1e-4, nodata=65535)
    product = opened(path)
    np.testing.assert_array_equal(product.bands["B02"].read(whole((12, 20))).valid, values[0] != 65535)
    assert product.bands["B04"].read(whole((12, 20))).valid.all()


@pytest.mark.parametrize("nodata", [None, float("nan"), -9999.0])
def test_floats_that_are_no_numbers_are_nodata(tmp_path, nodata):
    values = stack(2, dtype=np.float32)
    values[0, 0, 0], values[0, 0, 1], values[0, 0, 2] = np.nan, np.inf, -9999
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("blue", "red"), scale=1e-4, nodata=nodata)
    valid = opened(path).bands["B02"].read(whole((12, 20))).valid
    assert valid[0, :4].tolist() == [False, False, nodata != -9999.0, True]


def test_overviews_touched_by_nodata_are_left_out(tmp_path):
    values = stack(2, 256, 256) % 3000 + 500
    values[:, :, :101] = 0
    path = write_fake_geotiff(tmp_path / "a.tif", values.astype(np.uint16), ("blue", "red"), scale=1e-4)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
    reader = opened(path).bands["B02"]
    assert len(reader.levels) == 3
    valid = reader.read(whole((64, 64)), 2).valid
    assert not valid[:, :26].any()
    assert valid[:, 29:].all()
    part = Window(row_off=10, col_off=20, height=20, width=12)
    np.testing.assert_array_equal(reader.read(part, 2).valid, valid[part.slices])


@pytest.mark.parametrize("name", ["a.tif", "a.tiff", "a.TIF"])
def test_a_vrt_in_disguise_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" '
        'subClass="VRTRawRasterBand"><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>'
    )
    assert "JPEG 2000 or TIFF, found a file of another kind" in failure(path, RasterError)


def test_empty_and_truncated_tiffs_are_named(tmp_path):
    empty = tmp_path / "empty.tif"
    empty.touch()
    assert "found an empty file" in failure(empty, RasterError)
    whole_file = write_fake_geotiff(tmp_path / "a.tif", stack(2, 300, 300), ("blue", "red"), scale=1e-4)
    data = whole_file.read_bytes()
    cut = tmp_path / "cut.tif"
    for kept in (8, 100, len(data) - 200_000):
        cut.write_bytes(data[:kept])
        with pytest.raises(RasterError, match=r"cut\.tif: expected a readable raster, found damaged data"):
            [reader.read(whole((300, 300))) for reader in opened(cut).bands.values()]


def test_complex_numbers_are_refused(tmp_path):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1, dtype=np.complex64), ("red",))
    assert "expected real numbers, found complex64" in failure(path, RasterError, **STATED)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float64])
def test_numbers_of_every_real_kind_are_read(tmp_path, dtype):
    values = stack(1).astype(dtype)
    reader = opened(write_fake_geotiff(tmp_path / "a.tif", values, ("red",)), **STATED).bands["B04"]
    np.testing.assert_array_equal(reader.read(whole((12, 20))).dn, values[0])


def test_sidecars_are_not_followed(tmp_path):
    """An .ovr or .aux.xml beside a file may point to any other."""
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1, 64, 64), ("red",), scale=1e-4)
    (tmp_path / "a.tif.ovr").write_text("<VRTDataset rasterXSize='32' rasterYSize='32'/>")
    (tmp_path / "a.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Scale>9</Scale></PAMRasterBand></PAMDataset>"
    )
    product = opened(path)
    assert product.radiometry.quantification["B04"] == 10000
    assert len(product.bands["B04"].levels) == 1


def test_sniffing(tmp_path):
    path = write_fake_geotiff(tmp_path / "a.tif", stack(1), ("red",), scale=1e-4)
    assert geotiff.sniff(path)
    assert geotiff.sniff(path.rename(tmp_path / "no suffix"))
    assert not geotiff.sniff(tmp_path)
    assert not geotiff.sniff(tmp_path / "absent.tif")


def test_tags_of_a_stack_say_who_took_it(tmp_path):
    tags = {
        "SENSOR": "S2B",
        "LEVEL": "L1C",
        "BASELINE": "05.09",
        "TILE": "32TQM",
        "SENSING_TIME": "2024-03-05T12:48:19+02:00",
        "SUN_ZENITH": "53.25",
        "SUN_AZIMUTH": "158.5",
    }
    values = np.ones((1, 4, 4), np.uint16)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("B04",), scale=1e-4, tags=tags)
    found = open_product(path, OpenOptions()).identity
    assert (found.satellite, found.baseline, found.tile) == ("S2B", "05.09", "32TQM")
    assert (found.sun_zenith, found.sun_azimuth) == (53.25, 158.5)
    assert found.sensing_time == datetime(2024, 3, 5, 10, 48, 19, tzinfo=UTC)


def test_tags_that_are_not_of_that_form_are_not_taken(tmp_path):
    tags = {
        "BASELINE": "new",
        "TILE": "Paris",
        "SENSING_TIME": "noon",
        "SUN_ZENITH": "200",
        "SUN_AZIMUTH": "nan",
    }
    values = np.ones((1, 4, 4), np.uint16)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("B04",), scale=1e-4, tags=tags)
    found = open_product(path, OpenOptions()).identity
    assert (found.baseline, found.tile, found.sensing_time) == (None, None, None)
    assert (found.sun_zenith, found.sun_azimuth) == (None, None)


def test_a_tag_can_say_that_numbers_are_reflectance(tmp_path):
    values = np.full((1, 4, 4), 0.25, np.float32)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("B04",), tags={"UNCLOUDED_VALUES": "reflectance"})
    found = open_product(path, OpenOptions()).radiometry
    assert (found.offset, found.quantification) == ({"B04": 0.0}, {"B04": 1.0})
    assert found.origin == "tag UNCLOUDED_VALUES"


@pytest.mark.enable_socket
def test_a_file_by_its_address(tmp_path, monkeypatch):
    from unclouded.testing.services import LoopbackService

    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    values = np.arange(1, 2 * 30 * 40 + 1, dtype=np.uint16).reshape(2, 30, 40)
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("red", "nir"), scale=1e-4)
    with LoopbackService() as service:
        product = open_product(f"{service.keep('/x/a.tif', path.read_bytes())}?sig=secret", OpenOptions())
        assert product.identity.id == "a"
        np.testing.assert_array_equal(product.bands["B08"].read(whole((30, 40))).dn, values[1])
        assert {asked.query.get("sig") for asked in service.asked()} == {"secret"}
        with pytest.raises(RasterError) as error:
            open_product(f"{service.url}/none.tif?sig=secret", OpenOptions())
        assert "secret" not in str(error.value)
    with pytest.raises(ProductError, match="expected an address of"):
        open_product("http://example.org/a.tif", OpenOptions())
