"""The one table of classes, and the legends of others as data.

A reference pixel carries the *set* of classes that it may be: a mask that knows only "cloud" says
{thick, thin}. Legends map a label set's own codes to such sets; an empty set means "ignore".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import LabelError


@dataclass(frozen=True, kw_only=True)
class MaskClass:
    """One class of a mask."""

    code: int
    """Value in our rasters, 0 … 4; 255 is nodata."""
    name: str
    """Machine name: letters and underscores, as STAC classification wants."""
    title: str
    """For people."""
    color: str
    """RRGGBB, chosen to be told apart by colour-blind eyes (Okabe & Ito 2008, but clouds are light)."""


CLEAR, THICK, THIN, SHADOW, SNOW, NODATA = 0, 1, 2, 3, 4, 255

CLASSES: tuple[MaskClass, ...] = (
    MaskClass(code=CLEAR, name="clear", title="clear", color="3C7A5B"),
    MaskClass(code=THICK, name="thick_cloud", title="thick cloud", color="FFFFFF"),
    MaskClass(code=THIN, name="thin_cloud", title="thin cloud", color="8FD3FF"),
    MaskClass(code=SHADOW, name="cloud_shadow", title="cloud shadow", color="2B2B6E"),
    MaskClass(code=SNOW, name="snow", title="snow or ice", color="F0A3D0"),
)
"""Every class that a mask may hold, by code."""

CLOUD: frozenset[int] = frozenset({THICK, THIN})
"""What "cloud" means where a mask does not tell thick from thin."""

EVERY_CLASS: frozenset[int] = frozenset(item.code for item in CLASSES)
LEGEND_TAG = "UNCLOUDED_LEGEND"
"""Metadata tag under which a raster of ours names its legend."""
IGNORE: frozenset[int] = frozenset()
"""A pixel that counts nowhere."""


@dataclass(frozen=True, kw_only=True)
class Legend:
    """What the codes of a class raster mean."""

    name: str
    table: Mapping[int, frozenset[int]]
    """Code -> the classes that such a pixel may be; empty: ignore."""
    note: str = ""
    """What the set cannot say, for people."""


def _legend(name: str, table: Mapping[int, frozenset[int] | int], note: str = "") -> Legend:
    sets = {code: frozenset({to}) if isinstance(to, int) else to for code, to in table.items()}
    return Legend(name=name, table=MappingProxyType(sets), note=note)


LEGENDS: Mapping[str, Legend] = MappingProxyType(
    {
        legend.name: legend
        for legend in (
            _legend(
                "unclouded",
                {CLEAR: CLEAR, THICK: THICK, THIN: THIN, SHADOW: SHADOW, SNOW: SNOW, NODATA: IGNORE},
            ),
            # Kristollari & Karathanassi 2020: masks of 0 and 255, in which nothing is nodata
            _legend(
                "original",
                {0: frozenset({CLEAR, SHADOW, SNOW}), 255: CLOUD},
                note="binary: thin, thick, shadow and snow are not told apart; 255 is cloud, not nodata",
            ),
            _legend(
                "binary",
                {0: frozenset({CLEAR, SHADOW, SNOW}), 1: CLOUD, NODATA: IGNORE},
                note="binary: thin, thick, shadow and snow are not told apart",
            ),
        )
    }
)
"""Legends by name."""


def to_sets(
    codes: npt.NDArray[np.integer], legend: Legend, *, where: str = "label raster"
) -> npt.NDArray[np.uint8]:
    """Codes (y, x) turned into sets of possible classes, as bit masks uint8 (y, x): bit c is class c.

    0 means ignore.

    Raises:
        LabelError: a code that the legend does not know.
    """
    present, counts = _census(codes)
    unknown = {int(c): int(n) for c, n in zip(present, counts, strict=True) if int(c) not in legend.table}
    if unknown:
        found = ", ".join(f"{code} ({count} px)" for code, count in unknown.items())
        known = ", ".join(str(code) for code in sorted(legend.table))
        raise LabelError(
            f"{where}: legend '{legend.name}' has codes {known}, found {found}; name the right legend"
        )
    if codes.dtype == np.uint8:
        bits = np.zeros(256, np.uint8)
        bits[present] = [class_bits(legend.table[int(code)]) for code in present]
        return np.asarray(bits[codes], np.uint8)
    out = np.zeros(codes.shape, np.uint8)
    for code in present:
        out[codes == code] = class_bits(legend.table[int(code)])
    return out


def _census(codes: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """The codes that occur, and how often. Bytes are counted, not sorted: nine times as fast."""
    if codes.dtype != np.uint8:
        return np.unique(codes, return_counts=True)
    counts = np.bincount(codes.ravel(), minlength=256)
    present = np.flatnonzero(counts)
    return present, counts[present]


def class_bits(classes: frozenset[int]) -> int:
    """The bit mask of a set of classes: bit c is set where class c is in it."""
    return sum(1 << code for code in classes)
