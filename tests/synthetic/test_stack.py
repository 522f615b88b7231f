import numpy as np
import pytest
import rasterio

from unclouded.core.errors import OutputError
from unclouded.core.windows import Window
from unclouded.synthetic import CloudLayer, SceneConfig, render, write_stack

CONFIG = SceneConfig(seed=6, clouds=(CloudLayer(kind="cumulus", cover=0.4),), size_m=6_000, unseen=0.1)


def test_a_stack_says_what_it_holds_and_how_to_read_it(tmp_path):
    paths = write_stack(tmp_path / "a.tif", CONFIG, bands=("red", "B8A", "B10"), gsd=20, size_px=300)
    with rasterio.open(paths.image, driver="GTiff") as image:
        assert image.descriptions == ("B04", "B8A", "B10")
        assert image.tags()["SENSOR"] == "sentinel-2"
        assert image.tags()["LEVEL"] == "L1C"
        assert image.nodata == 0
        assert image.transform.c, image.transform.f == CONFIG.origin
        dn = image.read()
        reflectance = dn * np.array(image.scales)[:, None, None] + np.array(image.offsets)[:, None, None]
    piece = render(CONFIG, ("B04", "B8A", "B10"), Window(row_off=0, col_off=0, height=300, width=300), 20)
    valid = (dn != 0).all(axis=0)
    assert 0.8 < valid.mean() < 0.97
    difference = (reflectance - piece.reflectance)[:, valid]
    assert np.abs(difference.mean()) < 1e-4
    assert 0.0001 < difference.std() < 0.005
    with rasterio.open(paths.truth, driver="GTiff") as truth:
        classes = truth.read(1)
    np.testing.assert_array_equal(classes[valid], piece.classes[valid])
    assert (classes[~valid] == 255).all()


def test_a_stack_does_not_depend_on_threads(tmp_path):
    one = write_stack(tmp_path / "one.tif", CONFIG, bands=("B02",), size_px=280, threads=1)
    two = write_stack(tmp_path / "two.tif", CONFIG, bands=("B02",), size_px=280, threads=3)
    assert one.image.read_bytes() == two.image.read_bytes()
    assert one.truth.read_bytes() == two.truth.read_bytes()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"none.a\.tif: cannot write the stack there: .*choose another"):
        write_stack(tmp_path / "none" / "a.tif", CONFIG, size_px=20)
