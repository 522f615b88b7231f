"""Stacks read back as the product they were made of, and are what GDAL makes of it in the same way."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine

import unclouded
from unclouded.core.bands import NAMES, STUDY_ORDER
from unclouded.core.errors import BandError, GridError, OptionError, OutputError, RadiometryError
from unclouded.core.windows import Window
from unclouded.jobs import StackOptions, stack
from unclouded.synthetic import SceneConfig, write_safe
from unclouded.testing.options import patchwise
from unclouded.testing.products import FakeSafe, write_fake_geotiff, write_fake_safe

SIDE = 100  # of the stack at 60 m


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A believable product without nodata, 600 px at 10 m."""
    folder = tmp_path_factory.mktemp("product")
    return write_safe(folder, SceneConfig(seed=4), size_px=6 * SIDE, tile="32TQM", threads=1).product


@pytest.fixture(scope="module")
def swath(tmp_path_factory):
    """A fake product of a ramp, a strip of which was not seen; in B10 another one too."""

    def dn(name, height, width):
        values = np.full((height, width), 1500) + np.arange(width) * 300 // width
        values[:, width * 3 // 4 :] = 0
        if name == "B10":
            values[: height // 4] = 0
        return values.astype(np.uint16)

    return write_fake_safe(tmp_path_factory.mktemp("swath"), FakeSafe(dn=dn))


def made(source, folder, **options):
    return stack(source, folder, StackOptions(**options)).outcomes[0].made


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def transform_of(path):
    with rasterio.open(path) as dataset:
        return dataset.transform


# --- read back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 0.0), ("dn-float32", 0.0), ("uint16", 0.50001e-4)]
)
def test_a_stack_reads_back_as_the_product(swath, tmp_path, dtype, tolerance, cog):
    path = made(swath, tmp_path, dtype=dtype, cog=cog).path
    back, scene = unclouded.open_scene(path), unclouded.open_scene(swath).at(60)
    assert back.bands == scene.bands
    stated = ("sensor", "satellite", "level", "baseline", "tile", "sensing_time", "sun_zenith", "sun_azimuth")
    assert [getattr(back, name) for name in stated] == [getattr(scene, name) for name in stated]
    assert None not in [getattr(back, name) for name in stated]
    assert back.grid == scene.grid
    assert back.id == scene.id
    assert back.warnings == ()
    for name in scene.bands:
        found, wanted = back.read((name,)), scene.read((name,))
        np.testing.assert_array_equal(found.valid, wanted.valid)
        np.testing.assert_allclose(found.reflectance, wanted.reflectance, rtol=0, atol=tolerance)


def test_each_band_keeps_its_own_nodata(swath, tmp_path):
    """A reading of several bands is valid where all of them are; a stack loses none of the others."""
    path = made(swath, tmp_path, dtype="uint16", resampling="nearest").path
    values = dict(zip(NAMES, read(path), strict=True))
    assert (values["B10"][:8] == 0).all()
    assert (values["B01"][:8, :24] > 0).all()


@pytest.mark.parametrize("baseline", ["02.14", "05.10"])
def test_the_offset_is_that_of_the_product(tmp_path, baseline):
    old = baseline < "04"
    product = write_fake_safe(tmp_path, FakeSafe(baseline=baseline, offset=None if old else -1000))
    path = made(product, tmp_path / "out", dtype="uint16").path
    with rasterio.open(path) as dataset:
        assert dataset.scales == (1e-4,) * 13
        assert dataset.offsets == ((0.0,) if old else (-0.1,)) * 13
        assert dataset.nodata == 0
        assert dataset.descriptions == NAMES
        assert dataset.tags()["UNCLOUDED_RADIOMETRY"].startswith(f"offset {0 if old else -1000}, ")
        assert dataset.tags()["BASELINE"] == baseline


def test_a_mask_of_the_stack_is_that_of_the_product(product, tmp_path):
    path = made(product, tmp_path / "stacks").path
    first = unclouded.mask(product, tmp_path / "a", patchwise()).scenes[0].masked.mask
    second = unclouded.mask(path, tmp_path / "b", patchwise()).scenes[0].masked.mask
    assert first.name == second.name
    np.testing.assert_array_equal(read(second), read(first))


def test_reflectance_becomes_dn_only_with_a_scale(tmp_path):
    values = np.linspace(-0.12, 7.0, 4 * 5 * 6).reshape(4, 5, 6).astype(np.float32)
    source = write_fake_geotiff(
        tmp_path / "reflectance.tif", values, ("blue", "green", "red", "nir"), tags={"LEVEL": "L2A"}
    )
    options = {"offset": 0, "quantification": 1, "gsd": 20}
    found = made(source, tmp_path / "out", dtype="uint16", **options)
    back = unclouded.open_scene(found.path).read(("B02", "B03", "B04", "B08"))
    fits = (values >= -0.1 + 0.5e-4) & (values < 6.4535)
    np.testing.assert_allclose(back.reflectance[fits], values[fits], atol=0.51e-4)
    lost = int((~fits & (values != 0)).sum())
    assert found.warnings[-1] == f"uint16: {lost} numbers outside of 1 to 65535 were brought to its ends"


def test_a_zero_that_reads_as_nodata_is_said(tmp_path):
    values = np.ones((2, 5, 6), np.float32)
    values[0, 2, 3] = 0
    source = write_fake_geotiff(tmp_path / "values.tif", values, ("red", "nir"), nodata=-1)
    options = {"offset": 0, "quantification": 1, "gsd": 20}
    assert (
        made(source, tmp_path / "a", dtype="dn-float32", **options)
        .warnings[-1]
        .startswith("dn-float32: 1 numbers are 0 and read as nodata")
    )
    whole = made(source, tmp_path / "b", **options).path
    assert unclouded.open_scene(whole).read(("B04",)).valid.all()


def test_numbers_without_a_scale_are_still_refused(tmp_path):
    source = write_fake_geotiff(tmp_path / "values.tif", np.ones((1, 5, 6), np.float32), ("red",))
    with pytest.raises(RadiometryError, match="state --offset 0 --quantification 1"):
        stack(source, tmp_path / "out")


# --- against GDAL ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def original(product, program, tmp_path_factory):
    """`original(*options)`: the study's chain, gdal_translate a band and gdal_merge.py -separate."""
    translate, merge = program("gdal_translate"), program("gdal_merge.py")

    def make(*options):
        folder = tmp_path_factory.mktemp("gdal")
        images = sorted(path for path in product.rglob("IMG_DATA/*_B*.jp2"))
        for image in images:
            target = folder / f"{image.stem[-3:]}.tif"
            size = ["-outsize", str(SIDE), str(SIDE)]
            subprocess.run([translate, "-q", *size, *options, str(image), str(target)], check=True)
        bands = sorted(folder.glob("*.tif"))
        subprocess.run(
            [merge, "-q", "-separate", "-o", str(folder / "merge.tif"), *map(str, bands)],
            check=True,
            capture_output=True,
        )
        return folder / "merge.tif"

    return make


def test_as_the_original_study_had_it(product, original, tmp_path):
    """Nearest of the JPEG 2000 overview that GDAL takes by itself, float DN, bands in order of file names."""
    wanted = original("-ot", "Float32")
    found = made(
        product, tmp_path, bands=STUDY_ORDER, resampling="nearest", levels="gdal", dtype="dn-float32"
    ).path
    np.testing.assert_array_equal(read(found), read(wanted))
    with rasterio.open(found) as ours, rasterio.open(wanted) as theirs:
        assert (ours.transform, ours.crs, ours.dtypes) == (theirs.transform, theirs.crs, theirs.dtypes)


@pytest.mark.parametrize("levels", ["auto", "full"])
def test_nearest_is_that_of_gdal_without_overviews(product, original, tmp_path, levels):
    found = made(product, tmp_path, bands=STUDY_ORDER, resampling="nearest", levels=levels, dtype="uint16")
    np.testing.assert_array_equal(read(found.path), read(original("-ovr", "NONE")))


@pytest.mark.parametrize(("levels", "options"), [("full", ["-ovr", "NONE"]), ("gdal", [])])
def test_the_average_is_that_of_gdal(product, original, tmp_path, levels, options):
    found = made(product, tmp_path, bands=STUDY_ORDER, levels=levels, dtype="uint16").path
    np.testing.assert_array_equal(read(found), read(original("-r", "average", *options)))


@pytest.mark.parametrize(("name", "side"), [("B04", 133), ("B04", 57), ("B05", 41), ("B01", 30)])
def test_the_level_is_that_of_gdal_at_other_factors(product, program, tmp_path, name, side):
    image = next(product.rglob(f"IMG_DATA/*_{name}.jp2"))
    size = ["-outsize", str(side), str(side)]
    subprocess.run([program("gdal_translate"), "-q", *size, str(image), str(tmp_path / "g.tif")], check=True)
    gsd = SIDE * 60 / side
    options = {"resampling": "nearest", "levels": "gdal", "dtype": "uint16"}
    found = made(product, tmp_path / "out", gsd=gsd, bands=(name,), **options).path
    np.testing.assert_array_equal(read(found)[0], read(tmp_path / "g.tif")[0])


def test_cut_and_padded_as_the_original_but_in_its_place(product, original, program, tmp_path):
    whole = original("-ot", "Float32")
    cut = tmp_path / "cut.tif"
    subprocess.run(
        [program("gdal_translate"), "-q", "-srcwin", "10", "30", "90", "60", str(whole), str(cut)], check=True
    )
    options = {"bands": STUDY_ORDER, "resampling": "nearest", "levels": "gdal", "dtype": "dn-float32"}
    window = Window(row_off=30, col_off=10, height=60, width=90)
    ours = made(product, tmp_path / "cut", window=window, **options).path
    np.testing.assert_array_equal(read(ours), read(cut))
    assert transform_of(ours) == transform_of(cut)
    padded = made(product, tmp_path / "padded", window=window, pad=8, **options).path
    # add_padding.py: eight zeros on each side; it left the georeference where it was
    np.testing.assert_array_equal(read(padded), np.pad(read(cut), [(0, 0), (8, 8), (8, 8)]))
    t = transform_of(cut)
    assert transform_of(padded) == Affine(t.a, 0, t.c - 8 * 60, 0, t.e, t.f + 8 * 60)


@pytest.mark.parametrize(("x", "y"), [((0, 100), (0, 100)), ((3, 4), (99, 100)), ((17, 80), (20, 21))])
def test_bounds_on_the_grid_are_those_of_projwin(product, program, tmp_path, x, y):
    """Beside the grid GDAL rounds to the nearest pixel; ours hold every pixel that the bounds touch."""
    image = next(product.rglob("IMG_DATA/*_B01.jp2"))
    with rasterio.open(image) as dataset:
        left, top = dataset.bounds.left, dataset.bounds.top
    west, east, south, north = left + 60 * x[0], left + 60 * x[1], top - 60 * y[1], top - 60 * y[0]
    box = [str(value) for value in (west, north, east, south)]
    target = tmp_path / "g.tif"
    subprocess.run([program("gdal_translate"), "-q", "-projwin", *box, str(image), str(target)], check=True)
    options = {"bands": ("B01",), "resampling": "nearest", "dtype": "uint16"}
    found = made(product, tmp_path / "out", bounds=(west, south, east, north), **options).path
    np.testing.assert_array_equal(read(found), read(target))
    assert transform_of(found) == transform_of(target)


# --- parts -------------------------------------------------------------------------------------------------


def test_bounds_in_degrees_lie_where_they_should(product, tmp_path):
    scene = unclouded.open_scene(product).at(60)
    lon, lat = 11.46, 42.40  # inside what the product covers of tile 32TQM
    found = made(
        product, tmp_path, bounds=(lon, lat, lon + 0.01, lat + 0.01), bounds_crs="EPSG:4326", bands=("B02",)
    )
    with rasterio.open(found.path) as dataset:
        box = rasterio.warp.transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
        assert dataset.res == (60, 60)
        t = scene.grid.transform
        col, row = (dataset.bounds.left - t.c) / 60, (t.f - dataset.bounds.top) / 60
    assert (row, col) == (round(row), round(col))
    pixel = 60 / 80_000  # degrees, and some
    assert box[0] <= lon <= box[0] + 2 * pixel
    assert box[3] - 2 * pixel <= lat + 0.01 <= box[3]


def test_bounds_past_the_edge_are_cut_and_it_is_said(product, tmp_path):
    grid = unclouded.open_scene(product).at(60).grid
    x, y = grid.transform.c, grid.transform.f
    found = made(product, tmp_path, bounds=(x - 500, y - 120, x + 120, y + 500), bands=("B02",))
    assert (found.height, found.width) == (2, 2)
    assert "bounds: they reach past the source and are cut at its edge" in found.warnings


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bounds": (0, 0, 1, 1)}, GridError, r"found 0,0,1,1; check their system with --bounds-crs"),
        (
            {"bounds": (170, -40, 171, -39), "bounds_crs": "EPSG:4326"},
            (GridError, OptionError),
            "bounds",
        ),
        ({"bounds": (5, 0, 1, 1)}, OptionError, "expected XMIN < XMAX"),
        ({"bounds": (0, 0, 1, 1), "bounds_crs": "EPSG:nothing"}, OptionError, "check --bounds-crs"),
        ({"bounds_crs": "EPSG:4326"}, OptionError, "expected bounds too"),
        ({"window": Window(row_off=90, col_off=0, height=20, width=5)}, OptionError, r"inside 100 x 100 px"),
        ({"window": Window(row_off=0, col_off=0, height=0, width=5)}, OptionError, r"expected a window"),
        (
            {"window": Window(row_off=0, col_off=0, height=1, width=5), "bounds": (0, 0, 1, 1)},
            OptionError,
            "expected one of them, found both",
        ),
        ({"pad": -1}, OptionError, "pad: expected 0 px or more"),
        ({"pad_mode": "edge"}, OptionError, "pad_mode: expected zero or reflect, found 'edge'"),
        ({"gsd": 0}, OptionError, "gsd: expected metres above 0"),
        ({"dtype": "int8"}, OptionError, r"dtype: expected one of float32, uint16, dn-float32"),
        ({"levels": "none"}, OptionError, "levels: expected auto, full or gdal"),
        ({"resampling": "cubic"}, OptionError, "resampling: expected average or nearest"),
        ({"bands": ("B02", "B99")}, BandError, "band 'B99'"),
        ({"bands": ("B02", "blue")}, BandError, "named twice"),
    ],
)
def test_what_cannot_be_honoured(product, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        made(product, tmp_path, **options)
    assert not list(tmp_path.glob("*.tif"))


def test_a_band_that_is_missing_leaves_no_file(tmp_path):
    product = write_fake_safe(tmp_path, FakeSafe(bands=("B02", "B03")))
    with pytest.raises(BandError, match="expected B04"):
        made(product, tmp_path / "out", bands=("B02", "B04"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"stack.json"}


@pytest.mark.parametrize(("mode", "pad"), [("zero", 0), ("zero", 8), ("reflect", 8), ("reflect", 40)])
def test_a_part_is_cut_out_of_the_whole_and_padded_as_numpy_does(swath, tmp_path, mode, pad):
    options = {"bands": ("B01", "B04"), "dtype": "uint16"}
    whole = read(made(swath, tmp_path / "whole", **options).path)
    window = Window(row_off=3, col_off=10, height=20, width=17)
    found = made(swath, tmp_path / "part", window=window, pad=pad, pad_mode=mode, **options)
    part = whole[:, 3:23, 10:27]
    margins = [(0, 0), (pad, pad), (pad, pad)]
    wanted = np.pad(part, margins) if mode == "zero" else np.pad(part, margins, mode="reflect")
    np.testing.assert_array_equal(read(found.path), wanted)
    assert found.valid_share == pytest.approx((part > 0).all(axis=0).mean())


@pytest.mark.parametrize("mode", ["zero", "reflect"])
def test_strips_do_not_show(product, tmp_path, monkeypatch, mode):
    options = {"bands": ("B02", "B05", "B09"), "pad": 40, "pad_mode": mode}
    whole = read(made(product, tmp_path / "whole", **options).path)
    monkeypatch.setattr("unclouded.jobs._stack.BLOCK", 7)
    cut = made(product, tmp_path / "cut", **options)
    np.testing.assert_array_equal(read(cut.path), whole)
    assert cut.valid_share == 1.0


def test_padding_with_zero_is_the_number_zero_not_nan(product, tmp_path):
    values = read(made(product, tmp_path, bands=("B02",), pad=3).path)[0]
    assert (values[:3] == 0).all()
    assert (values[3:-3, 3:-3] > 0).all()


def test_bands_come_in_the_order_asked_for(product, tmp_path):
    path = made(product, tmp_path, bands=("red", "B8A", "B02")).path
    with rasterio.open(path) as dataset:
        assert dataset.descriptions == ("B04", "B8A", "B02")
        found = dataset.read(2)
    wanted = unclouded.open_scene(product).at(60).read(("B8A",)).reflectance[0]
    np.testing.assert_array_equal(found, wanted)


def test_a_finer_spacing_than_the_source_has_is_not_made_up(product, tmp_path):
    found = made(
        product,
        tmp_path,
        gsd=5,
        bands=("B02",),
        window=Window(row_off=0, col_off=0, height=4, width=4),
    )
    assert found.pixel_size == 10
    assert any("5 m asked for, the source has 10 m" in line for line in found.warnings)


def test_without_georeference_pixels_stay_as_they_are(tmp_path):
    values = np.arange(1, 61, dtype=np.uint16).reshape(1, 6, 10)
    source = write_fake_geotiff(
        tmp_path / "plain.tif", values, ("B04",), scale=1e-4, offset=-0.1, pixel_size=None
    )
    found = made(source, tmp_path / "a", dtype="uint16", pad=1)
    np.testing.assert_array_equal(read(found.path)[0], np.pad(values[0], 1))
    with pytest.raises(OptionError, match="--gsd 60 cannot be met"):
        made(source, tmp_path / "b", gsd=60)
    with pytest.raises(OptionError, match="expected a georeference to place bounds on"):
        made(source, tmp_path / "b", bounds=(0, 0, 1, 1))
    coarse = made(source, tmp_path / "c", gsd=40, pixel_size=20, dtype="uint16")
    assert (coarse.height, coarse.width) == (3, 5)


def test_a_cog_is_one(product, tmp_path):
    cogeo = pytest.importorskip("rio_cogeo.cogeo")
    path = made(product, tmp_path, gsd=10, bands=("B02", "B03"), cog=True, dtype="uint16").path
    valid, errors, _ = cogeo.cog_validate(path)
    assert valid, errors
    with rasterio.open(path) as dataset:
        assert dataset.overviews(1) == [2]
        assert dataset.descriptions == ("B02", "B03")
        assert dataset.scales == (1e-4, 1e-4)


# --- many --------------------------------------------------------------------------------------------------


def test_a_second_run_makes_nothing_again(swath, tmp_path):
    first = stack(swath, tmp_path)
    second = stack(swath, tmp_path)
    assert second.outcomes[0].state == "skipped"
    assert second.outcomes[0].made == first.outcomes[0].made
    third = stack(swath, tmp_path, StackOptions(pad=1))
    assert third.outcomes[0].state == "done"


@pytest.mark.parametrize("change", ["gone", "torn", "source touched"])
def test_what_is_no_longer_valid_is_made_again(swath, tmp_path, change):
    source = shutil.copytree(swath, tmp_path / swath.name)
    path = made(source, tmp_path / "out").path
    match change:
        case "gone":
            path.unlink()
        case "torn":
            path.write_bytes(path.read_bytes()[:-1])
        case "source touched":
            next(source.rglob("*.jp2")).touch()
    again = stack(source, tmp_path / "out").outcomes[0]
    assert again.state == "done"
    assert read(again.made.path).shape == (13, 32, 32)


def test_one_bad_source_does_not_stop_the_rest(swath, tmp_path):
    copy = shutil.copytree(swath, tmp_path / "copy" / swath.name)
    report = stack([tmp_path / "gone.SAFE", swath, copy], tmp_path / "out")
    assert [outcome.state for outcome in report.outcomes] == ["failed", "done", "failed"]
    assert "expected one source a scene" in str(report.outcomes[2].error)
    assert len(report.failed) == 2
    entries = json.loads((tmp_path / "out" / "stack.json").read_text())["scenes"]
    assert entries[str(swath)]["scene"]["path"] == f"{swath.stem}.tif"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{swath.stem}.tif", "stack.json"}


def test_each_granule_of_a_product_of_many(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(tiles=("32TQM", "32TQL"), size_60m=16))
    report = stack([source], tmp_path / "out", StackOptions(bands=("B02",)))
    assert [outcome.source for outcome in report.outcomes] == [f"{source} [32TQL]", f"{source} [32TQM]"]
    paths = sorted(path.name for path in (tmp_path / "out").glob("*.tif"))
    assert paths == sorted(outcome.made.path.name for outcome in report.outcomes)
    assert len(paths) == 2
    again = stack(source, tmp_path / "out", StackOptions(bands=("B02",)))
    assert [outcome.state for outcome in again.outcomes] == ["skipped", "skipped"]
    (only,) = stack(source, tmp_path / "one", StackOptions(bands=("B02",), granule="32TQL")).outcomes
    assert "32TQL" in only.made.path.name


def test_masks_and_stacks_share_a_folder(swath, tmp_path):
    stack(swath, tmp_path)
    unclouded.mask(swath, tmp_path)
    assert stack(swath, tmp_path).outcomes[0].state == "skipped"
    assert unclouded.mask(swath, tmp_path).scenes[0].state == "skipped"


def test_a_source_is_never_written_over(swath, tmp_path):
    path = made(swath, tmp_path).path
    before = path.read_bytes()
    with pytest.raises(OptionError, match="expected another folder than the source's own"):
        stack(path, tmp_path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written(swath, tmp_path):
    with pytest.raises(OptionError, match="expected a folder"):
        stack(swath, tmp_path / "stack.tif")
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="output folder"):
        stack(swath, tmp_path / "taken")
    with pytest.raises(OptionError, match="at least one source"):
        stack([], tmp_path)


def test_progress_goes_from_nothing_to_all(swath, tmp_path):
    told = []
    stack(swath, tmp_path, progress=lambda name, share: told.append((name, share)))
    assert {name for name, _ in told} == {swath.stem}
    assert [told[0][1], told[-1][1]] == [0.0, 1.0]
