"""Rasters: where the samples of a level lie, damaged files, disguised files, threads."""

import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine

from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window, tiled, whole
from unclouded.sources._jp2 import HEAD_BYTES, parse_header
from unclouded.sources._raster import describe, driver_of, level_grids, raster_file, read_window
from unclouded.testing.products import JP2_OPTIONS

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
PLACE = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500000, 0, -10, 5000000)}


def write(path, dn, **options):
    profile = {**JP2_OPTIONS, "BLOCKXSIZE": 128, "BLOCKYSIZE": 128, **PLACE, **options}
    if profile["driver"] != "JP2OpenJPEG":
        profile = {"driver": "GTiff", **PLACE, **options}
    height, width = dn.shape
    with rasterio.open(path, "w", height=height, width=width, count=1, dtype=dn.dtype, **profile) as dataset:
        dataset.write(dn, 1)
    return path


def opened(path, size=None):
    data = path.read_bytes()
    return raster_file(path=str(path), head=data[:HEAD_BYTES], size=size or len(data), where=path.name)


def noise(side=320, seed=3):
    return np.random.default_rng(seed).integers(1, 20000, (side, side)).astype(np.uint16)


@pytest.mark.parametrize("reversible", ["YES", "NO"])
def test_wavelet_samples_lie_on_the_first_of_their_pixels(tmp_path, reversible):
    """A plane read at a level has the plane's value where the level's grid says its pixels are."""
    rows, cols = np.mgrid[0:320, 0:320]
    plane = (2000 + 20 * cols + 9 * rows).astype(np.uint16)
    file = opened(write(tmp_path / "plane.jp2", plane, REVERSIBLE=reversible))
    info = describe(file)
    assert [grid.shape for grid in info.levels] == [(320, 320), (160, 160), (80, 80)]
    for level, grid in enumerate(info.levels):
        dn = read_window(file, 1, whole(grid.shape), level).astype(float)
        row, col = np.mgrid[0 : grid.height, 0 : grid.width] + 0.5
        x, y = grid.transform.c + grid.transform.a * col, grid.transform.f + grid.transform.e * row
        at_col, at_row = (x - 500000) / 10 - 0.5, (5000000 - y) / 10 - 0.5
        away = (slice(2, -4), slice(2, -4))  # tiles mirror at their rims, which bends a plane
        inner = np.ones(grid.shape, bool)
        for edge in range(128, 320, 128):
            near = edge // 2**level
            inner[near - 4 : near + 1] = inner[:, near - 4 : near + 1] = False
        error = np.abs(dn - (2000 + 20 * at_col + 9 * at_row))[away][inner[away]]
        assert error.max() <= 2, (level, error.max())


def test_gdals_own_transform_of_a_level_would_be_half_a_step_off(tmp_path):
    """Why `level_grids` exists: fails when GDAL begins to say where the samples lie."""
    path = write(tmp_path / "a.jp2", noise())
    with rasterio.open(path, driver="JP2OpenJPEG", overview_level=1) as dataset:
        theirs = dataset.transform
    ours = describe(opened(path)).levels[2].transform
    assert (theirs.c, theirs.f) == (500000, 5000000)
    assert (ours.c, ours.f) == (500000 - 15, 5000000 + 15)
    assert (theirs.a, theirs.e) == (ours.a, ours.e) == (40, -40)


def test_tiff_overviews_cover_the_extent(tmp_path):
    path = write(tmp_path / "a.tif", noise(300), driver="GTiff")
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
    info = describe(opened(path))
    assert [grid.shape for grid in info.levels] == [(300, 300), (150, 150), (75, 75)]
    assert {(grid.transform.c, grid.transform.f) for grid in info.levels} == {(500000, 5000000)}
    assert info.levels[2].pixel_size == 40


def test_levels_off_the_canvas_origin_are_left_alone():
    grid = Grid(height=64, width=64, transform=Affine(10, 0, 0, 0, -10, 0), crs="EPSG:32632")
    header = parse_header_like(aligned=False)
    assert level_grids(grid, [(32, 32)], header) == (grid,)
    assert len(level_grids(grid, [(32, 32)], parse_header_like(aligned=True))) == 2


def parse_header_like(*, aligned):
    from unclouded.sources._jp2 import Jp2Header

    return Jp2Header(reversible=True, decompositions=1, aligned=aligned, end=None)


def test_the_header_tells_the_wavelet_and_the_end(tmp_path):
    for reversible in (True, False):
        path = write(tmp_path / f"{reversible}.jp2", noise(), REVERSIBLE="YES" if reversible else "NO")
        header = parse_header(path.read_bytes()[:HEAD_BYTES])
        assert header.reversible is reversible
        assert header.decompositions == 4
        assert header.aligned
        assert header.end == path.stat().st_size


