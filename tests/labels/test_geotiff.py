import os

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from unclouded.core.errors import LabelError, RasterError
from unclouded.core.windows import Window
from unclouded.labels import unclouded as ours
from unclouded.labels._geotiff import open_codes, read_codes


def test_codes_and_grid_are_those_that_rasterio_reads(write, tmp_path):
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = write(tmp_path / "a.tif", codes, nodata=255)
    raster = read_codes(path)
    np.testing.assert_array_equal(raster.values, codes)
    assert raster.values.dtype == np.uint8
    with rasterio.open(path) as src:
        assert raster.grid.transform == src.transform
        assert raster.grid.shape == src.shape
    assert raster.grid.crs == "EPSG:32632"


def test_a_window_is_a_cut_of_the_whole_in_rows_and_columns(write, tmp_path):
    codes = np.arange(200, dtype=np.uint8).reshape(10, 20)
    with open_codes(write(tmp_path / "a.tif", codes)) as reader:
        part = reader.read(Window(row_off=2, col_off=5, height=3, width=7))
    np.testing.assert_array_equal(part, codes[2:5, 5:12])


def test_a_raster_without_georeference_is_read_and_says_so(write, tmp_path):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = write(tmp_path / "a.tif", np.ones((2, 3), np.uint8), transform=None, crs=None)
    raster = read_codes(path)
    assert raster.grid.crs is None
    assert raster.values.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_local_crs_is_kept_as_text(write, tmp_path):
    wkt = 'LOCAL_CS["field",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    path = write(tmp_path / "a.tif", np.ones((2, 3), np.uint8), crs=CRS.from_wkt(wkt))
    grid = read_codes(path).grid
    assert grid.crs is not None
    assert "field" in grid.crs


@pytest.mark.parametrize(
    "options",
    [{"bigtiff": "YES"}, {"endianness": "BIG"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}],
)
def test_every_kind_of_tiff_is_read(write, tmp_path, options):
    codes = np.arange(64 * 48).reshape(64, 48).astype(np.uint8)
    path = write(tmp_path / "a.tif", codes, **options)
    np.testing.assert_array_equal(read_codes(path).values, codes)


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32])
def test_whole_numbers_of_other_types_become_bytes(write, tmp_path, kind):
    raster = read_codes(write(tmp_path / "a.tif", np.array([[0, 3, 255]], kind)))
    assert raster.values.tolist() == [[0, 3, 255]]
    assert raster.values.dtype == np.uint8


@pytest.mark.parametrize("value", [-1, 256])
def test_a_value_that_is_no_code_is_refused_not_wrapped(write, tmp_path, value):
    path = write(tmp_path / "a.tif", np.array([[0, value, value]], np.int16))
    with pytest.raises(
        LabelError, match=rf"a\.tif: expected class codes from 0 to 255, found {value} \(2 px"
    ):
        read_codes(path)


def test_probabilities_are_not_codes(write, tmp_path):
    path = write(tmp_path / "a.tif", np.zeros((2, 2), np.float32))
    with pytest.raises(RasterError, match="expected class codes as integers, found float32; convert"):
        read_codes(path)


def test_a_stack_is_not_a_mask(write, tmp_path):
    path = write(tmp_path / "a.tif", np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(RasterError, match="expected one band of class codes, found 3 bands; cut"):
        read_codes(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RasterError, match=r"gone\.tif: expected a GeoTIFF.*No such file.*check the path"):
        read_codes(tmp_path / "gone.tif")


def test_a_vrt_in_disguise_opens_nothing(write, tmp_path):
    secret = write(tmp_path / "secret.tif", np.ones((2, 2), np.uint8))
    disguised = tmp_path / "mask.tif"
    disguised.write_text(
        f'<VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(RasterError, match="does not begin like one; convert"):
        read_codes(disguised)


def test_a_header_alone_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(RasterError, match="cannot be opened"):
        read_codes(path)


def test_a_cut_off_file_names_the_rows(write, tmp_path):
    codes = np.random.default_rng(0).integers(0, 5, (256, 256), np.uint8)
    path = write(tmp_path / "a.tif", codes, compress="deflate")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(RasterError, match=r"a\.tif.*(cannot be decoded|cannot be opened).*copy it again"):
        read_codes(path)


def test_what_the_file_declares_as_nodata_changes_no_code(write, tmp_path):
    path = write(tmp_path / "a.tif", np.array([[0, 1]], np.uint8), nodata=0)
    with open_codes(path) as reader:
        assert reader.nodata == 0
    assert ours.read_codes(path).values.tolist() == [[0, 1]]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_every_real_label_is_read_as_rasterio_reads_it(real_data):
    files = sorted((real_data / "labels").glob("*/*_lab.tif"))
    assert len(files) >= 40
    for file in files:
        raster = read_codes(file)
        with rasterio.open(file) as src:
            np.testing.assert_array_equal(raster.values, src.read(1))
            assert raster.grid.georeferenced == bool(src.crs)
