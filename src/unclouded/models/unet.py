"""Our small U-Net, built to be fast on a processor: reflectance and which bands there are, to class logits.

The first convolution takes 6 x 6 pixels in steps of two: the same map as space-to-depth followed by 3 x 3,
without the shuffle, so that no layer works at full resolution. Halving is a 2 x 2 convolution, doubling
repeats pixels, skips are added rather than laid side by side. Every normalisation follows a convolution and
folds into it at export. A pixel's logits depend on its neighbourhood within `receptive_radius` and on the
phase of its position modulo `stride_px`, on nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor, nn

from unclouded.core.bands import NAMES, canonical_names
from unclouded.core.classes import CLEAR, EVERY_CLASS, SHADOW, THICK, THIN
from unclouded.core.errors import OptionError

STEM_KERNEL, STEM_STRIDE = 6, 2

# Centre: mean top-of-atmosphere reflectance of Level-1C as other networks publish it (CloudS2Mask's
# normalisation). Spread: ours, about what lies between ground and cloud, so that inputs stay within a few
# units; the cirrus band is told apart from 0.01 on. Both in the order of the table of bands.
_CENTRES = (0.24, 0.22, 0.20, 0.21, 0.23, 0.28, 0.31, 0.30, 0.33, 0.12, 0.01, 0.23, 0.16)
_SPREADS = (0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.20, 0.12, 0.02, 0.16, 0.12)
CENTRE_SPREAD: Mapping[str, tuple[float, float]] = MappingProxyType(
    dict(zip(NAMES, zip(_CENTRES, _SPREADS, strict=True), strict=True))
)
"""What a band's reflectance is centred on and divided by."""
LOWEST, HIGHEST = -0.2, 1.6
"""Reflectance is cut to this range first: saturated pixels (DN 65535) must not drown their neighbours."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of the network."""

    bands: tuple[str, ...] = NAMES
    """Names in the order of the input channels; any subset of them may be there."""
    classes: tuple[int, ...] = (CLEAR, THICK, THIN, SHADOW)
    """Code of each output channel."""
    widths: tuple[int, ...] = (32, 64, 96, 128)
    """Channels at 1/2, 1/4, 1/8 … of the resolution; multiples of 16 are fastest."""
    depths: tuple[int, ...] = (1, 2, 2, 2)
    """3 x 3 convolutions of each stage on the way down, besides the one that halves."""
    depthwise: tuple[bool, ...] = ()
    """Stages whose convolutions are split into depthwise and pointwise ones; empty: none."""
    head: Literal["shuffle", "bilinear"] = "shuffle"
    """Logits at full resolution: four from each coarse pixel, or interpolated between coarse pixels."""

    def __post_init__(self) -> None:
        if not self.bands or canonical_names(self.bands) != self.bands:
            raise OptionError(f"unet bands: expected names such as B04, found {', '.join(self.bands)}")
        codes = set(self.classes)
        if len(codes) < 2 or len(codes) < len(self.classes) or not codes <= EVERY_CLASS:
            raise OptionError(f"unet classes: expected two or more codes of 0 to 4, found {self.classes}")
        if not self.widths or len(self.widths) != len(self.depths) or min(self.widths) < 1:
            raise OptionError(
                f"unet widths, depths: expected as many of one as of the other, found {self.widths}, "
                f"{self.depths}"
            )
        if min(self.depths) < 0 or len(self.depthwise) not in {0, len(self.widths)}:
            raise OptionError(
                f"unet depths, depthwise: expected 0 or more, and a flag for each of {len(self.widths)} "
                f"stages or none, found {self.depths}, {self.depthwise}"
            )
        if self.head not in {"shuffle", "bilinear"}:
            raise OptionError(f"unet head: expected 'shuffle' or 'bilinear', found '{self.head}'")

    @property
    def stride_px(self) -> int:
        """Windows that start on multiples of this give the same logits."""
        return int(STEM_STRIDE * 2 ** (len(self.widths) - 1))

    @property
    def halo_px(self) -> int:
        """Pixels on each side that windows need: the receptive radius, rounded up to the stride."""
        return -(-receptive_radius(self) // self.stride_px) * self.stride_px

    def splits(self, stage: int) -> bool:
        """Whether a stage's convolutions are depthwise."""
        return bool(self.depthwise) and self.depthwise[stage]


class UNet(nn.Module):
    """Reflectance (n, band, y, x) and presence (n, band), 1 or 0, to logits (n, class, y, x).

    Sides must be multiples of the stride.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        numbers = torch.tensor([CENTRE_SPREAD[name] for name in config.bands])
        self.register_buffer("centre", numbers[:, 0], persistent=False)
        self.register_buffer("spread", numbers[:, 1], persistent=False)
        self.stem = _normed(len(config.bands), widths[0], STEM_KERNEL, stride=STEM_STRIDE, padding=2)
        self.presence = nn.Linear(len(config.bands), 2 * widths[0])
        self.downs = nn.ModuleList(
            nn.Sequential(_normed(inner, outer, 2, stride=2), nn.ReLU()) for inner, outer in pairwise(widths)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width, split=config.splits(stage)) for _ in range(depth)))
            for stage, (width, depth) in enumerate(zip(widths, config.depths, strict=True))
        )
        self.narrows = nn.ModuleList(_normed(outer, inner, 1) for inner, outer in pairwise(widths))
        self.mends = nn.ModuleList(
            Block(width, split=config.splits(stage)) for stage, width in enumerate(widths[:-1])
        )
        count = len(config.classes)
        shuffle = config.head == "shuffle"
        self.head = nn.Conv2d(widths[0], count * STEM_STRIDE**2 if shuffle else count, 1)
        self.rise: nn.Module = (
            nn.PixelShuffle(STEM_STRIDE)
            if shuffle
            else nn.Upsample(scale_factor=STEM_STRIDE, mode="bilinear", align_corners=False)
        )
        self.apply(_initialise)
        # bands that are there change nothing at first
        nn.init.zeros_(self.presence.weight)
        if shuffle:
            _initialise_alike(self.head)

    def forward(self, reflectance: Tensor, presence: Tensor) -> Tensor:
        """Logits (n, class, y, x); values of absent bands are not looked at."""
        maps = self.enter(reflectance, presence)
        skips = []
        for stage, blocks in enumerate(self.stages):
            maps = blocks(self.downs[stage - 1](maps) if stage else maps)
            skips.append(maps)
        for stage in reversed(range(len(self.mends))):
            narrowed = nn.functional.interpolate(self.narrows[stage](maps), scale_factor=2.0, mode="nearest")
            maps = self.mends[stage](torch.relu(narrowed + skips[stage]))
        logits: Tensor = self.rise(self.head(maps))
        return logits

    def enter(self, reflectance: Tensor, presence: Tensor) -> Tensor:
        """Features at half resolution; each channel is scaled and shifted by which bands there are."""
        cut = reflectance.clamp(LOWEST, HIGHEST)
        usual = (cut - self.centre[:, None, None]) / self.spread[:, None, None]
        maps: Tensor = self.stem(usual * presence[:, :, None, None])
        gain, shift = self.presence(presence)[:, :, None, None].chunk(2, dim=1)
        return torch.relu(maps * (1 + gain) + shift)


class Block(nn.Module):
    """x + convolution(x), twice rectified: (n, channel, y, x) -> the same."""

    def __init__(self, width: int, *, split: bool) -> None:
        super().__init__()
        self.split = split
        self.spatial = _normed(width, width, 3, padding=1, groups=width if split else 1)
        self.point = _normed(width, width, 1) if split else None

    def forward(self, maps: Tensor) -> Tensor:
        """The maps with what the convolution adds."""
        found = self.spatial(maps)
        if self.point is not None:
            found = self.point(torch.relu(found))
        added: Tensor = maps + found
        return torch.relu(added)


def build(config: Config) -> UNet:
    """A new network, its weights drawn from torch's generator."""
    return UNet(config)


def receptive_radius(config: Config) -> int:
    """How far from a pixel, at most, a value can lie that its logits depend on, px; the same on all sides.

    Rows and columns are alike: the span of rows is followed from each phase of an output pixel back through
    the layers to the input.
    """
    spans = (_span_of(config, row) for row in range(config.stride_px))
    return max(max(row - first, last - row) for row, (first, last) in enumerate(spans))


_Span = tuple[int, int]


def _span_of(config: Config, row: int) -> _Span:
    """First and last input row that an output row depends on."""
    span = (row // STEM_STRIDE, row // STEM_STRIDE)
    if config.head == "bilinear":
        # sampled at (row + 1/2) / 2 - 1/2: an even row lies between its own coarse row and the one before
        span = (span[0] - 1, span[1]) if row % 2 == 0 else (span[0], span[1] + 1)
    first, last = _through(config, 0, span)
    return first * STEM_STRIDE - 2, last * STEM_STRIDE - 2 + STEM_KERNEL - 1


def _through(config: Config, stage: int, span: _Span) -> _Span:
    """Rows of a stage's input that rows of its output depend on, by way of all coarser stages."""
    if stage < len(config.widths) - 1:
        span = (span[0] - 1, span[1] + 1)  # mend
        below = _through(config, stage + 1, (span[0] // 2, span[1] // 2))
        # halving takes rows 2 i and 2 i + 1
        span = (min(span[0], 2 * below[0]), max(span[1], 2 * below[1] + 1))
    depth = config.depths[stage]
    return span[0] - depth, span[1] + depth


def _normed(
    inner: int, outer: int, kernel: int, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> nn.Sequential:
    """A convolution and the normalisation that folds into it."""
    conv = nn.Conv2d(inner, outer, kernel, stride=stride, padding=padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer))


@torch.no_grad()
def _initialise_alike(head: nn.Conv2d) -> None:
    """The pixels that come of one coarse pixel begin equal: else training leaves a checkerboard.

    Source: Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution" (ICNR).
    """
    first = head.weight[:: STEM_STRIDE**2]
    head.weight.copy_(first.repeat_interleave(STEM_STRIDE**2, dim=0))


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
