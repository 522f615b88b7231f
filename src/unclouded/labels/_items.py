"""What a label set lists: rasters with their images, points, spectra."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import Legend
from unclouded.core.errors import PairError


@dataclass(frozen=True, kw_only=True)
class LabelItem:
    """One label raster of a set and the image it was drawn on."""

    set_name: str
    """The module of `unclouded.labels` that reads it."""
    id: str
    """Name within the set."""
    site: str | None
    """Place that must not be on both sides of a split: MGRS tile, WRS-2 path and row, region; or None."""
    label: Path
    """Where the label is, or should be."""
    image: Path | str | None
    """File or folder where the image is, or should be; a product's name where the set ships no images; None
    where it says nothing."""
    legend: Legend
    """What this raster's codes mean: scenes of one set may differ in what was marked."""
    split: str | None = None
    """`train`, `validation` or `test` where the set publishes a split."""
    size_px: int | None = None
    """Rows and columns that are scene, where the raster is padded to more."""
    column: str = "class"
    """Attribute that holds the class, of polygons."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """Single pixels of one product that were labelled."""

    product: str
    """Name of the product."""
    site: str | None
    gsd_m: int
    """Grid that rows and columns count on, m."""
    rows: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    sets: npt.NDArray[np.uint8]
    """(n,) bit masks of what each may be; 0 is ignore."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectra:
    """Labelled spectra without neighbours."""

    reflectance: npt.NDArray[np.float32]
    """(n, band), top of atmosphere."""
    bands: tuple[str, ...]
    sets: npt.NDArray[np.uint8]
    """(n,) bit masks of what each may be; 0 is ignore."""
    products: npt.NDArray[np.str_]
    """(n,) names of the products they were taken from."""
    sites: npt.NDArray[np.str_]
    """(n,) granule or tile of each."""


def listed(items: Iterable[LabelItem], folder: Path, *, layout: str) -> tuple[LabelItem, ...]:
    """The items sorted by split and id.

    Args:
        layout: what the folder should hold, for the message.

    Raises:
        PairError: there is none.
    """
    found = tuple(sorted(items, key=lambda item: (item.split or "", item.id)))
    if not found:
        raise PairError(f"{folder}: expected {layout}, found none; give the folder the set was unpacked into")
    return found
