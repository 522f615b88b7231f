"""The one table of classes, and the legends of others as data.

A reference pixel carries the *set* of classes that it may be: a mask that knows only "cloud" says
{thick, thin}. Legends map a label set's own codes to such sets; an empty set means "ignore".
"""

from collections.abc import Iterator, Mapping
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

WORST_FIRST: tuple[int, ...] = (THICK, THIN, SHADOW, SNOW, CLEAR)
"""Classes by how little of the ground they show: where two lay claim to a pixel, the first has it."""

EVERY_CLASS: frozenset[int] = frozenset(item.code for item in CLASSES)
LEGEND_TAG = "UNCLOUDED_LEGEND"
"""Metadata tag under which a raster of ours names its legend."""
IGNORE: frozenset[int] = frozenset()
"""A pixel that counts nowhere."""
_COUNTED_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Legend:
    """What the codes of a class raster mean."""

    name: str
    table: Mapping[int, frozenset[int]]
    """Code -> the classes that such a pixel may be; empty: ignore."""
    note: str = ""
    """What the set cannot say, for people."""
    fill: int | None = None
    """Code that `translate` writes for a pixel that says nothing; None where the legend has no such code."""


NOT_CLOUD: frozenset[int] = EVERY_CLASS - CLOUD
"""What "no cloud" means where a set marks neither shadow nor snow."""
NOT_CLOUD_OR_SHADOW: frozenset[int] = NOT_CLOUD - {SHADOW}
"""What "clear" means where a set marks shadow but not snow."""


_Table = Mapping[int, frozenset[int] | int]


def _legend(name: str, table: _Table, note: str = "", fill: int | None = None) -> Legend:
    sets = {code: frozenset({to}) if isinstance(to, int) else to for code, to in table.items()}
    return Legend(name=name, table=MappingProxyType(sets), note=note, fill=fill)


_NO_SNOW = "snow is not told from clear"
_BINARY = "binary: thin, thick, shadow and snow are not told apart"
_BIOME: _Table = {0: IGNORE, 64: SHADOW, 192: THIN, 255: THICK}
_BAETENS: _Table = {0: IGNORE, 1: IGNORE, 4: SHADOW, 5: CLEAR, 6: CLEAR, 7: SNOW}

