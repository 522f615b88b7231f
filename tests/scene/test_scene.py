"""The scene: reflectance and validity on one grid, at any spacing, in any window, from any thread."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unclouded
from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, OptionError, RasterError
from unclouded.core.windows import Window, tiled, whole
from unclouded.scene import Scene, open_scene
from unclouded.testing.products import FakeSafe, ramp, write_fake_geotiff, write_fake_safe


def swath(name, height, width):
    """A ramp with a slanting swath's edge and a hole."""
    dn = ramp(name, height, width)
    rows, cols = np.mgrid[0:height, 0:width] / height
    dn[cols + 0.2 * rows < 0.35] = 0
    dn[(np.hypot(rows - 0.6, cols - 0.7)) < 0.08] = 0
    return dn


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    return write_fake_safe(tmp_path_factory.mktemp("scene"), FakeSafe(size_60m=60, dn=swath))


@pytest.fixture(scope="module")
def scene(safe):
    return open_scene(safe)


def test_a_scene_says_what_it_is(scene, safe):
    assert isinstance(scene, unclouded.Scene)
    assert unclouded.open_scene(str(safe)).id == scene.id == safe.stem
    assert (scene.sensor, scene.satellite, scene.level, scene.baseline, scene.tile) == (
        "sentinel-2", "S2A", "L1C", "05.10", "32TQM",
    )  # fmt: skip
    assert scene.bands == NAMES
    assert scene.missing_bands == scene.warnings == ()
    assert (scene.sun_zenith, scene.sun_azimuth) == (53.25, 158.5)
    assert scene.sensing_time.isoformat() == "2024-03-05T10:48:19.024000+00:00"
    assert scene.grid.shape == (360, 360)
    assert scene.pixel_size == 10
    assert scene.radiometry.describe() == "offset -1000, quantification 10000 (MTD_MSIL1C.xml)"
    with pytest.raises(FrozenInstanceError):
        scene.notes = ()


def test_native_reading_is_the_formula(scene):
    reading = scene.read(("B02", "B08"))
    dn = np.stack([swath(name, 360, 360) for name in ("B02", "B08")])
    valid = (dn != 0).all(axis=0)
    np.testing.assert_array_equal(reading.valid, valid)
    expected = np.where(valid, (dn.astype(np.float64) - 1000) / 10000, 0)
    np.testing.assert_allclose(reading.reflectance, expected, atol=1e-7)
    assert reading.reflectance.dtype == np.float32
    assert reading.valid.dtype == bool


def test_dark_and_bright_pixels_are_not_clipped_and_saturated_ones_stay(tmp_path):
    def dn(_name, height, width):
        values = np.full((height, width), 400, np.uint16)
        values[1] = 19000
        values[2] = 32767
        return values

    reading = open_scene(write_fake_safe(tmp_path, FakeSafe(size_60m=4, dn=dn))).read(("B02",))
    assert reading.valid.all()
    np.testing.assert_allclose(reading.reflectance[0, :3, 0], [-0.06, 1.8, 3.1767], atol=1e-6)


def test_bands_come_in_the_order_asked_and_by_other_names(scene):
    window = Window(row_off=200, col_off=200, height=4, width=5)
    one = scene.read(("B08", "B02", "B12"), window)
    other = scene.read(("swir22", "nir", "blue"), window)
    np.testing.assert_array_equal(one.reflectance, other.reflectance[[1, 2, 0]])


@pytest.mark.parametrize("pixel_size", [10, 20, 30, 47.3, 60, 90, 500])
def test_every_spacing_shows_the_same_extent_and_mean(scene, pixel_size):
    there = scene.at(pixel_size)
    assert there.pixel_size == pytest.approx(pixel_size)
    assert there.grid.transform.c == scene.grid.transform.c
    reading = there.read(NAMES)
    assert reading.reflectance.shape == (13, *there.grid.shape)
    native = scene.read(NAMES)
    share = reading.valid.mean() * there.grid.height * there.grid.width * pixel_size**2
    assert share == pytest.approx(native.valid.mean() * 360 * 360 * 100, rel=0.2)
    for got, true in zip(reading.reflectance, native.reflectance, strict=True):
        assert got[reading.valid].mean() == pytest.approx(true[native.valid].mean(), rel=0.06)


