"""Land without clouds: what lies where, and its reflectance at the top of the atmosphere."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from unclouded.core.bands import NAMES
from unclouded.synthetic._mosaic import Mosaic, mosaic
from unclouded.synthetic._noise import (
    Float,
    Hash,
    Sampling,
    fractal,
    hash_grid,
    hash_of,
    hash_pair,
    nearest_point,
    on_coarser,
    seed_of,
    smooth,
    turned,
    unit,
    white,
)
from unclouded.synthetic.surfaces import MATERIALS, PATH

Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.uint8]

TERRAIN_M = 40.0
"""Spacing at which relief, woods and shores are shaped before they are refined."""


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """How much of what; shares are of the area, 0 … 1."""

    water: float = 0.03
    """Share of lakes or sea."""
    water_scale_m: float = 6_000.0
    """Size of the water bodies, m: ponds or a coast."""
    rivers: float = 1.0
    """Width of rivers relative to about 80 m; 0 for none."""
    wild: float = 0.35
    """Share of land that is not parcelled."""
    woods: float = 0.6
    """Share of wild land that is forest; the rest is meadow or scrub."""
    open_land: str = "meadow"
    """What else wild land carries: `meadow`, `scrub`, `desert` or `rock`."""
    conifers: float = 0.5
    """Share of forest that is dark."""
    greenness: float = 0.55
    """Share of parcels in leaf."""
    ripeness: float = 0.4
    """Share of the other parcels that are dry grass or stubble; the rest is bare soil."""
    redness: float = 0.1
    """Share of bare soil that is red."""
    sand: float = 0.0
    """Share of desert in which sand outweighs stone."""
    salt: float = 0.0
    """Share of wild land that is salt."""
    built: float = 0.02
    """Share of towns; villages come on top."""
    relief_m: float = 50.0
    """Standard deviation of the elevation, m."""
    ridges: float = 0.0
    """0 rolling hills … 1 mountain ridges."""
    tree_line_m: float = 9_000.0
    """Elevation over the mean above which rock takes over, m."""
    snow_line_m: float = 9_000.0
    """Elevation over the mean above which snow lies, m; far below the valleys: snow everywhere."""
    block_m: float = 1_400.0
    """Size of blocks of parcels between lanes, m."""
    parcel_m: float = 220.0
    """Width of a parcel, m."""


LANDSCAPES: Mapping[str, Landscape] = MappingProxyType(
    {
        "temperate": Landscape(),
        "autumn": Landscape(greenness=0.25, ripeness=0.25, conifers=0.35, redness=0.2),
        "mediterranean": Landscape(
            water=0.02,
            wild=0.5,
            woods=0.35,
            open_land="scrub",
            greenness=0.3,
            ripeness=0.6,
            redness=0.35,
            relief_m=160,
            parcel_m=140,
        ),
        "coast": Landscape(water=0.4, water_scale_m=60_000, wild=0.4, relief_m=40, built=0.06),
        "arid": Landscape(
            water=0.004,
            rivers=0.4,
            wild=0.95,
            woods=0.0,
            open_land="desert",
            sand=0.6,
            salt=0.01,
            greenness=0.6,
            redness=0.6,
            ripeness=0.3,
            relief_m=90,
            built=0.01,
        ),
        "alpine": Landscape(
            water=0.015,
            wild=0.85,
            woods=0.6,
            conifers=0.85,
            relief_m=850,
            ridges=0.75,
            tree_line_m=650,
            snow_line_m=1_050,
            built=0.01,
            greenness=0.85,
            parcel_m=120,
        ),
        "tropics": Landscape(
            water=0.02,
            rivers=2.5,
            wild=0.75,
            woods=0.93,
            conifers=0.1,
            greenness=0.75,
            redness=0.7,
            built=0.015,
        ),
        "winter": Landscape(
            greenness=0.2, conifers=0.8, relief_m=120, snow_line_m=-280, tree_line_m=9_000, ripeness=0.5
        ),
    }
)
"""Kinds of land by name."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What lies at each point. Arrays (y, x)."""

    material: Index
    """Row of `surfaces.MATERIALS`."""
    vigour: Float
    """Place on the material's own scale, about -2 … 2 (water and snow: 0 … 1)."""
    light: Float
    """Light on the surface relative to level ground, texture included."""

    def reflectance(self, bands: Sequence[str]) -> Float:
        """Reflectance at the top of the atmosphere, float32 (band, y, x)."""
        out = np.empty((len(bands), *self.material.shape), np.float32)
        for k, name in enumerate(bands):
            b = NAMES.index(name)
            np.take(MATERIALS.spectra[:, b] - PATH[b], self.material, out=out[k])
            out[k] += np.take(MATERIALS.vigour[:, b], self.material) * self.vigour
            out[k] *= self.light
            np.maximum(out[k], 0, out=out[k])
            out[k] += PATH[b]
        return out


