"""A patchwork of blocks and parcels: farmland, streets and lanes.

Blocks are the Voronoi cells of points strewn one per square of a lattice; each has a direction of its
own and is cut into rows, each row into parcels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.windows import Window
from unclouded.synthetic._noise import Float, Hash, Sampling, hash_grid, hash_of, hash_pair, unit

# Points keep this far from the rim of their square, in squares: with a fifth, the nearest and the second
# nearest of any place are among the 3 x 3 squares around it, so no seam can show.
_RIM = 0.2


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Where in the patchwork each point lies. Arrays (y, x)."""

    block: Hash
    """Hash of the block."""
    parcel: Hash
    """Hash of the parcel."""
    lane: Float
    """Distance to the block's rim, m."""
    border: Float
    """Distance to the parcel's rim, m."""
    along: Float
    """Distance along the block's direction, m."""
    across: Float
    """Distance across it, m."""


def mosaic(sampling: Sampling, seed: int, *, block_m: float, parcel_m: float) -> Mosaic:
    """The patchwork at each point, with blocks about `block_m` and parcels about `parcel_m` wide."""
    shape = (sampling.height, sampling.width)
    out = Mosaic(
        block=np.empty(shape, np.uint32),
        parcel=np.empty(shape, np.uint32),
        lane=np.empty(shape, np.float32),
        border=np.empty(shape, np.float32),
        along=np.empty(shape, np.float32),
        across=np.empty(shape, np.float32),
    )
    for row, col, window, south, east in _squares(sampling, block_m):
        _fill(out, window, _Square(row, col, south, east, seed, block_m, parcel_m))
    return out


def _squares(sampling: Sampling, size: float) -> Iterator[tuple[int, int, Window, Float, Float]]:
    """Lattice squares met by the sampling: indices, its pixels there, and their place in the square, m."""
    south, east = sampling.south, sampling.east
    rows, cols = np.floor(south / size).astype(np.int64), np.floor(east / size).astype(np.int64)
    for row in np.unique(rows):
        top, bottom = np.searchsorted(rows, [row, row + 1])
        down = (south[top:bottom] - row * size).astype(np.float32)
        for col in np.unique(cols):
            left, right = np.searchsorted(cols, [col, col + 1])
            window = Window(
                row_off=int(top), col_off=int(left), height=int(bottom - top), width=int(right - left)
            )
            yield int(row), int(col), window, down, (east[left:right] - col * size).astype(np.float32)


@dataclass(frozen=True)
class _Square:
    row: int
    col: int
    south: Float
    east: Float
    seed: int
    block_m: float
    parcel_m: float

    def points(self) -> tuple[Hash, Float, Float]:
        """Hash and place of the nine points around, m from this square's corner."""
        rows = np.arange(self.row - 1, self.row + 2)
        cols = np.arange(self.col - 1, self.col + 2)
        h = hash_grid(rows, cols, self.seed)
        inner = np.float32(1 - 2 * _RIM)
        offsets = np.array([-1, 0, 1], np.float32) + np.float32(_RIM)
        down = (unit(h) * inner + offsets[:, None]) * np.float32(self.block_m)
        across = (unit(hash_of(h, 1)) * inner + offsets[None, :]) * np.float32(self.block_m)
        return h.ravel(), down.ravel(), across.ravel()


def _fill(out: Mosaic, window: Window, square: _Square) -> None:
    h, down, across = square.points()
    first, second, near, far = _two_nearest(square.south, square.east, down, across)
    span = np.hypot(down[:, None] - down[None, :], across[:, None] - across[None, :]) + np.float32(1e-3)
    at = window.slices
    out.block[at] = h[first]
    out.lane[at] = (far - near) / (2 * span[first, second])
    v = square.south[:, None] - down[first]
    u = square.east[None, :] - across[first]
    angle = unit(hash_of(h, 2)) * np.float32(2 * np.pi)
    cos, sin = np.cos(angle)[first], np.sin(angle)[first]
    out.along[at] = u * cos + v * sin
    out.across[at] = v * cos - u * sin
    out.parcel[at], out.border[at] = _parcels(h, first, out.along[at], out.across[at], square.parcel_m)


def _two_nearest(
    south: Float, east: Float, down: Float, across: Float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float, Float]:
    """Indices and squared distances, m², of the nearest and the second nearest point."""
    shape = (south.size, east.size)
    near, far = np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32)
    first, second = np.zeros(shape, np.intp), np.zeros(shape, np.intp)
    for k in range(down.size):
        d2 = ((south - down[k]) ** 2)[:, None] + ((east - across[k]) ** 2)[None, :]
        closer, next_closer = d2 < near, d2 < far
        second = np.where(closer, first, np.where(next_closer, k, second))
        far = np.where(closer, near, np.where(next_closer, d2, far))
        first = np.where(closer, k, first)
        near = np.where(closer, d2, near)
    return first, second, near, far


def _parcels(
    blocks: Hash, index: npt.NDArray[np.intp], along: Float, across: Float, size: float
) -> tuple[Hash, Float]:
    """Hash of the parcel and distance to its rim, m."""
    # the grid of a block is its own; cuts wander, so that no two rows or parcels are of one size
    depth = (size * (0.8 + 1.6 * unit(hash_of(blocks, 3)) ** 2)).astype(np.float32)[index]
    own = blocks[index]
    row, side = _cut(across / depth, own)
    key = hash_pair(own, row)
    length = np.float32(size) * (0.9 + 2.4 * unit(hash_of(key, 4)) ** 2)
    column, end = _cut(along / length + unit(hash_of(key, 5)), key)
    return hash_pair(key, column), np.minimum(side * depth, end * length).astype(np.float32)


def _cut(place: Float, key: Hash) -> tuple[npt.NDArray[np.int32], Float]:
    """Between which two cuts a place lies, one cut to a unit, and how far from the nearer."""
    whole = np.floor(place)
    rest, number = place - whole, whole.astype(np.int32)
    cut = np.float32(0.15) + np.float32(0.7) * unit(hash_pair(key, number))
    return number + (rest >= cut), np.abs(rest - cut)
