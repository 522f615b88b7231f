"""Weights that the original study's Keras network was saved with, as our patchcnn.

Read with h5py: HDF5 of whole models and of weights alone (`.hdf5`, `.h5`; Keras 1 to 3) and the `.keras` zip
of Keras 3. Nothing in the file is executed. Convolutions are stored (row, column, channel, filter), dense
layers (in, out), features are flattened as (row, column, channel), as our network takes them; the bands are
those of the data that it was trained on, in the study's order unless stated.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from unclouded.core.bands import STUDY_ORDER
from unclouded.core.errors import ModelError, OptionError
from unclouded.core.spec import ModelSpec
from unclouded.models.patchcnn import POOLS, Config, PatchCnn, build

Floats = npt.NDArray[np.float32]
_LARGEST_BYTES = 1 << 30
_LAYER = re.compile(r"(conv2d|dense)(?:_(\d+))?$")


def import_keras(path: Path, *, bands: tuple[str, ...] = STUDY_ORDER, leaky_relu: bool = False) -> PatchCnn:
    """The network that a Keras file holds the weights of, ready to predict.

    Args:
        bands: of the data that it was trained on, in their order.
        leaky_relu: that LeakyReLU follows its convolutions, where the file holds weights alone.

    Raises:
        OptionError: h5py is not installed.
        ModelError: not such a file, or another network; what was found is named.
    """
    if find_spec("h5py") is None:
        raise OptionError("models import needs h5py: pip install 'unclouded[labels]'")
    layers, leaky = _read(path)
    config = _config_of(layers, bands, path, leaky=leaky or leaky_relu)
    network = build(config)
    convs = [block[0] for block in network.blocks]  # type: ignore[index]
    dense = [layer for layer in network.head if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, (kernel, bias) in zip([*convs, *dense], layers, strict=True):
            order = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
            layer.weight.copy_(torch.from_numpy(kernel.transpose(order).copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    return network.eval()


def _read(path: Path) -> tuple[list[tuple[Floats, Floats]], bool]:
    """Kernel and bias of each layer in order, and whether the file says that LeakyReLU lies between."""
    import h5py  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    try:
        if zipfile.is_zipfile(path):
            content, described = _unzipped(path)
            with h5py.File(io.BytesIO(content)) as file:
                return list(_by_name(file)), "LeakyReLU" in described
        with h5py.File(path) as file:
            if "layers" in file:  # weights alone, of Keras 3
                return list(_by_name(file)), False
            described = str(file.attrs.get("model_config", ""))
            root = file.get("model_weights", file)
            return list(_by_attributes(root)), "LeakyReLU" in described
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, StopIteration) as err:
        reason = " ".join(str(err).split())[:160]
        raise ModelError(
            f"{path}: expected weights saved by Keras (.hdf5, .h5, .keras), found: {reason}; save them again"
        ) from err


def _unzipped(path: Path) -> tuple[bytes, str]:
    """Weights and description of a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("model.weights.h5").file_size > _LARGEST_BYTES:
            raise ValueError("weights of more than 1 GB: not this network")
        return archive.read("model.weights.h5"), archive.read("config.json").decode("utf-8")


def _by_attributes(root: Any) -> Iterator[tuple[Floats, Floats]]:
    """Layers of HDF5 files: their order and that of their weights stand in attributes."""
    for name in _texts(root.attrs["layer_names"]):
        weights = [_array(root[name][inner]) for inner in _texts(root[name].attrs["weight_names"])]
        if weights:
            yield _pair(name, weights)


def _by_name(file: Any) -> Iterator[tuple[Floats, Floats]]:
    """Layers of Keras 3: numbered by kind, convolutions before dense layers in this network."""
    layers = file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"]
    found = {}
    for name, layer in layers.items():
        values = layer.get("vars", {})
        if not len(values):
            continue
        known = _LAYER.match(name)
        if known is None:
            raise ValueError(f"layer {name} with weights")
        order = (known[1] == "dense", int(known[2] or 0))
        found[order] = _pair(name, [_array(values[key]) for key in sorted(values, key=int)])
    yield from (found[order] for order in sorted(found))


def _pair(name: str, weights: list[Floats]) -> tuple[Floats, Floats]:
    if len(weights) != 2:
        raise ValueError(f"layer {name} with {len(weights)} weights")
    return weights[0], weights[1]


def _array(data: Any) -> Floats:
    return np.ascontiguousarray(data[()], np.float32)


def _texts(names: Any) -> list[str]:
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]


def _config_of(
    layers: list[tuple[Floats, Floats]], bands: tuple[str, ...], path: Path, *, leaky: bool
) -> Config:
    """Options of the network whose layers these are.

    Raises:
        ModelError: they are another network's.
    """
    shapes = [kernel.shape for kernel, _ in layers]
    filters, width = (shapes[0][-1], shapes[POOLS][-1]) if len(shapes) == POOLS + 3 else (0, 0)
    features = shapes[POOLS][0] if filters else 0
    side = math.isqrt(features // filters) if filters else 0
    convs = [(3, 3, len(bands), filters)] + [(3, 3, filters, filters)] * (POOLS - 1)
    expected = [*convs, (filters * side * side, width), (width, width), (width, 1)]
    if not side or shapes != expected:
        found = " ".join("x".join(map(str, shape)) for shape in shapes) or "nothing"
        raise ModelError(
            f"{path}: expected three 3 x 3 convolutions of {len(bands)} bands and three dense layers, found "
            f"kernels {found}; state the bands, or train it again here"
        )
    return Config(
        bands=bands,
        patch=side * 2**POOLS,
        filters=filters,
        dense=width,
        activation="leaky_relu" if leaky else "relu",
    )


def imported_spec(network: PatchCnn, *, name: str, source: str) -> ModelSpec:
    """What is known of weights from elsewhere: the network, and the study's data at 60 m."""
    half = network.config.halo_px
    return ModelSpec(
        name=name,
        version="1",
        bands=network.config.bands,
        levels=("L1C",),
        gsd_m=(60.0, 60.0),
        best_gsd_m=60.0,
        classes=(0, 1),
        class_titles={1: "cloud"},
        halo_px=half,
        margin_px=half,
        min_size_px=network.config.patch + 1,
        training_data=(f"not known: imported from {source}, taken to be of Level-1C at 60 m",),
        why=f"imported from {source}: nobody measured it here",
    )
