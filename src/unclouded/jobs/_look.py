"""A quick look at a scene's pixels: coarse where the source has levels, a sample where it has not."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unclouded.core.cores import usable_cores
from unclouded.core.errors import RasterError
from unclouded.core.radiometry import to_reflectance
from unclouded.core.windows import Window, whole
from unclouded.predict import InputStatistics
from unclouded.scene import Scene

COARSE_PX = 340
"""Pixels a side at which a scene is looked at: 323 m over a whole tile, so that its coarsest level serves."""
VALID_SIZE = 60.0
"""Spacing at which valid pixels are counted, m: near nodata a coarse level is nodata itself."""
_FULL_READ_PX = 4_000_000
"""Pixels a band that are read whole where a source has no coarser level; of more a sample is read."""
_LATTICE, _LATTICE_PX = 6, 128
"""Windows a side, and pixels a side of each, of the sample."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the pixels look like."""

    reflectance: Mapping[str, npt.NDArray[np.float32]]
    """Band -> its valid values (n,)."""
    valid_share: float | None
    """Share of the pixels that were seen, 0 … 1; None where no band could be read."""
    warnings: tuple[str, ...]
    """What looks wrong, and a line for each band that cannot be read."""


def look_at(scene: Scene) -> Look:
    """What a scene's pixels look like; bands that cannot be read are named and left out."""
    place = _place_of(scene)
    read, damaged = _read_each(place)
    if not read:
        return Look(reflectance={}, valid_share=None, warnings=damaged)
    names = tuple(read)
    dn = np.stack([found.dn for found in read.values()])
    valid = np.stack([found.valid for found in read.values()])
    reflectance = to_reflectance(dn[:, None], names, scene.radiometry)
    statistics = InputStatistics(bands=names)
    statistics.add(reflectance, np.asarray(valid.all(axis=0))[None])
    share = _counted_share(scene, names) if place.is_whole else float(valid.all(axis=0).mean())
    nothing = ("no valid pixel was found",) if share == 0 else ()
    return Look(
        reflectance={name: reflectance[i, 0][valid[i]] for i, name in enumerate(names)},
        valid_share=share,
        warnings=(*damaged, *statistics.warnings(), *nothing),
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a scene is looked at."""

    scene: Scene
    windows: tuple[Window, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all of the scene is looked at, if coarsely."""
        return self.windows == (whole(self.scene.grid.shape),)


def _place_of(scene: Scene) -> _Place:
    factor = max(1.0, max(scene.grid.shape) / COARSE_PX)
    coarse = scene.at(scene.pixel_size * factor)
    levels = [grid for reader in scene.product.bands.values() for grid in reader.levels]
    has_coarse = max(grid.pixel_size for grid in levels) * 2.5 > coarse.pixel_size
    if has_coarse or scene.grid.height * scene.grid.width <= _FULL_READ_PX:
        return _Place(scene=coarse, windows=(whole(coarse.grid.shape),))
    return _Place(scene=scene, windows=_lattice(scene.grid.shape))


def _lattice(shape: tuple[int, int]) -> tuple[Window, ...]:
    """Windows spread evenly over a raster."""
    rows, cols = (
        np.linspace(0, side - min(side, _LATTICE_PX), _LATTICE).astype(int).tolist() for side in shape
    )
    height, width = (min(side, _LATTICE_PX) for side in shape)
    return tuple(Window(row_off=row, col_off=col, height=height, width=width) for row in rows for col in cols)


@dataclass(frozen=True, kw_only=True)
class _Band:
    """One band of all windows."""

    dn: npt.NDArray[np.float32]
    """(n,)"""
    valid: npt.NDArray[np.bool_]
    """(n,)"""


def _read_each(place: _Place) -> tuple[dict[str, _Band], tuple[str, ...]]:
    """Bands by name, and a line for each that cannot be read."""
    names = place.scene.bands
    with ThreadPoolExecutor(min(len(names), usable_cores())) as pool:
        found = list(pool.map(lambda name: _band(place, name), names))
    read = {name: item for name, item in zip(names, found, strict=True) if isinstance(item, _Band)}
    return read, tuple(item for item in found if isinstance(item, str))


def _band(place: _Place, name: str) -> _Band | str:
    """One band, or why it cannot be read."""
    try:
        parts = [place.scene.read_dn((name,), window) for window in place.windows]
    except RasterError as err:
        return str(err)
    return _Band(
        dn=np.concatenate([part.dn.ravel() for part in parts]),
        valid=np.concatenate([part.valid.ravel() for part in parts]),
    )


def _counted_share(scene: Scene, names: tuple[str, ...]) -> float:
    """Share of valid pixels of the band that is coarsest by itself: the fewest pixels to decode."""
    sizes = {name: scene.product.bands[name].grid.pixel_size for name in names}
    name = max(sizes, key=lambda name: sizes[name])
    size = max(sizes[name], VALID_SIZE) if scene.grid.georeferenced else sizes[name]
    return float(scene.at(size).read_dn((name,)).valid.mean())
