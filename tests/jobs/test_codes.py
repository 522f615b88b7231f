"""Class rasters go the way of the images that they belong to."""

import json
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.errors import LabelError, OptionError, RasterError
from unclouded.core.windows import Window
from unclouded.jobs import CodesOptions, StackOptions, stack, stack_codes
from unclouded.testing.products import CORNER, CRS, FakeSafe, write_fake_safe

# Kristollari & Karathanassi's masks were made of these codes of Baetens & Hagolle
BAETENS = np.array([0, 2, 3, 4, 5, 6, 7], np.uint8)


@pytest.fixture
def raster(tmp_path):
    """`raster(codes, gsd, **tags)`: a one-band GeoTIFF at the corner of the fake products."""

    def write(codes, gsd=60.0, nodata=None, name="labels.tif", **tags):
        place = {"crs": CRS, "transform": Affine(gsd, 0, CORNER[0], 0, -gsd, CORNER[1])}
        size = {"height": codes.shape[0], "width": codes.shape[1], "count": 1}
        with rasterio.open(
            tmp_path / name, "w", driver="GTiff", dtype=codes.dtype, nodata=nodata, **size, **place
        ) as dataset:
            dataset.write(codes, 1)
            dataset.update_tags(**tags)
        return tmp_path / name

    return write


def made(source, folder, **options):
    return stack_codes(source, folder, CodesOptions(**options)).outcomes[0].made


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def some_codes(height, width):
    return np.random.default_rng(5).choice(BAETENS, (height, width))


@pytest.mark.parametrize(("size", "gsd", "side"), [(96, 20, 32), (60, 20, 13), (32, 60, 32), (20, 60, 60)])
def test_nearest_is_that_of_gdal(raster, program, tmp_path, size, gsd, side):
    source = raster(some_codes(size, size), gsd)
    target = tmp_path / "g.tif"
    command = [program("gdal_translate"), "-q", "-ot", "Byte", "-outsize", str(side), str(side)]
    subprocess.run([*command, str(source), str(target)], check=True)
    found = made(source, tmp_path / "out", gsd=size * gsd / side).path
    np.testing.assert_array_equal(read(found), read(target))
    with rasterio.open(found) as ours, rasterio.open(target) as theirs:
        assert ours.transform.almost_equals(theirs.transform)
        assert ours.dtypes == ("uint8",)


def test_they_lie_on_the_pixels_of_the_stack(raster, tmp_path):
    product = write_fake_safe(tmp_path, FakeSafe())
    source = raster(some_codes(96, 96), 20)
    placement = {
        "gsd": 60,
        "bounds": (CORNER[0] + 100, CORNER[1] - 1000, CORNER[0] + 900, CORNER[1] - 100),
        "pad": 8,
    }
    image = stack(product, tmp_path / "images", StackOptions(**placement, bands=("B02",))).outcomes[0].made
    labels = made(source, tmp_path / "masks", **placement)
    with rasterio.open(image.path) as one, rasterio.open(labels.path) as other:
        assert (one.transform, one.shape, one.crs) == (other.transform, other.shape, other.crs)
    assert (labels.height, labels.width) == (image.height, image.width)


def test_the_masks_of_the_original_study(raster, tmp_path):
    codes = np.repeat(BAETENS[None], 4, axis=0)
    found = made(raster(codes), tmp_path / "out", legend="baetens-hagolle", to="original", pad=8)
    np.testing.assert_array_equal(
        read(found.path), np.pad(np.repeat([[0, 255, 255, 0, 0, 0, 0]], 4, axis=0), 8)
    )
    with rasterio.open(found.path) as dataset:
        # 0 is a class of that legend: what has no data cannot be told
        assert dataset.nodata is None
        assert dataset.tags()["UNCLOUDED_LEGEND"] == "original"
    assert found.legend == "original"


def test_padding_says_nothing_where_a_code_for_that_is_known(raster, tmp_path):
    codes = np.zeros((3, 3), np.uint8)
    ours = made(raster(codes, UNCLOUDED_LEGEND="unclouded"), tmp_path / "a", pad=1)
    assert read(ours.path)[0].tolist() == [255] * 5
    assert ours.legend == "unclouded"
    with rasterio.open(ours.path) as dataset:
        assert dataset.nodata == 255
    stated = made(raster(codes, nodata=9), tmp_path / "b", pad=1)
    assert read(stated.path)[0].tolist() == [9] * 5
    assert stated.legend is None
    unsaid = made(raster(codes + 1), tmp_path / "c", pad=1)
    assert read(unsaid.path)[0].tolist() == [0] * 5