def ground(
    sampling: Sampling, landscape: Landscape, seed: int, *, sun_zenith: float, sun_azimuth: float
) -> Ground:
    """What lies at each point of the sampling, lit by the sun (degrees)."""
    here = _Place(sampling, landscape, seed)
    patches = mosaic(sampling, here.seed("mosaic"), block_m=landscape.block_m, parcel_m=landscape.parcel_m)
    height = here.height(sampling)
    material, vigour = _farmland(here, patches)
    material, vigour = _wild(here, patches, material, vigour, height)
    material = _lanes(here, patches, material)
    material = _towns(here, patches, material, height)
    material, vigour = _waters(here, material, vigour, height)
    material, vigour = _snow(here, material, vigour, height)
    light = here.hillshade(sun_zenith, sun_azimuth) * (1 + MATERIALS.contrast[material] * here.grain(patches))
    return Ground(material=material, vigour=vigour, light=light.astype(np.float32))


@dataclass(frozen=True)
class _Place:
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
        return fine + np.float32(0.5) * rows if self.sampling.spacing <= 15 else fine


def _pick(group: str, position: Float) -> Index:
    """A variant of a group by a number in 0 … 1."""
    first, count = MATERIALS.ranges[group]
    return (np.clip(position * count, 0, count - 1).astype(np.uint8) + np.uint8(first)).astype(np.uint8)


def _above(share: float) -> float:
    """The value that a share of standard normal noise exceeds."""
    return NormalDist().inv_cdf(1 - min(max(share, 1e-6), 1 - 1e-6))


def _farmland(here: _Place, patches: Mosaic) -> tuple[Index, Float]:
    """Parcels of crops, meadow, stubble and bare soil."""
    land = here.landscape
    choice, shade = unit(hash_of(patches.parcel, 21)), unit(hash_of(patches.parcel, 22))
    # whole districts are ahead or behind in the season
    season = np.float32(0.12) * on_coarser(
        here.sampling, 500, lambda s: fractal(s, 20_000, 5_000, here.seed("season"))
    )
    green = np.clip(np.float32(land.greenness) + season, 0, 1)
    rest = (choice - green) / np.maximum(1 - green, np.float32(1e-3))
    bare = np.where(
        unit(hash_of(patches.block, 23)) < land.redness, _pick("red soil", shade), _pick("soil", shade)
    )
    material = np.where(rest < land.ripeness, _pick("ripe", shade), bare)
    material = np.where(choice < green, _pick("crop", shade), material)
    material = np.where(choice < 0.4 * green, _pick("meadow", shade), material)
    material = np.where(choice < 0.05 * green, _pick("conifer", shade), material)
    own = np.float32(1.4) * (unit(hash_of(patches.parcel, 24)) - np.float32(0.5))
    patchy = here.noise("vigour", 900, 20, gain=0.65)
    return material.astype(np.uint8), own + np.float32(0.7) * patchy


def _wild(
    here: _Place, patches: Mosaic, material: Index, vigour: Float, height: Float
) -> tuple[Index, Float]:
    """Woods, meadow, scrub, desert and salt, and rock above the trees."""
    land = here.landscape
    slope = height / np.float32(max(land.relief_m, 1))
    wild = here.noise("wild", 9_000, 15, gain=0.62) + np.float32(0.35) * slope
    cover = here.noise("cover", 2_800, 15, gain=0.62)
    kind = here.noise("kind", 5_000, 30, gain=0.6)
    drift = np.float32(0.5) + np.float32(0.25) * here.noise("shade", 1_500, 20, gain=0.75)
    # woods are managed in stands, the rest drifts
    stand = np.float32(0.6) * drift + np.float32(0.4) * unit(hash_of(patches.parcel, 25))
    out = np.where(kind > _above(land.conifers), _pick("conifer", stand), _pick("broadleaf", stand))
    out = np.where(cover > _above(land.woods), out, _pick(land.open_land, drift))
    if land.open_land == "desert":
        vigour = np.where(_in(out, "desert"), _sandiness(here, slope, drift), vigour)
    if land.salt > 0:
        out = np.where(kind > _above(land.salt) + np.float32(0.8) * slope, _pick("salt", drift), out)
    inside = wild > _above(land.wild) * math.hypot(1, 0.35)
    out = np.where(inside, out, material)
    bare = height + np.float32(0.2 * land.relief_m) * cover > land.tree_line_m
    return np.where(bare, _pick("rock", drift), out).astype(np.uint8), vigour


