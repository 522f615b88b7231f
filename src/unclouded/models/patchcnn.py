"""The patch network of Kristollari & Karathanassi 2020 (SPIE 11524, 115240K): 16 x 16 x 13 to one number.

Three times [3x3 convolution with zero padding, activation, 2x2 max pool], then two dense layers with
dropout and one logit. The number says whether the pixel at (patch / 2, patch / 2) is cloud. Written from
the published description: Glorot-uniform weights and zero biases as Keras draws them, and features
flattened as (row, column, channel), so that weights trained there fit here.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from unclouded.core.bands import STUDY_ORDER, canonical_names
from unclouded.core.errors import OptionError

POOLS = 3
LEAKY_SLOPE = 0.3  # of the variant that the original leaves commented out
BATCH_NORM_EPSILON = 1e-3  # the default of Keras; torch has 1e-5


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of the network; the defaults are the study's."""

    bands: tuple[str, ...] = STUDY_ORDER
    """Names in the order of the input channels."""
    patch: int = 16
    """Side of a patch, px: a multiple of 8."""
    filters: int = 8
    """Channels of each convolution."""
    dense: int = 50
    """Width of both dense layers."""
    dropout: float = 0.3
    """Share of the dense units that are dropped in training, 0 <= p < 1."""
    activation: Literal["relu", "leaky_relu"] = "relu"
    """After each convolution: the original's script, or LeakyReLU 0.3 as in its figure."""
    batch_norm: bool = False
    """Whether each activation is followed by batch normalisation."""

    def __post_init__(self) -> None:
        if canonical_names(self.bands) != self.bands or not self.bands:
            raise OptionError(f"patchcnn bands: expected names such as B04, found {', '.join(self.bands)}")
        if self.patch < 2**POOLS or self.patch % 2**POOLS:
            raise OptionError(f"patchcnn patch: expected a multiple of {2**POOLS} px, found {self.patch}")
        if min(self.filters, self.dense) < 1:
            raise OptionError(
                f"patchcnn filters, dense: expected at least 1, found {self.filters}, {self.dense}"
            )
        if not 0 <= self.dropout < 1:
            raise OptionError(f"patchcnn dropout: expected 0 <= p < 1, found {self.dropout}")
        if self.activation not in {"relu", "leaky_relu"}:
            raise OptionError(
                f"patchcnn activation: expected 'relu' or 'leaky_relu', found '{self.activation}'"
            )

    @property
    def halo_px(self) -> int:
        """Pixels of context on each side of the labelled one; the patch has one less on the far sides."""
        return self.patch // 2

    @property
    def features(self) -> int:
        """Numbers that go into the first dense layer."""
        side: int = self.patch // 2**POOLS
        return self.filters * side * side


class PatchCnn(nn.Module):
    """Reflectance (n, band, patch, patch) -> logit (n,); cloud where it is above 0."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = [len(config.bands)] + [config.filters] * POOLS
        self.blocks = nn.ModuleList(_block(inner, outer, config) for inner, outer in pairwise(widths))
        self.head = _head(config)
        self.apply(_initialise)

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (n,) of patches (n, band, patch, patch)."""
        maps = patches
        for block in self.blocks:
            maps = _pooled(cast(nn.Sequential, block), maps)
        # (n, channel, row, column) -> (n, row, column, channel), as Keras flattens
        logit: Tensor = self.head(maps.permute(0, 2, 3, 1).flatten(1))
        return logit.squeeze(1)


def build(config: Config) -> PatchCnn:
    """A new network with Glorot-uniform weights and zero biases, drawn from torch's generator."""
    return PatchCnn(config)


def _block(inner: int, outer: int, config: Config) -> nn.Sequential:
    activation = nn.ReLU() if config.activation == "relu" else nn.LeakyReLU(LEAKY_SLOPE)
    norm = [nn.BatchNorm2d(outer, eps=BATCH_NORM_EPSILON)] if config.batch_norm else []
    return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), activation, *norm, nn.MaxPool2d(2))


def _pooled(block: nn.Sequential, maps: Tensor) -> Tensor:
    """Convolution, activation, pool.

    An activation rises with its argument: after the pool it gives the same, on a quarter of the numbers,
    forward and backward. A normalisation between the two may fall.
    """
    conv, activation, *norm, pool = block
    maps = conv(maps)
    for layer in (activation, *norm, pool) if norm else (pool, activation):
        maps = layer(maps)
    return maps


def _head(config: Config) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.features, config.dense),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.dense, config.dense),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.dense, 1),
    )


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