@pytest.mark.parametrize("kept", [0, 1, 11, 40, 300, 2500, 0.3, 0.9, 0.9999])
def test_a_truncated_jp2_is_named_at_once(tmp_path, kept):
    whole_file = write(tmp_path / "a.jp2", noise()).read_bytes()
    cut = tmp_path / "cut.jp2"
    cut.write_bytes(whole_file[: kept if isinstance(kept, int) else int(kept * len(whole_file))])
    with pytest.raises(RasterError) as error:
        opened(cut)
    assert str(error.value).startswith("cut.jp2: expected ")
    assert "get " in str(error.value)


def test_a_damaged_codestream_is_an_error_and_never_garbage(tmp_path):
    """With threads of its own GDAL returns garbage here without a word; see `_raster._ENVIRONMENT`."""
    path = write(tmp_path / "a.jp2", noise())
    data = path.read_bytes()
    # no end in the box, so that the length gives nothing away
    at = data.index(b"jp2c")
    cut = tmp_path / "cut.jp2"
    cut.write_bytes((data[: at - 4] + bytes(4) + data[at:])[: len(data) // 2])
    file = opened(cut)
    assert file.header.end is None
    with pytest.raises(RasterError, match=r"cut\.jp2: expected a readable raster, found damaged data"):
        read_window(file, 1, whole((320, 320)), 0)
    # a failed handle is not kept, and what is whole still reads
    np.testing.assert_array_equal(
        read_window(file, 1, Window(row_off=0, col_off=0, height=100, width=100), 0), noise()[:100, :100]
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<VRTDataset/>", "a file of another kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "a file of another kind"),
    ],
)
def test_other_files_are_named(tmp_path, content, found):
    path = tmp_path / "x.tif"
    path.write_bytes(content)
    with pytest.raises(RasterError, match=f"x.tif: expected JPEG 2000 or TIFF, found {found}"):
        opened(path)


def test_a_tiff_that_claims_everything_is_refused(tmp_path):
    path = tmp_path / "huge.tif"
    options = {"driver": "GTiff", "height": 90000, "width": 90000, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", SPARSE_OK=True, TILED=True, **options):
        pass
    assert path.stat().st_size < 10_000_000
    with pytest.raises(RasterError, match=r"huge\.tif: expected at most 2147483648 pixels a band"):
        describe(opened(path))


def test_drivers_are_told_by_the_first_bytes_alone():
    assert driver_of(b"II*\x00....") == "GTiff"
    assert driver_of(b"\x00\x00\x00\x0cjP  \r\n\x87\n....") == "JP2OpenJPEG"
    assert driver_of(b"GIF89a") is None


def test_many_threads_read_what_one_reads(tmp_path):
    dn = noise()
    file = opened(write(tmp_path / "a.jp2", dn))
    windows = list(tiled(dn.shape, 50)) * 3
    with ThreadPoolExecutor(8) as pool:
        for window, got in zip(windows, pool.map(lambda w: read_window(file, 1, w, 0), windows), strict=True):
            np.testing.assert_array_equal(got, dn[window.slices])
    assert 1 <= len(file._idle[0]) <= 8
    file.close()
    assert not file._idle


def test_decoded_tiles_are_kept(tmp_path):
    """GDAL's cache is bounded in bytes: 512 given as megabytes would keep nothing and decode all again."""
    file = opened(write(tmp_path / "a.jp2", noise(900)))
    times = []
    for _ in range(2):
        begun = time.process_time()
        read_window(file, 1, whole((900, 900)), 0)
        times.append(time.process_time() - begun)
    assert times[1] < times[0] / 5, times  # measured: 1 / 100


def test_a_file_goes_to_another_process_without_its_handles(tmp_path):
    dn = noise(100)
    file = opened(write(tmp_path / "a.jp2", dn))
    read_window(file, 1, whole(dn.shape), 0)
    sent = pickle.loads(pickle.dumps(file))
    assert sent.where == file.where
    assert not sent._idle
    np.testing.assert_array_equal(read_window(sent, 1, whole(dn.shape), 0), dn)


def test_threads_set_in_the_environment_do_not_bring_garbage_back(tmp_path):
    """GDAL_NUM_THREADS=2 in the user's shell is overruled for our reads."""
    path = write(tmp_path / "a.jp2", noise())
    data = path.read_bytes()
    at = data.index(b"jp2c")
    cut = tmp_path / "cut.jp2"
    cut.write_bytes((data[: at - 4] + bytes(4) + data[at:])[: len(data) // 2])
    code = (
        "import sys; from pathlib import Path\n"
        "from unclouded.sources._raster import raster_file, read_window\n"
        "from unclouded.core.windows import whole\n"
        "p = Path(sys.argv[1]); d = p.read_bytes()\n"
        "f = raster_file(path=str(p), head=d, size=len(d), where=p.name)\n"
        "try: read_window(f, 1, whole((320, 320)), 0)\n"
        "except OSError as err: print(type(err).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(cut)],
        capture_output=True, text=True, check=True, env={**os.environ, "GDAL_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.stdout.strip() == "RasterError"