def _sandiness(here: _Place, slope: Float, drift: Float) -> Float:
    """Share of sand over stone, 0 … 1: blown into the lows, in dunes where it is deep."""
    wide = here.noise("sand", 16_000, 200, gain=0.6)
    share = np.float32(0.5) + np.float32(0.3) * (wide - slope - np.float32(_above(here.landscape.sand)))
    share += np.float32(0.35) * (drift - np.float32(0.5))
    phase = on_coarser(here.sampling, TERRAIN_M, lambda s: _dunes(s, here.seed("dunes")))
    share += np.float32(0.10) * phase * np.clip(share, 0, 1)
    return np.clip(share, 0.02, 1).astype(np.float32)


def _dunes(sampling: Sampling, seed: int) -> Float:
    """Crests about 500 m apart, bent and broken."""
    bend = turned(sampling, 6_000, 300, seed, gain=0.6)
    along = sampling.south[:, None] * 0.8 + sampling.east[None, :] * 0.6
    return np.sin((along / 520.0) % 1.0 * 2 * np.pi + 2.2 * bend).astype(np.float32)


def _lanes(here: _Place, patches: Mosaic, material: Index) -> Index:
    """Roads and hedges along the rims of blocks, rides through managed woods."""
    kind = unit(hash_of(patches.block, 31))
    woods = _in(material, "conifer", "broadleaf")
    farm = ~woods & ~_in(material, "desert", "salt", "rock", "scrub")
    hedge = (kind < 0.35) & (patches.border < 5) & farm
    out = np.where(hedge, _pick("broadleaf", kind), material)
    road = (patches.lane < 6) & farm
    out = np.where(road, _pick("road", kind), out)
    ride = woods & (patches.border < 4) & (kind < 0.4)
    return np.where(ride, _pick("meadow", kind), out).astype(np.uint8)


def _in(material: Index, *groups: str) -> Bool:
    table = np.zeros(MATERIALS.contrast.size, np.bool_)
    for group in groups:
        first, count = MATERIALS.ranges[group]
        table[first : first + count] = True
    return table[material]


def _towns(here: _Place, patches: Mosaic, material: Index, height: Float) -> Index:
    """Towns with streets, houses, gardens and halls, and villages between them."""
    built = _built(here) & (height < 0.6 * here.landscape.relief_m)
    if not built.any():
        return material
    along, across = patches.along, patches.across
    street = (np.mod(across, 84) < 9) | (np.mod(along, 152) < 9)
    plot = hash_pair(
        hash_pair(patches.block, np.floor(along / 19).astype(np.int32)),
        np.floor(across / 14).astype(np.int32),
    )
    draw = unit(plot)
    out = np.where(draw < 0.42, _pick("house", unit(hash_of(plot, 41))), _pick("garden", draw))
    out = np.where(unit(hash_of(patches.parcel, 42)) < 0.22, _halls(patches), out)
    out = np.where(street, _pick("road", draw * np.float32(0.5)), out)
    out = np.where(unit(hash_of(patches.parcel, 43)) < 0.08, _pick("meadow", draw), out)
    return np.where(built, out, material).astype(np.uint8)


def _halls(patches: Mosaic) -> Index:
    """Large roofs, mostly grey, a few bright, with yards between them."""
    plot: Hash = hash_pair(
        hash_pair(patches.parcel, np.floor(patches.along / 95).astype(np.int32)),
        np.floor(patches.across / 65).astype(np.int32),
    )
    roof = (np.mod(patches.along, 95) < 70) & (np.mod(patches.across, 65) < 48)
    return np.where(roof, _pick("hall", unit(plot) ** 2), _pick("road", unit(hash_of(plot, 44)))).astype(
        np.uint8
    )