# The original labels: docs/reference/label-sets.md says where each table comes from.
_OURS = (
    _legend(
        "unclouded",
        {CLEAR: CLEAR, THICK: THICK, THIN: THIN, SHADOW: SHADOW, SNOW: SNOW, NODATA: IGNORE},
        fill=NODATA,
    ),
    # Kristollari & Karathanassi 2020: masks of 0 and 255, in which nothing is nodata. How the study made them
    # it does not say. That a pixel without data becomes 0 is what its masks show; that cloud shadow and snow
    # do is our reading.
    _legend(
        "original",
        {0: NOT_CLOUD, 255: CLOUD},
        note="binary: thin, thick, shadow and snow are not told apart; 255 is cloud, not nodata",
        fill=0,
    ),
    _legend("binary", {0: NOT_CLOUD, 1: CLOUD, NODATA: IGNORE}, note=_BINARY, fill=NODATA),
)
_SENTINEL2_SETS = (
    _legend(
        "baetens-hagolle",
        {**_BAETENS, 2: CLOUD, 3: CLOUD},
        note="low and high cloud are told apart, thin and thick are not",
        fill=0,
    ),
    _legend(
        "baetens-hagolle-split",
        {**_BAETENS, 2: THICK, 3: THIN},
        note="low cloud is taken for thick and high cloud for thin: an assumption, the set does not say so",
        fill=0,
    ),
    _legend(
        "cloudsen12",
        {0: NOT_CLOUD_OR_SHADOW, 1: THICK, 2: THIN, 3: SHADOW, 99: IGNORE},
        note=_NO_SNOW,
        fill=99,
    ),
    _legend(
        "cloudsen12-scribble",
        {0: NOT_CLOUD_OR_SHADOW, 1: THICK, 2: THICK, 3: THIN, 4: THIN, 5: SHADOW, 6: SHADOW, 99: IGNORE},
        note=f"{_NO_SNOW}; strokes only, most pixels say nothing; 1, 3 and 5 are edges, less sure",
        fill=99,
    ),
    _legend(
        "copernicus-bench-cloud-s2",
        {0: NOT_CLOUD_OR_SHADOW, 1: THICK, 2: THIN, 3: SHADOW},
        note=_NO_SNOW,
    ),
    _legend(
        "kappaset",
        {0: IGNORE, 1: NOT_CLOUD_OR_SHADOW, 2: SHADOW, 3: THIN, 4: THICK, 5: IGNORE},
        note=f"{_NO_SNOW}; coarse outlines",
        fill=0,
    ),
    _legend(
        "pixbox-s2",
        {
            0: IGNORE,  # none of the classes
            1: NOT_CLOUD_OR_SHADOW,
            2: THICK,
            3: THIN,
            4: THIN,
            5: THIN,
            6: THIN,
            7: NOT_CLOUD_OR_SHADOW,
            8: CLOUD | {CLEAR},  # spatially mixed
            9: THIN,  # condensation trail
            10: CLOUD,  # fog
            11: CLOUD,  # haze
            12: CLOUD | {CLEAR},  # cloud border
        },
        note=f"single pixels; {_NO_SNOW}; shadow is a flag of its own",
    ),
    _legend(
        "hollstein",
        {10: CLEAR, 20: CLEAR, 30: SHADOW, 40: THIN, 50: THICK, 60: SNOW},
        note="single pixels without neighbours, only those that are beyond doubt",
    ),
    _legend("whus2-cd", {0: IGNORE, 128: NOT_CLOUD, 255: CLOUD}, note=_BINARY, fill=0),
    _legend("on-cloud-n", {0: NOT_CLOUD, 1: CLOUD}, note=f"{_BINARY}; generous outlines"),
)
_LANDSAT_SETS = (
    _legend(
        "l8-biome",
        {**_BIOME, 128: NOT_CLOUD},
        note="shadow is marked in 32 of 96 scenes (l8-biome-shadow), elsewhere clear may be shadow; "
        f"{_NO_SNOW}",
        fill=0,
    ),
    _legend("l8-biome-shadow", {**_BIOME, 128: NOT_CLOUD_OR_SHADOW}, note=_NO_SNOW, fill=0),
    _legend(
        "sparcs",
        {0: SHADOW, 1: SHADOW, 2: CLEAR, 3: SNOW, 4: CLEAR, 5: CLOUD, 6: CLEAR},
        note="thin is not told from thick",
    ),
    _legend(
        "cloud38",
        {0: NOT_CLOUD, 1: CLOUD, 255: CLOUD},
        note=f"{_BINARY}; the border of a scene is 0 too: take it from the image's nodata",
    ),
    _legend(
        "ukis-csmask",
        {0: SHADOW, 1: CLEAR, 2: SNOW, 3: CLEAR, 4: CLOUD},
        note="thin is not told from thick",
    ),
)


def _catalogue() -> Iterator[Legend]:
    """Sentinel-2 Cloud Mask Catalogue: tags say whether a scene's shadow is marked, and its clouds' kind."""
    clouds = {"": CLOUD, "-thin": frozenset({THIN}), "-thick": frozenset({THICK})}
    clears = {"": NOT_CLOUD, "-shadow": NOT_CLOUD_OR_SHADOW}
    for marked, clear in clears.items():
        for kind, cloud in clouds.items():
            unsaid = [_NO_SNOW, *([] if kind else ["thin is not told from thick"])]
            unsaid += [] if marked else ["shadow may be unmarked: clear may be shadow"]
            table: _Table = {0: clear, 1: cloud, 2: SHADOW}
            yield _legend(f"s2-cloud-catalogue{marked}{kind}", table, note="; ".join(unsaid))


# What other programs write. Not labels: masks made by rules.
_PROGRAMS = (
    _legend(
        "sen2cor-scl",
        {
            0: IGNORE,
            1: IGNORE,
            2: frozenset({CLEAR, SHADOW}),
            3: SHADOW,
            4: CLEAR,
            5: CLEAR,
            6: CLEAR,
            7: CLOUD | {CLEAR},
            8: CLOUD,
            9: THICK,
            10: THIN,
            11: SNOW,
        },
        note="made by Sen2Cor, not by people",
        fill=0,
    ),
    _legend(
        "fmask",
        {0: CLEAR, 1: CLEAR, 2: SHADOW, 3: SNOW, 4: CLOUD, NODATA: IGNORE},
        note="made by Fmask, not by people; thin is not told from thick",
        fill=NODATA,
    ),
)

LEGENDS: Mapping[str, Legend] = MappingProxyType(
    {legend.name: legend for legend in (*_OURS, *_SENTINEL2_SETS, *_catalogue(), *_LANDSAT_SETS, *_PROGRAMS)}
)
"""Legends by name. A name that begins with another's and a dash is a variant of it."""


