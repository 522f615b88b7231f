"""The table of real images: every one opens, and its pixels lie where its files have them."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from real_images import RealImage, list_images, open_image, read_bands

from unclouded.core.bands import NAMES, band
from unclouded.core.grid import Grid

SKIES = {"clear", "overcast", "cirrus", "mixed", "haze", "shadow", "mostly-clear"}


@pytest.fixture(scope="module")
def real_images(real_data):
    return {image.id: image for image in list_images(real_data)}


def write(path, values, names, *, gsd):
    place = {"transform": Affine(gsd, 0, 600_000, 0, -gsd, 5_100_000), "crs": "EPSG:32632"}
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", **shape, **place) as out:
        out.write(values)
        out.descriptions = names
    return path


def test_bands_of_several_files_keep_their_own_grids(tmp_path):
    fine = np.arange(1, 73, dtype=np.uint16).reshape(2, 6, 6)
    coarse = np.arange(1000, 1009, dtype=np.uint16).reshape(1, 3, 3)
    files = (
        write(tmp_path / "a_10m.tif", fine, ("B02", "B04"), gsd=10),
        write(tmp_path / "a_20m.tif", coarse, ("B11",), gsd=20),
    )
    image = RealImage(id="a", files=files, level="L1C", site="s", source="t", sky="clear", offset=-1.0)
    scene = open_image(image)
    assert (scene.bands, scene.grid.shape, scene.level) == (("B02", "B04", "B11"), (6, 6), "L1C")
    np.testing.assert_allclose(scene.read(("B04",)).reflectance[0], (fine[1] - 1.0) / 10_000)
    at_20 = scene.at(20).read(("B11", "B02")).reflectance
    np.testing.assert_allclose(at_20[0], (coarse[0] - 1.0) / 10_000)
    np.testing.assert_allclose(at_20[1], (fine[0].reshape(3, 2, 3, 2).mean((1, 3)) - 1) / 10_000, rtol=1e-6)


def test_what_was_not_seen_is_not_valid(tmp_path):
    values = np.array([[[0, 0, 5, 65535]], [[0, 7, 5, 5]]], np.uint16)
    path = write(tmp_path / "a.tif", values, ("B02", "B03"), gsd=10)
    bands = read_bands(path)
    # zero in one band alone is dark water that a product clipped
    assert bands["B02"].valid.tolist() == [[False, True, True, False]]
    assert bands["B03"].valid.tolist() == [[False, True, True, True]]


def test_a_band_a_file_is_named_by_the_file(tmp_path):
    path = write(tmp_path / "ref_input_S2_B8A.tif", np.ones((1, 2, 2), np.uint16), (None,), gsd=10)
    assert set(read_bands(path)) == {"B8A"}


def test_spacing_is_stated_where_no_georeference_says_it(tmp_path):
    path = write(tmp_path / "a.tif", np.ones((1, 2, 3), np.uint16), ("B02",), gsd=10)
    grid = read_bands(path, gsd_m=60.0)["B02"].grid
    assert grid == Grid(height=2, width=3, transform=Affine.scale(60, -60), crs=None)


def test_an_image_whose_files_are_not_there_is_not_listed(tmp_path):
    assert list_images(tmp_path) == ()


def test_every_image_of_the_table_is_there_and_is_reflectance(real_images):
    assert len(real_images) > 80
    for image in real_images.values():
        scene = open_image(image)
        assert image.sky in SKIES
        assert " : " in image.origin
        assert set(scene.bands) <= set(NAMES)
        assert 9 < scene.pixel_size < 160
        reading = scene.at(60).read(scene.bands)
        assert reading.valid.mean() > 0.25, image.id
        low, high = np.percentile(reading.reflectance[:, reading.valid], [1, 99])
        # clouds under a low sun are far brighter than 1 in Level-2A
        assert -0.05 < low < high < 2, image.id


def test_neighbours_and_dates_of_a_place_are_one_site(real_images):
    sites = {image.id: image.site for image in real_images.values()}
    assert sites["wright"] == sites["wright-07"]
    assert sites["glint-31"] == sites["glint-32"]
    assert sites["T18SVG-Ebeach"] == sites["T18SVG-NWland"]
    assert len({site for name, site in sites.items() if name.startswith("boadella")}) == 1
    assert len(sites) == len(set(sites)) > len(set(sites.values()))


def test_images_of_three_files_hold_each_band_as_it_was_written(real_images):
    image = real_images["T33UUU"]
    scene = open_image(image)
    for path in image.files:
        with rasterio.open(path) as file:
            name = file.descriptions[0]
            written = file.read(1).astype(np.float32) / np.float32(10_000)
        found = scene.at(band(name).gsd).read((name,)).reflectance[0]
        np.testing.assert_array_equal(found, written)


def test_the_date_of_the_series_that_is_an_image_too_shows_the_same(real_images):
    """Date 6 of the series is a window of the clear image: the list of images says so."""
    clear = open_image(real_images["wright"]).read(("B04",)).reflectance[0, 100:200, 100:200]
    image = real_images["wright-07"]
    series = open_image(RealImage(**{**vars_of(image), "date": 6})).read(("B04",)).reflectance[0]
    assert np.corrcoef(clear.ravel(), series.ravel())[0, 1] > 0.999


def vars_of(image):
    return {name: getattr(image, name) for name in image.__dataclass_fields__}
