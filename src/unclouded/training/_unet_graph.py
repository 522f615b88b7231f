"""The U-Net as an ONNX graph: normalisations folded into convolutions, softmax at the end."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from unclouded.models.unet import HIGHEST, LOWEST, STEM_STRIDE, Block, Config, UNet, build
from unclouded.training._graph import INPUT, IR_VERSION, OPSET, OUTPUT, PRESENCE, Graph

Floats = npt.NDArray[np.float32]


def unet_model(network: UNet, *, optional: bool = True) -> ModelProto:
    """Reflectance (n, band, y, x) and presence (n, band), 1 or 0, -> probabilities (n, class, y, x).

    Args:
        optional: whether bands may be absent; if not, the graph has one input and takes them all for there.
    """
    graph = Graph()
    name = _entered(graph, network, optional=optional)
    skips = []
    for stage, blocks in enumerate(network.stages):
        if stage:
            down = cast(nn.Sequential, network.downs[stage - 1])
            name = graph.op("Relu", [_folded(graph, name, cast(nn.Sequential, down[0]))])
        for block in cast(nn.Sequential, blocks):
            name = _block(graph, name, cast(Block, block))
        skips.append(name)
    for stage in reversed(range(len(network.mends))):
        narrowed = _doubled(
            graph, _folded(graph, name, cast(nn.Sequential, network.narrows[stage])), "nearest"
        )
        name = graph.op("Relu", [graph.op("Add", [narrowed, skips[stage]])])
        name = _block(graph, name, cast(Block, network.mends[stage]))
    name = _conv(
        graph, name, network.head, _array(network.head.weight), _array(cast(Tensor, network.head.bias))
    )
    if network.config.head == "shuffle":
        name = graph.op("DepthToSpace", [name], blocksize=STEM_STRIDE, mode="CRD")
    else:
        name = _doubled(graph, name, "linear")
    _softmax(graph, name)
    return _model(graph, network, optional=optional)


def unet_of(model: ModelProto, config: Config) -> UNet:
    """The network that `unet_model` was given, with normalisations that change nothing.

    Raises:
        ValueError: the graph is not that of this network.
    """
    network = build(config)
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    convs = iter([node for node in model.graph.node if node.op_type == "Conv"])
    with torch.no_grad():
        _unfold(network.stem, values, next(convs))
        _restore_presence(network, values, (next(convs), next(convs)))
        for pair in _pairs(network):
            _unfold(pair, values, next(convs))
        last = next(convs)
        network.head.weight.copy_(torch.from_numpy(values[last.input[1]].copy()))
        cast(Tensor, network.head.bias).copy_(torch.from_numpy(values[last.input[2]].copy()))
    if next(convs, None) is not None:
        raise ValueError("more convolutions than the network has")
    return network.eval()


def _pairs(network: UNet) -> Iterator[nn.Sequential]:
    """Convolutions with their normalisations in the order of the graph, but the first."""
    for stage, blocks in enumerate(network.stages):
        if stage:
            yield cast(nn.Sequential, cast(nn.Sequential, network.downs[stage - 1])[0])
        for block in cast(nn.Sequential, blocks):
            yield from _of_block(cast(Block, block))
    for stage in reversed(range(len(network.mends))):
        yield cast(nn.Sequential, network.narrows[stage])
        yield from _of_block(cast(Block, network.mends[stage]))


def _of_block(block: Block) -> Iterator[nn.Sequential]:
    yield block.spatial
    if block.point is not None:
        yield block.point


def _unfold(pair: nn.Sequential, values: dict[str, Floats], node: NodeProto) -> None:
    """A convolution takes the weights, its normalisation the bias; mean 0, variance 1 but for epsilon."""
    conv, norm = cast(nn.Conv2d, pair[0]), cast(nn.BatchNorm2d, pair[1])
    weight = torch.from_numpy(values[node.input[1]].copy())
    if weight.shape != conv.weight.shape:
        raise ValueError(f"expected weights of {tuple(conv.weight.shape)}, found {tuple(weight.shape)}")
    conv.weight.copy_(weight)
    norm.weight.fill_(1)
    norm.bias.copy_(torch.from_numpy(values[node.input[2]].copy()))
    cast(Tensor, norm.running_mean).zero_()
    cast(Tensor, norm.running_var).fill_(1 - norm.eps)


def _restore_presence(network: UNet, values: dict[str, Floats], nodes: tuple[NodeProto, NodeProto]) -> None:
    """The layer that scales (1 + gain) and shifts, out of the two convolutions that it became."""
    weights = [values[node.input[1]][:, :, 0, 0] for node in nodes]
    gain, shift = (values[node.input[2]] for node in nodes)
    network.presence.weight.copy_(torch.from_numpy(np.concatenate(weights)))
    network.presence.bias.copy_(torch.from_numpy(np.concatenate([gain - 1, shift])))


def _entered(graph: Graph, network: UNet, *, optional: bool) -> str:
    """Cut, normalised, absent bands zero; the first convolution; scaled and shifted by the presence.

    (x - centre) / spread * presence is computed as x * gain - centre * gain with gain = presence / spread,
    one number a band: two passes over the pixels where there would be three.
    """
    spread, centre = (_array(values)[None, :, None, None] for values in (network.spread, network.centre))
    count = len(network.config.bands)
    if optional:
        there = graph.op("Reshape", [PRESENCE, graph.ints([-1, count, 1, 1])])
    else:
        there = graph.const(np.ones((1, count, 1, 1), np.float32))
    gain = graph.op("Mul", [there, graph.const(np.ascontiguousarray(1 / spread))])
    shift = graph.op("Mul", [gain, graph.const(np.ascontiguousarray(centre))])
    low, high = (graph.const(np.array(value, np.float32)) for value in (LOWEST, HIGHEST))
    cut = graph.op("Clip", [INPUT, low, high])
    usual = graph.op("Sub", [graph.op("Mul", [cut, gain]), shift])
    maps = _folded(graph, usual, network.stem)
    weight, bias = _array(network.presence.weight), _array(network.presence.bias)
    half = len(bias) // 2
    scale, offset = (
        _conv(graph, there, None, np.ascontiguousarray(weight[part, :, None, None]), bias[part] + one)
        for part, one in ((slice(0, half), np.float32(1)), (slice(half, None), np.float32(0)))
    )
    return graph.op("Relu", [graph.op("Add", [graph.op("Mul", [maps, scale]), offset])])


def _block(graph: Graph, name: str, block: Block) -> str:
    found = _folded(graph, name, block.spatial)
    if block.point is not None:
        found = _folded(graph, graph.op("Relu", [found]), block.point)
    return graph.op("Relu", [graph.op("Add", [found, name])])


def _folded(graph: Graph, name: str, pair: nn.Sequential) -> str:
    """A convolution with the normalisation that follows it, as one convolution."""
    conv, norm = cast(nn.Conv2d, pair[0]), cast(nn.BatchNorm2d, pair[1])
    mean, variance = (cast(Tensor, value).double() for value in (norm.running_mean, norm.running_var))
    scale = norm.weight.double() / torch.sqrt(variance + norm.eps)
    weight = conv.weight.double() * scale[:, None, None, None]
    return _conv(graph, name, conv, _array(weight), _array(norm.bias.double() - mean * scale))


def _conv(graph: Graph, name: str, conv: nn.Conv2d | None, weight: Floats, bias: Floats) -> str:
    inputs = [name, graph.const(weight), graph.const(bias)]
    if conv is None:
        return graph.op("Conv", inputs, kernel_shape=[1, 1])
    (up, left), (down, right) = conv.stride, cast(tuple[int, int], conv.padding)
    return graph.op(
        "Conv",
        inputs,
        kernel_shape=list(conv.kernel_size),
        strides=[up, left],
        pads=[down, right, down, right],
        group=conv.groups,
    )


def _softmax(graph: Graph, logits: str) -> None:
    """The output: probabilities along the classes.

    In ONNX Runtime the operator of that name turns the array about first: 0.09 s a Mpx, a quarter of the
    whole network, where its five steps take 0.03.
    """
    highest = graph.op("ReduceMax", [logits], axes=[1])
    odds = graph.op("Exp", [graph.op("Sub", [logits, highest])])
    total = graph.op("ReduceSum", [odds, graph.ints([1])])
    graph.nodes.append(helper.make_node("Div", [odds, total], [OUTPUT]))


def _doubled(graph: Graph, name: str, mode: str) -> str:
    scales = graph.const(np.array([1, 1, 2, 2], np.float32))
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if mode == "linear":
        how = {"coordinate_transformation_mode": "half_pixel"}
    return graph.op("Resize", [name, "", scales], mode=mode, **how)


def _model(graph: Graph, network: UNet, *, optional: bool) -> ModelProto:
    bands, classes = len(network.config.bands), len(network.config.classes)
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", bands, "y", "x"])]
    if optional:
        inputs.append(helper.make_tensor_value_info(PRESENCE, TensorProto.FLOAT, ["n", bands]))
    outer = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", classes, "y", "x"])
    body = helper.make_graph(graph.nodes, "unet", inputs, [outer], list(graph.constants.values()))
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(body, opset_imports=[opset], ir_version=IR_VERSION, producer_name="unclouded")


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)
