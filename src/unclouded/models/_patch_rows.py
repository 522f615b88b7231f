"""The patch network on all patches of a row at once: the overlap is computed once, forward and backward.

A row's patches share their rows of pixels, so that zeros beyond a patch's upper and lower rim are those of
an ordinary convolution. Along the row, a feature depends on where its cell lies in the patch only through
the rim that it touches. So each layer holds one map for each *class* of cell (first, inner, last), dense over
all positions, as docs/explain/dense-patchcnn.md derives for inference; here it is for one axis.

Maps lie in memory as (class, row, channel, x), with a row of zeros above and below: three rows of all
channels are then one matrix, without a copy, and a convolution is one product of matrices a row. A map moved
along x is the same memory read a few numbers further on. What that brings in past the ends of a row is of no
patch, so it is never looked at and its gradient is zero; only finite it must be, which is why buffers have
room for it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unclouded.core.errors import OptionError
from unclouded.models.patchcnn import PatchCnn

_Tap = tuple[int, int]
"""Class of the neighbour, and element of the kernel."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How the cells of one layer come about, along the row."""

    step: int
    """Size of an input cell, px."""
    columns: tuple[range, ...]
    """By input class: elements of the kernel that meet it."""
    variants: tuple[tuple[_Tap, ...], ...]
    """Sums of taps that stay inside the patch: different for cells at its rim."""
    pairs: tuple[tuple[int, int], ...]
    """By output class: variants of the two cells that are pooled."""
    cells: tuple[int, ...]
    """Output class of each cell of a patch."""


@cache
def _plan(cells: tuple[int, ...], step: int) -> _Plan:
    taps = [_taps(cells, position) for position in range(len(cells))]
    variants = tuple(dict.fromkeys(taps))
    numbers = [variants.index(item) for item in taps]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    distinct = tuple(dict.fromkeys(pairs))
    met = {tap for variant in variants for tap in variant}
    met_by = [[k for of, k in met if of == kind] for kind in range(max(cells) + 1)]
    columns = tuple(range(min(ks), max(ks) + 1) for ks in met_by)
    placed = tuple(distinct.index(pair) for pair in pairs)
    return _Plan(step=step, columns=columns, variants=variants, pairs=distinct, cells=placed)


def _taps(cells: Sequence[int], position: int) -> tuple[_Tap, ...]:
    inside = (k for k in range(3) if 0 <= position + k - 1 < len(cells))
    return tuple((cells[position + k - 1], k) for k in inside)


def row_logits(network: PatchCnn, strips: Tensor) -> Tensor:
    """Logits (n, x - patch + 1) of strips (n, band, patch, x): one for each patch, in order.

    Raises:
        OptionError: the network has batch normalisation, whose statistics belong to single patches.
    """
    config = network.config
    if config.batch_norm:
        raise OptionError("rows of patches: expected a patchcnn without batch_norm, found one with it")
    number, bands, patch, length = strips.shape
    side_by_side = strips.permute(2, 1, 0, 3).reshape(1, patch, bands, number * length)
    maps, cells = functional.pad(side_by_side, (0, 0, 0, 0, 1, 1)), (0,) * patch
    for level, block in enumerate(network.blocks):
        conv, activation = block[0], block[1]  # type: ignore[index]
        slope = float(getattr(activation, "negative_slope", 0.0))
        plan = _plan(cells, 2**level)
        maps, cells = _layer(maps, conv.weight, conv.bias, plan, slope), plan.cells
    step, count = patch // len(cells), length - patch + 1
    by_strip = maps[:, 1:-1].view(len(maps), -1, config.filters, number, length)
    columns = [by_strip[kind, ..., step * i : step * i + count] for i, kind in enumerate(cells)]
    # (row, column, filter, n, x) -> (n x, row column filter), as Keras flattens
    features = torch.stack(columns, dim=1).flatten(3).flatten(0, 2).t()
    return _head(network.head, features).view(number, count)


def _head(layers: nn.Sequential, features: Tensor) -> Tensor:
    """The dense layers. Dropout from uniform numbers: drawn in a third of the time that torch's takes."""
    maps = features
    for layer in layers:
        if isinstance(layer, nn.Dropout) and layer.training and layer.p:
            maps = maps * torch.rand_like(maps).ge_(layer.p).div_(1 - layer.p)
        else:
            maps = layer(maps)
    return maps


