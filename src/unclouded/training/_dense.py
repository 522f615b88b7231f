"""The patch network evaluated at every pixel without cutting patches: one ONNX graph, exact.

A patch sees zeros beyond its rim, so the value of a feature depends on where its cell lies in the patch,
but only through the rim that it touches: a few cases, alike and independent on rows and columns. For one
axis, `a` the position of a cell's first pixel and `d` the size of a cell (1, 2, 4 before each pool):

- A convolution at a cell adds the kernel's taps whose neighbour lies inside the patch. Cells that add the
  same taps of the same inputs are one *variant*: first, inner and last cells differ.
- A pool takes two neighbouring cells: max(u(a), w(a + d)). Cells with the same pair (u, w) are one *class*;
  for a 16-pixel patch there are three classes after each of the first two pools, two after the third.

So every layer holds one map for each pair of row class and column class, dense over all positions. Such a
map is one dilated convolution of the maps it draws on, shifted so that `u(a)` and `w(a + d)` fall on the
same pixel, with a weight of zero where a tap is dropped, followed by a maximum over the variants: zeros at
a patch's rim are never read. The patch at (y, x) has the features (class of cell i at y + 8 i, …), which go
through the dense layers as 1 x 1 convolutions. docs/explain/dense-patchcnn.md derives it with figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper

from unclouded.training._dense_axis import AxisClass, axis_classes
from unclouded.training._graph import INPUT, IR_VERSION, OPSET, OUTPUT, Graph

_TO_THE_END = 2**31 - 1

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """One [convolution, activation, normalisation, pool] of the network."""

    weight: Floats
    """(filter, channel, 3, 3)."""
    bias: Floats
    """(filter,)."""
    norm: tuple[Floats, Floats] | None = None
    """Scale and shift (filter,) that follow the activation."""


@dataclass(frozen=True, kw_only=True)
class PatchWeights:
    """Everything that defines the network's output, as arrays."""

    patch: int
    convs: tuple[ConvLayer, ...]
    dense: tuple[tuple[Floats, Floats], ...]
    """(weight (out, in), bias (out,)), the inputs of the first in the order (row, column, channel)."""
    slope: float = 0.0
    """Slope of the activation below zero: 0 for ReLU."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Positions of one axis that a map covers: `start` to the scene's size less `trim`, px."""

    start: int = 0
    trim: int = 0


@dataclass(frozen=True, kw_only=True)
class Map:
    """A tensor (n, channel, y, x) and the positions that it covers."""

    name: str
    rows: Span = Span()
    cols: Span = Span()


def dense_model(weights: PatchWeights) -> ModelProto:
    """The network at every pixel: reflectance (n, band, y, x) -> [1 - p, p] (n, 2, y - patch, x - patch).

    The output's first pixel is the input's at (patch / 2, patch / 2). Each side of the input must be
    longer than the patch.
    """
    graph = Graph()
    maps = _first_maps(graph, weights.convs[0], weights.slope)
    _, cells = axis_classes((0,) * weights.patch)
    for level, layer in enumerate(weights.convs[1:], start=1):
        classes, pooled = axis_classes(cells)
        maps = {
            (row, col): _layer_map(
                graph, layer, maps, (classes[row], classes[col]), step=2**level, slope=weights.slope
            )
            for row, col in product(range(len(classes)), repeat=2)
        }
        cells = pooled
    logits = _head(graph, weights, _features(graph, weights.patch, maps, cells))
    _probabilities(graph, logits)
    return _model(graph, channels=weights.convs[0].weight.shape[1])


def patch_model(weights: PatchWeights) -> ModelProto:
    """The network as it is defined: patches (n, band, patch, patch) -> [1 - p, p] (n, 2, 1, 1)."""
    graph = Graph()
    name = INPUT
    for layer in weights.convs:
        name = graph.op("Conv", [name, graph.const(layer.weight), graph.const(layer.bias)], pads=[1, 1, 1, 1])
        name = _normalised(graph, _activated(graph, name, weights.slope), layer, variants=1)
        name = graph.op("MaxPool", [name], kernel_shape=[2, 2], strides=[2, 2])
    side = weights.patch // 2 ** len(weights.convs)
    flat = graph.op("Transpose", [name], perm=[0, 2, 3, 1])
    flat = graph.op("Reshape", [flat, graph.ints([-1, weights.dense[0][0].shape[1], 1, 1])])
    _probabilities(graph, _head(graph, weights, flat))
    return _model(graph, channels=weights.convs[0].weight.shape[1], side=side * 2 ** len(weights.convs))


# What each element of the first layer's 3-kernel is, for first, inner and last cells. First and last cells
# are moved by one so that each lies on the inner cell that it is pooled with: first(a) on inner(a + 1).
_FIRST_KERNELS = ({0: 1, 1: 2}, {0: 0, 1: 1, 2: 2}, {1: 0, 2: 1})


