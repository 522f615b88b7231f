"""Networks of segmentation-models-pytorch that look at a neighbourhood alone, by their names there.

Scenes are run in windows, and windows must not show: a network that looks at its whole input (global pooling,
attention, squeeze and excitation, corners aligned in resizing) is refused. How far the others look is
measured on the network itself when it is first built. Their own lists: https://smp.readthedocs.io.
"""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unclouded.core.bands import NAMES, canonical_names
from unclouded.core.classes import CLEAR, EVERY_CLASS, SHADOW, THICK, THIN
from unclouded.core.errors import OptionError
from unclouded.models.unet import CENTRE_SPREAD, HIGHEST, LOWEST

_PROBE_PX = 4096
_TOLERANCE = 1e-9  # of the largest logit, in double precision


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of the network."""

    architecture: str = "Unet"
    """Name of the decoder: Unet, UnetPlusPlus, Linknet …"""
    encoder: str = "resnet18"
    """Name of the encoder: resnet18, mobilenet_v2 …"""
    depth: int = 5
    """Times that the encoder halves the resolution."""
    decoder_channels: tuple[int, ...] = ()
    """Widths of the decoder, one for each of `depth`, where it takes them; empty: that library's."""
    bands: tuple[str, ...] = NAMES
    """Names in the order of the input channels; any subset of them may be there."""
    classes: tuple[int, ...] = (CLEAR, THICK, THIN, SHADOW)
    """Code of each output channel."""
    pretrained: str = ""
    """Weights of the encoder to start from, e.g. imagenet: downloaded by that library; empty: drawn."""
    halo_px: int = 0
    """Pixels on each side that windows need, as measured; 0: measured when the network is built."""

    def __post_init__(self) -> None:
        if not self.bands or canonical_names(self.bands) != self.bands:
            raise OptionError(f"smp bands: expected names such as B04, found {', '.join(self.bands)}")
        codes = set(self.classes)
        if len(codes) < 2 or len(codes) < len(self.classes) or not codes <= EVERY_CLASS:
            raise OptionError(f"smp classes: expected two or more codes of 0 to 4, found {self.classes}")
        if not 2 <= self.depth <= 5 or self.halo_px < 0:
            raise OptionError(
                f"smp depth, halo_px: expected 2 to 5 and at least 0, found {self.depth}, {self.halo_px}"
            )

    @property
    def stride_px(self) -> int:
        """Windows that start on multiples of this give the same logits."""
        return int(2**self.depth)


