"""Bands as one GeoTIFF that says what they are: names, scale and offset, nodata, provenance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import rasterio

from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.outputs._atomic import replacing
from unclouded.outputs._checked import CheckedFile
from unclouded.outputs.cog import copy_as_cog, draft_profile, gdal_writes

BLOCK = 256
"""Side of a block, px: strips of as many rows fill whole ones."""

# GDAL's predictors: horizontal difference for integers, its kin for floats; classes gain nothing by one.
_PREDICTORS = {"uint8": 1, "uint16": 2, "float32": 3}

Part = tuple[Window, npt.NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """What a file of bands is like."""

    grid: Grid
    names: tuple[str, ...]
    """Descriptions of the bands, in order."""
    dtype: str
    """`uint8` for classes, `uint16`, `float32`."""
    nodata: float | None
    scales: tuple[float, ...] = ()
    """Reflectance = number * scale + offset, a number a band; empty: none is written."""
    offsets: tuple[float, ...] = ()
    tags: Mapping[str, str]
    """What made the file, from what."""
    cog: bool = False
    """Cloud-optimised, with overviews: of classes by mode, of numbers by average."""

    @property
    def categorical(self) -> bool:
        """Whether the numbers are classes."""
        return self.dtype == "uint8"


def write_bands(path: Path, layout: StackFile, parts: Iterable[Part]) -> None:
    """Write bands from windows of them; the file appears when it is whole.

    Args:
        parts: windows and their numbers (band, y, x) in the layout's dtype; together the whole grid.

    Raises:
        OutputError: the file cannot be written.
    """
    with (
        replacing(path) as target,
        TemporaryDirectory(dir=path.parent, prefix=".unclouded-") as scratch,
        gdal_writes(path),
    ):
        if not layout.cog:
            _write(target, layout, parts).compare(target, path)
            return
        draft = Path(scratch) / "draft.tif"
        checked = _write(draft, layout, parts)
        overviews, predictor = ("MODE", "NO") if layout.categorical else ("AVERAGE", "YES")
        copy_as_cog(draft, target, overviews=overviews, predictor=predictor)
        checked.compare(target, path)


def _write(path: Path, layout: StackFile, parts: Iterable[Part]) -> CheckedFile:
    profile = draft_profile(
        layout.grid, count=len(layout.names), dtype=layout.dtype, nodata=layout.nodata, block=BLOCK
    )
    profile |= {"predictor": _PREDICTORS[layout.dtype], "zlevel": 6}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.descriptions = layout.names
        if layout.scales:
            dataset.scales, dataset.offsets = layout.scales, layout.offsets
        dataset.update_tags(AREA_OR_POINT="Area", **layout.tags)
        checked = CheckedFile(dataset)
        for window, values in parts:
            checked.write(window, values)
    return checked
