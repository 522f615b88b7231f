"""What covers land: fields, woods, lanes, towns, waters and snow, laid one over the other."""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from unclouded.synthetic._mosaic import Mosaic
from unclouded.synthetic._noise import (
    Float,
    Hash,
    Sampling,
    f32,
    fractal,
    hash_grid,
    hash_of,
    hash_pair,
    nearest_point,
    on_coarser,
    smooth,
    turned,
    unit,
)
from unclouded.synthetic._place import TERRAIN_M, Place
from unclouded.synthetic.surfaces import MATERIALS

Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.uint8]


def _pick(group: str, position: Float) -> Index:
    """A variant of a group by a number in 0 … 1."""
    first, count = MATERIALS.ranges[group]
    return (np.clip(position * count, 0, count - 1).astype(np.uint8) + np.uint8(first)).astype(np.uint8)


def _above(share: float) -> float:
    """The value that a share of standard normal noise exceeds."""
    return NormalDist().inv_cdf(1 - min(max(share, 1e-6), 1 - 1e-6))


def farmland(here: Place, patches: Mosaic) -> tuple[Index, Float]:
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


def wild(here: Place, patches: Mosaic, material: Index, vigour: Float, height: Float) -> tuple[Index, Float]:
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


def _sandiness(here: Place, slope: Float, drift: Float) -> Float:
    """Share of sand over stone, 0 … 1: blown into the lows, in dunes where it is deep."""
    wide = here.noise("sand", 16_000, 200, gain=0.6)
    share = np.float32(0.5) + np.float32(0.3) * (wide - slope - np.float32(_above(here.landscape.sand)))
    share += np.float32(0.35) * (drift - np.float32(0.5))
    phase = on_coarser(here.sampling, TERRAIN_M, lambda s: _dunes(s, here.seed("dunes")))
    share += np.float32(0.10) * phase * np.clip(share, 0, 1)
    return f32(np.clip(share, 0.02, 1))


def _dunes(sampling: Sampling, seed: int) -> Float:
    """Crests about 500 m apart, bent and broken."""
    bend = turned(sampling, 6_000, 300, seed, gain=0.6)
    along = sampling.south[:, None] * 0.8 + sampling.east[None, :] * 0.6
    return np.sin((along / 520.0) % 1.0 * 2 * np.pi + 2.2 * bend).astype(np.float32)


def lanes(patches: Mosaic, material: Index) -> Index:
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


def towns(here: Place, patches: Mosaic, material: Index, height: Float) -> Index:
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


def _built(here: Place) -> Bool:
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


def waters(here: Place, material: Index, vigour: Float, height: Float) -> tuple[Index, Float]:
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


def _river(here: Place) -> tuple[Float, Float]:
    """Distance to the middle of the nearest river, and half its width there, m."""

    def distance(sampling: Sampling) -> Float:
        wide = sampling.grown(1)
        bed = turned(wide, 48_000, 24_000, here.seed("river"))
        bed += np.float32(0.07) * turned(wide, 5_000, 300, here.seed("meanders"), gain=0.45)
        down = (bed[2:, 1:-1] - bed[:-2, 1:-1]) / np.float32(2 * wide.spacing)
        across = (bed[1:-1, 2:] - bed[1:-1, :-2]) / np.float32(2 * wide.spacing)
        slope = np.maximum(np.hypot(down, across), np.float32(1e-5))
        return f32(np.clip(bed[1:-1, 1:-1] / slope, -3_000, 3_000))

    signed = on_coarser(here.sampling, TERRAIN_M / 2, distance)
    wander = on_coarser(here.sampling, 500, lambda s: smooth(s, 2_500, here.seed("width")))
    half = np.float32(40 * here.landscape.rivers) * (1 + np.float32(0.3) * wander)
    return np.abs(signed), half.astype(np.float32)


def snow(here: Place, material: Index, vigour: Float, height: Float) -> tuple[Index, Float]:
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
