"""Real products and images, number by number against plain rasterio."""

import csv
import zipfile

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import BandError, ProductError, RadiometryError, RasterError
from unclouded.core.windows import Window, tiled
from unclouded.scene import open_scene

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

PRODUCTS = {
    # folder -> satellite, baseline, tile, sensing time, pixels and spacing of the finest band: its MANIFEST
    "p01_l1c_s2a_T56JMM_N0206_zip": ("S2A", "02.06", "56JMM", "2018-06-29", (439, 439), 250.1139),
    "p02_l1c_s2b_T56JKT_N0205_zip": ("S2B", "02.05", "56JKT", "2017-07-19", (172, 172), 640.0),
    "p03_l1c_s2a_T48LWP_N0301_zip": ("S2A", "03.01", "48LWP", "2021-07-13", (20, 20), 5490.0),
    "p08_l1c_s2a_T31TDH_N0206_B01only_zip": ("S2A", "02.06", "31TDH", "2018-01-01", (1830, 1830), 60.0),
}


def archive(real_data, folder):
    (path,) = (real_data / "products" / folder).glob("*.zip")
    return path


def plain(path, name):
    """DN of a band of a zipped product, by rasterio alone."""
    with zipfile.ZipFile(path) as members:
        (member,) = [n for n in members.namelist() if n.endswith(f"_{name}.jp2") and "IMG_DATA" in n]
    with rasterio.open(f"/vsizip/{path}/{member}") as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("folder", PRODUCTS)
def test_products_are_what_their_list_says(real_data, folder):
    scene = open_scene(archive(real_data, folder))
    satellite, baseline, tile, day, shape, pixel_size = PRODUCTS[folder]
    assert (scene.satellite, scene.baseline, scene.tile, scene.level) == (satellite, baseline, tile, "L1C")
    assert scene.sensing_time.date().isoformat() == day
    assert scene.grid.shape == shape
    assert scene.pixel_size == pytest.approx(pixel_size, abs=1e-3)
    assert scene.grid.crs.startswith("EPSG:32")
    assert 0 < scene.sun_zenith < 90
    assert scene.radiometry.describe() == "offset 0, quantification 10000 (MTD_MSIL1C.xml)"
    assert scene.id in archive(real_data, folder).name


@pytest.mark.parametrize("folder", PRODUCTS)
def test_native_bands_equal_plain_rasterio(real_data, folder):
    path = archive(real_data, folder)
    scene = open_scene(path)
    for name in scene.bands:
        dn = plain(path, name)
        if dn.shape != scene.grid.shape:
            continue
        reading = scene.read((name,))
        np.testing.assert_array_equal(reading.valid, dn != 0)
        np.testing.assert_array_equal(reading.reflectance[0], dn.astype(np.float32) / np.float32(10000))


