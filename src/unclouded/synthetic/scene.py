"""A whole scene: land, clouds, their shadows, and which is which."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import band, canonical_names
from unclouded.core.classes import CLEAR, SHADOW, THICK, THIN
from unclouded.core.errors import OptionError
from unclouded.core.windows import Window
from unclouded.synthetic._noise import Float, Sampling, block_mean, seed_of
from unclouded.synthetic.clouds import (
    SHADOW_DEPTH,
    THICK_DEPTH,
    THIN_DEPTH,
    CloudLayer,
    Layer,
    cloud_colour,
    depth_of,
    extinction,
    settle,
)
from unclouded.synthetic.land import LANDSCAPES, Landscape, ground
from unclouded.synthetic.surfaces import PATH

Classes = npt.NDArray[np.uint8]

TRUTH_BAND = "B03"
"""Truth lies where this band sees the clouds: in time it is the middle of the three visible bands
that annotators look at."""

PARALLAX_M_PER_S_M = 7460.0 / 786_000.0
"""Ground shift of a cloud per second between bands and per metre of its height: speed of the satellite
over its height."""

TRACK_DEG = 193.0
"""Heading of a descending orbit in the middle latitudes, degrees clockwise from north."""

_SUN_WIDTH = 0.0093  # angular diameter of the sun, rad: it blurs shadows by this share of their height
_REFERENCE_ROW = band(TRUTH_BAND).band_id


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """Everything that a scene depends on."""

    seed: int = 1
    """Two scenes differ in all their details where their seeds differ."""
    landscape: str | Landscape = "temperate"
    """A name of `land.LANDSCAPES`, or one's own."""
    clouds: tuple[CloudLayer, ...] = (
        CloudLayer(kind="cumulus", cover=0.25),
        CloudLayer(kind="cirrus", cover=0.15),
    )
    """Layers in any order, one of a kind at most."""
    sun_zenith: float = 40.0
    """Degrees from vertical, 0 … 80."""
    sun_azimuth: float = 150.0
    """Degrees clockwise from north."""
    view_zenith: float = 4.0
    """Degrees from vertical, 0 … 15."""
    view_azimuth: float = 105.0
    """From the ground to the satellite, degrees clockwise from north."""
    origin: tuple[float, float] = (600_000.0, 5_300_040.0)
    """Easting and northing of the upper left corner, m; multiples of 60."""
    size_m: float = 109_800.0
    """Side of the scene, m: the share of clouds holds within it."""
    unseen: float = 0.0
    """Share of the scene that lies west of the swath's edge and has no data."""

    def __post_init__(self) -> None:
        if not 0 <= self.sun_zenith <= 80:
            raise OptionError(f"sun zenith: expected 0 to 80 degrees, found {self.sun_zenith:g}")
        if any(value % 60 for value in self.origin):
            raise OptionError(f"scene origin: expected multiples of 60 m, found {self.origin}")
        if isinstance(self.landscape, str) and self.landscape not in LANDSCAPES:
            raise OptionError(f"landscape '{self.landscape}': expected one of {', '.join(LANDSCAPES)}")
        kinds = [layer.kind for layer in self.clouds]
        if len(set(kinds)) < len(kinds):
            raise OptionError(f"cloud layers: expected one of a kind, found {', '.join(kinds)}")

    @property
    def extent(self) -> Sampling:
        """The scene as points 60 m apart."""
        return pixels_of(self, _whole(self, 60.0), 60.0)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Cloud layers with all values settled, lowest first."""
        settled = (settle(layer, seed_of(self.seed, "clouds")) for layer in self.clouds)
        return tuple(sorted(settled, key=lambda layer: layer.height_m))


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A piece of a scene."""

    reflectance: Float
    """Reflectance at the top of the atmosphere, float32 (band, y, x)."""
    classes: Classes
    """Truth in our codes: 0 clear, 1 thick, 2 thin, 3 shadow. uint8 (y, x)."""
    cloud_depth: Float
    """Effective optical depth of all clouds along the view. (y, x)."""
    shadow_depth: Float
    """Effective optical depth of all clouds towards the sun. (y, x)."""


def render(
    config: SceneConfig, bands: Sequence[str], window: Window | None = None, gsd: float = 10.0
) -> Rendered:
    """A window of the scene at a spacing, without noise or quantisation.

    A pixel is the mean over points at most 20 m apart, 10 m up to a gsd of 20 m; detail finer than the
    points is left out.

    Args:
        bands: names in the order wanted.
        window: in pixels of `gsd` from the scene's upper left corner; it may reach past the scene. None: all.
        gsd: spacing of the pixels, m; a divisor of 60 or a multiple of it.

    Raises:
        BandError: no such band.
        OptionError: a spacing that does not nest with 60 m.
    """
    names = canonical_names(bands)
    pixels = pixels_of(config, window or _whole(config, gsd), gsd)
    factor = support_factor(gsd)
    fine = render_points(config, names, pixels.finer(factor))
    return coarsened(fine, factor)


