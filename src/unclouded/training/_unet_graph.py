"""The U-Net as an ONNX graph: normalisations folded into convolutions, softmax at the end."""

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto, TensorProto, helper
from torch import Tensor, nn

from unclouded.models.unet import HIGHEST, LOWEST, STEM_STRIDE, Block, UNet
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
    graph.nodes.append(helper.make_node("Softmax", [name], [OUTPUT], axis=1))
    return _model(graph, network, optional=optional)


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
