"""The network against its definition: parameter count, shapes, and a plain numpy evaluation."""

import numpy as np
import pytest

from unclouded.core.bands import STUDY_ORDER
from unclouded.core.errors import OptionError

torch = pytest.importorskip("torch")

from unclouded.models.patchcnn import BATCH_NORM_EPSILON, Config, build  # noqa: E402 - after the skip


def plain(weights, patch, *, slope=0.0, norm=False):
    """The definition, number by number: logit of one patch (row, column, band)."""
    maps = patch.astype(np.float64)
    for block in range(3):
        kernel = weights[f"blocks.{block}.0.weight"]
        height, width, _ = maps.shape
        out = np.tile(weights[f"blocks.{block}.0.bias"], (height, width, 1))
        for y in range(height):
            for x in range(width):
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        if 0 <= y + dy < height and 0 <= x + dx < width:
                            out[y, x] += kernel[:, :, dy + 1, dx + 1] @ maps[y + dy, x + dx]
        out = np.where(out > 0, out, slope * out)
        if norm:
            name = f"blocks.{block}.2."
            spread = np.sqrt(weights[name + "running_var"] + BATCH_NORM_EPSILON)
            out = (out - weights[name + "running_mean"]) / spread * weights[name + "weight"]
            out = out + weights[name + "bias"]
        maps = out.reshape(height // 2, 2, width // 2, 2, -1).max(axis=(1, 3))
    values = maps.reshape(-1)  # (row, column, channel), as Keras flattens
    for place in (0, 3):
        values = weights[f"head.{place}.weight"] @ values + weights[f"head.{place}.bias"]
        values = np.maximum(values, 0)
    return (weights["head.6.weight"] @ values + weights["head.6.bias"]).item()


def filled(config, seed=3):
    """A network whose every number, biases and running statistics too, is drawn from a fixed seed."""
    rng = np.random.default_rng(seed)
    network = build(config).eval()
    state = {
        name: torch.from_numpy(
            np.asarray(
                rng.uniform(0.5, 2, value.shape) if "running_var" in name else rng.normal(0, 0.3, value.shape)
            )
        ).to(value.dtype)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state)
    return network.double(), {name: value.double().numpy() for name, value in state.items()}


def test_the_study_s_network_has_6363_parameters():
    assert sum(parameter.numel() for parameter in build(Config()).parameters()) == 6363


def test_defaults_are_the_study_s():
    config = Config()
    assert config.bands == STUDY_ORDER
    assert config.bands[-1] == "B8A"
    assert (config.patch, config.filters, config.dense, config.dropout) == (16, 8, 50, 0.3)
    assert config.activation == "relu"
    assert not config.batch_norm


@pytest.mark.parametrize(
    ("options", "slope"),
    [
        ({}, 0.0),
        ({"activation": "leaky_relu"}, 0.3),
        ({"batch_norm": True}, 0.0),
        ({"patch": 8, "filters": 3, "bands": ("B02", "B04")}, 0.0),
        ({"patch": 24, "filters": 5, "dense": 7, "activation": "leaky_relu", "batch_norm": True}, 0.3),
    ],
)
def test_output_is_what_the_definition_gives(options, slope):
    config = Config(**options)
    network, weights = filled(config)
    patches = np.random.default_rng(5).uniform(-0.1, 1.3, (3, len(config.bands), config.patch, config.patch))
    with torch.no_grad():
        found = network(torch.from_numpy(patches)).numpy()
    expected = [plain(weights, p.transpose(1, 2, 0), slope=slope, norm=config.batch_norm) for p in patches]
    assert np.ptp(expected) > 1e-3, "weights that give the same for every patch prove nothing"
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_new_network_is_glorot_uniform_with_zero_biases():
    network = build(Config(filters=64, dense=300))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            assert not module.bias.any()
            receptive = module.weight[0, 0].numel()
            fans = receptive * (module.weight.shape[0] + module.weight.shape[1])
            limit = (6 / fans) ** 0.5
            largest = module.weight.abs().max().item()
            assert 0.9 * limit < largest <= limit
            if module.weight.numel() > 1000:  # variance of a uniform draw
                assert module.weight.var().item() == pytest.approx(limit**2 / 3, rel=0.1)


def test_dropout_is_at_work_in_training_only():
    network = build(Config(dropout=0.5))
    patches = torch.rand(4, 13, 16, 16)
    assert not torch.equal(network.train()(patches), network(patches))
    assert torch.equal(network.eval()(patches), network(patches))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patch": 12}, ("patch", "multiple of 8", "12")),
        ({"patch": 0}, ("patch", "0")),
        ({"bands": ("B02", "green")}, ("bands", "green")),
        ({"bands": ()}, ("bands",)),
        ({"filters": 0}, ("filters", "0")),
        ({"dropout": 1.0}, ("dropout", "1.0")),
        ({"activation": "tanh"}, ("activation", "leaky_relu", "tanh")),
    ],
)
def test_options_that_have_no_meaning_are_named(options, words):
    with pytest.raises(OptionError) as caught:
        Config(**options)
    assert all(word in str(caught.value) for word in words)
