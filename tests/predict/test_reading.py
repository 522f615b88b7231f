"""Bands that a model wants coarser than the mask, or not at all."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from unclouded.core.errors import ModelError, OptionError
from unclouded.predict import Windowing, fast, predict
from unclouded.scene import open_scene
from unclouded.testing.products import FakeSafe, write_fake_safe


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """At 20 m, of noise: a coarser level differs from a finer one."""

    def dn(name, height, width):
        rng = np.random.default_rng(len(name) + height)
        return rng.integers(1500, 6000, (height, width)).astype(np.uint16)

    path = write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=dn, size_60m=96))
    return open_scene(path).at(20)


@dataclass(frozen=True, kw_only=True)
class Spy:
    """A band reader that notes which levels are read."""

    inner: object
    asked: list = field(default_factory=list)

    @property
    def grid(self):
        return self.inner.grid

    @property
    def levels(self):
        return self.inner.levels

    def read(self, window, level=0):
        self.asked.append(level)
        return self.inner.read(window, level)


def spied(scene):
    bands = {name: Spy(inner=reader) for name, reader in scene.product.bands.items()}
    return replace(scene, product=replace(scene.product, bands=bands)), bands


def with_spec(model, **changes):
    return replace(model, spec=replace(model.spec, **changes))


def test_a_band_that_may_be_coarse_is_read_a_level_down(scene, box_model):
    plain, plainly = spied(scene)
    coarse, coarsely = spied(scene)
    model = box_model(1)
    a = [part.reading.reflectance for part in predict(plain, model, Windowing(size=64))]
    b = [
        part.reading.reflectance
        for part in predict(coarse, with_spec(model, read_gsd_m={"B04": 40.0}), Windowing(size=64))
    ]
    assert set(plainly["B04"].asked) == set(plainly["B03"].asked) == {1}
    assert set(coarsely["B04"].asked) == {2}
    assert set(coarsely["B03"].asked) == {1}
    for fine, mixed in zip(a, b, strict=True):
        np.testing.assert_array_equal(fine[1:], mixed[1:])
        assert np.abs(fine[0] - mixed[0]).max() > 0.01
        assert abs(fine[0].mean() - mixed[0].mean()) < 0.01


def test_no_finer_than_the_mask_is_no_coarser_either(scene, box_model):
    seen, bands = spied(scene)
    list(predict(seen, with_spec(box_model(1), read_gsd_m={"B04": 10.0}), Windowing(size=64)))
    assert set(bands["B04"].asked) == {1}


def test_exact_reads_the_full_resolution_whatever_the_model_says(scene, box_model):
    seen, bands = spied(scene.at(20, exact=True))
    list(predict(seen, with_spec(box_model(1), read_gsd_m={"B04": 40.0}), Windowing(size=64)))
    assert set(bands["B04"].asked) == {0}


def test_fast_drops_bands_and_overrules_the_usual_way(scene, box_model):
    spec = replace(
        box_model(1).spec,
        optional_bands=("B02",),
        read_gsd_m={"B04": 40.0},
        fast_gsd_m={"B03": 40.0, "B02": 0.0},
    )
    seen, bands = spied(scene)
    quick = fast(seen, spec)
    assert "B02" not in quick.bands
    quick.read(("B04", "B03"))
    assert set(bands["B04"].asked) == {1}
    assert set(bands["B03"].asked) == {2}


def test_fast_needs_a_model_that_states_how(scene, box_model):
    with pytest.raises(OptionError, match="--fast: expected a model that states how, found box"):
        fast(scene, box_model(1).spec)


@pytest.mark.parametrize("gsd", [{"B04": 0.0}, {"B04": -1.0}, {"B08": 20.0}])
def test_a_spec_that_makes_no_sense_is_refused(box_model, gsd):
    with pytest.raises(ModelError, match="read_gsd_m and fast_gsd_m must give metres to bands"):
        replace(box_model(1).spec, fast_gsd_m=gsd)
