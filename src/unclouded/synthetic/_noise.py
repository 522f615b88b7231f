"""Random fields as pure functions of map coordinates and a seed.

Nothing is drawn in sequence: every lattice point hashes its own integer coordinates, so a window is
the same numbers whether it is computed alone or as part of a whole tile. All arithmetic is
element by element (no matrix products), so it is the same to the last bit too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Hash = npt.NDArray[np.uint32]

_X, _Y, _Z = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D  # primes of xxHash (Collet), to tell the axes apart
_MASK = 0xFFFFFFFF
# A cubic B-spline keeps 151/315 of a lattice's variance per axis; uniform numbers in -1 … 1 have 1/3.
_UNIT = math.sqrt(3.0) * 315.0 / 151.0


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Points of a regular lattice that is anchored to the map, not to an image.

    Point (i, j) lies at south `(row0 + i + 0.5) * spacing` and east `(col0 + j + 0.5) * spacing`, m.
    South is minus the northing, so that rows and souths grow together.
    """

    spacing: float
    """m between points."""
    row0: int
    """Index of the first row, counted from the map's origin."""
    col0: int
    """Index of the first column, counted from the map's origin."""
    height: int
    width: int
    detail: float = 0.0
    """Features under 1.5 times this are left out, m; at least the spacing unless `pointwise`."""
    pointwise: bool = False
    """Keep all detail however wide the spacing: for statistics, not for pictures."""

    @property
    def finest(self) -> float:
        """Size of the smallest feature that is kept, m."""
        return 0.0 if self.pointwise else 1.5 * max(self.spacing, self.detail)

    @property
    def south(self) -> npt.NDArray[np.float64]:
        """South of each row, m."""
        return np.asarray((np.arange(self.row0, self.row0 + self.height) + 0.5) * self.spacing, np.float64)

    @property
    def east(self) -> npt.NDArray[np.float64]:
        """East of each column, m."""
        return np.asarray((np.arange(self.col0, self.col0 + self.width) + 0.5) * self.spacing, np.float64)

    def grown(self, rows: int, cols: int | None = None) -> Self:
        """The same lattice with that many rows and columns more on every side."""
        more = rows if cols is None else cols
        return replace(
            self,
            row0=self.row0 - rows,
            col0=self.col0 - more,
            height=self.height + 2 * rows,
            width=self.width + 2 * more,
        )

    def moved(self, rows: int, cols: int) -> Self:
        """The same lattice, that many rows further south and columns further east."""
        return replace(self, row0=self.row0 + rows, col0=self.col0 + cols)

    def coarser(self, spacing: float, margin: int) -> Self:
        """The lattice of a wider spacing that surrounds this one by `margin` points."""
        row0 = math.floor(self.row0 * self.spacing / spacing) - margin
        col0 = math.floor(self.col0 * self.spacing / spacing) - margin
        row1 = math.ceil((self.row0 + self.height) * self.spacing / spacing) + margin
        col1 = math.ceil((self.col0 + self.width) * self.spacing / spacing) + margin
        return replace(self, spacing=spacing, row0=row0, col0=col0, height=row1 - row0, width=col1 - col0)

    def finer(self, factor: int) -> Self:
        """The lattice with `factor` x `factor` points in the place of each."""
        return replace(
            self,
            spacing=self.spacing / factor,
            row0=self.row0 * factor,
            col0=self.col0 * factor,
            height=self.height * factor,
            width=self.width * factor,
        )


def f32(values: npt.ArrayLike) -> Float:
    """The values as float32; no copy where they are."""
    return np.asarray(values, np.float32)


def _scramble(h: Hash) -> Hash:
    """Finaliser of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit."""
    h = h ^ (h >> np.uint32(16))
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def seed_of(*parts: int | str) -> int:
    """One number out of several, to give every field a seed of its own."""
    state = 0x811C9DC5  # FNV-1a
    for byte in "/".join(str(part) for part in parts).encode():
        state = ((state ^ byte) * 0x01000193) & _MASK
    return int(_scramble(np.array([state], np.uint32))[0])


def _wrapped(values: npt.NDArray[np.integer], prime: int) -> Hash:
    return ((values.astype(np.int64) * prime) & _MASK).astype(np.uint32)


def hash_grid(rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer], seed: int) -> Hash:
    """A hash for each pair of a row and a column index. -> uint32 (rows, cols)."""
    down = _scramble(_wrapped(rows, _Y) ^ np.uint32(seed & _MASK))
    return _scramble(down[:, None] + _wrapped(cols, _X)[None, :])


def hash_at(rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer], seed: int) -> Hash:
    """The same hash for each row index with the column index beside it. -> uint32, shape of both."""
    down = _scramble(_wrapped(rows, _Y) ^ np.uint32(seed & _MASK))
    return _scramble(down + _wrapped(cols, _X))