def test_levels_of_jp2_keep_pixels_in_place(tmp_path):
    """A plane read at 40 and 60 m through the wavelet's levels is the plane, not one moved by half a step."""

    def plane(_name, height, width):
        gsd = 3600 / height
        rows, cols = (np.mgrid[0:height, 0:width] + 0.5) * gsd
        return (2000 + cols + 0.5 * rows).round().astype(np.uint16)

    scene = open_scene(write_fake_safe(tmp_path, FakeSafe(size_60m=60, dn=plane, block=384)))
    assert len(scene.product.bands["B02"].levels) >= 3
    for size in (20, 40, 60, 80):
        there = scene.at(size)
        rows, cols = (np.mgrid[0 : there.grid.height, 0 : there.grid.width] + 0.5) * size
        true = (2000 + cols + 0.5 * rows - 1000) / 10000
        got = there.read(("B02",)).reflectance[0]
        # a metre is 1e-4; at 60 m from 40 m samples the shares of area are 2/3 and 1/3: 3.3 m off
        np.testing.assert_allclose(got[2:-3, 2:-3], true[2:-3, 2:-3], atol=6e-4 if size == 60 else 2e-4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pixel_size=st.sampled_from([10.0, 20.0, 30.0, 60.0, 47.3, 81.7]),
    size=st.integers(20, 200),
    resampling=st.sampled_from(["average", "nearest"]),
)
def test_windows_give_the_whole_to_the_bit(scene, pixel_size, size, resampling):
    there = scene.at(pixel_size, resampling=resampling)
    bands = ("B02", "B05", "B01", "B8A")
    everything = there.read(bands)
    for window in tiled(there.grid.shape, max(1, round(size * 10 / pixel_size))):
        part = there.read(bands, window)
        assert part.reflectance.tobytes() == everything.reflectance[:, *window.slices].tobytes()
        np.testing.assert_array_equal(part.valid, everything.valid[window.slices])


def test_threads_give_what_one_gives(safe):
    scene = open_scene(safe).at(20)
    serial = scene.read(NAMES)
    assert serial.reflectance.tobytes() == scene.read(NAMES, threads=4).reflectance.tobytes()
    windows = list(tiled(scene.grid.shape, 31)) * 2
    with ThreadPoolExecutor(6) as pool:
        for window, part in zip(windows, pool.map(lambda w: scene.read(NAMES, w), windows), strict=True):
            assert part.reflectance.tobytes() == serial.reflectance[:, *window.slices].tobytes()


def test_invalid_pixels_are_zero_in_all_bands_and_never_bleed(scene):
    for size in (10, 20, 60):
        reading = scene.at(size).read(NAMES)
        assert (reading.reflectance[:, ~reading.valid] == 0).all()
        assert 0.4 < reading.valid.mean() < 0.8
        # the ramp is never below DN 1000: a mix with nodata would be
        assert reading.reflectance[:, reading.valid].min() >= -1e-6


def test_a_coarser_source_stays_at_its_own_spacing_and_says_so(tmp_path):
    values = np.full((1, 30, 40), 500, np.uint16)
    scene = open_scene(write_fake_geotiff(tmp_path / "a.tif", values, ("red",), scale=1e-4, pixel_size=250))
    there = scene.at(60)
    assert there.grid == scene.grid
    assert "60 m asked for, the source has 250 m" in there.warnings[-1]
    assert there.at(500).warnings == scene.warnings
    assert there.at(500).grid.shape == (15, 20)
    assert scene.at(250.1).grid == scene.grid


def test_nearest_takes_real_pixels(scene):
    there = scene.at(60, resampling="nearest")
    dn = swath("B02", 360, 360)[3::6, 3::6]
    valid = dn != 0
    reading = there.read(("B02",))
    np.testing.assert_array_equal(reading.valid, valid)
    np.testing.assert_allclose(reading.reflectance[0][valid], (dn[valid] - 1000.0) / 10000, atol=1e-7)


@pytest.mark.parametrize("size", [0, -10, float("nan"), float("inf")])
def test_sizes_that_are_none(scene, size):
    with pytest.raises(OptionError, match="expected a number of metres above 0"):
        scene.at(size)


def test_resamplings_that_are_none(scene):
    with pytest.raises(OptionError, match="expected average or nearest, found 'cubic'"):
        scene.at(60, resampling="cubic")


@pytest.mark.parametrize(
    "offsets", [(-1, 0, 4, 4), (0, -1, 4, 4), (357, 0, 4, 4), (0, 357, 4, 4), (0, 0, 0, 4)]
)
def test_windows_outside_are_refused(scene, offsets):
    row, col, height, width = offsets
    with pytest.raises(OptionError, match="expected a window inside 360 x 360 px, found rows"):
        scene.read(("B02",), Window(row_off=row, col_off=col, height=height, width=width))