class SmpNet(nn.Module):
    """Reflectance (n, band, y, x) and presence (n, band), 1 or 0, to logits (n, class, y, x).

    Sides must be multiples of the stride.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: Config, inner: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.inner = inner
        numbers = torch.tensor([CENTRE_SPREAD[name] for name in config.bands])
        self.register_buffer("centre", numbers[:, 0], persistent=False)
        self.register_buffer("spread", numbers[:, 1], persistent=False)

    def forward(self, reflectance: Tensor, presence: Tensor) -> Tensor:
        """Logits (n, class, y, x); values of absent bands are not looked at."""
        cut = reflectance.clamp(LOWEST, HIGHEST)
        usual = (cut - self.centre[:, None, None]) / self.spread[:, None, None]
        logits: Tensor = self.inner(usual * presence[:, :, None, None])
        return logits


def build(config: Config) -> SmpNet:
    """A new network; its config says how far it looks, and no longer where its weights began.

    Raises:
        OptionError: the extra is missing, no such network, or one that looks at its whole input.
    """
    inner = _inner(config)
    halo = config.halo_px or measured_halo(inner, config)
    return SmpNet(replace(config, halo_px=halo, pretrained=""), inner)


def _inner(config: Config) -> nn.Module:
    try:
        import segmentation_models_pytorch as library  # noqa: PLC0415 - an extra
    except ImportError as err:
        raise OptionError(
            f"model smp: expected the extra 'smp', found: {err}; pip install 'unclouded[smp]'"
        ) from err
    widths = {"decoder_channels": config.decoder_channels} if config.decoder_channels else {}
    try:
        found: nn.Module = library.create_model(
            config.architecture,
            encoder_name=config.encoder,
            encoder_weights=config.pretrained or None,
            encoder_depth=config.depth,
            in_channels=len(config.bands),
            classes=len(config.classes),
            **widths,
        )
    except Exception as err:  # the library's and timm's errors share no base
        reason = " ".join(str(err).split())[:200]
        raise OptionError(
            "model smp: expected names that segmentation-models-pytorch knows, found "
            f"'{config.architecture}' with '{config.encoder}', depth {config.depth}: {reason}"
        ) from err
    return found


def measured_halo(inner: nn.Module, config: Config) -> int:
    """How far the output depends on the input, px, a multiple of the stride; windows then do not show.

    Raises:
        OptionError: it depends on the whole input.
    """
    double = copy.deepcopy(inner).double().eval()
    try:
        radius = _radius(copy.deepcopy(double), config)
        halo = None if radius is None else -(-radius // config.stride_px) * config.stride_px
        if halo is not None and _exact(double, config, halo):
            return halo
    except RuntimeError as err:  # how torch says that a layer cannot take a window of this shape
        raise OptionError(
            f"model smp: expected a network that takes windows of two strides, found {config.architecture} "
            f"with {config.encoder}, which does not: {' '.join(str(err).split())[:200]}; choose another"
        ) from err
    raise OptionError(
        "model smp: expected a network whose output depends on a neighbourhood, found "
        f"{config.architecture} with {config.encoder}, which looks at its whole window (global pooling, "
        "attention, squeeze and excitation, or corners aligned in resizing): windows would show; choose "
        "e.g. Unet or Linknet with a resnet"
    )


@torch.no_grad()
def _radius(probe: nn.Module, config: Config) -> int | None:
    """Farthest input column that an output column depends on; None where that is the whole width.

    Every weight of the probe is made positive, so that nothing cancels, and what one stride of columns
    changes is counted: at most a stride more than the true radius.
    """
    for name, value in [*probe.named_parameters(), *probe.named_buffers()]:
        value.copy_(_positive(name, value))
    stride, first = config.stride_px, _PROBE_PX // 2
    dark = torch.zeros(1, len(config.bands), 2 * stride, _PROBE_PX, dtype=torch.float64)
    lit = dark.clone()
    lit[..., first : first + stride] = 1
    columns = (probe(lit) != probe(dark)).flatten(0, 2).any(0).nonzero()
    if not columns.numel() or columns.min() == 0 or columns.max() == _PROBE_PX - 1:
        return None
    return max(first + stride - 1 - int(columns.min()), int(columns.max()) - first)


def _positive(name: str, value: Tensor) -> Tensor:
    """Averages for kernels, 1 for scales and variances, 0 for shifts and means."""
    if value.ndim > 1:
        return torch.full_like(value, 1 / value[0].numel())
    shift = name.endswith(("bias", "mean", "num_batches_tracked"))
    return torch.zeros_like(value) if shift else torch.ones_like(value)


@torch.no_grad()
def _exact(double: nn.Module, config: Config, halo: int) -> bool:
    """Whether a window with this halo gives what the whole gives, however bright the rest of it is."""
    stride = config.stride_px
    length = 2 * halo + 4 * stride
    draw = torch.Generator().manual_seed(0)
    shape = (1, len(config.bands), 2 * stride, length + 3 * stride)
    whole = torch.rand(shape, generator=draw, dtype=torch.float64)
    whole[..., :stride] *= 1000
    whole[..., stride + length :] *= 1000
    logits, part = double(whole), double(whole[..., stride : stride + length])
    inner = logits[..., stride + halo : stride + length - halo]
    difference = (inner - part[..., halo : length - halo]).abs().max()
    return bool(difference <= _TOLERANCE * inner.abs().max())
