"""Rasters of class codes, read by legend: one file a label set.

Each module holds `LABELS`, the legend; `open_codes(path)`, a context manager that gives a `CodesReader`
to read window by window; and `read_codes(path) -> Raster`, the whole raster as codes uint8 (y, x).
"""

from pathlib import Path

import numpy as np

from unclouded.core import registry
from unclouded.core.classes import Legend, to_sets
from unclouded.core.grid import Raster
from unclouded.labels._geotiff import CodesReader, open_codes


def names() -> tuple[str, ...]:
    """Names of all label sets, sorted."""
    return registry.names(__name__)


def legend(name: str) -> Legend:
    """The legend of a label set.

    Raises:
        OptionError: no such label set; the known names are listed.
    """
    found: Legend = registry.find(__name__, name).LABELS
    return found


def read_reference(path: Path, legend_name: str) -> Raster:
    """What each pixel of a label raster may be: bit masks uint8 (y, x), bit c is class c, 0 is ignore.

    Raises:
        OptionError: no such legend.
        RasterError: not a raster of codes, or damaged.
        LabelError: it holds a code that the legend does not know.
    """
    label_set = registry.find(__name__, legend_name)
    codes: Raster = label_set.read_codes(path)
    sets = to_sets(np.asarray(codes.values, np.uint8), label_set.LABELS, where=str(path))
    return Raster(values=sets, grid=codes.grid)


def stated_legend(path: Path) -> str | None:
    """Legend that a raster of codes names in its own tags; None where it names none.

    Raises:
        RasterError: not a raster of codes.
    """
    with open_codes(path) as codes:
        return codes.stated_legend


__all__ = ["CodesReader", "legend", "names", "read_reference", "stated_legend"]
