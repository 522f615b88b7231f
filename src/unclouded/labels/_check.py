"""What a label set holds, and what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine

from unclouded.core.classes import CLASSES, bits_classes, count_bytes, set_names
from unclouded.core.counts import SETS
from unclouded.core.errors import GridError, InputError, PairError, RasterError
from unclouded.core.grid import Grid, Raster, check_same_grid
from unclouded.labels._codes import grid_of, open_dataset
from unclouded.labels._items import LabelItem
from unclouded.labels.vector import drawn, is_polygons

IGNORED = "ignored"
_RASTERS = {".tif", ".tiff"}
_ARRAYS = {".npy"}

ProductGrid = Callable[[LabelItem, Grid | None], Grid]
"""Grid of an item's product at the spacing of a grid, or its own. Raises PairError where it is not there."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a label set."""

    kind: str
    """`missing label`, `missing image`, `grid`, `label`, `split` or `id`."""
    what: str
    """The scene or the site."""
    message: str
    """One line, with what to do."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a label set holds, and what is wrong with it."""

    set_name: str
    scenes: int
    """Label rasters; for sets of single pixels, products or files."""
    pixels: dict[str, int]
    """What they may be, the names of the classes joined by ` or `, or `ignored` -> pixels."""
    legends: dict[str, int]
    """Legend -> scenes that have it."""
    splits: dict[str, int]
    """Published split -> scenes."""
    sites: int
    """Different places, of those scenes whose place is known."""
    grids_compared: int
    """Scenes whose image was there to compare the grid with."""
    absent: tuple[str, ...]
    """Classes that no pixel may be."""
    problems: tuple[Problem, ...]


def checked(
    set_name: str,
    items: Sequence[LabelItem],
    read_sets: Callable[[LabelItem], Raster],
    *,
    product_grid: ProductGrid | None = None,
    on_item: Callable[[int, int], None] | None = None,
) -> Check:
    """What the scenes hold together, each label read once, and what is wrong with them.

    Args:
        read_sets: reads a scene's label as bit masks uint8 (y, x).
        product_grid: gives the grid of a scene's product; None: where only that would do, none is compared.
        on_item: called after each scene with how many are done and how many there are.
    """
    counts = np.zeros(SETS, np.int64)
    problems = [*_twice(items), *_split_sites(items)]
    compared = 0
    for done, item in enumerate(items, 1):
        missing = list(_missing(item, product=product_grid is not None))
        problems += missing
        if not any(problem.kind == "missing label" for problem in missing):
            held, same, wrong = _scene(item, read_sets, product_grid, image_there=not missing)
            counts += held
            compared += same
            problems += wrong
        if on_item is not None:
            on_item(done, len(items))
    return _check(set_name, counts, items, compared, problems)


def checked_pixels(
    set_name: str, parts: Iterable[tuple[npt.NDArray[np.uint8], Sequence[str | None]]]
) -> Check:
    """What single pixels may be, given as parts of (bit masks (n,), sites)."""
    counts, sites, number = np.zeros(SETS, np.int64), set[str](), 0
    for sets, places in parts:
        counts += count_bytes(sets, SETS)
        sites |= {place for place in places if place}
        number += 1
    return Check(
        set_name=set_name,
        scenes=number,
        pixels=_by_name(counts),
        legends={},
        splits={},
        sites=len(sites),
        grids_compared=0,
        absent=_absent(counts),
        problems=(),
    )


def _check(
    set_name: str,
    counts: npt.NDArray[np.int64],
    items: Sequence[LabelItem],
    compared: int,
    problems: Sequence[Problem],
) -> Check:
    return Check(
        set_name=set_name,
        scenes=len(items),
        pixels=_by_name(counts),
        legends=dict(sorted(Counter(item.legend.name for item in items).items())),
        splits=dict(sorted(Counter(item.split for item in items if item.split).items())),
        sites=len({item.site for item in items if item.site}),
        grids_compared=compared,
        absent=_absent(counts),
        problems=tuple(problems),
    )


