"""Reference labels in one scheme: one file a label set.

A module of rasters holds `find_items(folder)`, the scenes of the set in the layout it is published in, as
`LabelItem`; `open_codes(path)`, a context manager that gives a `CodesReader`; `read_codes(path) -> Raster`,
codes uint8 (y, x); and `LABELS`, what the codes mean. Where pixels depend on more than the label file, it has
`read_sets(item)`. Modules of single pixels hold `find_points(folder)`, of spectra `find_spectra(folder)`.
A pixel carries the set of classes it may be, so that what a set cannot say is never made up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from unclouded.core import registry
from unclouded.core.classes import LEGENDS, Legend, to_sets
from unclouded.core.errors import OptionError
from unclouded.core.grid import Raster
from unclouded.labels import _geotiff, _plain, vector
from unclouded.labels._check import Check, Problem, ProductGrid, checked, checked_pixels
from unclouded.labels._codes import CodesReader, OpenCodes
from unclouded.labels._items import LabelItem, Points, Spectra
from unclouded.labels._legend_file import read_legend
from unclouded.labels.vector import SETS_LEGEND, drawn, is_polygons, open_sets


@dataclass(frozen=True, kw_only=True)
class LabelReader:
    """How rasters of one legend are read."""

    legend: Legend
    open_codes: OpenCodes


def names() -> tuple[str, ...]:
    """Names of all label sets, sorted."""
    return registry.names(__name__)


def legend(name: str) -> Legend:
    """The legend of that name, or the one in a TOML file.

    Raises:
        OptionError: no such legend; the known names are listed.
        LabelError: the file is no legend.
    """
    if name.endswith(".toml"):
        return read_legend(Path(name))
    key = name.replace("_", "-")
    if key not in LEGENDS:
        near = get_close_matches(key, LEGENDS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise OptionError(f"labels '{name}': expected one of {', '.join(LEGENDS)}, or a file FILE.toml{hint}")
    return LEGENDS[key]


def find(name: str) -> LabelReader:
    """How rasters of a legend are read: as its set stores them, or as GeoTIFF.

    Raises:
        OptionError: no such legend, or one of single pixels.
        LabelError: the file is no legend.
    """
    found = legend(name)
    owner = None if name.endswith(".toml") else _set_of(found)
    if owner is None:
        return LabelReader(legend=found, open_codes=_geotiff.open_codes)
    module = registry.find(__name__, owner)
    if not hasattr(module, "open_codes"):
        raise OptionError(
            f"labels '{name}': expected a set of rasters, found one of single pixels; choose another"
        )
    return LabelReader(legend=found, open_codes=module.open_codes)


def _set_of(found: Legend) -> str | None:
    """The set that a legend, or a variant of a legend, is of."""
    owners = (name for name in names() if f"{found.name}-".startswith(f"{name.replace('_', '-')}-"))
    return next(owners, None)


def read_reference(path: Path, legend_name: str) -> Raster:
    """What each pixel of a label raster may be: bit masks uint8 (y, x), bit c is class c, 0 is ignore.

    Raises:
        OptionError: no such legend.
        RasterError: not a raster of codes, or damaged.
        LabelError: it holds a code that the legend does not know.
    """
    reader = find(legend_name)
    with reader.open_codes(path) as codes:
        return _as_sets(codes.read_all(), reader.legend, str(path))


def read_item(item: LabelItem) -> Raster:
    """What each pixel of a scene's label may be: bit masks uint8 (y, x), bit c is class c, 0 is ignore.

    Raises:
        RasterError: the label cannot be read.
        LabelError: it holds a code that its legend does not know.
        GridError: label and image must lie on the same pixels, and do not.
    """
    module = registry.find(__name__, item.set_name)
    if hasattr(module, "read_sets"):
        sets: Raster = module.read_sets(item)
        return sets
    return _as_sets(module.read_codes(item.label), item.legend, str(item.label))


def _as_sets(codes: Raster, means: Legend, where: str) -> Raster:
    sets = to_sets(np.asarray(codes.values, np.uint8), means, where=where)
    return Raster(values=sets, grid=codes.grid)


def find_items(name: str, folder: Path, *, column: str = "", legend_name: str = "") -> tuple[LabelItem, ...]:
    """The scenes of a label set in a folder; of GeoTIFF masks where the name is a legend in a TOML file.

    Args:
        column: attribute that holds the class, of set `vector` alone; empty: `class`.
        legend_name: what numbers in it mean, of set `vector` alone; empty: our own codes.

    Raises:
        OptionError: no such label set, one of single pixels, or one that has no column and legend to choose.
        PairError: the folder holds none.
        LabelError: what the set says of its scenes is not as published.
        RasterError: a label must be read to know what it can say, and cannot be.
    """
    if (column or legend_name) and name != "vector":
        raise OptionError(
            f"labels '{name}': expected a column or a legend for 'vector' alone, found "
            f"{column or legend_name}; leave it away, or give a legend LEGEND.toml as the set"
        )
    if name.endswith(".toml"):
        return _plain.find_items(folder, set_name="unclouded", legend=read_legend(Path(name)))
    if name == "vector":
        means = legend(legend_name) if legend_name else None
        return vector.find_items(folder, column=column or "class", legend=means)
    module = registry.find(__name__, name)
    if not hasattr(module, "find_items"):
        raise OptionError(
            f"labels '{name}': expected a set of rasters, found one of single pixels; choose another"
        )
    items: tuple[LabelItem, ...] = module.find_items(folder)
    return items


def check(
    name: str,
    folder: Path,
    *,
    column: str = "",
    legend_name: str = "",
    product_grid: ProductGrid | None = None,
    on_item: Callable[[int, int], None] | None = None,
) -> Check:
    """What a label set in a folder holds, and what is wrong with it. Every label is read.

    Args:
        name: label set, or a TOML file with a legend for GeoTIFF masks.
        column: as `find_items`.
        legend_name: as `find_items`.
        product_grid: gives the grid of the product that an item is of, at the spacing of the label's grid, or
            its own for polygons, which are then drawn on it; None: grids of products are not compared.
        on_item: called after each scene with how many are done and how many there are.

    Raises:
        OptionError: no such label set, or a package is missing that it needs.
        PairError: the folder holds none of it.
        LabelError: what the set says of its scenes is not as published.
    """
    module = None if name.endswith(".toml") else registry.find(__name__, name)
    if module is not None and hasattr(module, "find_points"):
        found: tuple[Points, ...] = module.find_points(folder)
        return checked_pixels(name, ((points.sets, [points.site]) for points in found))
    if module is not None and hasattr(module, "find_spectra"):
        files: tuple[Spectra, ...] = module.find_spectra(folder)
        return checked_pixels(name, ((spectra.sets, spectra.sites.tolist()) for spectra in files))
    items = find_items(name, folder, column=column, legend_name=legend_name)
    return checked(name, items, read_item, product_grid=product_grid, on_item=on_item)


def stated_legend(path: Path) -> str | None:
    """Legend that a raster of codes names in its own tags; None where it names none.

    Raises:
        RasterError: not a raster of codes.
    """
    with _geotiff.open_codes(path) as codes:
        return codes.stated_legend


__all__ = [
    "SETS_LEGEND",
    "Check",
    "CodesReader",
    "LabelItem",
    "LabelReader",
    "Points",
    "Problem",
    "ProductGrid",
    "Spectra",
    "check",
    "drawn",
    "find",
    "find_items",
    "is_polygons",
    "legend",
    "names",
    "open_sets",
    "read_item",
    "read_legend",
    "read_reference",
    "stated_legend",
]