def support_factor(gsd: float) -> int:
    """Into how many points per side a pixel is divided."""
    if gsd <= 10:
        return 1
    return math.ceil(gsd / 10) if gsd <= 30 else math.ceil(gsd / 20)


def coarsened(piece: Rendered, factor: int) -> Rendered:
    """The piece with factor x factor pixels averaged; classes follow from the mean depths."""
    cloud, shadow = block_mean(piece.cloud_depth, factor), block_mean(piece.shadow_depth, factor)
    return Rendered(
        reflectance=block_mean(piece.reflectance, factor),
        classes=classify(cloud, shadow),
        cloud_depth=cloud,
        shadow_depth=shadow,
    )


def classify(cloud_depth: Float, shadow_depth: Float) -> Classes:
    """Truth out of optical depths: cloud hides shadow, thick hides thin. uint8 (y, x)."""
    out = np.full(cloud_depth.shape, CLEAR, np.uint8)
    out[shadow_depth >= SHADOW_DEPTH] = SHADOW
    out[cloud_depth >= THIN_DEPTH] = THIN
    out[cloud_depth >= THICK_DEPTH] = THICK
    return out


def render_points(config: SceneConfig, bands: Sequence[str], sampling: Sampling) -> Rendered:
    """The scene at points, each standing for the area around it."""
    landscape = LANDSCAPES[config.landscape] if isinstance(config.landscape, str) else config.landscape
    below = ground(
        sampling.grown(1),
        landscape,
        seed_of(config.seed, "land"),
        sun_zenith=config.sun_zenith,
        sun_azimuth=config.sun_azimuth,
    ).reflectance(bands)
    return under_sky(_blurred(below), bands, sampling, config)


def _blurred(values: Float) -> Float:
    """What optics do to edges: (band, y + 2, x + 2) -> (band, y, x).

    A transfer of about 0.25 at the Nyquist frequency, as the instrument's bands have in flight.
    """
    side, middle = np.float32(0.19), np.float32(0.62)
    rows = values[:, 1:-1] * middle
    rows += side * (values[:, :-2] + values[:, 2:])
    out = rows[:, :, 1:-1] * middle
    out += side * (rows[:, :, :-2] + rows[:, :, 2:])
    return np.asarray(out, np.float32)


def under_sky(below: Float, bands: Sequence[str], sampling: Sampling, config: SceneConfig) -> Rendered:
    """A cloudless image under the scene's clouds, with their shadows. (band, y, x) -> `Rendered`."""
    layers = [_Seen.of(layer, sampling, config) for layer in config.layers if layer.cover > 0]
    shadow = _total(sampling, [_towards_sun(layer, sampling, config) for layer in config.layers])
    out = np.empty_like(below)
    for k, name in enumerate(bands):
        out[k] = _shaded(below[k], shadow, band(name).band_id)
        for seen in layers:
            seen.cover(out[k], name)
    cloud = _total(sampling, [seen.depth_in(TRUTH_BAND) for seen in layers])
    return Rendered(reflectance=out, classes=classify(cloud, shadow), cloud_depth=cloud, shadow_depth=shadow)


def _total(sampling: Sampling, parts: Sequence[Float]) -> Float:
    out = np.zeros((sampling.height, sampling.width), np.float32)
    for part in parts:
        out += part
    return out


# Share of the light that still comes from the sky in full shadow: much in the blue, little in SWIR.
_DIFFUSE: Float = np.array(
    (0.48, 0.41, 0.34, 0.29, 0.27, 0.25, 0.24, 0.22, 0.21, 0.21, 0.21, 0.15, 0.13), np.float32
)


def _shaded(below: Float, shadow_depth: Float, row: int) -> Float:
    """One band of the ground with part of its direct light taken away. The air stays lit."""
    left = np.exp(-shadow_depth)
    left *= 1 - _DIFFUSE[row]
    left += _DIFFUSE[row]
    path = PATH[row] * np.float32(0.95)
    return np.asarray((below - path) * left + path, np.float32)


def _towards_sun(layer: Layer, sampling: Sampling, config: SceneConfig) -> Float:
    """Optical depth of a layer between the ground and the sun."""
    if layer.cover <= 0:
        return np.zeros((sampling.height, sampling.width), np.float32)
    return _displaced(layer, sampling, config, _sunward(config, layer.height_m))


