import json
import subprocess
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rio_cogeo import cog_validate

from unclouded.core.classes import CLASSES, NODATA
from unclouded.core.errors import OutputError, RasterError
from unclouded.core.grid import Grid
from unclouded.core.windows import tiled, whole
from unclouded.outputs.cog import mask_writer, probability_writer, to_percent, write_mask

TAGS = {"UNCLOUDED_MODEL": "box 1", "UNCLOUDED_RADIOMETRY": "offset -1000 <&>"}


def grid_of(height, width, crs="EPSG:32633"):
    transform = Affine(60, 0, 399_960, 0, -60, 5_900_040) if crs else Affine.identity()
    return Grid(height=height, width=width, transform=transform, crs=crs)


def codes_of(height, width):
    """Every class and nodata, in a pattern that a flip or a shift would show."""
    values = np.array([0, 1, 2, 3, 4, NODATA], np.uint8)
    return values[(np.arange(height)[:, None] * 7 + np.arange(width) * 3) // 5 % 6]


def written(path, codes, size=64, crs="EPSG:32633"):
    parts = ((window, codes[window.slices]) for window in tiled(codes.shape, size))
    write_mask(path, grid_of(*codes.shape, crs), parts, legend=CLASSES, tags=TAGS)
    return path


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 300), width=st.integers(1, 300), size=st.integers(1, 400))
def test_what_is_written_is_read(tmp_path, height, width, size):
    codes = codes_of(height, width)
    with rasterio.open(written(tmp_path / "m.tif", codes, size)) as dataset:
        np.testing.assert_array_equal(dataset.read(1), codes)


def test_a_mask_is_a_valid_cog_with_all_that_a_mask_needs(tmp_path):
    codes = codes_of(1100, 700)
    path = written(tmp_path / "m.tif", codes)
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as dataset:
        assert dataset.nodata == NODATA
        assert dataset.crs.to_epsg() == 32633
        assert dataset.transform == grid_of(1100, 700).transform
        assert dataset.overviews(1)
        assert dataset.tags().items() >= TAGS.items()
        assert dataset.colormap(1)[1][:3] == (255, 255, 255)
        assert dataset.descriptions == ("mask",)


def test_overviews_hold_classes_only(tmp_path):
    """A mean of codes would make clouds out of clear and shadow."""
    codes = np.zeros((1100, 1100), np.uint8)
    codes[:, ::2] = 4
    with rasterio.open(written(tmp_path / "m.tif", codes), overview_level=0) as overview:
        assert set(np.unique(overview.read(1))) <= {0, 4}


def test_gdalinfo_shows_names_and_colours(tmp_path, program):
    path = written(tmp_path / "m.tif", codes_of(80, 90))
    info = json.loads(subprocess.check_output([program("gdalinfo"), "-json", str(path)]))
    band = info["bands"][0]
    assert band["categories"] == [item.title for item in CLASSES]
    assert band["colorTable"]["entries"][2][:3] == [0x8F, 0xD3, 0xFF]
    assert band["noDataValue"] == NODATA


def test_gdal_reads_a_table_of_the_classes_too(tmp_path, program):
    """As GDAL reads the sidecar and writes it again, not as we wrote it."""
    path = written(tmp_path / "m.tif", codes_of(80, 90))
    copy = tmp_path / "copy.tif"
    subprocess.check_call([program("gdal_translate"), "-q", str(path), str(copy)])
    table = ET.parse(f"{copy}.aux.xml").getroot().find(".//GDALRasterAttributeTable")
    rows = [[cell.text for cell in row] for row in table.iterfind("Row")]
    assert rows[1] == ["1", "thick cloud", "255", "255", "255"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4"]


def test_titles_are_escaped(tmp_path):
    legend = [replace(CLASSES[0], title="clear & <dry>")]
    with mask_writer(tmp_path / "m.tif", grid_of(3, 3), legend=legend, tags={}) as write:
        write(whole((3, 3)), np.zeros((3, 3), np.uint8))
    names = ET.parse(tmp_path / "m.tif.aux.xml").getroot().iterfind(".//Category")
    assert [name.text for name in names] == ["clear & <dry>"]


def probabilities_of(height, width):
    """Three classes that sum to 1, different in every pixel."""
    values = np.random.default_rng(3).dirichlet([1, 1, 1], (height, width)).astype(np.float32)
    return np.moveaxis(values, -1, 0)


def test_probabilities_are_percent_by_class(tmp_path, program):
    probabilities, seen = probabilities_of(700, 600), np.ones((700, 600), bool)
    seen[:, 500:] = False
    path = tmp_path / "p.tif"
    with probability_writer(path, grid_of(700, 600), legend=CLASSES[:3], tags=TAGS) as write:
        for window in tiled((700, 600), 256):
            write(window, to_percent(probabilities[:, *window.slices], seen[window.slices]))
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as dataset:
        assert dataset.descriptions == ("clear", "thick_cloud", "thin_cloud")
        assert dataset.tags().items() >= TAGS.items()
        values = dataset.read(masked=True)
        assert (dataset.dtypes, dataset.scales) == (("uint8",) * 3, (0.01,) * 3)
    np.testing.assert_array_equal(values.mask, np.broadcast_to(~seen, values.shape))
    assert np.abs(values * 0.01 - probabilities).max() <= 0.005 + 1e-6
    # unscaled by GDAL they are probabilities again
    unscaled = tmp_path / "u.tif"
    subprocess.check_call(
        [
            *(program("gdal_translate"), "-q", "-unscale", "-ot", "Float32"),
            *(str(path), str(unscaled)),
        ]
    )
    with rasterio.open(unscaled) as dataset:
        assert dataset.read(2)[5, 7] == pytest.approx(probabilities[1, 5, 7], abs=0.006)


@pytest.mark.parametrize("error", [RasterError("B04.jp2: truncated"), KeyboardInterrupt()])
def test_probabilities_that_break_off_leave_nothing(tmp_path, error):
    def begin():
        with probability_writer(tmp_path / "p.tif", grid_of(9, 9), legend=CLASSES, tags=TAGS) as write:
            write(whole((9, 9)), np.zeros((5, 9, 9), np.uint8))
            raise error

    with pytest.raises(type(error)):
        begin()
    assert list(tmp_path.iterdir()) == []


def test_without_georeference_the_mask_has_none(tmp_path):
    path = written(tmp_path / "m.tif", codes_of(40, 30), crs=None)
    with rasterio.open(path) as dataset:
        assert dataset.crs is None
        assert dataset.transform == Affine.identity()


def test_a_scene_that_breaks_off_leaves_nothing(tmp_path):
    """No half-written mask, no draft, no sidecar."""
    codes = codes_of(100, 100)

    def parts():
        for window in tiled(codes.shape, 50):
            if window.row_off:
                raise RasterError("B04.jp2: truncated")
            yield window, codes[window.slices]

    with pytest.raises(RasterError, match="truncated"):
        write_mask(tmp_path / "m.tif", grid_of(100, 100), parts(), legend=CLASSES, tags=TAGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_one_line(tmp_path):
    codes = codes_of(10, 10)
    with pytest.raises(OutputError, match=r"m\.tif: cannot be written"):
        written(tmp_path / "gone" / "m.tif", codes)
