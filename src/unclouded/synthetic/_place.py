"""The random fields that land is made from: relief, woods and shores in waiting."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from unclouded.synthetic._mosaic import Mosaic
from unclouded.synthetic._noise import (
    Float,
    Sampling,
    f32,
    fractal,
    hash_of,
    on_coarser,
    seed_of,
    turned,
    unit,
    white,
)
from unclouded.synthetic.landscapes import Landscape

TERRAIN_M = 40.0
"""Spacing at which relief, woods and shores are shaped before they are refined."""


@dataclass(frozen=True)
class Place:
    """The fields that land is made from, at one sampling."""

    sampling: Sampling
    landscape: Landscape
    root: int

    def seed(self, name: str) -> int:
        return seed_of(self.root, name)

    def noise(self, name: str, largest: float, smallest: float, gain: float = 0.5) -> Float:
        """Fractal noise, its coarse part shaped on a wider lattice."""
        split = max(TERRAIN_M, smallest, 3 * self.sampling.spacing)
        coarse = partial(turned, largest=largest, smallest=2 * split, seed=self.seed(name), gain=gain)
        out = on_coarser(self.sampling, split, coarse)
        if smallest < 2 * split and self.sampling.spacing < split:
            fine = 2 * gain ** max(1, math.log2(largest / split)) * np.float32(0.6)
            out = out + fine * fractal(self.sampling, split, smallest, self.seed(name + " fine"), gain=0.7)
        return out

    def height(self, sampling: Sampling) -> Float:
        """Elevation over the mean, m."""
        return on_coarser(sampling, TERRAIN_M, self._terrain)

    def _terrain(self, sampling: Sampling) -> Float:
        land = self.landscape
        rolling = turned(sampling, 24_000, 90, self.seed("relief"), gain=0.52)
        if land.ridges == 0:
            return rolling * np.float32(land.relief_m)
        ridged = np.zeros_like(rolling)
        for k in range(8):
            # octaves under a ridge are folded too: crests branch into spurs
            octave = turned(sampling, 15_000 / 2**k, 15_000 / 2**k, seed_of(self.seed("ridges"), k))
            ridged += np.float32(0.56**k) * (np.float32(0.8) - np.abs(octave))
        mixed = (1 - land.ridges) * rolling + land.ridges * np.float32(1.6) * ridged
        return np.asarray(mixed * np.float32(land.relief_m), np.float32)

    def hillshade(self, sun_zenith: float, sun_azimuth: float) -> Float:
        """Light on the slopes relative to level ground, a quarter of it from the sky."""
        height = self.height(self.sampling.grown(1))
        step = np.float32(2 * self.sampling.spacing)
        to_east = (height[1:-1, 2:] - height[1:-1, :-2]) / step
        to_north = (height[:-2, 1:-1] - height[2:, 1:-1]) / step
        azimuth, tilt = math.radians(sun_azimuth), math.tan(math.radians(min(sun_zenith, 75.0)))
        toward_sun = to_east * np.float32(math.sin(azimuth)) + to_north * np.float32(math.cos(azimuth))
        lit = (1 - np.float32(tilt) * toward_sun) / np.sqrt(1 + to_east**2 + to_north**2)
        return np.asarray(np.float32(0.25) + np.float32(0.75) * np.clip(lit, 0, 2.2), np.float32)

    def grain(self, patches: Mosaic) -> Float:
        """Texture of brightness, about -2 … 2: crowns, clods, roofs, and the rows of crops."""
        fine = fractal(self.sampling, 120, 15, self.seed("grain"), gain=0.85)
        fine += np.float32(0.6) * white(self.sampling, self.seed("speckle"))
        pitch = np.float32(22) + np.float32(30) * unit(hash_of(patches.parcel, 11))
        rows = np.sin(patches.across * (np.float32(2 * np.pi) / pitch))
        return f32(fine + np.float32(0.5) * rows) if self.sampling.spacing <= 15 else fine
