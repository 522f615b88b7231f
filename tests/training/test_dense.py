"""The dense evaluation against patch by patch: every option, every position, large weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime as ort  # noqa: E402 - after the skips

from unclouded.models.patchcnn import Config, build  # noqa: E402
from unclouded.training._dense import dense_model, patch_model  # noqa: E402
from unclouded.training._dense_axis import axis_classes  # noqa: E402
from unclouded.training._graph import IR_VERSION, OPSET  # noqa: E402
from unclouded.training.export import patchwise, weights_of  # noqa: E402

OPTIONS = {
    "the study's": {},
    "leaky": {"activation": "leaky_relu"},
    "batch norm": {"batch_norm": True},
    "8 px": {"patch": 8},
    "24 px": {"patch": 24, "filters": 3},
    "32 px": {"patch": 32, "filters": 5, "activation": "leaky_relu", "batch_norm": True},
    "few bands": {"bands": ("B02", "B04", "B8A"), "dense": 9},
}


def every_patch(scene, patch):
    """(y, x, band, patch, patch), without the last row and column: those of no pixel of the output."""
    windows = np.lib.stride_tricks.sliding_window_view(scene, (patch, patch), axis=(1, 2))
    return windows[:, :-1, :-1].transpose(1, 2, 0, 3, 4)


def with_large_weights(config, scene, seed):
    """A network with large weights and biases whose logits on the scene still lie around 0.

    Far from 0 the sigmoid hides every mistake; so the last layer is scaled to what the scene gives.
    """
    generator = torch.Generator().manual_seed(seed)
    network = build(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=generator))
                module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
        patches = every_patch(scene, config.patch)
        logits = network(torch.from_numpy(patches.reshape(-1, *patches.shape[2:]).copy()))
        last = network.head[-1]
        last.bias.sub_(logits.mean()).mul_(1.5 / logits.std())
        last.weight.mul_(1.5 / logits.std())
    return network


def run(model, values):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"reflectance": np.ascontiguousarray(values)})[0]


def check(network, scene, *, spread=0.05):
    """Dense equals patch by patch at every position, and the answers differ enough for that to mean much."""
    found = run(dense_model(weights_of(network)), scene[None])
    expected = patchwise(network, scene)
    assert found.shape == (1, 2, *expected.shape)
    assert expected.std() >= spread
    np.testing.assert_allclose(found[0, 1], expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_dense_is_patch_by_patch(options):
    config = Config(**options)
    size = (config.patch + 13, config.patch + 18)
    scene = np.random.default_rng(1).uniform(-0.1, 1.2, (len(config.bands), *size)).astype(np.float32)
    check(with_large_weights(config, scene, seed=2), scene)


@settings(max_examples=12, deadline=None)
@given(st.integers(19, 40), st.integers(19, 40), st.integers(0, 1000))
def test_dense_is_patch_by_patch_on_scenes_of_any_size(height, width, seed):
    scene = np.random.default_rng(seed).uniform(0, 1, (13, height, width)).astype(np.float32)
    check(with_large_weights(Config(), scene, seed), scene, spread=0)


def test_dense_is_patch_by_patch_on_a_real_image(real_data):
    import rasterio

    file = real_data / "images/sen12mscr/ROIs1970_fall_139_p839_cloudy.tif"
    with rasterio.open(file) as source:
        order = [source.descriptions.index(name) + 1 for name in Config().bands]
        scene = source.read(order, window=((40, 100), (60, 130))).astype(np.float32) / 10_000
    check(with_large_weights(Config(), scene, seed=4), scene)


def test_a_scene_padded_by_8_gives_the_study_s_rows():
    """The original pads the scene with 8 zeros and reads the patch at (y, x) for the pixel (y, x)."""
    scene = np.random.default_rng(6).uniform(0, 1, (13, 21, 19)).astype(np.float32)
    padded = np.pad(scene, [(0, 0), (8, 8), (8, 8)])
    network = with_large_weights(Config(), padded, seed=7)
    found = run(dense_model(weights_of(network)), padded[None])[0, 1]
    assert found.shape == (21, 19)
    with torch.no_grad():
        for y, x in [(0, 0), (0, 18), (20, 0), (20, 18), (9, 11)]:
            patch = torch.from_numpy(padded[None, :, y : y + 16, x : x + 16].copy())
            assert found[y, x] == pytest.approx(torch.sigmoid(network(patch)).item(), abs=1e-5)


def test_windows_give_what_the_whole_gives():
    scene = np.random.default_rng(8).uniform(0, 1, (13, 60, 50)).astype(np.float32)
    network = with_large_weights(Config(), scene, seed=9)
    model = dense_model(weights_of(network))
    whole = run(model, scene[None])
    part = run(model, scene[None, :, 11:48, 7:41])
    np.testing.assert_allclose(part, whole[:, :, 11 : 11 + 21, 7 : 7 + 18], atol=1e-6)


def test_a_batch_is_its_scenes_one_by_one():
    scenes = np.random.default_rng(10).uniform(0, 1, (3, 13, 24, 29)).astype(np.float32)
    model = dense_model(weights_of(with_large_weights(Config(), scenes[0], seed=11)))
    together = run(model, scenes)
    for scene, found in zip(scenes, together, strict=True):
        np.testing.assert_allclose(run(model, scene[None])[0], found, atol=1e-6)


def test_the_patch_model_is_torch_on_patches():
    scene = np.random.default_rng(12).uniform(0, 1, (13, 30, 30)).astype(np.float32)
    config = Config(batch_norm=True, activation="leaky_relu")
    network = with_large_weights(config, scene, seed=13)
    patches = every_patch(scene, 16)[3]
    found = run(patch_model(weights_of(network)), patches)
    np.testing.assert_allclose(found[:, 1, 0, 0], patchwise(network, scene)[3], atol=1e-5)


@pytest.mark.parametrize(
    ("patch", "classes"), [(8, (3, 2, 1)), (16, (3, 3, 2)), (24, (3, 3, 3)), (32, (3, 3, 3))]
)
def test_how_many_classes_an_axis_has(patch, classes):
    cells, found = (0,) * patch, []
    for _ in range(3):
        kinds, cells = axis_classes(cells)
        found.append(len(kinds))
    assert tuple(found) == classes
    assert len(cells) == patch // 8


def test_an_old_runtime_can_load_it():
    """Opset 13 and IR 8 are those of onnx 1.8 to 1.10; a runtime of three years ago reads opset 19, IR 9."""
    model = dense_model(weights_of(build(Config())))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == IR_VERSION <= 8
    assert [entry.version for entry in model.opset_import] == [OPSET]
    assert OPSET <= 17
    assert all(not tensor.external_data for tensor in model.graph.initializer)
