"""A network of another library from a configuration to a file; a stand-in takes that library's place."""

import sys
from types import ModuleType

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from unclouded.core.spec import METADATA_KEY, ModelSpec  # noqa: E402 - after the skip
from unclouded.training import load_checkpoint, read_config, train  # noqa: E402 - after the skip


def create_model(arch, *, encoder_name, encoder_weights, encoder_depth, in_channels, classes):
    """Halves and doubles, with a normalisation and a skip."""
    assert (arch, encoder_name, encoder_weights, encoder_depth) == ("Unet", "resnet18", None, 2)
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.ReLU(),
        nn.Upsample(scale_factor=4.0, mode="bilinear", align_corners=False),
        nn.Conv2d(8, classes, 3, padding=1),
    )


@pytest.fixture
def config(unet_set, monkeypatch):
    module = ModuleType("segmentation_models_pytorch")
    module.create_model = create_model
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", module)
    path = unet_set / "config.toml"
    text = path.read_text(encoding="utf-8").replace('model = "unet"', 'model = "smp"')
    text = text.replace("widths = [8, 12]\ndepths = [1, 1]", "depth = 2")
    path.write_text(text.replace("steps = 60", "steps = 40"), encoding="utf-8")
    return read_config(path)


def test_the_file_repeats_the_network_and_says_how_far_it_looks(config, tmp_path):
    trained = train(config, tmp_path / "out")
    assert trained.agreement.largest < 1e-5
    session = ort.InferenceSession(trained.model.read_bytes(), providers=["CPUExecutionProvider"])
    spec = ModelSpec.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY], where="test")
    network = load_checkpoint(trained.checkpoint)
    assert (spec.halo_px, spec.stride_px, spec.min_size_px) == (network.config.halo_px, 4, 4)
    assert spec.halo_px in {8, 12}
    scene = np.random.default_rng(0).random((2, 3, 24, 32), np.float32)
    presence = np.array([[1, 1, 1], [1, 0, 1]], np.float32)
    (found,) = session.run(None, {"reflectance": scene, "presence": presence})
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(scene), torch.from_numpy(presence)), 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.01