def test_bands_that_are_not_there_are_named_with_the_reason(tmp_path):
    root = write_fake_safe(tmp_path, FakeSafe(size_60m=4, bands=NAMES[:-1]))
    (path,) = root.rglob("*_B05.jp2")
    path.write_bytes(path.read_bytes()[:200])
    scene = open_scene(root)
    with pytest.raises(BandError) as error:
        scene.read(("B12", "B05", "B02"))
    message = str(error.value)
    assert f"{scene.id}: expected B12, B05, found B01, B02" in message
    assert "B05 (T32TQM_20240305T104819_B05.jp2): expected" in message
    with pytest.raises(BandError, match="did you mean"):
        scene.read(("B2A",))
    assert scene.read(("B02",)).valid.all()


def test_a_band_that_breaks_while_it_is_read(tmp_path):
    """Damage that no header shows comes out as our error, from any thread."""
    root = write_fake_safe(tmp_path, FakeSafe(size_60m=40, dn=swath))
    scene = open_scene(root)
    (path,) = root.rglob("*_B03.jp2")
    data = path.read_bytes()
    at = data.index(b"jp2c")
    path.write_bytes((data[: at - 4] + bytes(4) + data[at:])[: len(data) // 2])
    for threads in (1, 3):
        with pytest.raises(
            RasterError, match=r"B03 \(T32TQM_20240305T104819_B03\.jp2\): expected a readable"
        ):
            scene.read(NAMES, threads=threads)


def test_a_scene_goes_to_another_process(scene):
    sent = pickle.loads(pickle.dumps(scene.at(60)))
    assert isinstance(sent, Scene)
    assert sent.read(NAMES).reflectance.tobytes() == scene.at(60).read(NAMES).reflectance.tobytes()


def test_opening_decodes_nothing(safe, monkeypatch):
    from unclouded.sources import _bands

    def fail(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(_bands, "read_window", fail)
    open_scene(safe).at(60)


def test_zip_and_folder_are_the_same_scene(safe, tmp_path):
    import shutil

    archive = shutil.make_archive(str(tmp_path / "a"), "zip", safe.parent, safe.name)
    one, other = open_scene(archive).at(60).read(NAMES), open_scene(safe).at(60).read(NAMES)
    assert one.reflectance.tobytes() == other.reflectance.tobytes()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files in /proc/self/fd")
def test_files_are_closed_when_the_scene_is_gone(safe):
    def still_open():
        links = [path.readlink() for path in list(Path("/proc/self/fd").iterdir()) if path.is_symlink()]
        return [link for link in links if link.is_relative_to(safe)]

    before = len(still_open())
    scene = open_scene(safe)
    scene.at(20).read(NAMES, threads=4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(scene.read, NAMES), tiled(scene.grid.shape, 180)))
    assert before < len(still_open()) <= before + 13 * 2 * 5
    del scene
    assert len(still_open()) == before


def test_non_square_rasters(tmp_path):
    values = np.arange(1, 2 * 31 * 77 + 1).reshape(2, 31, 77).astype(np.uint16)
    scene = open_scene(write_fake_geotiff(tmp_path / "a.tif", values, ("red", "nir"), scale=1e-4))
    for size in (20, 33, 60):
        there = scene.at(size)
        reading = there.read(("B04", "B08"))
        assert reading.reflectance.shape == (2, *there.grid.shape)
        parts = [there.read(("B04",), w) for w in tiled(there.grid.shape, 9)]
        assert sum(part.valid.size for part in parts) == there.grid.height * there.grid.width
    np.testing.assert_allclose(scene.read(("B08",)).reflectance[0], values[1] / 10000, rtol=1e-6)


def test_one_pixel_scenes(tmp_path):
    scene = open_scene(
        write_fake_geotiff(tmp_path / "a.tif", np.full((1, 1, 1), 700, np.uint16), ("red",), scale=1e-4)
    )
    for size in (20, 60):
        reading = scene.at(size).read(("B04",), whole((1, 1)))
        assert reading.reflectance.shape == (1, 1, 1)
    assert scene.read(("B04",)).reflectance.item() == pytest.approx(0.07)
    assert replace(scene, notes=("x",)).warnings[-1] == "x"
