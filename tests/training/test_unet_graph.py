"""The exported U-Net against torch: every option, any bands, and as `predict` runs it."""

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

from unclouded.core.errors import ModelError
from unclouded.core.spec import ModelSpec

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from unclouded.models.unet import Config, build  # noqa: E402 - after the skip
from unclouded.predict import load_model, read_model  # noqa: E402 - after the skip
from unclouded.training import compare_with_torch, to_onnx  # noqa: E402 - after the skip
from unclouded.training._graph import IR_VERSION, OPSET  # noqa: E402 - after the skip
from unclouded.training.export import network_of, unet_probabilities  # noqa: E402 - after the skip

CONFIGS = [
    Config(bands=("B02", "B04", "B10"), widths=(8, 12), depths=(1, 1), classes=(0, 1)),
    Config(bands=("B02", "B04"), widths=(4, 8, 8), depths=(0, 1, 2), head="bilinear"),
    Config(bands=("B02", "B8A"), widths=(8, 8), depths=(1, 1), depthwise=(True, True)),
]


def spec_of(config, *, optional):
    return ModelSpec(
        name="u",
        version="1",
        task="classes",
        bands=config.bands,
        optional_bands=optional,
        levels=("L1C",),
        gsd_m=(10, 60),
        best_gsd_m=20,
        classes=config.classes,
        halo_px=config.halo_px,
        stride_px=config.stride_px,
        min_size_px=config.stride_px,
    )


def trained(config):
    """A network whose normalisations have seen something: all numbers differ from their first values."""
    torch.manual_seed(1)
    network = build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        network.train()
        for _ in range(3):
            network(torch.rand(2, len(config.bands), 32, 32), torch.ones(2, len(config.bands)))
    return network.eval()


def noise(config, side=35):
    return [np.random.default_rng(0).uniform(-0.1, 1.2, (len(config.bands), side, 48)).astype(np.float32)]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
@pytest.mark.parametrize("optional", [True, False])
def test_the_file_repeats_the_network(config, optional):
    network = trained(config)
    content = to_onnx(network, spec_of(config, optional=config.bands[1:] if optional else ()))
    agreement = compare_with_torch(content, network, noise(config))
    assert agreement.largest < 1e-5
    assert agreement.pixels == 32 * 48 * (2 if optional else 1)


def test_an_old_runtime_can_read_it():
    config = CONFIGS[0]
    model = onnx.load_from_string(to_onnx(build(config), spec_of(config, optional=("B04",))))
    assert model.ir_version == IR_VERSION <= 8
    assert [item.version for item in model.opset_import] == [OPSET]
    assert OPSET <= 17


def test_predict_runs_it_with_bands_missing(tmp_path):
    config = CONFIGS[0]
    network = trained(config)
    path = tmp_path / "u.onnx"
    path.write_bytes(to_onnx(network, spec_of(config, optional=("B10",))))
    model = load_model(path)
    values = noise(config)[0][None, :, :32]
    presence = np.array([[1, 1, 0]], np.float32)
    np.testing.assert_allclose(
        model.session.run(values, presence), unet_probabilities(network, values, presence), atol=1e-5
    )
    other = values.copy()
    other[:, 2] = 0
    np.testing.assert_array_equal(model.session.run(values, presence), model.session.run(other, presence))


def test_several_at_once_each_with_its_own_bands():
    config = CONFIGS[2]
    network = trained(config)
    session = ort.InferenceSession(to_onnx(network, spec_of(config, optional=config.bands)))
    values = np.concatenate([noise(config)[0][None, :, :32]] * 3)
    presence = np.array([[1, 1], [0, 1], [1, 0]], np.float32)
    (found,) = session.run(None, {"reflectance": values, "presence": presence})
    np.testing.assert_allclose(found, unet_probabilities(network, values, presence), atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize(
    "change", [{"halo_px": 96}, {"classes": (0, 3)}, {"stride_px": 2}, {"bands": ("B02", "B04", "B11")}]
)
def test_a_spec_of_another_network_is_refused(change):
    config = CONFIGS[0]
    spec = replace(spec_of(config, optional=("B02",)), **change)
    with pytest.raises(ModelError, match="write the spec for this network"):
        to_onnx(build(config), spec)


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
@pytest.mark.parametrize("optional", [True, False])
def test_an_exported_network_can_be_trained_on(config, optional):
    """Weights taken up again give the same answers, and gradients reach them."""
    network = trained(config)
    content = to_onnx(network, spec_of(config, optional=config.bands if optional else ()))
    again = network_of(content, where="test")
    assert again.config == config
    values = noise(config)[0][None, :, :32]
    presence = np.ones((1, len(config.bands)), np.float32)
    if optional:
        presence[0, 1] = 0
    np.testing.assert_allclose(
        unet_probabilities(again, values, presence), unet_probabilities(network, values, presence), atol=1e-5
    )
    again.train()
    again(torch.from_numpy(values), torch.from_numpy(presence)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in again.parameters())


def test_other_models_are_not_taken_for_one():
    with pytest.raises(ModelError, match=r"model x: expected an exported U-Net"):
        network_of(read_model("patchcnn-v1"), where="model x")
    with pytest.raises(ModelError, match="exported U-Net"):
        network_of(b"no model", where="model x")
