"""What a mask does to its cube: clouds taken out, and counted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from unclouded.core.classes import NODATA
from unclouded.core.errors import GridError, OptionError
from unclouded.core.grid import Grid
from unclouded.core.windows import whole
from unclouded.refine import Refinement, reach_px, rules
from unclouded.sources import OpenOptions
from unclouded.sources.xarray_cube import grid_of
from unclouded.xarray._blocks import Clearing, Place, clear_block
from unclouded.xarray._layout import Axes, Cube, axes_of, in_degrees, metric

_FILLS = ("nodata", "_FillValue", "missing_value")


def cleared(
    cube: Cube, mask: xr.DataArray, *, classes: Sequence[str], buffer_m: float | Mapping[str, float]
) -> Cube:
    """The cube with NaN where the mask is not clear."""
    keep = _kept(mask, classes_of(classes), _refinement(classes, buffer_m))
    _check_same(cube, mask)
    if isinstance(cube, xr.DataArray):
        return _emptied(cube, keep)
    fitting = [name for name, held in cube.data_vars.items() if set(mask.dims) <= set(held.dims)]
    return cube.assign({name: _emptied(cube[name], keep) for name in fitting})


def share_of(mask: xr.DataArray, classes: Sequence[str]) -> xr.DataArray:
    """Share of the pixels seen that are of these classes, of each date."""
    names = axes_of(mask, "mask")
    counted = mask.isin(sorted(classes_of(classes))).sum((names.rows, names.cols))
    seen = (mask != NODATA).sum((names.rows, names.cols))
    share = (counted / seen.where(seen > 0)).rename("cloud_share")
    said = ", ".join(classes)
    return share.assign_attrs(units="1", long_name=f"share of the pixels seen that are {said}")


def classes_of(names: Sequence[str]) -> frozenset[int]:
    """Codes of the classes that the names stand for: `cloud` for thick and thin.

    Raises:
        OptionError: an unknown class, or one named twice.
    """
    given = [names] if isinstance(names, str) else list(names)
    return frozenset(
        code for rule in rules(dict.fromkeys(given, 1.0), what="classes") for code in rule.classes
    )


def _refinement(classes: Sequence[str], buffer_m: float | Mapping[str, float]) -> Refinement:
    given = [classes] if isinstance(classes, str) else list(classes)
    radii = buffer_m if isinstance(buffer_m, Mapping) else dict.fromkeys(given, float(buffer_m))
    found = Refinement(buffer=rules(radii, what="buffer_m"))
    stray = [rule.name for rule in found.buffer if not rule.classes <= classes_of(given)]
    if stray:
        raise OptionError(
            f"buffer_m: expected classes that are taken out ({', '.join(given)}), found {', '.join(stray)}; "
            "name them in classes= too"
        )
    return found


def _kept(mask: xr.DataArray, removed: frozenset[int], refinement: Refinement) -> xr.DataArray:
    """Where the mask is clear, bool, in its dimensions."""
    names = axes_of(mask, "mask")
    ordered = mask.transpose(*names.all)
    clearing = Clearing(removed=removed, refinement=refinement, grid=_grid_of(ordered, names))
    halo = reach_px(refinement, metric(clearing.grid, clearing.grid.shape)) if refinement else 0
    if ordered.chunks is None:
        codes = ordered.to_numpy() if names.date else ordered.to_numpy()[None]
        everything = whole(codes.shape[-2:])
        keep: Any = clear_block(clearing, codes, Place(first_date=0, own=everything, given=everything))
    else:
        from unclouded.xarray import _lazy  # noqa: PLC0415 - dask may be absent where nothing is chunked

        codes = ordered.data if names.date else ordered.data[None]
        blocks = _lazy.on_lattice(codes, steps=(1, 1), least=halo)
        keep = _lazy.overlapped(blocks, clear_block, clearing, halo=halo, dtype=np.bool_)
        keep = keep.rechunk(codes.chunks)
    found = ordered.copy(data=keep if names.date else keep[0])
    return found.transpose(*mask.dims)


def _grid_of(mask: xr.DataArray, names: Axes) -> Grid:
    flat = mask.isel({names.date: 0}) if names.date else mask
    grid = grid_of(flat, "mask", OpenOptions())
    return in_degrees(grid) if names.degrees else grid


def _check_same(cube: Cube, mask: xr.DataArray) -> None:
    differing = [str(name) for name in mask.dims if cube.sizes.get(name) != mask.sizes[name]]
    if differing:
        raise GridError(
            f"mask: expected that of this cube, found another length of {', '.join(differing)}; "
            "give what cube.unclouded.mask() gave, cut as the cube is"
        )


def _emptied(layer: xr.DataArray, keep: xr.DataArray) -> xr.DataArray:
    """NaN where it is not kept: numbers of 16 bits become float32, which holds each of them."""
    found = layer.where(keep)
    found.attrs = {key: value for key, value in layer.attrs.items() if key not in _FILLS}
    found.encoding = {key: value for key, value in layer.encoding.items() if key == "grid_mapping"}
    return found
