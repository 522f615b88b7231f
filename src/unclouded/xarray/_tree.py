"""EOPF products as xarray opens them, a group a spacing: brought onto one grid, lazily."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import BandError, ProductError
from unclouded.core.radiometry import DN_NODATA
from unclouded.sources import _eopf
from unclouded.sources.xarray_cube import nodata_of

_PREFERRED = (20, 10, 60)
"""Spacings, m, in the order in which the grid is chosen: at 20 m most bands are there as they were taken."""
_LEAST_SEEN = 0.5
"""Share of a coarser pixel that must have been seen, as in `scene`."""


def cube_of(tree: xr.DataTree) -> xr.Dataset:
    """The bands of a product on the grid of its 20 m group, or of a group by itself.

    Finer bands are averaged, coarser ones repeated. Level and satellite are those that the product says.

    Raises:
        ProductError: no group of bands.
    """
    groups = dict(_groups(tree))
    if not groups:
        return _named(tree.to_dataset(), tree)
    own = next(gsd for gsd in _PREFERRED if gsd in groups)
    found = groups[own]
    for gsd in sorted(groups, key=lambda gsd: (gsd > own, abs(gsd - own))):
        for name, layer in groups[gsd].data_vars.items():
            if name not in found and _is_band(str(name)):
                found = found.assign({name: _onto(layer, gsd, own, found)})
    return _named(found, tree)


def _groups(tree: xr.DataTree) -> Iterator[tuple[int, xr.Dataset]]:
    """Spacing and bands of each group, of the first place that has any."""
    for root in _eopf.ROOTS:
        found = [(gsd, _group(tree, f"{root}r{gsd}m")) for gsd in (10, 20, 60)]
        there = [(gsd, group) for gsd, group in found if group is not None and group.data_vars]
        if there:
            yield from there
            return


def _group(tree: xr.DataTree, path: str) -> xr.Dataset | None:
    try:
        node: Any = tree[path]
    except KeyError:
        return None
    return node.to_dataset() if isinstance(node, xr.DataTree) else None


def _is_band(name: str) -> bool:
    try:
        return band(name).name in NAMES
    except BandError:
        return False


def _onto(layer: xr.DataArray, gsd: int, own: int, target: xr.Dataset) -> xr.DataArray:
    """A layer on the target's grid, which shares its upper left corner; NaN where nothing was seen."""
    if any(layer.sizes[axis] * gsd != target.sizes[axis] * own for axis in ("y", "x")):
        raise ProductError(
            f"{layer.name}: expected groups of one extent, found {_extent(layer, gsd)} beside "
            f"{_extent(target, own)}; give one group alone, such as tree['…/r{own}m']"
        )
    seen = _seen(layer)
    if gsd < own:
        factor = own // gsd
        blocks = seen.coarsen(y=factor, x=factor)
        found = blocks.mean().where(blocks.count() >= _LEAST_SEEN * factor**2)
    else:
        places = {axis: np.arange(target.sizes[axis]) // (gsd // own) for axis in ("y", "x")}
        found = seen.isel(places)
    found = found.assign_coords({axis: target[axis] for axis in ("y", "x") if axis in target.coords})
    found.attrs = {
        key: value for key, value in layer.attrs.items() if key not in ("proj:transform", "proj:shape")
    }
    found.encoding = {
        key: layer.encoding[key] for key in ("scale_factor", "add_offset") if key in layer.encoding
    }
    return found


def _seen(layer: xr.DataArray) -> xr.DataArray:
    """The layer with NaN where nothing was seen: DN 0, whether or not a fill value says so."""
    nodata = nodata_of(layer)
    if nodata is None and layer.dtype.kind != "f":
        nodata = DN_NODATA
    return layer if nodata is None else layer.where(layer != nodata)


def _extent(layer: xr.DataArray | xr.Dataset, gsd: int) -> str:
    return f"{layer.sizes['y'] * gsd} x {layer.sizes['x'] * gsd} m"


def _named(cube: xr.Dataset, tree: xr.DataTree) -> xr.Dataset:
    """The cube with what the product says of itself, where its own attributes do not."""
    if "stac_discovery" not in tree.root.attrs:
        return cube
    who = _eopf.identity(tree.root.attrs, tree.root.name or "cube")
    said = {"id": who.id, "level": who.level, "sensor": who.satellite or who.sensor}
    return cube.assign_attrs({key: value for key, value in said.items() if value and key not in cube.attrs})
