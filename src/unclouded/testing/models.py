"""Small networks with random weights, as model files: halo, stride and absent bands as the real ones have."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from unclouded.core.bands import NAMES
from unclouded.core.spec import ModelSpec
from unclouded.models.unet import Config, build
from unclouded.training import to_onnx

NEEDED = ("B02", "B03", "B04")
"""Bands that the small network cannot do without."""


def write_small_unet(path: Path, *, seed: int = 0, bands: tuple[str, ...] = NAMES) -> Path:
    """A U-Net of all bands but three optional, stride 4 and some tens of pixels of halo; the path.

    Its weights are drawn from the seed: it knows nothing of clouds, and its classes vary from pixel to pixel.
    """
    config = Config(bands=bands, widths=(4, 6), depths=(1, 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            # two of four classes are cloud: the others must hold their own against both together
            cast(Tensor, network.head.bias).view(len(config.classes), -1)[[0, 3]] += 0.7
    spec = ModelSpec(
        name="small",
        version=str(seed),
        task="classes",
        bands=bands,
        optional_bands=tuple(name for name in bands if name not in NEEDED),
        levels=("L1C", "L2A"),
        gsd_m=(10, 60),
        best_gsd_m=20,
        classes=config.classes,
        halo_px=config.halo_px,
        stride_px=config.stride_px,
        min_size_px=config.stride_px,
        recommended=True,
    )
    path.write_bytes(to_onnx(network.eval(), spec))
    return path