@pytest.mark.parametrize("folder", PRODUCTS)
def test_windows_of_products_give_the_whole_to_the_bit(real_data, folder):
    for scene in (
        opened := open_scene(archive(real_data, folder)),
        opened.at(opened.pixel_size * 2),
        opened.at(opened.pixel_size * 1.7),
    ):
        whole = scene.read(scene.bands)
        for window in tiled(scene.grid.shape, max(7, scene.grid.height // 3)):
            part = scene.read(scene.bands, window)
            assert part.reflectance.tobytes() == whole.reflectance[:, *window.slices].tobytes()
            np.testing.assert_array_equal(part.valid, whole.valid[window.slices])


def test_grids_that_are_no_multiples_of_one_another_line_up(real_data):
    """439 px against 219: bands that see the same ground agree best where nothing is moved."""
    scene = open_scene(archive(real_data, "p01_l1c_s2a_T56JMM_N0206_zip"))
    reading = scene.read(("B08", "B8A"))

    def likeness(rows, cols):
        valid = reading.valid & np.roll(reading.valid, (rows, cols), (0, 1))
        moved = np.roll(reading.reflectance[1], (rows, cols), (0, 1))
        return np.corrcoef(reading.reflectance[0][valid], moved[valid])[0, 1]

    scores = {(r, c): likeness(r, c) for r in (-2, -1, 0, 1, 2) for c in (-2, -1, 0, 1, 2)}
    assert max(scores, key=scores.get) == (0, 0)
    assert scores[0, 0] > 0.5  # lossy, decimated without a filter


def test_warnings_name_both_numbers(real_data):
    lines = open_scene(archive(real_data, "p01_l1c_s2a_T56JMM_N0206_zip")).warnings
    assert any("10980 x 10980 px of 10 m" in line and "439 x 439 px of 250.114 m" in line for line in lines)
    assert any(line.startswith("granule L1C_T56JMM_A015757_null: no images") for line in lines)
    assert any(line.startswith("lossy JPEG 2000") for line in lines)


def test_one_band_only_opens_and_names_the_rest(real_data):
    scene = open_scene(archive(real_data, "p08_l1c_s2a_T31TDH_N0206_B01only_zip"))
    assert scene.bands == ("B01",)
    assert scene.missing_bands == tuple(name for name in NAMES if name != "B01")
    with pytest.raises(BandError, match="expected B02, found B01"):
        scene.read(("B01", "B02"))


def test_levels_of_an_esa_file_agree_with_its_full_resolution(real_data):
    """B01 as ESA encoded it: 120 m through the wavelet is near the mean of 2 x 2 pixels, and best unmoved."""
    scene = open_scene(archive(real_data, "p08_l1c_s2a_T31TDH_N0206_B01only_zip"))
    assert len(scene.product.bands["B01"].levels) == 5
    native = scene.read(("B01",))
    means = native.reflectance[0].reshape(915, 2, 915, 2).mean(axis=(1, 3))
    whole = native.valid.reshape(915, 2, 915, 2).all(axis=(1, 3))
    coarse = scene.at(120).read(("B01",))
    both = whole & coarse.valid
    assert both.sum() > 0.98 * whole.sum()
    assert not (coarse.valid & ~native.valid.reshape(915, 2, 915, 2).any(axis=(1, 3))).any()

    def error(rows, cols):
        moved = np.roll(coarse.reflectance[0], (rows, cols), (0, 1))
        return np.abs(moved - means)[both & np.roll(both, (rows, cols), (0, 1))].mean()

    errors = {(r, c): error(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)}
    assert min(errors, key=errors.get) == (0, 0)
    assert errors[0, 0] < 0.01


def test_empty_files_in_trees_and_zips(real_data):
    for path in (
        archive(real_data, "p15_l1c_s2a_T32TQT_N0205_emptyjp2_zip"),
        next((real_data / "products" / "p14_l1c_s2a_T32TNM_N0204_compact_nopixels").glob("*.SAFE")),
    ):
        with pytest.raises(
            RasterError, match=r"none of its 13 bands can be read; first: B01 .* an empty file"
        ):
            open_scene(path)


def test_old_products_of_many_granules(real_data):
    folder = real_data / "products" / "p13_l1c_s2a_longname_multigranule_N0204_nopixels"
    (path,) = folder.glob("*.SAFE")
    with pytest.raises(ProductError, match="found 3: 53HLA, 53HNV, 53HPA; choose one"):
        open_scene(path)
    with pytest.raises(RasterError, match="none of its 13 bands can be read; first: B01"):
        open_scene(path, granule="53HNV")


def images(real_data):
    """Every image with band names that says or whose list says how its numbers are meant."""
    return [
        path
        for path in sorted((real_data / "images").rglob("*.tif"))
        if "SCL" not in path.name
        and "ukis_pysat" not in path.parent.name
        and "landsat8" not in path.parent.name
    ]


def test_every_image_equals_plain_rasterio(real_data):
    paths = images(real_data)
    assert len(paths) > 60
    for path in paths:
        with pytest.raises(RadiometryError, match="state --offset and --quantification"):
            open_scene(path)
        scene = open_scene(path, offset=0, quantification=10000)
        with rasterio.open(path) as dataset:
            position = dataset.descriptions.index(scene.bands[-1]) + 1
            dn = dataset.read(position)
            everything = dataset.read()
        empty = (everything == 0).all(axis=0) if dataset.nodata is None else dn == dataset.nodata
        assert set(scene.bands) <= set(dataset.descriptions)
        reading = scene.read(scene.bands[-1:])
        np.testing.assert_array_equal(reading.valid, ~empty, err_msg=path.name)
        expected = np.where(empty, 0, dn.astype(np.float32) / np.float32(10000))
        np.testing.assert_array_equal(reading.reflectance[0], expected, err_msg=path.name)
        assert scene.level in {"L1C", "L2A", None}
        assert scene.grid.spacing_known == scene.grid.georeferenced, path.name


def test_every_labelled_image_reads_as_its_list_says(real_data):
    with (real_data / "labels" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 40
    for row in rows:
        path = real_data / "labels" / f"{row['file']}_img.tif"
        scene = open_scene(path)
        assert scene.sensor == row["sensor"], row["file"]
        assert scene.level == row["level"], row["file"]
        if scene.grid.spacing_known:
            assert scene.pixel_size == pytest.approx(float(row["gsd_m"]), rel=0.05), row["file"]
        with rasterio.open(path) as dataset:
            stated = zip(dataset.read(), dataset.scales, dataset.offsets, dataset.descriptions, strict=True)
            true = {band(n).name: a * s + o for a, s, o, n in stated if not n.startswith("lwir")}
        assert set(scene.bands) == set(true)
        reading = scene.read(scene.bands, Window(row_off=9, col_off=5, height=200, width=220))
        for got, name in zip(reading.reflectance, scene.bands, strict=True):
            np.testing.assert_allclose(
                got[reading.valid], true[name][9:209, 5:225][reading.valid], atol=2e-6, err_msg=row["file"]
            )
        assert reading.valid.mean() > 0.9