def _layer(maps: Tensor, weight: Tensor, bias: Tensor, plan: _Plan, slope: float) -> Tensor:
    """(class, row + 2, channel, x) -> (class, row / 2 + 2, filter, x), the first and last row zeros."""
    out: Tensor = _Layer.apply(maps, weight, bias, plan, slope)  # type: ignore[no-untyped-call]
    return out


class _Layer(torch.autograd.Function):
    """Convolution, 2 x 2 pool, activation.

    Bias and activation rise with their argument, so they may follow the maximum, on a quarter of the numbers.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes them by position
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, plan: _Plan, slope: float
    ) -> Tensor:
        """As `_layer`."""
        filters, half, length = len(weight), maps.shape[1] // 2 - 1, maps.shape[-1]
        products = _products(maps, weight, plan)
        shape = len(plan.variants), half, filters, length
        higher, below = _room([shape], maps, plan)[0], maps.new_empty(shape)
        # one after the other in the same memory: it stays in the cache
        for variant, difference, larger in zip(plan.variants, below, higher, strict=True):
            upper, lower = _sum(products, variant, plan, filters).view(half, 2, filters, length).unbind(1)
            torch.sub(lower, upper, out=difference)
            torch.maximum(upper, lower, out=larger)
        out = _rimmed(maps.new_empty(len(plan.pairs), half + 2, filters, length))
        inner, ahead = out[:, 1:-1], maps.new_empty(len(plan.pairs), half, filters, length)
        for pair, (first, second) in enumerate(plan.pairs):
            later = _moved(higher[second], plan.step)
            torch.sub(later, higher[first], out=ahead[pair])
            torch.maximum(higher[first], later, out=inner[pair])
        functional.leaky_relu_(inner.add_(bias[:, None]), slope)
        ctx.save_for_backward(maps, weight, out, below, ahead)
        ctx.plan, ctx.slope = plan, slope
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        """Gradients of maps, weight and bias."""
        maps, weight, out, below, ahead = ctx.saved_tensors
        plan: _Plan = ctx.plan
        # `out` has the sign of what went into the activation
        inner = torch.ops.aten.leaky_relu_backward(gradient, out, ctx.slope, self_is_result=True)[:, 1:-1]
        products = _unsummed(_unpooled(inner, ahead, plan), below, maps, plan)
        return (
            _gradient_of_maps(maps, weight, products, plan) if ctx.needs_input_grad[0] else None,
            _gradient_of_weight(maps, weight, products, plan),
            inner.sum((0, 1, 3)),
            None,
            None,
        )


def _products(maps: Tensor, weight: Tensor, plan: _Plan) -> list[Tensor]:
    """Each class's map times each column of the kernel that meets it: (row, column filter, x)."""
    rows, length = maps.shape[1] - 2, maps.shape[-1]
    filters = len(weight)
    kernels = weight.permute(3, 0, 2, 1).reshape(3, filters, -1)
    found = _room([(rows, len(ks) * filters, length) for ks in plan.columns], maps, plan)
    for kind, (columns, out) in enumerate(zip(plan.columns, found, strict=True)):
        kernel = kernels[columns.start : columns.stop].flatten(0, 1)
        torch.bmm(kernel.expand(rows, -1, -1), _threes(maps[kind]), out=out)
    return found


def _sum(products: Sequence[Tensor], variant: Sequence[_Tap], plan: _Plan, filters: int) -> Tensor:
    """A variant at all positions, each of its taps moved to its cell: (row, filter, x)."""
    return _total([_part(products, tap, plan, filters) for tap in variant])


def _total(parts: Sequence[Tensor]) -> Tensor:
    """The sum; of one, itself."""
    if len(parts) == 1:
        return parts[0]
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    return total


def _part(products: Sequence[Tensor], tap: _Tap, plan: _Plan, filters: int) -> Tensor:
    """What a tap adds to the cell at each position, on the products' memory."""
    kind, k = tap
    place = plan.columns[kind].index(k) * filters
    return _moved(products[kind][:, place : place + filters], (k - 1) * plan.step)


def _unpooled(gradient: Tensor, ahead: Tensor, plan: _Plan) -> list[Tensor]:
    """Gradient of the maxima along the row, by output class -> of what they were taken of, by variant."""
    (others,) = _room([tuple(ahead.shape)], ahead, plan)
    torch.ops.aten.threshold_backward.grad_input(gradient, ahead, 0, grad_input=others)
    # of two that are equal the first has it, as in a pool
    firsts = gradient - others
    given: list[list[Tensor]] = [[] for _ in plan.variants]
    for mine, other, (first, second) in zip(firsts, others, plan.pairs, strict=True):
        given[first].append(mine)
        given[second].append(_moved(other, -plan.step))
    return [_total(parts) for parts in given]


