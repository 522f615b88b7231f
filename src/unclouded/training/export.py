"""From a trained network to one ONNX file that carries its ModelSpec and needs no torch to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from onnx import ModelProto, checker, helper
from torch import Tensor, nn

from unclouded.core.errors import ModelError
from unclouded.core.spec import METADATA_KEY, ModelSpec
from unclouded.models.patchcnn import LEAKY_SLOPE, PatchCnn
from unclouded.training._dense import INPUT, ConvLayer, PatchWeights, dense_model, patch_model

TOLERANCE = 1e-5
"""Largest difference between the file's probabilities and the network's that is let pass."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How closely a file repeats the network that it was made from."""

    largest: float
    """Largest difference of a probability."""
    pixels: int
    """How many were compared."""


def weights_of(network: PatchCnn) -> PatchWeights:
    """The network's weights as arrays, batch normalisation reduced to scale and shift."""
    config = network.config
    dense = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    return PatchWeights(
        patch=config.patch,
        convs=tuple(_conv_layer(cast(nn.Sequential, block)) for block in network.blocks),
        dense=tuple((_array(layer.weight), _array(layer.bias)) for layer in dense),
        slope=LEAKY_SLOPE if config.activation == "leaky_relu" else 0.0,
    )


def to_onnx(network: PatchCnn, spec: ModelSpec) -> bytes:
    """The dense evaluation of the network as an ONNX file with the spec in its metadata.

    Raises:
        ModelError: the spec's bands, margin or halo are not the network's.
    """
    _check_spec(network, spec)
    model = dense_model(weights_of(network))
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    return _serialised(model)


def to_patch_onnx(network: PatchCnn) -> bytes:
    """The network as defined, one patch at a time (n, band, patch, patch): what benchmarks compare with."""
    return _serialised(patch_model(weights_of(network)))


def compare_with_torch(file: bytes, network: PatchCnn, scenes: Sequence[Floats]) -> Agreement:
    """The dense file against the torch network patch by patch, at every pixel of scenes (band, y, x).

    Raises:
        ModelError: they differ by more than `TOLERANCE`.
    """
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    largest, pixels = 0.0, 0
    for scene in scenes:
        found = session.run(None, {INPUT: scene[None]})[0][0, 1]
        expected = patchwise(network, scene)
        largest = max(largest, float(np.abs(found - expected).max()))
        pixels += found.size
    if not largest <= TOLERANCE:
        raise ModelError(
            f"exported model: expected probabilities within {TOLERANCE:g} of the network's, "
            f"found a difference of {largest:g}; report it with the checkpoint"
        )
    return Agreement(largest=largest, pixels=pixels)


@torch.no_grad()
def patchwise(network: PatchCnn, scene: Floats) -> Floats:
    """Probability of cloud (y - patch, x - patch), each pixel from its own patch of a scene (band, y, x)."""
    network.eval()
    side = network.config.patch
    windows = np.lib.stride_tricks.sliding_window_view(scene, (side, side), axis=(1, 2))[:, :-1, :-1]
    rows = [network(torch.from_numpy(row.transpose(1, 0, 2, 3).copy())) for row in windows.swapaxes(0, 1)]
    return _array(torch.sigmoid(torch.stack(rows)))


def _check_spec(network: PatchCnn, spec: ModelSpec) -> None:
    half = network.config.halo_px
    expected = (network.config.bands, half, half, 2)
    found = (spec.bands, spec.margin_px, spec.halo_px, len(spec.classes))
    if expected != found:
        raise ModelError(
            f"model {spec.name}: expected a spec with bands, margin, halo and classes {expected}, "
            f"found {found}; write the spec for this network"
        )


def _conv_layer(block: nn.Sequential) -> ConvLayer:
    conv = next(layer for layer in block if isinstance(layer, nn.Conv2d))
    norms = [_affine(layer) for layer in block if isinstance(layer, nn.BatchNorm2d)]
    return ConvLayer(
        weight=_array(conv.weight), bias=_array(cast(Tensor, conv.bias)), norm=norms[0] if norms else None
    )


def _affine(norm: nn.BatchNorm2d) -> tuple[Floats, Floats]:
    """Scale and shift of a normalisation with its running statistics."""
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    return _array(scale), _array(norm.bias - mean * scale)


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.float32)


def _serialised(model: ModelProto) -> bytes:
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