def _first_maps(graph: Graph, layer: ConvLayer, slope: float) -> dict[tuple[int, int], Map]:
    """The maps of the first layer: all have one source, so that one convolution serves all nine.

    A third of the multiplications of nine convolutions with their own variants, and no input is copied.
    """
    filters, channels = layer.weight.shape[:2]
    kernel = np.zeros((3, 3, filters, channels, 3, 3), np.float32)
    for (i, down), (j, across) in product(enumerate(_FIRST_KERNELS), repeat=2):
        for (y, from_y), (x, from_x) in product(down.items(), across.items()):
            kernel[i, j, :, :, y, x] = layer.weight[:, :, from_y, from_x]
    inputs = [INPUT, graph.const(kernel.reshape(-1, channels, 3, 3)), graph.const(np.tile(layer.bias, 9))]
    name = _activated(graph, graph.op("Conv", inputs, kernel_shape=[3, 3]), slope)
    if layer.norm is not None:
        name = _scaled(graph, name, *(np.tile(value, 9) for value in layer.norm))
    inside = Span(start=1, trim=1)
    by_row = _pooled_thirds(graph, Map(name=name, rows=inside, cols=inside), along_rows=True)
    return {
        (row, col): item
        for row, third in enumerate(by_row)
        for col, item in enumerate(_pooled_thirds(graph, third, along_rows=False))
    }


def _pooled_thirds(graph: Graph, item: Map, *, along_rows: bool) -> tuple[Map, Map, Map]:
    """Classes first, inner and last of one axis, out of the thirds of a map's channels."""
    first, inner, last = graph.split(item.name, 3)
    early = Span(start=0, trim=2)
    return (
        Map(
            name=graph.op("Max", [first, inner]),
            rows=early if along_rows else item.rows,
            cols=item.cols if along_rows else early,
        ),
        _pooled(graph, replace(item, name=inner), 1, along_rows=along_rows, along_cols=not along_rows),
        replace(item, name=graph.op("Max", [inner, last])),
    )


def _layer_map(
    graph: Graph,
    layer: ConvLayer,
    maps: Mapping[tuple[int, int], Map],
    kind: tuple[AxisClass, AxisClass],
    *,
    step: int,
    slope: float,
) -> Map:
    """The map of one pair of classes after convolution, activation and pool; `step` is a cell, px."""
    rows, cols = kind
    sources = list(product(rows.base, cols.base))
    span_r = _common_span(
        [maps[source].rows for source in sources], [rows.base[r] for r, _ in sources], rows.reach, step
    )
    span_c = _common_span(
        [maps[source].cols for source in sources], [cols.base[c] for _, c in sources], cols.reach, step
    )
    parts = [
        _cropped(
            graph,
            maps[r, c],
            _moved(span_r, rows.base[r], rows.reach, step),
            _moved(span_c, cols.base[c], cols.reach, step),
        )
        for r, c in sources
    ]
    kernel, bias = _kernel(layer, kind, sources)
    name = graph.op(
        "Conv",
        [_joined(graph, parts), graph.const(kernel), graph.const(bias)],
        dilations=[step, step],
        kernel_shape=[rows.reach, cols.reach],
    )
    variants = len(rows.variants) * len(cols.variants)
    name = _normalised(graph, _activated(graph, name, slope), layer, variants=variants)
    pooled = Map(name=_strongest(graph, name, variants), rows=span_r, cols=span_c)
    return _pooled(graph, pooled, step, along_rows=rows.moved, along_cols=cols.moved)


def _kernel(
    layer: ConvLayer, kind: tuple[AxisClass, AxisClass], sources: Sequence[tuple[int, int]]
) -> tuple[Floats, Floats]:
    """Weights (filter x variant, source x channel, y, x) with zeros for dropped taps, and biases."""
    rows, cols = kind
    filters, channels = layer.weight.shape[:2]
    variants = list(product(rows.variants, cols.variants))
    kernel = np.zeros((filters, len(variants), len(sources), channels, rows.reach, cols.reach), np.float32)
    for place, (down, across) in enumerate(variants):
        for r, c in product(down, across):
            source = sources.index((r.of, c.of))
            at = (r.offset - rows.base[r.of], c.offset - cols.base[c.of])
            kernel[:, place, source, :, at[0], at[1]] = layer.weight[:, :, r.k, c.k]
    shape = (filters * len(variants), len(sources) * channels, rows.reach, cols.reach)
    return kernel.reshape(shape), np.repeat(layer.bias, len(variants))


def _common_span(spans: Sequence[Span], bases: Sequence[int], reach: int, step: int) -> Span:
    """Anchors at which every source can be read by the whole kernel."""
    last = [base + reach - 1 for base in bases]
    return Span(
        start=max(span.start - base * step for span, base in zip(spans, bases, strict=True)),
        trim=max(span.trim + end * step for span, end in zip(spans, last, strict=True)),
    )