def to_sets(
    codes: npt.NDArray[np.integer], legend: Legend, *, where: str = "label raster"
) -> npt.NDArray[np.uint8]:
    """Codes (y, x) turned into sets of possible classes, as bit masks uint8 (y, x): bit c is class c.

    0 means ignore.

    Raises:
        LabelError: a code that the legend does not know.
    """
    present = _known(codes, legend, where)
    if codes.dtype == np.uint8:
        bits = np.zeros(256, np.uint8)
        bits[present] = [class_bits(legend.table[int(code)]) for code in present]
        return np.asarray(bits[codes], np.uint8)
    out = np.zeros(codes.shape, np.uint8)
    for code in present:
        out[codes == code] = class_bits(legend.table[int(code)])
    return out


def translate(
    codes: npt.NDArray[np.integer], source: Legend, target: Legend, *, where: str = "label raster"
) -> npt.NDArray[np.uint8]:
    """Codes (y, x) of one legend written as the codes of another, uint8 (y, x).

    A code becomes the one code of the target whose classes include all that it may be, the narrowest where
    several do. What says nothing becomes the target's `fill`. So low and high cloud of Baetens & Hagolle
    become 255 of `original`, and land, water, snow, shadow and missing data become 0: the study does not say
    how it made its masks, this is our statement of it.

    Raises:
        LabelError: a code that the source does not know, or that none or several of the target's would fit.
    """
    table = np.zeros(256, np.uint8)
    present = _known(codes, source, where)
    if present.size and present.max() > NODATA:
        raise LabelError(f"{where}: expected codes from 0 to 255, found {present.max()}; map them by hand")
    for code in present:
        table[int(code)] = _counterpart(int(code), source, target, where)
    return np.asarray(table[codes], np.uint8)


def _counterpart(code: int, source: Legend, target: Legend, where: str) -> int:
    classes = source.table[code]
    if not classes:
        fitting = [] if target.fill is None else [target.fill]
    else:
        wider = {known: to for known, to in target.table.items() if classes <= to}
        narrowest = min(map(len, wider.values()), default=0)
        fitting = [known for known, to in wider.items() if len(to) == narrowest]
    if len(fitting) != 1:
        means = " or ".join(set_names(classes)) or "nothing"
        found = f"codes {', '.join(map(str, fitting))}" if fitting else "none"
        raise LabelError(
            f"{where}: code {code} of legend '{source.name}' means {means}; expected one code of legend "
            f"'{target.name}' that can say so, found {found}; choose another target"
        )
    return fitting[0]


def set_names(classes: frozenset[int]) -> tuple[str, ...]:
    """Names of the classes in a set, by code: `("thick_cloud", "thin_cloud")`."""
    return tuple(item.name for item in CLASSES if item.code in classes)


def bits_classes(bits: int) -> frozenset[int]:
    """The set of classes that a bit mask stands for: the inverse of `class_bits`."""
    return frozenset(item.code for item in CLASSES if bits >> item.code & 1)


def _known(codes: npt.NDArray[np.integer], legend: Legend, where: str) -> npt.NDArray[np.integer]:
    """The codes that occur, all of them in the legend."""
    present, counts = _census(codes)
    unknown = {int(c): int(n) for c, n in zip(present, counts, strict=True) if int(c) not in legend.table}
    if unknown:
        found = ", ".join(f"{code} ({count} px)" for code, count in unknown.items())
        known = ", ".join(str(code) for code in sorted(legend.table))
        raise LabelError(
            f"{where}: legend '{legend.name}' has codes {known}, found {found}; name the right legend"
        )
    return present


def _census(codes: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """The codes that occur, and how often. Bytes are counted, not sorted: nine times as fast."""
    if codes.dtype != np.uint8:
        return np.unique(codes, return_counts=True)
    counts = count_bytes(np.asarray(codes, np.uint8), 256)
    present = np.flatnonzero(counts)
    return present, counts[present]


def count_bytes(values: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.int64]:
    """How often each of 0 … size - 1 occurs in bytes of any shape, int64 (size,).

    Part by part, since `numpy.bincount` makes eight bytes of each: 0.9 GB for a tile of 10980 px a side.
    """
    flat = values.ravel()
    counts = np.zeros(size, np.int64)
    for start in range(0, flat.size, _COUNTED_AT_ONCE):
        counts += np.bincount(flat[start : start + _COUNTED_AT_ONCE], minlength=size)
    return counts


def class_bits(classes: frozenset[int]) -> int:
    """The bit mask of a set of classes: bit c is set where class c is in it."""
    return sum(1 << code for code in classes)
