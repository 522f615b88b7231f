"""Light on its way through a scene's clouds: shadows, parallax, and what each band sees of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import band
from unclouded.core.classes import CLEAR, SHADOW, THICK, THIN
from unclouded.synthetic._noise import Float, Sampling
from unclouded.synthetic.clouds import (
    SHADOW_DEPTH,
    THICK_DEPTH,
    THIN_DEPTH,
    Layer,
    cloud_colour,
    depth_of,
    extinction,
)
from unclouded.synthetic.config import SceneConfig
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


def classify(cloud_depth: Float, shadow_depth: Float) -> Classes:
    """Truth out of optical depths: cloud hides shadow, thick hides thin. uint8 (y, x)."""
    out = np.full(cloud_depth.shape, CLEAR, np.uint8)
    out[shadow_depth >= SHADOW_DEPTH] = SHADOW
    out[cloud_depth >= THIN_DEPTH] = THIN
    out[cloud_depth >= THICK_DEPTH] = THICK
    return out


def under_sky(below: Float, bands: Sequence[str], sampling: Sampling, config: SceneConfig) -> Rendered:
    """A cloudless image under the scene's clouds, with their shadows. (band, y, x) -> `Rendered`."""
    layers = [_Seen.of(layer, sampling, config) for layer in config.layers if layer.cover > 0]
    beams = [_sunbeam(seen.layer, sampling, config, seen.layer.height_m) for seen in layers]
    shadow = _total(sampling, beams)
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


def _sunbeam(layer: Layer, sampling: Sampling, config: SceneConfig, rise_m: float) -> Float:
    """Optical depth of a layer `rise_m` above points, along their beam to the sun, as wide as the sun."""
    rows, cols = (value / sampling.spacing for value in _sunward(config, rise_m))
    row, col = math.floor(rows), math.floor(cols)
    blurred = replace(sampling, detail=max(sampling.detail, rise_m * _SUN_WIDTH))
    there = blurred.moved(row, col).grown(1)
    return _shifted(depth_of(layer, there, config.extent), 1, rows - row, cols - col)


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
    out = np.float32(0.70) + np.float32(0.90) * core / (core + np.float32(8.0))
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
            above += _sunbeam(other, sampling, config, other.height_m - layer.height_m)
    return np.asarray(np.float32(0.5) + np.float32(0.5) * np.exp(-above), np.float32)