def _displaced(layer: Layer, sampling: Sampling, config: SceneConfig, offset: tuple[float, float]) -> Float:
    """Optical depth of a layer at points displaced by (south, east) m, blurred by the sun's width."""
    rows, cols = (value / sampling.spacing for value in offset)
    row, col = math.floor(rows), math.floor(cols)
    blur = math.hypot(*offset) / max(math.tan(math.radians(config.sun_zenith)), 0.1) * _SUN_WIDTH
    there = _with_detail(sampling, blur).moved(row, col).grown(1)
    return _shifted(depth_of(layer, there, config.extent), 1, rows - row, cols - col)


def _with_detail(sampling: Sampling, detail: float) -> Sampling:
    return Sampling(
        spacing=sampling.spacing,
        row0=sampling.row0,
        col0=sampling.col0,
        height=sampling.height,
        width=sampling.width,
        detail=max(detail, sampling.detail),
    )


def _sunward(config: SceneConfig, height_m: float) -> tuple[float, float]:
    """From a point to below the place where its sunbeam crosses a height: (south, east), m."""
    reach = height_m * math.tan(math.radians(config.sun_zenith))
    azimuth = math.radians(config.sun_azimuth)
    return -reach * math.cos(azimuth), reach * math.sin(azimuth)


def parallax(config: SceneConfig, name: str, height_m: float) -> tuple[float, float]:
    """How far from its true place a band sees a cloud: (south, east), m.

    Against the view (away from the satellite), and along the track by the band's delay.
    """
    tilt = height_m * math.tan(math.radians(config.view_zenith))
    view, track = math.radians(config.view_azimuth), math.radians(TRACK_DEG)
    late = PARALLAX_M_PER_S_M * height_m * band(name).delay_s
    # a later band looks from further down the track, so the cloud falls further up it
    south = tilt * math.cos(view) + late * math.cos(track)
    east = -tilt * math.sin(view) - late * math.sin(track)
    return south, east


def _shifted(values: Float, margin: int, rows: float, cols: float) -> Float:
    """Values at fractional offsets, bilinear, the margin cut off. (y + 2 m, x + 2 m) -> (y, x)."""
    row, col = math.floor(rows), math.floor(cols)
    t, s = np.float32(rows - row), np.float32(cols - col)
    height, width = values.shape[0] - 2 * margin, values.shape[1] - 2 * margin
    top, left = margin + row, margin + col
    block = values[top : top + height + 1, left : left + width + 1]
    across = block[:, :-1] * (1 - s) + block[:, 1:] * s
    return np.asarray(across[:-1] * (1 - t) + across[1:] * t, np.float32)


@dataclass(frozen=True)
class _Seen:
    """A layer around a sampling, ready to be looked at in any band."""

    layer: Layer
    config: SceneConfig
    spacing: float
    margin: int
    depth: Float
    bright: Float
    _memo: dict[str, Float] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, layer: Layer, sampling: Sampling, config: SceneConfig) -> "_Seen":
        margin = 2 + math.ceil(_reach(layer, config) / sampling.spacing)
        step = _sun_step(sampling.spacing, config)
        beyond = max(abs(step[0]), abs(step[1]))
        wide = sampling.grown(margin + beyond)
        depth = depth_of(layer, wide, config.extent)
        bright = _brightness(layer, depth, step, beyond)
        depth = depth[beyond:-beyond, beyond:-beyond]
        if depth.any():
            bright *= _shade_from_above(layer, sampling.grown(margin), config)
        return cls(layer, config, sampling.spacing, margin, depth, bright)

    def depth_in(self, name: str) -> Float:
        """Optical depth where a band sees it."""
        return self._look(self.depth, name)

    def _look(self, values: Float, name: str) -> Float:
        south, east = parallax(self.config, name, self.layer.height_m)
        return _shifted(values, self.margin, -south / self.spacing, -east / self.spacing)

    def cover(self, image: Float, name: str) -> None:
        """Lay the cloud over one band, in place."""
        if not self.depth.any():
            return
        left = np.exp(self.depth_in(name) * np.float32(-extinction(self.layer, name)))
        cloud = self._look(self.bright, name) * np.float32(cloud_colour(self.layer, name))
        image *= left
        image += cloud * (1 - left)


def _reach(layer: Layer, config: SceneConfig) -> float:
    shifts = [parallax(config, name, layer.height_m) for name in ("B02", "B09")]
    return max(abs(value) for shift in shifts for value in shift)


