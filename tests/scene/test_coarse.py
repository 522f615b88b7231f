"""Bands that are read coarser than the grid."""

import numpy as np
import pytest

from unclouded.core.windows import Window
from unclouded.scene import open_scene
from unclouded.testing.products import FakeSafe, write_fake_safe


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A ramp, which any level shows alike; odd sides, so that levels do not divide the image."""

    def dn(_name, height, width):
        metres = 5760 / height
        return (2000 + (np.arange(height)[:, None] + np.arange(width)) * metres * 0.2).astype(np.uint16)

    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=dn, size_60m=97))


@pytest.mark.parametrize("coarse_m", [40.0, 80.0])
def test_a_coarser_level_covers_the_whole_image(product, coarse_m):
    scene = open_scene(product).at(20)
    fine = scene.read(("B04",))
    coarse = scene.with_coarse({"B04": coarse_m}).read(("B04",))
    assert fine.valid.all()
    assert coarse.valid.all()
    inside = (0, slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(coarse.reflectance[inside], fine.reflectance[inside], atol=1e-3)
    np.testing.assert_allclose(coarse.reflectance, fine.reflectance, atol=0.02)


def test_a_window_does_not_show(product):
    scene = open_scene(product).at(20).with_coarse({"B04": 40.0})
    whole = scene.read(("B04",))
    window = Window(row_off=37, col_off=200, height=90, width=91)
    part = scene.read(("B04",), window)
    np.testing.assert_array_equal(part.reflectance, whole.reflectance[(slice(None), *window.slices)])


def test_at_another_spacing_it_stays(product):
    scene = open_scene(product).with_coarse({"B04": 40.0}).at(20)
    assert scene.coarse_m == {"B04": 40.0}
