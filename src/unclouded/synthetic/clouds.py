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
from unclouded.synthetic._noise import (
    Float,
    Points,
    Sampling,
    fractal,
    nearest_point,
    on_coarser,
    scattered,
    seed_of,
    smooth,
)
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
    shape: Callable[[Sampling, "Layer"], Float]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A cloud layer with all its values settled."""

    kind: Kind
    cover: float
    height_m: float
    depth: float
    scale_m: float
    direction_deg: float
    seed: int

    def noise(self, name: str) -> int:
        """Seed of one of its fields."""
        return seed_of(self.seed, name)


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
        scale_m=kind.scale_m if layer.scale_m is None else layer.scale_m,
        direction_deg=layer.direction_deg,
        seed=seed_of(seed, layer.kind),
    )


def depth_of(layer: Layer, sampling: Sampling, extent: Sampling) -> Float:
    """Effective optical depth of a layer seen from straight above. (y, x), 0 where there is none.

    Args:
        extent: the whole scene; its share of thin or thicker cloud is the layer's cover.
    """
    if layer.cover <= 0:
        return np.zeros((sampling.height, sampling.width), np.float32)
    over = layer.kind.shape(sampling, layer) - np.float32(_threshold(layer, extent))
    over = np.maximum(over, 0) / np.float32(layer.kind.softness)
    return np.asarray(
        np.float32(layer.depth) * -np.expm1(-(over ** np.float32(layer.kind.power))), np.float32
    )


@lru_cache(maxsize=256)
def _threshold(layer: Layer, extent: Sampling) -> float:
    """Where the shape begins to be cloud, so that thin cloud and more has the share wanted.

    A pure function, remembered because each window asks for it.
    """
    shape = layer.kind.shape(_statistics(extent), layer)
    rim = float(np.quantile(shape, 1 - layer.cover))
    share = min(THIN_DEPTH / layer.depth, 0.95)
    return rim - layer.kind.softness * (-math.log1p(-share)) ** (1 / layer.kind.power)


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
    if dry is None:
        return float(SIGNATURES[layer.kind.signature][band.band_id])
    visible = float(SIGNATURES[layer.kind.signature][_band("red").band_id]) / 0.6
    return dry * visible * vapour_left(name, layer.height_m)


def extinction(layer: Layer, name: str) -> float:
    """Effective depth in a band relative to that at 560 nm."""
    return float((_band(name).centre_nm / 560.0) ** -layer.kind.fading)


def _band(name: str) -> Band:
    return next(band for band in SENTINEL2 if name in {band.name, band.common_name})


def _turned(sampling: Sampling, direction_deg: float) -> tuple[Points, Points]:
    """Coordinates along and across a direction, m."""
    angle = math.radians(direction_deg)
    south, east = sampling.south[:, None], sampling.east[None, :]
    along = east * math.sin(angle) - south * math.cos(angle)
    across = east * math.cos(angle) + south * math.sin(angle)
    return along, across


def _lumps(sampling: Sampling, layer: Layer, *, levels: int, warp: float) -> Float:
    """Round heaps upon heaps, bent by a slow noise; about 0 … 1.5."""
    scale = layer.scale_m
    south, east = np.meshgrid(sampling.south / scale, sampling.east / scale, indexing="ij")
    bent_south = south + warp * scattered(south * 1.3, east * 1.3, layer.noise("bend south"))
    bent_east = east + warp * scattered(south * 1.3, east * 1.3, layer.noise("bend east"))
    out = np.zeros(south.shape, np.float32)
    for k in range(levels):
        factor = 2.17**k
        heap = np.float32(0.85) - nearest_point(
            bent_south * factor, bent_east * factor, seed_of(layer.noise("heap"), k)
        )
        out += heap * np.float32(0.55**k)
    return out


def _cauliflower(sampling: Sampling, layer: Layer, largest: float) -> Float:
    """Fine bulges with creases between them, mean near 0."""
    out = fractal(sampling, largest, 14, layer.noise("fine"), gain=0.68)
    return np.asarray(np.float32(0.8) - np.abs(out), np.float32)


def _cumulus(sampling: Sampling, layer: Layer) -> Float:
    """Heaps in loose groups with ragged rims."""
    size = layer.scale_m
    heaps = on_coarser(sampling, size / 32, lambda s: _lumps(s, layer, levels=4, warp=0.13))
    groups = on_coarser(sampling, size / 2, lambda s: fractal(s, 9 * size, 2 * size, layer.noise("groups")))
    ragged = fractal(sampling, size / 3, 14, layer.noise("rim"), gain=0.72)
    return (
        heaps
        + np.float32(0.30) * groups
        + np.float32(0.13) * _cauliflower(sampling, layer, size / 4)
        + np.float32(0.12) * ragged
    )


def _stratocumulus(sampling: Sampling, layer: Layer) -> Float:
    """Closed cells with gaps between them."""
    size = layer.scale_m
    cells = on_coarser(sampling, size / 48, lambda s: _lumps(s, layer, levels=2, warp=0.22))
    sheet = on_coarser(sampling, size, lambda s: fractal(s, 16 * size, 2 * size, layer.noise("sheet")))
    ragged = fractal(sampling, size / 4, 14, layer.noise("rim"), gain=0.68)
    return np.float32(0.8) * cells + np.float32(0.35) * sheet + np.float32(0.13) * ragged


def _altocumulus(sampling: Sampling, layer: Layer) -> Float:
    """Small heaps in rolls, in patches."""
    size = layer.scale_m
    _, across = _turned(sampling, layer.direction_deg)
    bend = on_coarser(sampling, size, lambda s: fractal(s, 20 * size, 4 * size, layer.noise("bend")))
    rolls = np.sin((across / (2.4 * size)) % 1.0 * 2 * np.pi + 3.0 * bend).astype(np.float32)
    heaps = on_coarser(sampling, size / 16, lambda s: _lumps(s, layer, levels=2, warp=0.2))
    patch = on_coarser(sampling, size, lambda s: fractal(s, 30 * size, 5 * size, layer.noise("patch")))
    fine = fractal(sampling, size / 2, 20, layer.noise("rim"), gain=0.65)
    return (
        heaps * np.float32(0.7) + np.float32(0.22) * rolls + np.float32(0.55) * patch + np.float32(0.1) * fine
    )


def _cirrus(sampling: Sampling, layer: Layer) -> Float:
    """Fibres drawn out along the wind, gathered in veils."""
    return on_coarser(sampling, layer.scale_m / 80, lambda s: _fibres(s, layer))


def _fibres(sampling: Sampling, layer: Layer) -> Float:
    size = layer.scale_m
    along, across = _turned(sampling, layer.direction_deg)
    sway = fractal(sampling, 10 * size, 2 * size, layer.noise("sway"))
    across = across + 0.8 * size * sway
    out = np.zeros(sway.shape, np.float32)
    for k in range(7):
        stretch = 5.0 if k else 2.5
        octave = scattered(
            across * (2**k / size), along * (2**k / (stretch * size)), seed_of(layer.noise("fibre"), k)
        )
        out += octave * np.float32(0.68**k)
    veil = fractal(sampling, 9 * size, 2 * size, layer.noise("veil"))
    return np.float32(0.55) * out + np.float32(0.8) * veil


def _sheet(sampling: Sampling, layer: Layer) -> Float:
    """A slow, smooth sheet."""
    size = layer.scale_m
    return on_coarser(
        sampling, size / 40, lambda s: fractal(s, size, size / 30, layer.noise("sheet"), gain=0.42)
    )


def _overcast(sampling: Sampling, layer: Layer) -> Float:
    """A closed ceiling with soft folds."""
    size = layer.scale_m
    folds = on_coarser(sampling, size / 80, lambda s: _folds(s, layer))
    return folds + np.float32(0.06) * fractal(sampling, size / 40, 20, layer.noise("fine"), gain=0.6)


def _folds(sampling: Sampling, layer: Layer) -> Float:
    size = layer.scale_m
    along, across = _turned(sampling, layer.direction_deg)
    sway = np.float32(0.4) * fractal(sampling, size, size / 4, layer.noise("sway"))
    rolls = scattered(across / (0.3 * size) + sway, along / (0.9 * size), layer.noise("rolls"))
    return fractal(sampling, size, size / 40, layer.noise("folds"), gain=0.55) + np.float32(0.45) * rolls


def _storm(sampling: Sampling, layer: Layer) -> Float:
    """A few great towers with boiling tops."""
    size = layer.scale_m
    towers = on_coarser(sampling, size / 64, lambda s: _lumps(s, layer, levels=4, warp=0.3))
    slow = on_coarser(sampling, size / 4, lambda s: smooth(s, 3 * size, layer.noise("groups")))
    boil = _cauliflower(sampling, layer, size / 12)
    return towers + np.float32(0.3) * slow + np.float32(0.09) * boil


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
            shape=_cumulus,
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
            shape=_stratocumulus,
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
            shape=_altocumulus,
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
            shape=_cirrus,
        ),
        "haze": Kind(
            height_m=900,
            depth=0.45,
            scale_m=45_000,
            softness=1.8,
            power=1.5,
            signature="haze",
            fading=1.3,
            relief=0.0,
            shape=_sheet,
        ),
        "dust": Kind(
            height_m=2_500,
            depth=0.7,
            scale_m=60_000,
            softness=1.8,
            power=1.5,
            signature="dust",
            fading=0.3,
            relief=0.0,
            shape=_sheet,
        ),
        "overcast": Kind(
            height_m=2_200,
            depth=9.0,
            scale_m=9_000,
            softness=3.0,
            power=1.0,
            signature="water cloud",
            fading=0.0,
            relief=0.05,
            shape=_overcast,
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
            shape=_storm,
        ),
    }
)
"""Kinds of cloud by name."""
