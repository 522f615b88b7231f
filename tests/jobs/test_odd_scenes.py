"""Scenes that no one would draw: tiny, narrow, empty, saturated, with NaN and infinity; parts of scenes."""

import json

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES
from unclouded.core.errors import GridError, OptionError
from unclouded.core.windows import Window
from unclouded.jobs import mask
from unclouded.testing.options import patchwise
from unclouded.testing.products import write_fake_geotiff

TAGS = {"SENSOR": "sentinel-2", "LEVEL": "L1C"}


def masked(tmp_path, values, options=None, **scaled):
    source = write_fake_geotiff(tmp_path / "odd.tif", values, NAMES, tags=TAGS, pixel_size=60.0, **scaled)
    found = mask(source, tmp_path / "out", options or patchwise()).scenes[0].masked
    with rasterio.open(found.mask) as dataset:
        return dataset.read(1), found


def dn(height, width):
    return np.random.default_rng(0).integers(1100, 6000, (13, height, width)).astype(np.uint16)


SCALED = {"scale": 1e-4, "offset": -0.1, "nodata": 0}


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 9), (17, 400)])
def test_a_scene_smaller_than_a_window(tmp_path, shape):
    codes, found = masked(tmp_path, dn(*shape), **SCALED)
    assert codes.shape == shape
    assert set(np.unique(codes)) <= {0, 1}
    assert found.valid_share == 1.0


def test_nothing_but_nodata(tmp_path):
    codes, found = masked(tmp_path, np.zeros((13, 40, 30), np.uint16), **SCALED)
    assert (codes == 255).all()
    assert found.shares == {}
    assert found.valid_share == 0.0
    assert "nothing to mask: no valid pixel" in found.warnings


def test_all_saturated(tmp_path):
    """65535 is the brightest there is: seen, and masked."""
    codes, found = masked(tmp_path, np.full((13, 40, 30), 65535, np.uint16), **SCALED)
    assert found.valid_share == 1.0
    assert set(np.unique(codes)) <= {0, 1}


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_seen_and_spoils_nothing_else(tmp_path, odd):
    clean = (dn(60, 50).astype(np.float32) - 1000) / 10_000
    broken = clean.copy()
    broken[4, 20:23, 30] = odd
    # Level-1C reflectance as it is: scale 1 says nothing, so it is stated
    options = patchwise(offset=0, quantification=1)
    codes, found = masked(tmp_path, broken, options)
    assert (codes == 255).sum() == 3
    assert (codes[20:23, 30] == 255).all()
    assert 0.99 < found.valid_share < 1
    (tmp_path / "clean").mkdir()
    expected, _ = masked(tmp_path / "clean", clean, options)
    far = np.ones(codes.shape, bool)
    far[20 - 8 : 23 + 8, 30 - 8 : 30 + 8 + 1] = False  # the network sees 8 px around
    np.testing.assert_array_equal(codes[far], expected[far])


def test_a_window_is_the_same_part_of_the_same_mask(tmp_path):
    whole, _ = masked(tmp_path, dn(90, 70), **SCALED)
    window = Window(row_off=13, col_off=21, height=30, width=40)
    (tmp_path / "part").mkdir()
    part, found = masked(tmp_path / "part", dn(90, 70), patchwise(part=window), **SCALED)
    np.testing.assert_array_equal(part, whole[window.slices])
    with rasterio.open(found.mask) as cut, rasterio.open(tmp_path / "out" / "odd_mask.tif") as full:
        assert cut.xy(0, 0) == full.xy(13, 21)
        assert cut.res == full.res
    assert found.valid_share == 1.0


@pytest.mark.parametrize(
    "window",
    [
        Window(row_off=-1, col_off=0, height=4, width=4),
        Window(row_off=0, col_off=68, height=4, width=4),
        Window(row_off=0, col_off=0, height=0, width=4),
    ],
)
def test_a_window_must_lie_inside(tmp_path, window):
    with pytest.raises(OptionError, match="expected a window inside 90 x 70 px, found rows"):
        masked(tmp_path, dn(90, 70), patchwise(part=window), **SCALED)


def triangle(path, corners):
    """GeoJSON of pixel corners (column, row) of a raster, in its own system."""
    with rasterio.open(path) as dataset:
        ring = [dataset.xy(row, col, offset="ul") for col, row in [*corners, corners[0]]]
        crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{dataset.crs.to_epsg()}"}}
    return json.dumps({"type": "Polygon", "coordinates": [ring], "crs": crs})


def test_an_area_is_its_box_with_nothing_outside_of_it(tmp_path):
    whole, found = masked(tmp_path, dn(90, 70), **SCALED)
    area = triangle(found.mask, [(10, 20), (50, 20), (10, 60)])
    (tmp_path / "part").mkdir()
    part, cut = masked(tmp_path / "part", dn(90, 70), patchwise(area=area), **SCALED)
    assert part.shape == (40, 40)
    rows, cols = np.mgrid[0:40, 0:40]
    inside = rows + cols + 1 < 40
    np.testing.assert_array_equal(part[inside], whole[20:60, 10:50][inside])
    assert (part[rows + cols + 1 > 40] == 255).all()
    assert cut.valid_share == pytest.approx(0.5, abs=0.02)


def test_an_area_beside_the_scene(tmp_path):
    area = json.dumps({"type": "Polygon", "coordinates": [[[100, 10], [101, 10], [101, 11], [100, 10]]]})
    with pytest.raises(GridError, match="beside it"):
        masked(tmp_path, dn(20, 20), patchwise(area=area), **SCALED)


def test_a_window_and_an_area_are_one_too_many(tmp_path):
    options = patchwise(area="x.geojson", part=Window(row_off=0, col_off=0, height=4, width=4))
    with pytest.raises(OptionError, match="expected --window or --area, found both"):
        masked(tmp_path, dn(20, 20), options, **SCALED)


@pytest.mark.parametrize("limit", [400_000_000, 1_000_000_000])
def test_memory_does_not_show_in_the_mask(tmp_path, limit):
    usual, _ = masked(tmp_path, dn(300, 200), **SCALED)
    (tmp_path / "tight").mkdir()
    tight, _ = masked(tmp_path / "tight", dn(300, 200), patchwise(max_memory=limit), **SCALED)
    assert (usual == tight).mean() > 0.9999
