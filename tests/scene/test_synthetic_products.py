"""Products that `unclouded.synthetic` writes, whole and odd, opened and read."""

import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.scene import open_scene
from unclouded.synthetic import SceneConfig, write_safe
from unclouded.testing.readers import check_product

CONFIG = SceneConfig(seed=5, unseen=0.25)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Reflectance of one delivery, to compare the others with."""
    paths = write_safe(tmp_path_factory.mktemp("truth"), CONFIG, size_px=360, true_colour=False)
    scene = open_scene(paths.product)
    return scene, scene.at(20).read(NAMES)


def test_the_scene_is_whole_and_nothing_is_warned_of(truth):
    scene, reading = truth
    assert scene.warnings == ()
    assert (scene.bands, scene.missing_bands) == (NAMES, ())
    assert (scene.grid.shape, scene.pixel_size) == ((360, 360), 10)
    assert 0.4 < reading.valid.mean() < 0.98
    check_product(scene.product)


@pytest.mark.parametrize(
    ("baseline", "naming", "zipped", "satellite"),
    [
        ("02.04", "long", False, "S2A"),
        ("02.14", "compact", True, "S2B"),
        ("04.00", "compact", False, "S2B"),
        ("05.11", "compact", True, "S2C"),
    ],
)
def test_each_delivery_of_a_scene_reads_alike(truth, tmp_path, baseline, naming, zipped, satellite):
    """The same scene before and after baseline 04.00, old and new names, zipped: one reflectance."""
    paths = write_safe(
        tmp_path, CONFIG, size_px=360, baseline=baseline, naming=naming, zipped=zipped, satellite=satellite,
        true_colour=False,
    )  # fmt: skip
    scene = open_scene(paths.product)
    reading = scene.at(20).read(NAMES)
    offset = -1000 if baseline >= "04" else 0
    assert set(scene.radiometry.offset.values()) == {offset}
    assert (scene.baseline, scene.satellite, scene.tile) == (baseline, satellite, truth[0].tile)
    # without an offset there is nothing below 0: at the swath's edge the low-pass is clipped a sample more
    assert (reading.valid != truth[1].valid).mean() < 1e-3
    brighter = (truth[1].reflectance > 0.01) & reading.valid
    difference = np.abs(reading.reflectance - truth[1].reflectance)[brighter]
    assert np.quantile(difference, 0.999) < 5e-4