def test_reflected_padding_mirrors_codes(raster, tmp_path):
    codes = some_codes(6, 9)
    found = made(raster(codes), tmp_path / "out", pad=4, pad_mode="reflect")
    np.testing.assert_array_equal(read(found.path), np.pad(codes, 4, mode="reflect"))


@settings(max_examples=15)
@given(
    factor=st.integers(1, 4),
    row=st.integers(0, 5),
    col=st.integers(0, 5),
    pad=st.integers(0, 9),
)
def test_a_part_is_cut_out_of_the_whole(tmp_path_factory, factor, row, col, pad):
    folder = tmp_path_factory.mktemp("codes")
    codes = some_codes(10 * factor, 9 * factor)
    place = {"crs": CRS, "transform": Affine(10, 0, CORNER[0], 0, -10, CORNER[1])}
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 10 * factor, "width": 9 * factor}
    with rasterio.open(folder / "labels.tif", "w", **profile, **place) as dataset:
        dataset.write(codes, 1)
    window = Window(row_off=row, col_off=col, height=10 - row, width=9 - col)
    found = made(folder / "labels.tif", folder / "out", gsd=10 * factor, window=window, pad=pad)
    middle = codes[factor // 2 :: factor, factor // 2 :: factor]
    np.testing.assert_array_equal(read(found.path), np.pad(middle[row:, col:], pad))


def test_a_cog_of_codes_has_overviews_by_mode(raster, tmp_path):
    codes = np.full((600, 600), 3, np.uint8)
    codes[::2, ::2] = 5  # a quarter: an average would make codes that are not there
    path = made(raster(codes), tmp_path / "out", cog=True).path
    with rasterio.open(path, overview_level=0) as dataset:
        assert set(np.unique(dataset.read(1))) == {3}


@pytest.mark.parametrize(
    ("codes", "options", "error", "message"),
    [
        (BAETENS, {"to": "original"}, OptionError, r"expected a legend to translate from.*--legend"),
        (BAETENS, {"legend": "baetens-hagole"}, OptionError, "did you mean 'baetens-hagolle'"),
        (BAETENS + 100, {"legend": "baetens-hagolle", "to": "original"}, LabelError, "found 100"),
        (BAETENS, {"legend": "baetens-hagolle", "to": "cloud38"}, LabelError, "choose another target"),
        (BAETENS.astype(np.uint16) * 100, {}, LabelError, "expected class codes from 0 to 255"),
        (BAETENS.astype(np.float32), {}, RasterError, "expected class codes as integers"),
    ],
)
def test_what_cannot_be_done_leaves_no_file(raster, tmp_path, codes, options, error, message):
    with pytest.raises(error, match=message):
        made(raster(codes[None]), tmp_path / "out", **options)
    assert not list((tmp_path / "out").glob("*.tif"))


def test_a_second_run_makes_nothing_again_and_two_of_a_name_clash(raster, tmp_path):
    source = raster(some_codes(4, 4))
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "labels.tif"
    twin.write_bytes(source.read_bytes())
    assert made(source, tmp_path / "out").id == "labels"
    report = stack_codes([source, twin], tmp_path / "out")
    assert [outcome.state for outcome in report.outcomes] == ["skipped", "failed"]
    assert report.outcomes[0].made.path == tmp_path / "out" / "labels.tif"
    assert len(report.failed) == 1
    assert json.loads((tmp_path / "out" / "codes.json").read_text())["options"]["pad"] == 0
    with pytest.raises(OptionError, match="expected another folder"):
        stack_codes(source, tmp_path)
    with pytest.raises(OptionError, match="at least one class raster"):
        stack_codes([], tmp_path)


def test_without_georeference_pixels_stay_as_they_are(tmp_path):
    codes = some_codes(5, 6)
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(
            tmp_path / "plain.tif", "w", driver="GTiff", dtype="uint8", height=5, width=6, count=1
        ) as out,
    ):
        out.write(codes, 1)
    found = made(tmp_path / "plain.tif", tmp_path / "out")
    np.testing.assert_array_equal(read(found.path), codes)
    with pytest.raises(OptionError, match="--gsd 60 cannot be met"):
        made(tmp_path / "plain.tif", tmp_path / "out", gsd=60)