def _unsummed(higher: Sequence[Tensor], below: Tensor, maps: Tensor, plan: _Plan) -> list[Tensor]:
    """Gradient of the maxima of two rows, by variant -> of the products, by class, a row of zeros around."""
    _, half, filters, length = below.shape
    found = _room([(2 * half + 2, filters * len(ks), length) for ks in plan.columns], maps, plan)
    inner = [_rimmed(product[None])[0, 1:-1] for product in found]
    rows = below.new_empty(half, 2, filters, length)
    whole, (upper, lower) = rows.flatten(0, 1), rows.unbind(1)
    begun: set[_Tap] = set()
    for variant, given, difference in zip(plan.variants, higher, below, strict=True):
        torch.ops.aten.threshold_backward.grad_input(given, difference, 0, grad_input=lower)
        torch.sub(given, lower, out=upper)
        for tap in variant:
            if tap in begun:
                _part(inner, tap, plan, filters).add_(whole)
            else:
                _begin(inner, tap, plan, whole)
        begun.update(variant)
    return found


def _begin(products: Sequence[Tensor], tap: _Tap, plan: _Plan, values: Tensor) -> None:
    """Write a tap's gradient, moved to where the tap was read, on memory that holds nothing yet."""
    kind, k = tap
    filters, by = values.shape[1], (k - 1) * plan.step
    place = plan.columns[kind].index(k) * filters
    part, length = products[kind][:, place : place + filters], values.shape[-1]
    part.narrow(-1, max(by, 0), length - abs(by)).copy_(values.narrow(-1, max(-by, 0), length - abs(by)))
    if by:
        part.narrow(-1, 0 if by > 0 else length + by, abs(by)).zero_()


def _gradient_of_maps(maps: Tensor, weight: Tensor, products: Sequence[Tensor], plan: _Plan) -> Tensor:
    found = _rimmed(torch.empty_like(maps))
    # (channel, row, column, filter), rows upside down: a row has given to the one before, itself, the next
    kernels = weight.flip(2).permute(1, 2, 3, 0)
    for inner, product, columns in zip(found[:, 1:-1], products, plan.columns, strict=True):
        kernel = kernels[:, :, columns.start : columns.stop].flatten(1)
        torch.bmm(kernel.expand(len(inner), -1, -1), _threes(product), out=inner)
    return found


def _gradient_of_weight(maps: Tensor, weight: Tensor, products: Sequence[Tensor], plan: _Plan) -> Tensor:
    found = torch.zeros_like(weight)
    for rows, product, columns in zip(maps, products, plan.columns, strict=True):
        total = torch.bmm(_threes(rows), product[1:-1].transpose(1, 2)).sum(0)
        shaped = total.view(3, -1, len(columns), len(weight)).permute(3, 1, 0, 2)
        found[..., columns.start : columns.stop] += shaped
    return found


def _threes(rows: Tensor) -> Tensor:
    """(row + 2, channel, x) -> (row, 3 channel, x): each row with the one before and after; no copy."""
    count, channels, length = rows.shape
    return rows.as_strided((count - 2, 3 * channels, length), (channels * length, length, 1))


def _rimmed(maps: Tensor) -> Tensor:
    """The maps (class, row, channel, x), their first and last rows set to zero."""
    maps[:, 0].zero_()
    maps[:, -1].zero_()
    return maps


def _room(shapes: Sequence[tuple[int, ...]], like: Tensor, plan: _Plan) -> list[Tensor]:
    """Memory one after the other, to be filled; past its ends are zeros, to be read when moved by a cell."""
    sizes, step = (math.prod(shape) for shape in shapes), plan.step
    ends = list(accumulate(sizes, initial=step))
    whole = like.new_empty(ends[-1] + step)
    whole[:step].zero_()
    whole[-step:].zero_()
    return [whole[a:b].view(shape) for (a, b), shape in zip(pairwise(ends), shapes, strict=True)]


def _moved(values: Tensor, by: int) -> Tensor:
    """values[x + by], on the same memory."""
    return values.as_strided(values.shape, values.stride(), values.storage_offset() + by)


def patches_of(strips: Tensor, patch: int) -> Iterator[Tensor]:
    """Each strip's patches (x - patch + 1, band, patch, patch), for comparison."""
    for strip in strips:
        yield strip.unfold(2, patch, 1).permute(2, 0, 1, 3)
