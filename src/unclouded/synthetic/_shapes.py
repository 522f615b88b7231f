"""Shapes of clouds: fields without a unit, the larger the cloudier."""

import math
from dataclasses import dataclass

import numpy as np

from unclouded.synthetic._noise import (
    Float,
    Points,
    Sampling,
    f32,
    fractal,
    nearest_point,
    on_coarser,
    scattered,
    seed_of,
    smooth,
    turned,
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a shape depends on."""

    scale_m: float
    """Size of its elements, m."""
    direction_deg: float
    """Where streaks or rolls point, degrees clockwise from north."""
    seed: int

    def noise(self, name: str) -> int:
        """Seed of one of its fields."""
        return seed_of(self.seed, name)


def _turned(sampling: Sampling, direction_deg: float) -> tuple[Points, Points]:
    """Coordinates along and across a direction, m."""
    angle = math.radians(direction_deg)
    south, east = sampling.south[:, None], sampling.east[None, :]
    along = east * math.sin(angle) - south * math.cos(angle)
    across = east * math.cos(angle) + south * math.sin(angle)
    return along, across


def _lumps(sampling: Sampling, form: Form, *, levels: int, warp: float) -> Float:
    """Round heaps upon heaps, bent by a slow noise; about 0 … 1.5."""
    scale = form.scale_m
    south, east = np.meshgrid(sampling.south / scale, sampling.east / scale, indexing="ij")
    bent_south = south + warp * scattered(south * 1.3, east * 1.3, form.noise("bend south"))
    bent_east = east + warp * scattered(south * 1.3, east * 1.3, form.noise("bend east"))
    out = np.zeros(south.shape, np.float32)
    for k in range(levels):
        factor = 2.17**k
        heap = np.float32(0.85) - nearest_point(
            bent_south * factor, bent_east * factor, seed_of(form.noise("heap"), k)
        )
        out += heap * np.float32(0.55**k)
    return out


def _cauliflower(sampling: Sampling, form: Form, largest: float) -> Float:
    """Fine bulges with creases between them, mean near 0."""
    out = fractal(sampling, largest, 14, form.noise("fine"), gain=0.68)
    return np.asarray(np.float32(0.8) - np.abs(out), np.float32)


def cumulus(sampling: Sampling, form: Form) -> Float:
    """Heaps in loose groups with ragged rims."""
    size = form.scale_m
    heaps = on_coarser(sampling, size / 32, lambda s: _lumps(s, form, levels=4, warp=0.13))
    groups = on_coarser(sampling, size / 2, lambda s: fractal(s, 9 * size, 2 * size, form.noise("groups")))
    ragged = fractal(sampling, size / 3, 14, form.noise("rim"), gain=0.72)
    return f32(
        heaps
        + np.float32(0.30) * groups
        + np.float32(0.13) * _cauliflower(sampling, form, size / 4)
        + np.float32(0.12) * ragged
    )


def stratocumulus(sampling: Sampling, form: Form) -> Float:
    """Closed cells with gaps between them."""
    size = form.scale_m
    cells = on_coarser(sampling, size / 48, lambda s: _lumps(s, form, levels=2, warp=0.22))
    sheet = on_coarser(sampling, size, lambda s: fractal(s, 16 * size, 2 * size, form.noise("sheet")))
    ragged = fractal(sampling, size / 4, 14, form.noise("rim"), gain=0.68)
    return f32(np.float32(0.8) * cells + np.float32(0.35) * sheet + np.float32(0.13) * ragged)


def altocumulus(sampling: Sampling, form: Form) -> Float:
    """Small heaps in rolls, in patches."""
    size = form.scale_m
    _, across = _turned(sampling, form.direction_deg)
    bend = on_coarser(sampling, size, lambda s: fractal(s, 20 * size, 4 * size, form.noise("bend")))
    rolls = np.sin((across / (2.4 * size)) % 1.0 * 2 * np.pi + 3.0 * bend).astype(np.float32)
    heaps = on_coarser(sampling, size / 16, lambda s: _lumps(s, form, levels=2, warp=0.2))
    patch = on_coarser(sampling, size, lambda s: fractal(s, 30 * size, 5 * size, form.noise("patch")))
    fine = fractal(sampling, size / 2, 20, form.noise("rim"), gain=0.65)
    return f32(
        heaps * np.float32(0.7) + np.float32(0.22) * rolls + np.float32(0.55) * patch + np.float32(0.1) * fine
    )


def cirrus(sampling: Sampling, form: Form) -> Float:
    """Fibres drawn out along the wind, gathered in veils."""
    return on_coarser(sampling, form.scale_m / 80, lambda s: _fibres(s, form))


def _fibres(sampling: Sampling, form: Form) -> Float:
    size = form.scale_m
    along, across = _turned(sampling, form.direction_deg)
    sway = fractal(sampling, 10 * size, 2 * size, form.noise("sway"))
    across = across + 0.8 * size * sway
    out = np.zeros(sway.shape, np.float32)
    for k in range(7):
        stretch = 5.0 if k else 2.5
        octave = scattered(
            across * (2**k / size), along * (2**k / (stretch * size)), seed_of(form.noise("fibre"), k)
        )
        out += octave * np.float32(0.68**k)
    veil = fractal(sampling, 9 * size, 2 * size, form.noise("veil"))
    return np.float32(0.55) * out + np.float32(0.8) * veil


def sheet(sampling: Sampling, form: Form) -> Float:
    """A slow sheet, thinner and thicker in patches."""
    size = form.scale_m
    return on_coarser(
        sampling, size / 120, lambda s: turned(s, size, size / 60, form.noise("sheet"), gain=0.58)
    )


def overcast(sampling: Sampling, form: Form) -> Float:
    """A closed ceiling with soft folds."""
    size = form.scale_m
    folds = on_coarser(sampling, size / 80, lambda s: _folds(s, form))
    return folds + np.float32(0.06) * fractal(sampling, size / 40, 20, form.noise("fine"), gain=0.6)


def _folds(sampling: Sampling, form: Form) -> Float:
    size = form.scale_m
    along, across = _turned(sampling, form.direction_deg)
    sway = np.float32(0.4) * fractal(sampling, size, size / 4, form.noise("sway"))
    rolls = scattered(across / (0.3 * size) + sway, along / (0.9 * size), form.noise("rolls"))
    return fractal(sampling, size, size / 40, form.noise("folds"), gain=0.55) + np.float32(0.45) * rolls


def storm(sampling: Sampling, form: Form) -> Float:
    """A few great towers with boiling tops."""
    size = form.scale_m
    towers = on_coarser(sampling, size / 64, lambda s: _lumps(s, form, levels=4, warp=0.3))
    slow = on_coarser(sampling, size / 4, lambda s: smooth(s, 3 * size, form.noise("groups")))
    boil = _cauliflower(sampling, form, size / 12)
    return f32(towers + np.float32(0.3) * slow + np.float32(0.09) * boil)