def hash_of(values: Hash, seed: int) -> Hash:
    """A new hash out of one, e.g. a second property of the same parcel."""
    return _scramble((values ^ np.uint32(seed & _MASK)) * np.uint32(_Z))


def hash_pair(first: Hash, second: npt.NDArray[np.integer]) -> Hash:
    """A hash for each element of two arrays of one shape."""
    return _scramble(first + second.astype(np.uint32) * np.uint32(_X))


def unit(h: Hash) -> Float:
    """Hashes as numbers in 0 … 1."""
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def white(sampling: Sampling, seed: int) -> Float:
    """Noise without any correlation, mean 0, variance 1, nearly Gaussian. -> (y, x)."""
    rows = np.arange(sampling.row0, sampling.row0 + sampling.height)
    cols = np.arange(sampling.col0, sampling.col0 + sampling.width)
    h = hash_grid(rows, cols, seed)
    # four bytes, each uniform: their sum has a variance of 4 (256² - 1) / 12
    total = (h & np.uint32(0x00FF00FF)) + ((h >> np.uint32(8)) & np.uint32(0x00FF00FF))
    total = (total & np.uint32(0xFFFF)) + (total >> np.uint32(16))
    return (total.astype(np.float32) - np.float32(510.0)) * np.float32(1.0 / 147.8)


def _taps(
    positions: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], tuple[Float, ...]]:
    """Index of the first of four lattice points and their cubic B-spline weights."""
    base = np.floor(positions)
    t = (positions - base).astype(np.float32)
    u = 1 - t
    sixths = (
        u * u * u,
        3 * t * t * t - 6 * t * t + 4,
        3 * u * u * u - 6 * u * u + 4,
        t * t * t,
    )
    return base.astype(np.int64) - 1, tuple(f32(part / 6) for part in sixths)


def _spline(values: Float, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64]) -> Float:
    """Lattice values (n, m) at fractional row and column positions, by a cubic B-spline. -> (y, x)."""
    first, weights = _taps(cols)
    across = values[:, first] * weights[0]
    for k in range(1, 4):
        across += values[:, first + k] * weights[k]
    first, weights = _taps(rows)
    out = across[first] * weights[0][:, None]
    for k in range(1, 4):
        part = across[first + k]
        part *= weights[k][:, None]
        out += part
    return out


def smooth(sampling: Sampling, cell: float, seed: int, *, shift: tuple[float, float] = (0.0, 0.0)) -> Float:
    """Smooth noise with features of about `cell` m, mean 0, variance 1. -> (y, x).

    Args:
        shift: (south, east), m, added to the coordinates.
    """
    south = (sampling.south + shift[0]) / cell
    east = (sampling.east + shift[1]) / cell
    rows, south = _needed(south)
    cols, east = _needed(east)
    lattice = unit(hash_grid(rows, cols, seed)) * np.float32(2 * _UNIT) - np.float32(_UNIT)
    return _spline(lattice, south, east)


def _needed(places: Points) -> tuple[npt.NDArray[np.int64], Points]:
    """Lattice indices that a spline needs around places, and the places counted along these indices."""
    whole = np.floor(places).astype(np.int64)
    first, last = int(whole[0]) - 1, int(whole[-1]) + 2
    if last - first < 8 * places.size:
        return np.arange(first, last + 1), places - first
    # far apart: only those that are used, so that statistics of a whole scene stay cheap
    used = np.unique(whole[:, None] + np.arange(-1, 3))
    return used, np.searchsorted(used, whole) + (places - whole)


def octaves(largest: float, smallest: float) -> int:
    """How many halvings lead from `largest` to no less than `smallest`, at least one."""
    return max(1, 1 + math.floor(math.log2(max(1.0, largest / smallest)) + 1e-9))


def fractal(
    sampling: Sampling,
    largest: float,
    smallest: float,
    seed: int,
    *,
    gain: float = 0.5,
) -> Float:
    """Fractal noise: octaves from `largest` m down to `smallest` m, each `gain` as strong. -> (y, x).

    Variance 1 if all octaves are there; those that the spacing cannot carry are left out.
    """
    count = octaves(largest, smallest)
    norm = 1 / math.sqrt(sum(gain ** (2 * k) for k in range(count)))
    kept = [k for k in range(count) if largest / 2**k >= sampling.finest] or [0]
    out = np.zeros((sampling.height, sampling.width), np.float32)
    for k in kept:
        part = smooth(sampling, largest / 2**k, seed_of(seed, k))
        part *= np.float32(norm * gain**k)
        out += part
    return out


