"""The small U-Net: what a pixel can see, that windows are exact, that absent bands are not looked at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.bands import NAMES
from unclouded.core.errors import OptionError

torch = pytest.importorskip("torch")

from unclouded.models.unet import CENTRE_SPREAD, Config, build, receptive_radius  # noqa: E402 - after the skip

SMALL = Config(bands=("B02", "B04", "B10"), widths=(8, 12, 16), depths=(1, 0, 2))
CONFIGS = [
    SMALL,
    Config(bands=("B02",), widths=(8,), depths=(0,)),
    Config(bands=("B02", "B04"), widths=(4, 8), depths=(1, 1), head="bilinear"),
    Config(bands=("B02", "B04"), widths=(4, 4, 8), depths=(0, 1, 1), depthwise=(True, False, True)),
    Config(bands=("B02",), widths=(4, 4, 4, 4), depths=(1, 2, 0, 1), head="bilinear"),
]


def made(config, seed=0):
    """A network in evaluation mode whose every path passes numbers: positive weights, no dead unit."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(config).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.rand_like(parameter) * 0.1 + 0.01)
    return network


def inputs(config, height, width, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.3, 0.9, (1, len(config.bands), height, width)).astype(np.float32)
    return torch.from_numpy(values), torch.ones(1, len(config.bands))


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_a_pixel_sees_its_radius_and_no_further(config):
    """The gradient of a pixel, over all phases of its position, reaches exactly as far as computed."""
    radius, stride = receptive_radius(config), config.stride_px
    middle = config.halo_px + stride
    side = 2 * middle
    network, reach = made(config).double(), 0
    for phase in range(stride):
        values, presence = inputs(config, side, side)
        values = values.double().requires_grad_()
        network(values, presence.double())[0, :, middle + phase, middle + phase].sum().backward()
        rows, cols = np.nonzero(values.grad[0].abs().sum(0).numpy())
        assert rows.min() >= 0
        reach = max(reach, *(abs(seen - middle - phase).max() for seen in (rows, cols)))
    assert reach == radius
    assert config.halo_px % stride == 0
    assert 0 <= config.halo_px - radius < stride


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_moved_by_the_stride_the_answer_moves_along(config):
    stride, halo = config.stride_px, config.halo_px
    network = made(config)
    values, presence = inputs(config, 2 * halo + 4 * stride, 2 * halo + 4 * stride)
    with torch.no_grad():
        whole = network(values, presence)
        moved = network(values[:, :, stride:, 2 * stride :], presence)
    inner = slice(halo, halo + 2 * stride)
    torch.testing.assert_close(
        moved[:, :, inner, inner],
        whole[:, :, halo + stride : halo + 3 * stride, halo + 2 * stride : halo + 4 * stride],
    )


@settings(deadline=None, max_examples=15)
@given(row=st.integers(0, 5), col=st.integers(0, 5), height=st.integers(1, 4), width=st.integers(1, 4))
def test_windows_with_the_halo_are_exact(row, col, height, width):
    stride, halo = SMALL.stride_px, SMALL.halo_px
    network = made(SMALL)
    side = 2 * halo + 9 * stride
    values, presence = inputs(SMALL, side, side)
    top, left = row * stride, col * stride
    tall, wide = height * stride, width * stride
    with torch.no_grad():
        whole = network(values, presence)
        part = network(values[:, :, top : top + tall + 2 * halo, left : left + wide + 2 * halo], presence)
    expected = whole[:, :, top + halo : top + halo + tall, left + halo : left + halo + wide]
    torch.testing.assert_close(part[:, :, halo : halo + tall, halo : halo + wide], expected)


def test_absent_bands_are_not_looked_at_and_their_absence_is_known():
    network = made(SMALL)
    values, _ = inputs(SMALL, 16, 16)
    presence = torch.tensor([[1.0, 0.0, 1.0]])
    other = values.clone()
    other[:, 1] = 7.0
    with torch.no_grad():
        torch.testing.assert_close(network(values, presence), network(other, presence))
        assert not torch.allclose(network(values, presence), network(values, torch.ones(1, 3)))


def test_a_band_at_its_centre_differs_from_an_absent_one():
    """Both are zero once normalised: only the presence tells them apart."""
    network = made(SMALL)
    values, _ = inputs(SMALL, 16, 16)
    values[:, 1] = CENTRE_SPREAD["B04"][0]
    with torch.no_grad():
        there, absent = (network(values, torch.tensor([[1.0, p, 1.0]])) for p in (1.0, 0.0))
    assert (there - absent).abs().max() > 1e-3


def test_the_default_is_small():
    network = build(Config())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 500_000 < count < 1_000_000
    assert network.config.bands == NAMES
    values, presence = inputs(Config(), 32, 48)
    assert network(values, presence).shape == (1, 4, 32, 48)


def test_saturated_and_wild_values_are_cut():
    network = made(SMALL)
    values, presence = inputs(SMALL, 16, 16)
    values[0, 0, 5, 5] = 6.4535
    high = network(values, presence)
    values[0, 0, 5, 5] = 1.6
    torch.testing.assert_close(high, network(values, presence))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"bands": ("red",)}, "bands"),
        ({"bands": ()}, "bands"),
        ({"classes": (0,)}, "classes"),
        ({"classes": (0, 9)}, "classes"),
        ({"classes": (0, 1, 1)}, "classes"),
        ({"widths": (8, 8)}, "depths"),
        ({"depths": (1, 2, -1, 1)}, "depths"),
        ({"depthwise": (True,)}, "depthwise"),
        ({"head": "nearest"}, "head"),
    ],
)
def test_options_without_meaning_are_named(options, word):
    with pytest.raises(OptionError, match=f"unet .*{word}"):
        Config(**options)


def test_a_new_network_has_no_checkerboard():
    torch.manual_seed(1)
    network = build(SMALL).eval()
    logits = network(torch.rand(1, len(SMALL.bands), 32, 32), torch.ones(1, len(SMALL.bands)))
    corners = [logits[:, :, row::2, col::2] for row in (0, 1) for col in (0, 1)]
    for corner in corners[1:]:
        torch.testing.assert_close(corner, corners[0])
