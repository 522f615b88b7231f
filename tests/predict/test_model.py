"""Model files: bundled ones, one's own, and those that are not ours."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from unclouded.core.errors import ModelError
from unclouded.core.spec import METADATA_KEY, ModelSpec
from unclouded.predict import bundled_models, load_model

SPEC = ModelSpec(
    name="mean",
    version="1",
    bands=("B04", "B03"),
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=20,
    classes=(0, 1),
    halo_px=0,
)


@pytest.fixture
def onnx_file(tmp_path, extra):
    """`onnx_file(metadata, external)`: a network whose P(cloud) is the mean of its two bands."""
    extra("onnx")
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def write(metadata, *, external=False, name="m.onnx"):
        half = numpy_helper.from_array(np.full((1, 2, 1, 1), 0.5, np.float32), "half")
        one = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "one")
        nodes = [
            helper.make_node("Conv", ["reflectance", "half"], ["cloud"]),
            helper.make_node("Sub", ["one", "cloud"], ["clear"]),
            helper.make_node("Concat", ["clear", "cloud"], ["probabilities"], axis=1),
        ]
        shape = ["n", 2, "y", "x"]
        graph = helper.make_graph(
            nodes,
            "mean",
            [helper.make_tensor_value_info("reflectance", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)],
            [half, one],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        for key, value in metadata.items():
            model.metadata_props.add(key=key, value=value)
        path = tmp_path / name
        if external:
            onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="weights.bin")
        else:
            onnx.save(model, path)
        return path

    return write


@pytest.mark.parametrize("name", bundled_models())
def test_bundled_models_load_and_give_probabilities(name):
    model = load_model(name)
    spec = model.spec
    assert spec.name == name
    side = 4 * spec.stride_px * 8 + 2 * spec.halo_px
    side += -side % spec.stride_px
    inputs = [np.random.default_rng(0).random((1, len(spec.bands), side, side), dtype=np.float32)]
    if spec.optional_bands:
        inputs.append(np.ones((1, len(spec.bands)), np.float32))
    probabilities = model.session.run(*inputs)
    expected = side - 2 * spec.margin_px
    assert probabilities.shape == (1, len(spec.classes), expected, expected)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert not spec.recommended or spec.figures
    assert spec.recommended or spec.why


def test_a_file_of_ones_own_loads(onnx_file):
    path = onnx_file({METADATA_KEY: SPEC.to_json()})
    model = load_model(path)
    assert model.spec == SPEC
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    given = np.array([0.2, 0.6], np.float32).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(model.session.run(given).ravel(), [0.6, 0.4], atol=1e-6)


def spec_with(**changes):
    return json.dumps(json.loads(SPEC.to_json()) | changes)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, r"m\.onnx: expected a model of unclouded .*found another ONNX model; name a bundled one"),
        ({METADATA_KEY: "{"}, r"m\.onnx: expected an unclouded model spec, found other metadata"),
        ({METADATA_KEY: "[]"}, "expected an unclouded model spec"),
        ({METADATA_KEY: spec_with(spec_version=9)}, "expected model spec version 1, found 9; upgrade"),
        ({METADATA_KEY: spec_with(colour="red")}, "unknown spec fields colour; upgrade"),
        ({METADATA_KEY: spec_with(bands=["B4", "B3"])}, "bands must be written as the products"),
        ({METADATA_KEY: spec_with(classes=[0, 77])}, "two or more known codes"),
        ({METADATA_KEY: spec_with(gsd_m=[30, 60])}, "gsd_m must hold best_gsd_m"),
        ({METADATA_KEY: spec_with(halo_px="wide")}, "broken model spec"),
    ],
)
def test_a_model_that_is_not_ours_is_one_line(onnx_file, metadata, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_model(onnx_file(metadata))
    assert "\n" not in str(caught.value)


def test_weights_in_another_file_are_refused(onnx_file):
    """Such a model can name any file of the machine."""
    path = onnx_file({METADATA_KEY: SPEC.to_json()}, external=True)
    with pytest.raises(ModelError, match="expected a self-contained model"):
        load_model(path)


@pytest.mark.parametrize(
    "content", [b"", b"not a model", bytes(range(256)) * 40], ids=["empty", "text", "bytes"]
)
def test_garbage_is_one_line(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"m\.onnx: expected (an ONNX model|a model of unclouded|one input)"
    ) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_cut_off_model_is_one_line(onnx_file):
    path = onnx_file({METADATA_KEY: SPEC.to_json()})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"m\.onnx"):
        load_model(path)


def test_names_are_checked():
    with pytest.raises(ModelError, match="did you mean 'patchcnn-v1'"):
        load_model("patchcnn-1")
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot read the model: No such file"):
        load_model("gone.onnx")


def test_a_spec_survives_its_file():
    spec = replace(SPEC, class_titles={1: "cloud"}, figures={"f1": 0.5}, training_data=("a", "b"))
    assert ModelSpec.from_json(spec.to_json(), where="here") == spec
