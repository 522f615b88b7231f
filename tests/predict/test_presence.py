"""Bands that a model can do without: only those there are read, and the network is told which."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from unclouded.core.errors import BandError, ModelError
from unclouded.core.spec import METADATA_KEY
from unclouded.predict import InputStatistics, Model, Windowing, load_model, predict
from unclouded.scene import Reading


@dataclass(frozen=True, kw_only=True)
class PartialScene:
    """Has some bands only; reading another is an error."""

    inner: object
    bands: tuple[str, ...]

    @property
    def grid(self):
        return self.inner.grid

    def read(self, bands, window, *, threads):
        if set(bands) - set(self.bands):
            raise BandError(f"asked for {bands}")
        whole = self.inner.read(("B04", "B03", "B02"), window, threads=threads)
        index = [("B04", "B03", "B02").index(name) for name in bands]
        return Reading(reflectance=whole.reflectance[index], valid=whole.valid)


@dataclass(frozen=True, kw_only=True)
class EchoSession:
    """P(cloud) is the sum of the bands over how many are there."""

    metadata: dict
    device: str = "here"
    batch: int = 1

    def run(self, reflectance, presence):
        assert presence.dtype == np.float32
        assert presence.shape == reflectance.shape[:2]
        cloud = reflectance.sum(axis=1) / presence.sum()
        return np.stack([1 - cloud, cloud], axis=1)


@pytest.fixture
def echo_model(box_model):
    spec = replace(box_model(0).spec, optional_bands=("B03", "B02"))
    return Model(spec=spec, sha256="0" * 64, session=EchoSession(metadata={}))


@pytest.mark.parametrize("bands", [("B04", "B03", "B02"), ("B04", "B02"), ("B04",), ("B02", "B04")])
def test_only_what_is_there_is_read_and_the_network_knows(array_scene, echo_model, bands):
    inner = array_scene(30, 20)
    scene = PartialScene(inner=inner, bands=bands)
    index = [("B04", "B03", "B02").index(name) for name in bands]
    expected = inner.reflectance[index].sum(axis=0) / len(bands)
    for prediction in predict(scene, echo_model, Windowing(size=8)):
        seen = prediction.reading.valid
        np.testing.assert_allclose(
            prediction.probabilities[1][seen], expected[prediction.window.slices][seen], rtol=0, atol=1e-6
        )
        absent = ~prediction.presence
        assert prediction.presence.tolist() == [name in bands for name in ("B04", "B03", "B02")]
        assert not prediction.reading.reflectance[absent].any()


def test_a_needed_band_is_asked_for(array_scene, echo_model):
    scene = PartialScene(inner=array_scene(9, 9), bands=("B03", "B02"))
    with pytest.raises(BandError, match="B04"):
        next(predict(scene, echo_model))


def test_zeros_of_an_absent_band_do_not_hide_a_missing_offset():
    reflectance = np.random.default_rng(0).uniform(0.1, 0.5, (3, 50, 50)).astype(np.float32)
    reflectance[1] = 0
    valid = np.ones((50, 50), bool)
    told, untold = (InputStatistics(bands=("B04", "B03", "B02")) for _ in range(2))
    told.add(reflectance, valid, np.array([True, False, True]))
    untold.add(reflectance, valid)
    assert "un-offset" in " ".join(told.warnings())
    assert not untold.warnings()
    assert np.isnan(told.percentile(0.5)).tolist() == [False, True, False]


def test_spec_and_inputs_must_agree(box_model, tmp_path):
    """A file that wants to know of absent bands and a spec that knows of none, and the reverse."""
    onnx = pytest.importorskip("onnx")
    for names, optional in ((("reflectance", "presence"), ()), (("reflectance",), ("B02",))):
        spec = replace(box_model(0).spec, optional_bands=optional)
        inputs = [onnx.helper.make_tensor_value_info(name, 1, ["n", "band"]) for name in names]
        body = onnx.helper.make_graph(
            [onnx.helper.make_node("Relu", ["reflectance"], ["out"])],
            "x",
            inputs,
            [onnx.helper.make_tensor_value_info("out", 1, ["n", "band"])],
        )
        model = onnx.helper.make_model(body, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
        onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
        path = tmp_path / "x.onnx"
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ModelError, match="presence"):
            load_model(path)
