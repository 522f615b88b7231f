"""The exported file: it says what it is, and it is refused where it is not its network."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx  # noqa: E402

from unclouded.core.errors import ModelError  # noqa: E402
from unclouded.core.spec import METADATA_KEY, ModelSpec  # noqa: E402
from unclouded.models.patchcnn import Config, build  # noqa: E402
from unclouded.training.export import compare_with_torch, to_onnx, to_patch_onnx  # noqa: E402

CONFIG = Config()
SPEC = ModelSpec(
    name="x",
    version="1",
    bands=CONFIG.bands,
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=60,
    classes=(0, 1),
    class_titles={1: "cloud"},
    halo_px=8,
    margin_px=8,
)


def noise(side=40):
    return np.random.default_rng(0).uniform(0, 1, (13, side, side)).astype(np.float32)


def test_the_spec_comes_back_from_the_file():
    model = onnx.load_from_string(to_onnx(build(CONFIG), SPEC))
    (entry,) = model.metadata_props
    assert entry.key == METADATA_KEY
    assert ModelSpec.from_json(entry.value, where="test") == SPEC


def test_the_same_weights_give_the_same_bytes():
    network = build(CONFIG)
    assert to_onnx(network, SPEC) == to_onnx(network, SPEC)


def test_another_network_is_not_let_pass():
    network, other = build(CONFIG), build(CONFIG)
    file = to_onnx(network, SPEC)
    assert compare_with_torch(file, network, [noise()]).largest <= 1e-5
    assert compare_with_torch(file, network, [noise(), noise(33)]).pixels == 24**2 + 17**2
    with pytest.raises(ModelError, match="difference"):
        compare_with_torch(file, other, [noise()])


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": tuple(reversed(CONFIG.bands))},
        {"margin_px": 0},
        {"halo_px": 9},
        {"classes": (0, 1, 2)},
    ],
)
def test_a_spec_of_another_network_is_refused(wrong):
    with pytest.raises(ModelError, match="model x"):
        to_onnx(build(CONFIG), replace(SPEC, **wrong))


def test_the_patch_file_takes_patches_only():
    import onnxruntime as ort

    session = ort.InferenceSession(to_patch_onnx(build(CONFIG)), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [13, 16, 16]