def _sun_step(spacing: float, config: SceneConfig, length_m: float = 70.0) -> tuple[int, int]:
    """Pixels towards the sun over which a cloud top's slope is told; at least one in some direction."""
    azimuth = math.radians(config.sun_azimuth)
    rows = round(-length_m / spacing * math.cos(azimuth))
    cols = round(length_m / spacing * math.sin(azimuth))
    return (rows, cols) if rows or cols else (1, 0)


def _brightness(layer: Layer, depth: Float, step: tuple[int, int], beyond: int) -> Float:
    """Cloud reflectance relative to the table: dense cores are brighter, the side to the sun too."""
    core = depth[beyond:-beyond, beyond:-beyond]
    # a two-stream cloud goes on brightening after it has hidden the ground
    out = np.float32(0.78) + np.float32(0.62) * core / (core + np.float32(4.0))
    if layer.kind.relief <= 0:
        return np.asarray(out, np.float32)
    height = np.log1p(depth)
    rows, cols = (beyond + value for value in step)
    ahead = height[rows : rows + core.shape[0], cols : cols + core.shape[1]]
    slope = height[beyond:-beyond, beyond:-beyond] - ahead
    out *= 1 + np.float32(layer.kind.relief) * np.clip(slope, -1.4, 1.2)
    return np.asarray(out, np.float32)


def _shade_from_above(layer: Layer, sampling: Sampling, config: SceneConfig) -> Float:
    """Light that higher layers leave for this one. (y, x), 1 where there is none above."""
    above = np.zeros((sampling.height, sampling.width), np.float32)
    for other in config.layers:
        if other.height_m > layer.height_m and other.cover > 0:
            offset = _sunward(config, other.height_m - layer.height_m)
            above += _displaced(other, sampling, config, offset)
    return np.asarray(np.float32(0.5) + np.float32(0.5) * np.exp(-above), np.float32)


def _whole(config: SceneConfig, gsd: float) -> Window:
    side = round(config.size_m / gsd)
    return Window(row_off=0, col_off=0, height=side, width=side)


def pixels_of(config: SceneConfig, window: Window, gsd: float) -> Sampling:
    """Where on the map the pixels of a window lie.

    Raises:
        OptionError: a spacing that does not nest with 60 m.
    """
    east, north = config.origin
    if not _nests(gsd):
        raise OptionError(f"gsd: expected a divisor of 60 m or a multiple of it, found {gsd:g}")
    return Sampling(
        spacing=float(gsd),
        row0=round(-north / gsd) + window.row_off,
        col0=round(east / gsd) + window.col_off,
        height=window.height,
        width=window.width,
    )


def _nests(gsd: float) -> bool:
    return gsd > 0 and ((60.0 / gsd).is_integer() or (gsd / 60.0).is_integer())


def add_clouds(
    reflectance: Float, bands: Sequence[str], gsd: float, config: SceneConfig
) -> tuple[Float, Classes]:
    """Synthetic clouds over a clear image, with the truth: (band, y, x) -> (band, y, x), uint8 (y, x).

    The image's upper left corner lies at the scene's origin; `config.size_m` says over what area the share
    of clouds holds, best the image's own. For augmentation: the image's own land stays.

    Raises:
        BandError: no such band.
        OptionError: a spacing that does not nest with 60 m.
    """
    names = canonical_names(bands)
    height, width = reflectance.shape[-2:]
    window = Window(row_off=0, col_off=0, height=height, width=width)
    piece = under_sky(
        reflectance.astype(np.float32, copy=False), names, pixels_of(config, window, gsd), config
    )
    return piece.reflectance, piece.classes


SKIES: Mapping[str, tuple[CloudLayer, ...]] = MappingProxyType(
    {
        "clear": (),
        "fair": (CloudLayer(kind="cumulus", cover=0.2), CloudLayer(kind="haze", cover=0.1)),
        "mixed": (
            CloudLayer(kind="cumulus", cover=0.25),
            CloudLayer(kind="cirrus", cover=0.15),
        ),
        "veiled": (CloudLayer(kind="cirrus", cover=0.6), CloudLayer(kind="haze", cover=0.3)),
        "broken": (CloudLayer(kind="stratocumulus", cover=0.65),),
        "rolls": (CloudLayer(kind="altocumulus", cover=0.35), CloudLayer(kind="cumulus", cover=0.1)),
        "stormy": (
            CloudLayer(kind="storm", cover=0.2),
            CloudLayer(kind="cumulus", cover=0.2),
            CloudLayer(kind="cirrus", cover=0.35),
        ),
        "overcast": (CloudLayer(kind="overcast", cover=1.0),),
        "dusty": (CloudLayer(kind="dust", cover=0.5), CloudLayer(kind="cumulus", cover=0.05)),
    }
)
"""Cloud layers for common kinds of sky."""
