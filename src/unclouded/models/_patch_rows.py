"""The patch network on all patches of a row at once: the overlap is computed once, forward and backward.

A row's patches share their rows of pixels, so that zeros beyond a patch's upper and lower rim are those of
an ordinary convolution. Along the row, a feature depends on where its cell lies in the patch only through
the rim that it touches. So each layer holds one map for each *class* of cell (first, inner, last), dense over
all positions, as docs/explain/dense-patchcnn.md derives for inference; here it is for one axis and made of
torch's operations, whose gradients are those of the network patch by patch.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unclouded.core.errors import OptionError
from unclouded.models.patchcnn import PatchCnn

_Taps = tuple[tuple[int, int], ...]
"""(class of the neighbour, element of the kernel) of each tap that stays inside the patch."""


def row_logits(network: PatchCnn, strips: Tensor) -> Tensor:
    """Logits (n, x - patch + 1) of strips (n, band, patch, x): one for each patch, in order.

    Raises:
        OptionError: the network has batch normalisation, whose statistics belong to single patches.
    """
    config = network.config
    if config.batch_norm:
        raise OptionError("rows of patches: expected a patchcnn without batch_norm, found one with it")
    count = strips.shape[-1] - config.patch + 1
    maps, cells = [strips], (0,) * config.patch
    for level, block in enumerate(network.blocks):
        conv, activation = cast(nn.Conv2d, block[0]), cast(nn.Module, block[1])  # type: ignore[index]
        maps, cells = _layer(maps, cells, conv, activation, step=2**level)
    step = config.patch // len(cells)
    # (n, filter, row, x) for each pooled column -> (n, x, row, column, filter), as Keras flattens
    columns = [maps[kind][..., step * i : step * i + count] for i, kind in enumerate(cells)]
    features = torch.stack(columns, dim=-1).permute(0, 3, 2, 4, 1).flatten(2)
    logits: Tensor = network.head(features)
    return logits.squeeze(-1)


def _layer(
    maps: Sequence[Tensor], cells: Sequence[int], conv: nn.Conv2d, activation: nn.Module, *, step: int
) -> tuple[list[Tensor], tuple[int, ...]]:
    """Convolution, pool, activation: maps by class and the class of each cell -> the same, half as many.

    Bias and activation rise with their argument, so they may follow the maximum, on half the numbers.
    """
    taps = [_taps(cells, position) for position in range(len(cells))]
    sums = _sums(_products(maps, taps, conv), taps, step)
    variants = {kinds: _row_maximum(sums[kinds]) for kinds in dict.fromkeys(taps)}
    pairs = list(zip(taps[::2], taps[1::2], strict=True))
    distinct = list(dict.fromkeys(pairs))
    bias = cast(Tensor, conv.bias)[:, None, None]
    ahead = {second: _moved(variants[second], step) for _, second in distinct}
    pooled = [activation(_larger(variants[first], ahead[second]) + bias) for first, second in distinct]
    return pooled, tuple(distinct.index(pair) for pair in pairs)


def _taps(cells: Sequence[int], position: int) -> _Taps:
    inside = (k for k in range(3) if 0 <= position + k - 1 < len(cells))
    return tuple((cells[position + k - 1], k) for k in inside)


def _products(
    maps: Sequence[Tensor], taps: Sequence[_Taps], conv: nn.Conv2d
) -> dict[tuple[int, int], Tensor]:
    """Each class's map times each column of the kernel that meets it, (n, filter, row, x)."""
    found: dict[tuple[int, int], Tensor] = {}
    for kind, values in enumerate(maps):
        columns = sorted({k for taps_ in taps for of, k in taps_ if of == kind})
        weight = torch.cat([conv.weight[..., k : k + 1] for k in columns])
        parts = functional.conv2d(values, weight, padding=(1, 0)).chunk(len(columns), dim=1)
        found |= {(kind, k): part for k, part in zip(columns, parts, strict=True)}
    return found


def _sums(
    products: dict[tuple[int, int], Tensor], variants: Sequence[_Taps], step: int
) -> dict[_Taps, Tensor]:
    """Each variant over all positions: its taps' products, each moved to its cell; shared sums made once.

    Positions whose neighbour lies past the strip's ends get zeros there; no patch's cell is among them.
    """
    moved = {tap: _moved(values, (tap[1] - 1) * step) for tap, values in products.items()}
    sums: dict[_Taps, Tensor] = {}
    for variant in variants:
        for end in range(1, len(variant) + 1):
            part, last = variant[:end], moved[variant[end - 1]]
            if part not in sums:
                sums[part] = sums[part[:-1]] + last if end > 1 else last
    return sums


def _moved(values: Tensor, by: int) -> Tensor:
    """values[x + by], zero past the ends."""
    return functional.pad(values, (-by, by)) if by else values


def _row_maximum(values: Tensor) -> Tensor:
    """Maximum of rows 2 i and 2 i + 1."""
    count, filters, rows, length = values.shape
    first, second = values.view(count, filters, rows // 2, 2, length).unbind(3)
    return _larger(first, second)


def _larger(one: Tensor, other: Tensor) -> Tensor:
    """The maximum, and the first of two that are equal, as a pool takes it."""
    larger: Tensor = _Larger.apply(one, other)  # type: ignore[no-untyped-call]
    return larger


class _Larger(torch.autograd.Function):
    """torch.maximum shares the gradient between equals and takes three times as long backward."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor) -> Tensor:
        ctx.save_for_backward(one >= other)
        return torch.maximum(one, other)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (first,) = ctx.saved_tensors
        mine = gradient * first
        return mine, gradient - mine


def patches_of(strips: Tensor, patch: int) -> Iterator[Tensor]:
    """Each strip's patches (x - patch + 1, band, patch, patch), for comparison."""
    for strip in strips:
        yield strip.unfold(2, patch, 1).permute(2, 0, 1, 3)
