"""Shares over an area are those that one would count by hand in the whole mask."""

import json

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import geometry_mask

import unclouded
from unclouded.core.errors import GridError, LabelError, LevelError, OptionError
from unclouded.jobs import stats
from unclouded.scene import Scene
from unclouded.synthetic import CloudLayer, SceneConfig, write_safe
from unclouded.testing.options import patchwise
from unclouded.testing.products import write_fake_geotiff

NAMED = {"type": "name", "properties": {"name": "EPSG:32632"}}


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """Patchy cloud over land, 150 px at 60 m, a part of it not seen."""
    config = SceneConfig(seed=2, clouds=(CloudLayer(kind="cumulus", cover=0.4),), unseen=0.15)
    return write_safe(
        tmp_path_factory.mktemp("product"), config, size_px=900, tile="32TQM", threads=1
    ).product


@pytest.fixture(scope="module")
def masked(product, tmp_path_factory):
    """The mask of the whole product."""
    report = unclouded.mask(product, tmp_path_factory.mktemp("masks"), patchwise(preview=False))
    return report.scenes[0].masked.mask


def triangle(dataset, corners):
    """Three corners (shares of width and height) as a polygon in the raster's system."""
    width, height = dataset.bounds.right - dataset.bounds.left, dataset.bounds.top - dataset.bounds.bottom
    ring = [[dataset.bounds.left + x * width, dataset.bounds.top - y * height] for x, y in corners]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def by_hand(path, polygon):
    with rasterio.open(path) as dataset:
        codes = dataset.read(1)
        inside = ~geometry_mask([polygon], codes.shape, dataset.transform)
    return codes[inside]


coordinate = st.floats(0, 1)


@settings(max_examples=12)
@given(corners=st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3))
def test_shares_are_a_count_by_hand(masked, corners):
    with rasterio.open(masked) as dataset:
        polygon = triangle(dataset, corners)
    codes = by_hand(masked, polygon)
    text = json.dumps({**polygon, "crs": NAMED})
    if codes.size == 0:
        with pytest.raises(GridError):
            stats(masked, text)
        return
    found = stats(masked, text)
    assert found.pixels == codes.size
    assert found.area_km2 == pytest.approx(codes.size * 0.0036)
    valid = codes[codes != 255]
    assert found.valid_share == valid.size / codes.size
    if not valid.size:
        assert (found.shares, found.cloud_share) == ({}, None)
        assert "nothing was seen in the area" in found.warnings
        return
    assert found.shares == {"clear": (valid == 0).mean(), "cloud": (valid == 1).mean()}
    assert found.cloud_share == (valid == 1).mean()
    assert found.km2["cloud"] == pytest.approx((valid == 1).sum() * 0.0036)


@pytest.mark.parametrize("window", [256, 32])
@pytest.mark.parametrize(
    "corners",
    [
        [(0.5, 0.4), (0.62, 0.45), (0.55, 0.6)],
        [(0, 0), (0.3, 0), (0, 0.3)],
        [(0.8, 0.9), (1, 1), (0.9, 1)],
        [(0.9, 0), (1, 0), (1, 1)],
    ],
)
def test_a_source_gives_what_its_whole_mask_gives(product, masked, corners, window):
    with rasterio.open(masked) as dataset:
        text = json.dumps({**triangle(dataset, corners), "crs": NAMED})
    of_mask, of_source = stats(masked, text), stats(product, text, patchwise(window=window))
    assert of_source.made_by == "patchcnn-v1"
    assert of_mask.made_by == "mask"
    same = (
        "pixels",
        "area_km2",
        "valid_share",
        "shares",
        "km2",
        "cloud_share",
        "covered_share",
        "pixel_size",
    )
    assert [getattr(of_source, name) for name in same] == [getattr(of_mask, name) for name in same]


def test_only_what_the_area_needs_is_read(product, masked, monkeypatch):
    with rasterio.open(masked) as dataset:
        text = json.dumps({**triangle(dataset, [(0.5, 0.5), (0.52, 0.5), (0.5, 0.52)]), "crs": NAMED})
    windows = []
    read = Scene.read
    monkeypatch.setattr(Scene, "read", lambda s, b, w, **k: (windows.append(w), read(s, b, w, **k))[1])
    stats(product, text, patchwise(window=16))
    rows = max(window.row_end for window in windows) - min(window.row_off for window in windows)
    cols = max(window.col_end for window in windows) - min(window.col_off for window in windows)
    assert max(rows, cols) <= 16 + 2 * 8 + 16


def test_a_legend_says_what_codes_mean(tmp_path):
    codes = np.array([[0, 2, 3, 4], [5, 6, 7, 5]], np.uint8)[None]
    path = write_fake_geotiff(tmp_path / "labels.tif", codes, (None,), pixel_size=60)
    with rasterio.open(path) as dataset:
        whole = triangle(dataset, [(-1, -1), (3, -1), (-1, 3)])
    text = json.dumps({**whole, "crs": NAMED})
    found = stats(path, text, legend="baetens-hagolle")
    assert found.valid_share == 7 / 8
    assert found.shares == pytest.approx(
        {"cloud": 2 / 7, "cloud_shadow": 1 / 7, "clear": 3 / 7, "snow": 1 / 7}
    )
    assert found.cloud_share == pytest.approx(2 / 7)
    assert found.covered_share < 1
    assert any("of the area lie past the raster" in line for line in found.warnings)
    with pytest.raises(LabelError, match="found 5"):
        stats(path, text)
    with pytest.raises(OptionError, match="did you mean 'baetens-hagolle'"):
        stats(path, text, legend="baetens-hagole")


def test_a_product_that_no_mask_can_be_made_of(stack):
    area = json.dumps({"type": "Polygon", "coordinates": [[[9, 45], [10, 45], [10, 46], [9, 45]]]})
    with pytest.raises(LevelError, match="patchcnn-v1 needs L1C"):
        stats(stack(level="L2A"), area, patchwise())


def test_wrong_numbers_are_named_here_too(stack):
    source = stack(level="L1C")
    with rasterio.open(source) as dataset:
        text = json.dumps({**triangle(dataset, [(0, 0), (1, 0), (0, 1)]), "crs": NAMED})
    found = stats(source, text, patchwise(offset=0, quantification=10000))
    assert any("input looks un-offset" in line for line in found.warnings)


def test_progress_goes_from_nothing_to_all(product, masked):
    with rasterio.open(masked) as dataset:
        text = json.dumps({**triangle(dataset, [(0, 0), (1, 0), (1, 1)]), "crs": NAMED})
    told = []
    stats(product, text, patchwise(window=64), progress=lambda _name, share: told.append(share))
    assert told[0] == 0.0
    assert told == sorted(told)
    assert told[-1] == 1.0