def turned(sampling: Sampling, largest: float, smallest: float, seed: int, *, gain: float = 0.5) -> Float:
    """Fractal noise whose octaves lie at all angles, so that no lattice shows. Dearer than `fractal`."""
    count = octaves(largest, smallest)
    norm = 1 / math.sqrt(sum(gain ** (2 * k) for k in range(count)))
    south, east = sampling.south[:, None], sampling.east[None, :]
    out = np.zeros((sampling.height, sampling.width), np.float32)
    for k in range(count):
        cell = largest / 2**k
        if k and cell < sampling.finest:
            break
        angle = 0.6 + 2.4 * k  # the golden angle, so that no two octaves are parallel
        cos, sin = math.cos(angle) / cell, math.sin(angle) / cell
        part = scattered(south * cos - east * sin, south * sin + east * cos, seed_of(seed, k))
        out += part * np.float32(norm * gain**k)
    return out


def on_coarser(sampling: Sampling, spacing: float, field: Callable[[Sampling], Float]) -> Float:
    """A field evaluated on a wider lattice and brought to this one by a cubic B-spline.

    For fields that are dear to evaluate and smooth: the wider lattice is anchored to the map as well.
    """
    if sampling.pointwise or spacing <= 1.5 * sampling.spacing:
        return field(sampling)
    coarse = sampling.coarser(spacing, 2)
    rows = sampling.south / spacing - 0.5 - coarse.row0
    cols = sampling.east / spacing - 0.5 - coarse.col0
    return _spline(field(coarse), rows, cols)


def scattered(south: Points, east: Points, seed: int) -> Float:
    """Smooth noise at any points, in units of its cells, variance 1. Dearer than `smooth`."""
    row, col = np.floor(south), np.floor(east)
    t, s = _smoothstep((south - row).astype(np.float32)), _smoothstep((east - col).astype(np.float32))
    look = _Lattice(row.astype(np.int64), col.astype(np.int64), seed)
    top = look.value(0, 0) * (1 - s) + look.value(0, 1) * s
    bottom = look.value(1, 0) * (1 - s) + look.value(1, 1) * s
    # smoothstep keeps 26/35 of the variance per axis, numbers in 0 … 1 have 1/12
    scale = np.float32(2 * math.sqrt(3.0) * 35.0 / 26.0)
    return f32((top * (1 - t) + bottom * t - np.float32(0.5)) * scale)


class _Lattice:
    """Random numbers of lattice points around given ones: a table where they are dense, else one by one."""

    def __init__(self, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], seed: int) -> None:
        self._rows, self._cols, self._seed = rows, cols, seed
        row0, col0 = int(rows.min()) - 1, int(cols.min()) - 1
        height, self._width = int(rows.max()) + 2 - row0, int(cols.max()) + 2 - col0
        self._table: Hash | None = None
        if height * self._width <= 16 * rows.size + 4096:
            down, across = np.arange(row0, row0 + height), np.arange(col0, col0 + self._width)
            self._table = hash_grid(down, across, seed).ravel()
            self._at = (rows - row0) * self._width + (cols - col0)

    def hashed(self, down: int, across: int) -> Hash:
        """Hash of the points this far from the given ones, -1 … 1."""
        if self._table is None:
            return hash_at(self._rows + down, self._cols + across, self._seed)
        return np.asarray(self._table[self._at + (down * self._width + across)], np.uint32)

    def value(self, down: int, across: int) -> Float:
        """The same as numbers in 0 … 1."""
        return unit(self.hashed(down, across))


def _smoothstep(t: Float) -> Float:
    return t * t * (3 - 2 * t)


def nearest_point(south: Points, east: Points, seed: int) -> Float:
    """Distance to the nearest of points strewn one a cell, in cells. (y, x) -> (y, x).

    Cellular noise (Worley 1996): small in the middle of round blobs, about 1 between them.
    """
    row, col = np.floor(south), np.floor(east)
    # in float32 only relative to the point's own cell, so that far from the origin is as good as near
    v, u = (south - row).astype(np.float32), (east - col).astype(np.float32)
    look = _Lattice(row.astype(np.int64), col.astype(np.int64), seed)
    best = np.full(south.shape, 9.0, np.float32)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            h = look.hashed(down, across)
            dy = unit(h) + np.float32(down) - v
            dx = unit(hash_of(h, seed)) + np.float32(across) - u
            np.minimum(best, dy * dy + dx * dx, out=best)
    return np.sqrt(best)


def block_mean(values: npt.NDArray[np.floating], factor: int) -> Float:
    """Mean over factor x factor points: (…, y, x) -> float32 (…, y / factor, x / factor)."""
    if factor == 1:
        return values.astype(np.float32, copy=False)
    *lead, height, width = values.shape
    tall = values.reshape(*lead, height // factor, factor, width)
    rows = tall[..., 0, :].copy()
    for k in range(1, factor):
        rows += tall[..., k, :]
    wide = rows.reshape(*lead, height // factor, width // factor, factor)
    out = wide[..., 0].copy()
    for k in range(1, factor):
        out += wide[..., k]
    return np.asarray(out / np.float32(factor * factor), np.float32)