def _moved(anchors: Span, base: int, reach: int, step: int) -> Span:
    """What a kernel reads of a source for these anchors."""
    return Span(start=anchors.start + base * step, trim=anchors.trim - (base + reach - 1) * step)


def _cropped(graph: Graph, item: Map, rows: Span, cols: Span) -> str:
    """The part of a map that covers these spans."""
    wanted = [(2, item.rows, rows), (3, item.cols, cols)]
    cuts = [(axis, to.start - have.start, have.trim - to.trim) for axis, have, to in wanted if have != to]
    if not cuts:
        return item.name
    axes, starts, ends = zip(*cuts, strict=True)
    inputs = [starts, [end if end < 0 else _TO_THE_END for end in ends], axes]
    return graph.op("Slice", [item.name, *(graph.ints(values) for values in inputs)])


def _joined(graph: Graph, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else graph.op("Concat", parts, axis=1)


def _activated(graph: Graph, name: str, slope: float) -> str:
    return graph.op("LeakyRelu", [name], alpha=slope) if slope else graph.op("Relu", [name])


def _normalised(graph: Graph, name: str, layer: ConvLayer, *, variants: int) -> str:
    if layer.norm is None:
        return name
    return _scaled(graph, name, *(np.repeat(value, variants) for value in layer.norm))


def _scaled(graph: Graph, name: str, scale: Floats, shift: Floats) -> str:
    scaled = graph.op("Mul", [name, graph.const(scale[:, None, None])])
    return graph.op("Add", [scaled, graph.const(shift[:, None, None])])


def _strongest(graph: Graph, name: str, variants: int) -> str:
    """The maximum over each filter's variants, which are neighbours among the channels.

    A pool that takes the channels for depth: the runtime does it in one pass, where splitting the
    channels and comparing the parts takes three times as long (benchmarks/dense_patchcnn.py).
    """
    if variants == 1:
        return name
    deep = graph.op("Unsqueeze", [name, graph.ints([1])])
    deep = graph.op("MaxPool", [deep], kernel_shape=[variants, 1, 1], strides=[variants, 1, 1])
    return graph.op("Squeeze", [deep, graph.ints([1])])


def _pooled(graph: Graph, item: Map, step: int, *, along_rows: bool, along_cols: bool) -> Map:
    """Max of a map and itself a cell further, along the axes where the pool's two cells are alike."""
    if along_rows:
        near, far = Span(start=item.rows.start, trim=item.rows.trim + step), _later(item.rows, step)
        pair = [_cropped(graph, item, near, item.cols), _cropped(graph, item, far, item.cols)]
        item = Map(name=graph.op("Max", pair), rows=near, cols=item.cols)
    if along_cols:
        near, far = Span(start=item.cols.start, trim=item.cols.trim + step), _later(item.cols, step)
        pair = [_cropped(graph, item, item.rows, near), _cropped(graph, item, item.rows, far)]
        item = Map(name=graph.op("Max", pair), rows=item.rows, cols=near)
    return item


def _later(span: Span, step: int) -> Span:
    return Span(start=span.start + step, trim=span.trim)


def _features(graph: Graph, patch: int, maps: Mapping[tuple[int, int], Map], cells: Sequence[int]) -> str:
    """Features of every patch, channels in the order (row, column, channel)."""
    cell = patch // len(cells)
    # patch origins 0 … size - patch - 1: one fewer than fit, so that both sides lose half a patch
    spans = [Span(start=cell * index, trim=patch - cell * index) for index in range(len(cells))]
    numbered = list(enumerate(cells))
    return _joined(
        graph,
        [
            _cropped(graph, maps[row, col], spans[i], spans[j])
            for (i, row), (j, col) in product(numbered, repeat=2)
        ],
    )


def _head(graph: Graph, weights: PatchWeights, features: str) -> str:
    name = features
    for position, (weight, bias) in enumerate(weights.dense):
        if position:
            name = graph.op("Relu", [name])
        inputs = [name, graph.const(np.ascontiguousarray(weight[:, :, None, None])), graph.const(bias)]
        name = graph.op("Conv", inputs, kernel_shape=[1, 1])
    return name


def _probabilities(graph: Graph, logits: str) -> None:
    cloud = graph.op("Sigmoid", [logits])
    clear = graph.op("Sub", [graph.const(np.ones(1, np.float32)), cloud])
    graph.nodes.append(helper.make_node("Concat", [clear, cloud], [OUTPUT], axis=1))


def _model(graph: Graph, *, channels: int, side: int | None = None) -> ModelProto:
    size = ["y", "x"] if side is None else [side, side]
    inner = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", channels, *size])
    outer = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 2, "out_y", "out_x"])
    body = helper.make_graph(graph.nodes, "patchcnn", [inner], [outer], list(graph.constants.values()))
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(body, opset_imports=[opset], ir_version=IR_VERSION, producer_name="unclouded")