def _by_name(counts: npt.NDArray[np.int64]) -> dict[str, int]:
    names = (" or ".join(set_names(bits_classes(bits))) or IGNORED for bits in range(SETS))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _absent(counts: npt.NDArray[np.int64]) -> tuple[str, ...]:
    there = np.flatnonzero(counts)
    return tuple(item.name for item in CLASSES if not (there >> item.code & 1).any())


def _twice(items: Sequence[LabelItem]) -> Iterator[Problem]:
    for name, count in Counter(item.id for item in items).items():
        if count > 1:
            yield Problem(kind="id", what=name, message=f"named {count} times; rename or remove the others")


def _split_sites(items: Sequence[LabelItem]) -> Iterator[Problem]:
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.site and item.split:
            found[item.site].add(item.split)
    for site, splits in sorted(found.items()):
        if len(splits) > 1:
            message = (
                f"in {' and '.join(sorted(splits))}; what is learnt of it is tested on it: split by site"
            )
            yield Problem(kind="split", what=site, message=message)


def _missing(item: LabelItem, *, product: bool) -> Iterator[Problem]:
    """Halves that are not there; an image may be a product, which is looked for elsewhere."""
    for kind, path in (("label", item.label), ("image", None if product else item.image)):
        if isinstance(path, Path) and not _exists(path):
            yield Problem(
                kind=f"missing {kind}", what=item.id, message=f"{path}: no such file; the other half is there"
            )


def _exists(path: Path) -> bool:
    """Whether a file or folder is there; of a part of a file, whether the file is."""
    text = str(path)
    return Path(text.partition(",")[2]).exists() if text.startswith("/vsisubfile/") else path.exists()


def _scene(
    item: LabelItem,
    read_sets: Callable[[LabelItem], Raster],
    product_grid: ProductGrid | None,
    *,
    image_there: bool,
) -> tuple[npt.NDArray[np.int64], bool, list[Problem]]:
    """Pixels by set, whether the grid was compared, and problems."""
    nothing = np.zeros(SETS, np.int64)
    try:
        beside = isinstance(item.image, Path) and _exists(item.image)
        if product_grid is not None and not beside and is_polygons(item.label):
            sets = drawn(item, product_grid(item, None))
            grid: Grid | None = sets.grid
        else:
            sets = read_sets(item)
            grid = _image_grid(item.image) if image_there and beside else None
            if grid is None and product_grid is not None:
                grid = product_grid(item, sets.grid)
        if grid is not None:
            check_same_grid(sets.grid, grid, what=f"{item.label} against {item.image}")
    except InputError as err:
        kinds = {GridError: "grid", PairError: "missing image"}
        kind = kinds.get(type(err), "label")
        return nothing, False, [Problem(kind=kind, what=item.id, message=str(err))]
    values = np.asarray(sets.values, np.uint8)
    return count_bytes(values, SETS), grid is not None, []


def _image_grid(image: Path | str | None) -> Grid | None:
    """The grid of an image that lies open to see; None where a reader of products would be needed.

    Raises:
        RasterError: it cannot be read.
    """
    path = _first_band(image) if isinstance(image, Path) else None
    if path is None:
        return None
    if path.suffix.lower() in _ARRAYS:
        return _array_grid(path)
    with open_dataset(path, driver="GTiff", path=path, kind="a GeoTIFF") as dataset:
        return grid_of(dataset)


def _first_band(image: Path) -> Path | None:
    """The image itself, or the first of the bands in its folder."""
    if str(image).startswith("/vsisubfile/"):
        return image
    if image.is_dir():
        bands = (path for path in image.iterdir() if path.suffix.lower() in _RASTERS)
        return min((path for path in bands if "mask" not in path.stem.lower()), default=None)
    return image if image.suffix.lower() in _RASTERS | _ARRAYS else None


def _array_grid(path: Path) -> Grid:
    try:
        height, width = np.load(path, mmap_mode="r", allow_pickle=False).shape[:2]
    except (OSError, ValueError, EOFError) as err:
        raise RasterError(f"{path}: expected an array (y, x, band), found: {err}; copy it again") from err
    return Grid(height=height, width=width, transform=Affine.identity(), crs=None)
