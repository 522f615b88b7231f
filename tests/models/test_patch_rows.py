"""Rows of patches at once against patch by patch: the same logits, the same gradients."""

import pytest

from unclouded.core.errors import OptionError

torch = pytest.importorskip("torch")

from unclouded.models._patch_rows import patches_of, row_logits  # noqa: E402 - after the skip
from unclouded.models.patchcnn import Config, build  # noqa: E402 - after the skip


def gradients(network, loss):
    network.zero_grad()
    loss.backward()
    return {name: value.grad.clone() for name, value in network.named_parameters()}


@pytest.mark.parametrize(
    ("patch", "activation"), [(16, "relu"), (16, "leaky_relu"), (8, "relu"), (24, "relu"), (32, "leaky_relu")]
)
@pytest.mark.parametrize("more", [0, 1, 21])
def test_logits_and_gradients_are_those_of_single_patches(patch, activation, more):
    torch.manual_seed(0)
    config = Config(
        bands=("B02", "B03", "B04"), patch=patch, filters=4, dense=10, activation=activation, dropout=0.0
    )
    network = build(config).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    strips = torch.randn(2, 3, patch, patch + more, dtype=torch.float64)
    weight = torch.randn(2, more + 1, dtype=torch.float64)
    single = torch.stack([network(patches) for patches in patches_of(strips, patch)])
    expected = gradients(network, (single * weight).sum())
    rows = row_logits(network, strips)
    found = gradients(network, (rows * weight).sum())
    torch.testing.assert_close(rows, single, rtol=1e-9, atol=1e-12)
    for name, value in expected.items():
        assert value.abs().max() > 0, name
        torch.testing.assert_close(found[name], value, rtol=1e-8, atol=1e-11)


def test_gradients_of_the_pixels_are_the_same_too():
    torch.manual_seed(1)
    network = build(Config(bands=("B02",), filters=3, dropout=0.0)).double()
    strips = torch.randn(1, 1, 16, 30, dtype=torch.float64, requires_grad=True)
    (single,) = torch.autograd.grad(sum(network(p).sum() for p in patches_of(strips, 16)), strips)
    (rows,) = torch.autograd.grad(row_logits(network, strips).sum(), strips)
    torch.testing.assert_close(rows, single)


def test_batch_normalisation_is_refused():
    with pytest.raises(OptionError, match="batch_norm"):
        row_logits(build(Config(bands=("B02",), batch_norm=True)), torch.zeros(1, 1, 16, 20))
