"""From a trained network to one ONNX file that carries its ModelSpec and needs no torch to run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from onnx import ModelProto, checker, helper, load_from_string
from torch import Tensor, nn

from unclouded.core.errors import ModelError
from unclouded.core.spec import METADATA_KEY, ModelSpec
from unclouded.models.patchcnn import LEAKY_SLOPE, PatchCnn
from unclouded.models.smp import SmpNet
from unclouded.models.unet import Config as UNetConfig
from unclouded.models.unet import UNet
from unclouded.training._dense import ConvLayer, PatchWeights, dense_model, patch_model
from unclouded.training._graph import INPUT, PRESENCE
from unclouded.training._smp_graph import smp_model
from unclouded.training._unet_graph import unet_model, unet_of

TOLERANCE = 1e-4
"""Largest difference between the file's probabilities and the network's that is let pass: that of sums of
float32 in another order. After ten steps, on noise, it was 1.3e-5; a wrong graph differs by far more."""

NETWORK_KEY = "unclouded_network"
"""Metadata key of the options of the network that a file was exported from."""

Floats = npt.NDArray[np.float32]
Network = PatchCnn | UNet | SmpNet


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


def to_onnx(network: Network, spec: ModelSpec) -> bytes:
    """The network as an ONNX file with the spec in its metadata; patchcnn evaluated densely.

    A U-Net whose spec names optional bands takes `presence` (n, band) as a second input.

    Raises:
        ModelError: the spec's bands, classes, margin, halo or stride are not the network's.
    """
    _check_spec(network, spec)
    if isinstance(network, UNet):
        model = unet_model(network, optional=bool(spec.optional_bands))
        facts = {METADATA_KEY: spec.to_json(), NETWORK_KEY: json.dumps(asdict(network.config))}
    elif isinstance(network, SmpNet):
        model = smp_model(network, optional=bool(spec.optional_bands))
        facts = {METADATA_KEY: spec.to_json()}
    else:
        model = dense_model(weights_of(network))
        facts = {METADATA_KEY: spec.to_json()}
    helper.set_model_props(model, facts)
    return _serialised(model)


def network_of(content: bytes, *, where: str) -> UNet:
    """The U-Net that a file was exported from; its normalisations are folded and do nothing at first.

    Raises:
        ModelError: not an exported U-Net.
    """
    try:
        model = load_from_string(content)
        facts = {item.key: item.value for item in model.metadata_props}
        options = json.loads(facts[NETWORK_KEY])
        lists = {key: tuple(value) for key, value in options.items() if isinstance(value, list)}
        return unet_of(model, UNetConfig(**{**options, **lists}))
    except Exception as err:  # protobuf's own error has no public base that says so
        raise ModelError(
            f"{where}: expected an exported U-Net, whose weights can be taken up again, found another model; "
            "start from a checkpoint.pt"
        ) from err


def to_patch_onnx(network: PatchCnn) -> bytes:
    """The network as defined, one patch at a time (n, band, patch, patch): what benchmarks compare with."""
    return _serialised(patch_model(weights_of(network)))


def compare_with_torch(file: bytes, network: Network, scenes: Sequence[Floats]) -> Agreement:
    """The file against the torch network at every pixel of scenes (band, y, x).

    A patch network is run patch by patch, a U-Net with all bands and without every second one.

    Raises:
        ModelError: they differ by more than `TOLERANCE`.
    """
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    largest, pixels = 0.0, 0
    for found, expected in _pairs(session, network, scenes):
        largest = max(largest, float(np.abs(found - expected).max()))
        pixels += found[..., 0, :, :].size
    if not largest <= TOLERANCE:
        raise ModelError(
            f"exported model: expected probabilities within {TOLERANCE:g} of the network's, "
            f"found a difference of {largest:g}; report it with the checkpoint"
        )
    return Agreement(largest=largest, pixels=pixels)


def noise_for(network: Network, *, seed: int = 0, strides: int = 2) -> list[Floats]:
    """Two scenes (band, y, x) of noise over the range of reflectance, a few strides or patches a side."""
    if isinstance(network, PatchCnn):
        side = strides * network.config.patch + 5
    else:
        stride = network.config.stride_px
        side = (strides * stride + 5) // stride * stride
    noise = np.random.default_rng(seed).uniform(0, 1, (2, len(network.config.bands), side, side))
    return list(noise.astype(np.float32))


def _pairs(
    session: ort.InferenceSession, network: Network, scenes: Sequence[Floats]
) -> Iterator[tuple[Floats, Floats]]:
    """Probabilities (…, class, y, x) of the file and of the network, scene by scene."""
    if isinstance(network, PatchCnn):
        return _patchcnn_pairs(session, network, scenes)
    return _unet_pairs(session, network, scenes)


def _patchcnn_pairs(
    session: ort.InferenceSession, network: PatchCnn, scenes: Sequence[Floats]
) -> Iterator[tuple[Floats, Floats]]:
    for scene in scenes:
        yield session.run(None, {INPUT: scene[None]})[0][0, 1:], patchwise(network, scene)[None]


def _unet_pairs(
    session: ort.InferenceSession, network: UNet | SmpNet, scenes: Sequence[Floats]
) -> Iterator[tuple[Floats, Floats]]:
    names = {item.name for item in session.get_inputs()}
    every = np.ones((1, len(network.config.bands)), np.float32)
    half = every.copy()
    half[0, 1::2] = 0
    for scene in scenes:
        whole = trimmed(scene, network.config.stride_px)
        for presence in (every, half) if PRESENCE in names else (every,):
            given = {INPUT: whole[None], PRESENCE: presence}
            (found,) = session.run(None, {name: given[name] for name in names})
            yield found, unet_probabilities(network, whole[None], presence)


def trimmed(scene: Floats, stride: int) -> Floats:
    """The scene (band, y, x) without the last rows and columns that fill no stride."""
    height, width = (side // stride * stride for side in scene.shape[1:])
    return np.ascontiguousarray(scene[:, :height, :width])


@torch.no_grad()
def unet_probabilities(network: UNet | SmpNet, reflectance: Floats, presence: Floats) -> Floats:
    """Probabilities (n, class, y, x) of reflectance (n, band, y, x) and presence (n, band)."""
    network.eval()
    logits = network(torch.from_numpy(reflectance), torch.from_numpy(presence))
    return _array(torch.softmax(logits, dim=1))


@torch.no_grad()
def patchwise(network: PatchCnn, scene: Floats) -> Floats:
    """Probability of cloud (y - patch, x - patch), each pixel from its own patch of a scene (band, y, x)."""
    network.eval()
    side = network.config.patch
    windows = np.lib.stride_tricks.sliding_window_view(scene, (side, side), axis=(1, 2))[:, :-1, :-1]
    rows = [network(torch.from_numpy(row.transpose(1, 0, 2, 3).copy())) for row in windows.swapaxes(0, 1)]
    return _array(torch.sigmoid(torch.stack(rows)))


def _check_spec(network: Network, spec: ModelSpec) -> None:
    config = network.config
    expected: tuple[object, ...]
    found: tuple[object, ...]
    if isinstance(network, PatchCnn):
        expected = (config.bands, config.halo_px, config.halo_px, 2, 1)
        found = (spec.bands, spec.margin_px, spec.halo_px, len(spec.classes), spec.stride_px)
    else:
        expected = (config.bands, 0, config.halo_px, network.config.classes, network.config.stride_px)
        found = (spec.bands, spec.margin_px, spec.halo_px, spec.classes, spec.stride_px)
    if expected != found:
        raise ModelError(
            f"model {spec.name}: expected a spec with bands, margin, halo, classes and stride {expected}, "
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