def _built(here: _Place) -> Bool:
    """Where houses stand."""

    def village(sampling: Sampling) -> Float:
        south, east = np.meshgrid(sampling.south / 4_200, sampling.east / 4_200, indexing="ij")
        return nearest_point(south, east, here.seed("villages"))

    land = here.landscape
    ragged = here.noise("outskirts", 700, 30, gain=0.7)
    town = here.noise("town", 5_000, 600) + np.float32(0.3) * ragged > _above(land.built) * 1.05
    if land.built <= 0:
        return np.zeros_like(town)
    reach = np.float32(min(0.13, 0.6 * math.sqrt(land.built)))
    near = on_coarser(here.sampling, 4 * TERRAIN_M, village) < reach * (
        np.float32(0.6) + np.float32(0.6) * ragged
    )
    return town | near


def _waters(here: _Place, material: Index, vigour: Float, height: Float) -> tuple[Index, Float]:
    """Lakes or sea, and rivers with their banks."""
    land = here.landscape
    depth = here.noise("water", land.water_scale_m, 25) - np.float32(0.5) * height / np.float32(
        max(land.relief_m, 1)
    )
    shore = depth / np.float32(math.hypot(1, 0.5)) - np.float32(_above(land.water))
    wet = shore > 0 if land.water > 0 else np.zeros(shore.shape, np.bool_)
    murk = np.exp(-np.maximum(shore, 0) * np.float32(4)) * np.float32(0.8)
    murk = murk * (np.float32(0.6) + np.float32(0.25) * here.noise("murk", 8_000, 200))
    if land.rivers > 0:
        distance, width = _river(here)
        bank = distance < width + 25
        sandy = unit(hash_grid(np.array([0]), np.array([0]), here.seed("bank")))[0, 0] < 0.5
        material = np.where(
            bank & ~wet, _pick("scrub" if sandy else "broadleaf", np.float32(0.4) + 0 * width), material
        ).astype(np.uint8)
        murk = np.where(wet, murk, np.float32(0.55))
        wet = wet | (distance < width)
    water, _ = MATERIALS.ranges["water"]
    return (
        np.where(wet, np.uint8(water), material).astype(np.uint8),
        np.where(wet, np.clip(murk, 0, 1.2), vigour).astype(np.float32),
    )


def _river(here: _Place) -> tuple[Float, Float]:
    """Distance to the middle of the nearest river, and half its width there, m."""

    def distance(sampling: Sampling) -> Float:
        wide = sampling.grown(1)
        bed = turned(wide, 48_000, 24_000, here.seed("river"))
        bed += np.float32(0.11) * turned(wide, 5_000, 300, here.seed("meanders"), gain=0.45)
        down = (bed[2:, 1:-1] - bed[:-2, 1:-1]) / np.float32(2 * wide.spacing)
        across = (bed[1:-1, 2:] - bed[1:-1, :-2]) / np.float32(2 * wide.spacing)
        slope = np.maximum(np.hypot(down, across), np.float32(1e-5))
        return np.clip(bed[1:-1, 1:-1] / slope, -3_000, 3_000)

    signed = on_coarser(here.sampling, TERRAIN_M / 2, distance)
    wander = on_coarser(here.sampling, 500, lambda s: smooth(s, 2_500, here.seed("width")))
    half = np.float32(40 * here.landscape.rivers) * (1 + np.float32(0.3) * wander)
    return np.abs(signed), half.astype(np.float32)


def _snow(here: _Place, material: Index, vigour: Float, height: Float) -> tuple[Index, Float]:
    """Snow above its line, thinner in woods and on roads."""
    land = here.landscape
    if land.snow_line_m >= 9_000:
        return material, vigour
    patch = here.noise("snow", 1_500, 15, gain=0.65)
    over = (height - np.float32(land.snow_line_m)) / np.float32(max(0.3 * land.relief_m, 30)) + patch
    # snow slides off trees and roofs, and roads are cleared, until it is deep
    need = np.where(_in(material, "conifer", "broadleaf", "road", "house", "garden"), 8.0, 0.0)
    lies = (over > need) & ~_in(material, "water")
    snow, _ = MATERIALS.ranges["snow"]
    fresh = np.float32(0.45) + np.float32(0.2) * patch + np.float32(0.12) * np.clip(over, 0, 3)
    fresh = np.clip(fresh + np.float32(0.15) * vigour, 0, 1)
    return (
        np.where(lies, np.uint8(snow), material).astype(np.uint8),
        np.where(lies, fresh, vigour).astype(np.float32),
    )
