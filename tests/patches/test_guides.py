"""Teacher and trust: read as they are named, moved along with the pixels, refused where they do not fit."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from unclouded.core.classes import CLEAR, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import GridError, LabelError
from unclouded.core.windows import Window
from unclouded.patches import augment
from unclouded.patches.augment import Sample, rescaled
from unclouded.patches.guides import teacher_classes
from unclouded.patches.memory import cut
from unclouded.patches.pairs import SceneFiles, find_pairs, read_pair

NAMES = ("clear", "thick_cloud", "cloud_shadow")
FILES = SceneFiles(
    stack="stacks/*.tif", mask="masks/{name}.tif", teacher="soft/{name}.tif", trust="trust/{name}.tif"
)


@pytest.fixture
def raster(tmp_path):
    """`raster(folder, values, **profile)`: a GeoTIFF `a.tif` on the grid of the scenes, bands named."""

    def write(folder, values, names=NAMES, scale=0.01, nodata=255, gsd=20):
        (tmp_path / folder).mkdir(exist_ok=True)
        count, height, width = values.shape
        place = {"crs": "EPSG:32632", "transform": Affine(gsd, 0, 600_000, 0, -gsd, 5_300_040)}
        size = {"count": count, "height": height, "width": width, "dtype": values.dtype, "nodata": nodata}
        path = tmp_path / folder / "a.tif"
        with rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
            file.write(values)
            file.descriptions = names[:count]
            file.scales, file.offsets = [scale] * count, [0.0] * count
        return path

    return write


@pytest.fixture
def percent():
    """Percent of three classes (3, 40, 50), a corner without."""
    rng = np.random.default_rng(3)
    clear = rng.integers(0, 101, (40, 50))
    cloud = rng.integers(0, 101 - clear)
    found = np.stack([clear, cloud, 100 - clear - cloud]).astype(np.uint8)
    found[:, 5:9, 5:9] = 255
    return found


def test_both_are_read_on_the_scene_s_pixels(tmp_path, write_pair, raster, percent):
    write_pair(tmp_path, "a")
    raster("soft", percent)
    trust = np.random.default_rng(1).random((1, 40, 50), np.float32)
    raster("trust", trust, scale=1.0, nodata=None)
    (pair,) = find_pairs([FILES], tmp_path)
    sample = read_pair(pair, ("B02", "B04"))
    known = percent[0] != 255
    np.testing.assert_allclose(
        sample.teacher[[CLEAR, THICK, SHADOW]][:, known], percent[:, known] / 100, rtol=1e-6
    )
    assert not sample.teacher[[THIN, SNOW]].any()
    assert not sample.teacher[:, ~known].any()
    np.testing.assert_allclose(sample.trust, trust[0])
    assert teacher_classes(pair.teacher) == {CLEAR, THICK, SHADOW}


def test_cloud_is_the_second_class_of_a_network_of_two(raster, percent):
    path = raster("soft", percent[:2], names=("clear", "cloud"))
    assert teacher_classes(path) == {CLEAR, THICK}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"names": ("clear", "fog", "snow")}, LabelError, "clear, fog, snow"),
        ({"names": ("clear", "clear", "snow")}, LabelError, "a band a class"),
        ({"scale": 1.0}, LabelError, "sum to 1"),
        ({"gsd": 10}, GridError, "against the scene"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, write_pair, raster, percent, change, error, words):
    write_pair(tmp_path, "a")
    raster("soft", percent, **change)
    (pair,) = find_pairs([SceneFiles(stack="stacks/*.tif", mask=FILES.mask, teacher=FILES.teacher)], tmp_path)
    with pytest.raises(error, match=words):
        read_pair(pair, ("B02",))


def test_trust_below_zero_is_refused(tmp_path, write_pair, raster):
    write_pair(tmp_path, "a")
    raster("trust", np.full((1, 40, 50), -1, np.float32), nodata=None)
    (pair,) = find_pairs([SceneFiles(stack="stacks/*.tif", mask=FILES.mask, trust=FILES.trust)], tmp_path)
    with pytest.raises(LabelError, match="at least 0"):
        read_pair(pair, ("B02",))


def guided(side=24, seed=0):
    """A sample whose teacher and trust repeat its first band, so that they must move with it."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(0.1, 0.9, (side, side)).astype(np.float32)
    teacher = np.zeros((5, side, side), np.float32)
    teacher[CLEAR], teacher[THICK] = first, 1 - first
    return Sample(
        reflectance=np.stack([first, first]),
        valid=np.ones((side, side), np.bool_),
        sets=np.full((side, side), class_bits(frozenset({CLEAR})), np.uint8),
        bands=("B02", "B10"),
        presence=np.ones(2, np.bool_),
        gsd_m=10.0,
        teacher=teacher,
        trust=first,
    )


@pytest.mark.parametrize("seed", range(8))
def test_they_turn_with_the_picture(seed):
    found = augment.turned(guided(), np.random.default_rng(seed))
    np.testing.assert_array_equal(found.teacher[CLEAR], found.reflectance[0])
    np.testing.assert_array_equal(found.trust, found.reflectance[0])


def test_they_are_cut_averaged_and_padded_with_it():
    window = Window(row_off=3, col_off=5, height=8, width=9)
    part = cut(guided(), window)
    np.testing.assert_array_equal(part.teacher[CLEAR], part.reflectance[0])
    for gsd in (10.0, 25.0):
        found = rescaled(guided(), gsd, 28)
        seen = found.valid
        np.testing.assert_allclose(found.teacher[CLEAR][seen], found.reflectance[0][seen], rtol=1e-4)
        np.testing.assert_allclose(found.teacher.sum(axis=0)[seen], 1, rtol=1e-5)
        assert not found.teacher[:, ~seen].any()


def test_drawn_clouds_are_trusted_and_no_teacher_saw_them():
    before = guided(side=64)
    after = next(
        found
        for seed in range(50)
        if ((found := augment.clouded(before, np.random.default_rng(seed))).sets != before.sets).any()
    )
    drawn = after.sets != before.sets
    assert not after.teacher[:, drawn].any()
    assert (after.trust[drawn] == 1).all()
    np.testing.assert_array_equal(after.trust[~drawn], before.trust[~drawn])


def test_a_part_not_seen_says_nothing():
    found = augment.with_edge(guided(), np.random.default_rng(0))
    assert not found.teacher[:, ~found.valid].any()
    assert not found.trust[~found.valid].any()
