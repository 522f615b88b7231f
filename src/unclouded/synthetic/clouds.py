"""Clouds: how thick they are at each point, and what they do to light.

Optical depths here are *effective*: the share of a surface that a cloud hides is 1 - exp(-depth).
Light that is scattered forward counts as not scattered, so an effective depth of 1 stands for a cloud
of about 6 in the usual sense (similarity scaling with an asymmetry of 0.85).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from unclouded.core.bands import SENTINEL2, Band
from unclouded.core.errors import OptionError
from unclouded.synthetic import _shapes
from unclouded.synthetic._noise import Float, Sampling, seed_of
from unclouded.synthetic._shapes import Form
from unclouded.synthetic.surfaces import SIGNATURES

THIN_DEPTH = 0.1
"""From this effective depth on a pixel is thin cloud: a tenth of its light comes from the cloud, which
is about 0.05 over dark land in the visible, several times its texture, and seen by a careful annotator."""

THICK_DEPTH = 1.2
"""From this effective depth on it is thick: less than 30 % of the ground's contrast is left, so that
what lies below can no longer be told."""

SHADOW_DEPTH = 0.35
"""From this effective depth of the cloud towards the sun on the ground is shadow: it has lost 30 % of
the direct sunlight."""

# Water vapour above a cloud, from heights of 0 to the top: a scale height of 2.2 km and two-way depths
# that give the table's cloud rows (0.38 of 0.58 in band 9 at 2 km, next to nothing in band 10).
_VAPOUR_SCALE_M = 2_200.0
_VAPOUR_DEPTH: Mapping[str, float] = MappingProxyType({"nir09": 1.02, "cirrus": 10.3})
# How absorption by droplets and crystals grows from 1.6 to 2.2 um.
_SHORT_WAVE: Mapping[str, float] = MappingProxyType({"swir16": 1.0, "swir22": 1.2})
_DRY: Mapping[str, float] = MappingProxyType({"nir09": 0.57, "cirrus": 0.30})


@dataclass(frozen=True, kw_only=True)
class CloudLayer:
    """One kind of cloud at one height. What is None takes the kind's usual value."""

    kind: str
    """One of `KINDS`."""
    cover: float
    """Share of the scene that it covers, 0 … 1, by the threshold of thin cloud."""
    height_m: float | None = None
    """Height of the top above ground, m."""
    depth: float | None = None
    """Effective optical depth of its densest parts."""
    scale_m: float | None = None
    """Size of its elements, m."""
    direction_deg: float = 60.0
    """Where its streaks or rolls point, degrees clockwise from north."""
    brightness: float = 1.0
    """Reflectance of its dense parts relative to the kind's: low sun and dense droplets make it higher."""
    short_wave: float = 1.0
    """The same in 1.6 um, over `brightness`: small droplets 1.3, large ones 0.6, ice 0.3."""
    air: float = 0.0
    """Reflectance of the air above it in the blue, over the usual; 0.1 over low cloud under a low sun."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What clouds of one kind have in common."""

    height_m: float
    depth: float
    scale_m: float
    softness: float
    """How far beyond its threshold the shape must go to be dense, in the shape's own unit."""
    power: float
    """How slowly depth begins behind the rim: 1 crisp, 2 very soft."""
    signature: str
    """Row of `surfaces.SIGNATURES`."""
    fading: float
    """Exponent with which extinction falls with wavelength: 0 large drops … 1.3 fine haze."""
    relief: float
    """How strongly the top is modelled by the sun."""
    shape: Callable[[Sampling, Form], Float]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A cloud layer with all its values settled."""

    kind: Kind
    cover: float
    height_m: float
    depth: float
    form: Form
    brightness: float = 1.0
    short_wave: float = 1.0
    air: float = 0.0


def settle(layer: CloudLayer, seed: int) -> Layer:
    """The layer with its kind's usual values filled in.

    Raises:
        OptionError: no such kind, or a cover outside 0 … 1.
    """
    if layer.kind not in KINDS:
        raise OptionError(f"cloud kind '{layer.kind}': expected one of {', '.join(KINDS)}")
    if not 0 <= layer.cover <= 1:
        raise OptionError(f"cloud cover of {layer.kind}: expected 0 to 1, found {layer.cover:g}")
    kind = KINDS[layer.kind]
    return Layer(
        kind=kind,
        cover=layer.cover,
        height_m=kind.height_m if layer.height_m is None else layer.height_m,
        depth=kind.depth if layer.depth is None else layer.depth,
        brightness=layer.brightness,
        short_wave=layer.short_wave,
        air=layer.air,
        form=Form(
            scale_m=kind.scale_m if layer.scale_m is None else layer.scale_m,
            direction_deg=layer.direction_deg,
            seed=seed_of(seed, layer.kind),
        ),
    )


def depth_of(layer: Layer, sampling: Sampling, extent: Sampling) -> Float:
    """Effective optical depth of a layer seen from straight above. (y, x), 0 where there is none.

    Args:
        extent: the whole scene; its share of thin or thicker cloud is the layer's cover.
    """
    if layer.cover <= 0:
        return np.zeros((sampling.height, sampling.width), np.float32)
    over = layer.kind.shape(sampling, layer.form) - np.float32(_threshold(layer, extent))
    over = np.maximum(over, 0) / np.float32(layer.kind.softness)
    return np.asarray(
        np.float32(layer.depth) * -np.expm1(-(over ** np.float32(layer.kind.power))), np.float32
    )


@lru_cache(maxsize=256)
def _threshold(layer: Layer, extent: Sampling) -> float:
    """Where the shape begins to be cloud, so that thin cloud and more has the share wanted.

    A pure function, remembered because each window asks for it.
    """
    shape = layer.kind.shape(_statistics(extent), layer.form)
    rim = float(np.quantile(shape, 1 - layer.cover))
    share = min(THIN_DEPTH / layer.depth, 0.95)
    start = (-math.log1p(-share)) ** (1 / layer.kind.power)
    return float(rim - layer.kind.softness * start)


def _statistics(extent: Sampling, points: int = 128) -> Sampling:
    """Points spread over a scene, to tell shares without computing all of it."""
    spacing = extent.spacing * max(extent.height, extent.width) / points
    return Sampling(
        spacing=spacing,
        row0=round(extent.row0 * extent.spacing / spacing),
        col0=round(extent.col0 * extent.spacing / spacing),
        height=max(1, round(extent.height * extent.spacing / spacing)),
        width=max(1, round(extent.width * extent.spacing / spacing)),
        pointwise=True,
    )


def vapour_left(name: str, height_m: float) -> float:
    """Share of light that water vapour above a height lets through, down and up, in a band."""
    common = _band(name).common_name
    return math.exp(-_VAPOUR_DEPTH.get(common, 0.0) * math.exp(-height_m / _VAPOUR_SCALE_M))


def cloud_colour(layer: Layer, name: str) -> float:
    """Reflectance of a dense cloud of this layer in a band."""
    band = _band(name)
    dry = _DRY.get(band.common_name)
    if dry is not None:
        visible = float(SIGNATURES[layer.kind.signature][_band("red").band_id]) / 0.6
        return layer.brightness * dry * visible * vapour_left(name, layer.height_m)
    own = layer.brightness * float(SIGNATURES[layer.kind.signature][band.band_id])
    own *= math.pow(layer.short_wave, _SHORT_WAVE.get(band.common_name, 0.0))
    return own + layer.air * (_band("blue").centre_nm / band.centre_nm) ** 4


def extinction(layer: Layer, name: str) -> float:
    """Effective depth in a band relative to that at 560 nm."""
    return float((_band(name).centre_nm / 560.0) ** -layer.kind.fading)


def _band(name: str) -> Band:
    return next(band for band in SENTINEL2 if name in {band.name, band.common_name})


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "cumulus": Kind(
            height_m=1_600,
            depth=9.0,
            scale_m=1_500,
            softness=0.6,
            power=1.7,
            signature="water cloud",
            fading=0.0,
            relief=0.20,
            shape=_shapes.cumulus,
        ),
        "stratocumulus": Kind(
            height_m=1_300,
            depth=7.0,
            scale_m=3_200,
            softness=0.45,
            power=1.4,
            signature="water cloud",
            fading=0.0,
            relief=0.10,
            shape=_shapes.stratocumulus,
        ),
        "altocumulus": Kind(
            height_m=4_200,
            depth=2.2,
            scale_m=520,
            softness=0.7,
            power=1.5,
            signature="water cloud",
            fading=0.05,
            relief=0.10,
            shape=_shapes.altocumulus,
        ),
        "cirrus": Kind(
            height_m=9_500,
            depth=0.9,
            scale_m=2_600,
            softness=1.6,
            power=1.6,
            signature="ice cloud",
            fading=0.25,
            relief=0.0,
            shape=_shapes.cirrus,
        ),
        "haze": Kind(
            height_m=900,
            depth=0.45,
            scale_m=18_000,
            softness=1.8,
            power=1.5,
            signature="haze",
            fading=1.3,
            relief=0.0,
            shape=_shapes.sheet,
        ),
        "dust": Kind(
            height_m=2_500,
            depth=0.7,
            scale_m=24_000,
            softness=1.8,
            power=1.5,
            signature="dust",
            fading=0.3,
            relief=0.0,
            shape=_shapes.sheet,
        ),
        "overcast": Kind(
            height_m=2_200,
            depth=14.0,
            scale_m=9_000,
            softness=4.0,
            power=1.0,
            signature="water cloud",
            fading=0.0,
            relief=0.12,
            shape=_shapes.overcast,
        ),
        "storm": Kind(
            height_m=10_500,
            depth=14.0,
            scale_m=14_000,
            softness=0.35,
            power=1.3,
            signature="ice cloud",
            fading=0.0,
            relief=0.16,
            shape=_shapes.storm,
        ),
    }
)
"""Kinds of cloud by name."""
