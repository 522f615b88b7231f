"""Scenes and their labels on one grid, from files: what training and the patch store read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError

from unclouded.core.bands import canonical_names
from unclouded.core.classes import NOT_CLOUD, class_bits
from unclouded.core.errors import GridError, LabelError, OptionError, PairError, RasterError
from unclouded.core.grid import Raster, check_same_grid
from unclouded.labels import LabelItem, drawn, find_items, is_polygons, read_item, read_reference
from unclouded.patches.augment import Sample
from unclouded.patches.generated import SyntheticScenes, read_synthetic
from unclouded.patches.guides import read_teacher, read_trust
from unclouded.scene import Scene, open_scene
from unclouded.synthetic import SceneConfig

Split = Literal["", "train", "validation", "test"]


@dataclass(frozen=True, kw_only=True)
class SceneFiles:
    """One stack and its mask, or all that match a pattern."""

    stack: str
    """Product or multi-band GeoTIFF, relative to the configuration; may hold * and ?."""
    mask: str
    """Class raster on the stack's grid; `{name}` stands for the stack's name without suffix."""
    legend: str = "unclouded"
    """What the mask's codes mean (`unclouded.labels`)."""
    offset: float | None = None
    """Radiometric offset where the stack does not say."""
    quantification: float | None = None
    """What DN + offset are divided by where the stack does not say."""
    scales: tuple[int, ...] = (1,)
    """Factors of the stack's spacing at which patches are drawn, the coarser ones area-averaged."""
    weight: float = 1.0
    """How often these are drawn from, relative to others of the same size, and their part in the loss."""
    split: Split = ""
    """Part that all of them are in; empty: as [split] says."""
    gsd: float | None = None
    """Spacing to read the stack at, m, where the mask is coarser; None: its own."""
    resampling: Literal["average", "nearest"] = "average"
    """How bands come to that spacing."""
    teacher: str = ""
    """Probabilities to follow, a band a class and named so, on the same grid; `{name}` as in `mask`."""
    trust: str = ""
    """What each pixel counts in the loss, one band, on the same grid; `{name}` as in `mask`."""


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """A label set in the layout it is published in, with its images."""

    set: str
    """One of `unclouded.labels.names()`."""
    folder: str
    """Where it was unpacked, relative to the configuration."""
    images: str = ""
    """Folder of the products, where the set ships no images."""
    bands: tuple[str, ...] = ()
    """Bands of the images in their order, where the images do not name them; needs `quantification`."""
    offset: float | None = None
    """Radiometric offset where the images do not say."""
    quantification: float | None = None
    """What DN + offset are divided by where the images do not say."""
    level: str | None = None
    """Processing level where the images do not say."""
    weight: float = 1.0
    """How often these are drawn from, and what they count in the loss."""
    split: Split = ""
    """Part that all of them are in; empty: as published, or as [split] says."""
    column: str = ""
    """Attribute that holds the class, of set `vector` alone; empty: `class`."""
    legend: str = ""
    """What numbers in it mean, of set `vector` alone; empty: our own codes."""
    gsd: float | None = None
    """Spacing to read images at, m, where labels are coarser; of chips without georeference, their own."""
    resampling: Literal["average", "nearest"] = "average"
    """How bands come to that spacing."""
    unseen_is_clear: bool = False
    """Label pixels without data as not cloud, as the study's masks have them, rather than ignore them."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A scene and its label, not read yet."""

    id: str
    """Name, unique within a run."""
    site: str
    """Place that must not be on both sides of a split."""
    image: Path
    files: SceneFiles | LabelFiles | SyntheticScenes
    label: Path | None
    """Where the mask is; None where `item` knows."""
    item: LabelItem | None = None
    granule: str | None = None
    """Which part of a product that holds several."""
    split: Split = ""
    """Part that it is in; empty: not settled."""
    synthetic: SceneConfig | None = None
    """The scene, where it is no file but drawn from a seed."""
    teacher: Path | None = None
    """Raster of probabilities to follow."""
    trust: Path | None = None
    """Raster of what each pixel counts."""


Source = SceneFiles | LabelFiles | SyntheticScenes


def find_pairs(sources: Sequence[Source], folder: Path) -> tuple[Pair, ...]:
    """Every scene of the sources, each with the split that is stated for it.

    Raises:
        OptionError: a pattern that matches nothing.
        PairError: a set that is not there, or an image of it; the same scene twice.
    """
    found: list[Pair] = []
    for files in sources:
        found.extend(_listed(_placed(files, folder), folder))
    ids = [pair.id for pair in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise PairError(f"training scenes: expected each once, found {', '.join(twice)} twice; list it once")
    return tuple(found)


def _listed(files: Source, folder: Path) -> Iterator[Pair]:
    if isinstance(files, SceneFiles):
        return _of_stacks(files, folder)
    return _of_set(files, folder) if isinstance(files, LabelFiles) else _of_seeds(files)


def _placed(files: Source, folder: Path) -> Source:
    """The source with its legend's file, where it is one, looked for where the configuration lies."""

    def placed(name: str) -> str:
        return str(folder / name) if name.endswith(".toml") else name

    if isinstance(files, SceneFiles):
        return replace(files, legend=placed(files.legend))
    if isinstance(files, LabelFiles):
        return replace(files, set=placed(files.set), legend=placed(files.legend))
    return files


def _of_seeds(files: SyntheticScenes) -> Iterator[Pair]:
    for name, scene in files.scenes():
        yield Pair(
            id=name, site=name, image=Path(name), files=files, label=None, split=files.split, synthetic=scene
        )


def matching(folder: Path, pattern: str) -> list[Path]:
    """Files that a pattern names, sorted; a path without wildcards is taken as it is.

    Raises:
        OptionError: none does.
    """
    if not set("*?[") & set(pattern):
        return [folder / pattern]
    start = Path(pattern)
    base, inner = (Path("/"), str(start.relative_to("/"))) if start.is_absolute() else (folder, pattern)
    found = sorted(base.glob(inner))
    if not found:
        raise OptionError(f"[[scenes]] stack: expected files that match {pattern}, found none in {folder}")
    return found


def _of_stacks(files: SceneFiles, folder: Path) -> Iterator[Pair]:
    for stack in matching(folder, files.stack):
        beside = [
            folder / text.replace("{name}", stack.stem) if text else None
            for text in (files.mask, files.teacher, files.trust)
        ]
        yield Pair(
            id=stack.stem,
            site=_site_of(stack.stem),
            image=stack,
            files=files,
            label=beside[0],
            teacher=beside[1],
            trust=beside[2],
            split=files.split,
        )


def _site_of(name: str) -> str:
    """The MGRS square in a product's name, else the name: a place of its own."""
    parts = [part for part in name.replace(".", "_").split("_") if len(part) == 6 and part[0] == "T"]
    return next((part for part in parts if part[1:3].isdigit() and part[3:].isalpha()), name)


def _of_set(files: LabelFiles, folder: Path) -> Iterator[Pair]:
    items = find_items(files.set, folder / files.folder, column=files.column, legend_name=files.legend)
    for item in items:
        image, granule = _image_of(item, files, folder)
        yield Pair(
            id=item.id,
            site=item.site or item.id,
            image=image,
            files=files,
            label=None,
            item=item,
            granule=granule,
            split=files.split or _published(item),
        )


def _published(item: LabelItem) -> Split:
    known: dict[str | None, Split] = {"train": "train", "validation": "validation", "test": "test"}
    return known.get(item.split, "")


def _image_of(item: LabelItem, files: LabelFiles, folder: Path) -> tuple[Path, str | None]:
    """Where an item's image is, and which granule of it."""
    beside = isinstance(item.image, Path) and (item.image.exists() or not files.images)
    if isinstance(item.image, Path) and beside:
        return item.image, None
    if item.image is None or not files.images:
        if isinstance(item.image, str) and item.image.startswith("/vsi"):
            return Path(item.image), None
        raise PairError(
            f"{item.id}: expected its image, the set ships none; name the products' folder with `images`"
        )
    return product_of(item, folder / files.images)


def product_of(item: LabelItem, folder: Path) -> tuple[Path, str | None]:
    """The product in a folder that a label is of, and which granule of it where the product holds several.

    Raises:
        PairError: it is not there.
    """
    # the product's name of today, or the folder that the label lies in: the old long names
    today = item.image.stem if isinstance(item.image, Path) else str(item.image)
    names = (today, item.label.parent.parent.name)
    for name in dict.fromkeys(names):
        for end in (".SAFE", ".zip", ".tif"):
            path = folder / f"{name.removesuffix('.SAFE')}{end}"
            if path.exists():
                return path, item.site if name == names[1] != names[0] else None
    raise PairError(f"{item.id}: expected {today}.SAFE or .zip in {folder}, found none; download it")


def read_pair(pair: Pair, bands: Sequence[str]) -> Sample:
    """The scene and its labels whole: bands that it lacks are absent, nodata is ignored in the label.

    Raises:
        GridError: scene and label do not lie on the same pixels.
        LabelError: no pixel says anything, or a code that the legend does not know.
        RasterError: a file cannot be read.
    """
    files = pair.files
    if isinstance(files, SyntheticScenes) and pair.synthetic is not None:
        return read_synthetic(pair.synthetic, files, bands)
    stated = isinstance(files, LabelFiles) and bool(files.bands)
    sample = _read_stated(pair, bands) if stated else _read_scene(pair, bands)
    if not sample.sets.any():
        raise LabelError(
            f"{pair.id}: expected pixels that are labelled, found none; check the legend and the nodata"
        )
    return replace(sample, weight=files.weight)


def open_image(pair: Pair) -> Scene:
    """The pair's scene at the spacing it is to be read at. No pixel is decoded.

    Raises:
        ProductError: not a product.
        RadiometryError: reflectance cannot be derived.
    """
    files = pair.files
    if isinstance(files, SyntheticScenes):
        raise OptionError(f"{pair.id}: expected a scene in a file, found one drawn from a seed")
    level = files.level if isinstance(files, LabelFiles) else None
    scene = open_scene(
        pair.image,
        offset=files.offset,
        quantification=files.quantification,
        level=level,
        granule=pair.granule,
    )
    known = scene.grid.spacing_known and files.gsd is not None
    return scene.at(files.gsd, resampling=files.resampling) if known and files.gsd else scene


def shape_of(pair: Pair) -> tuple[int, int]:
    """Rows and columns that a pair will be read at. No pixel is decoded, but of chips."""
    if isinstance(pair.files, SyntheticScenes):
        return pair.files.size_px, pair.files.size_px
    if isinstance(pair.files, LabelFiles) and pair.files.bands:
        height, width = _numbers(pair.image).shape[1:]
        return int(height), int(width)
    return open_image(pair).grid.shape


def _read_scene(pair: Pair, bands: Sequence[str]) -> Sample:
    scene = open_image(pair)
    names = [name for name in bands if name in scene.bands]
    reference = _read_item(pair.item, scene) if pair.item else _read_mask(pair)
    check_same_grid(scene.grid, reference.grid, what=f"{pair.label or pair.id} against {pair.image}")
    reading = scene.read(names)
    reflectance = np.zeros((len(bands), *scene.grid.shape), np.float32)
    presence = np.array([name in names for name in bands], np.bool_)
    reflectance[presence] = reading.reflectance
    gsd = pair.files.gsd or 10.0
    labelled = _labels(reference.values, reading.valid, pair.files)
    return Sample(
        reflectance=reflectance,
        # pixels without data that are to be learnt as clear count as seen
        valid=reading.valid | (labelled != 0),
        sets=labelled,
        bands=tuple(bands),
        presence=presence,
        gsd_m=scene.pixel_size if scene.grid.spacing_known else gsd,
        sun_zenith=scene.sun_zenith,
        sun_azimuth=scene.sun_azimuth,
        teacher=read_teacher(pair.teacher, scene.grid) if pair.teacher else None,
        trust=read_trust(pair.trust, scene.grid) if pair.trust else None,
    )


def _read_item(item: LabelItem, scene: Scene) -> Raster:
    """The item's label as it is, but polygons drawn on the scene's pixels."""
    return drawn(item, scene.grid) if is_polygons(item.label) else read_item(item)


def _read_mask(pair: Pair) -> Raster:
    if pair.label is None or not isinstance(pair.files, SceneFiles):
        raise PairError(f"{pair.id}: expected a mask, found none; name it")
    return read_reference(pair.label, pair.files.legend)


def _read_stated(pair: Pair, bands: Sequence[str]) -> Sample:
    """A chip whose bands and numbers the configuration states, as a raster or a NumPy array (y, x, band)."""
    files = pair.files
    if not isinstance(files, LabelFiles) or files.quantification is None or pair.item is None:
        raise OptionError(f"{pair.id}: [[labels]] bands: expected quantification beside them, found none")
    given = canonical_names(files.bands)
    numbers = _numbers(pair.image)
    if len(numbers) < len(given):
        raise RasterError(
            f"{pair.image}: expected {len(given)} bands, found {len(numbers)}; state those that it has"
        )
    reference = read_item(pair.item)
    if numbers.shape[1:] != reference.grid.shape:
        raise GridError(
            f"{pair.id}: expected an image of {reference.grid.shape} px, found {numbers.shape[1:]}; "
            "give the pair that belongs together"
        )
    valid = (numbers[: len(given)] != 0).any(axis=0) & np.isfinite(numbers).all(axis=0)
    reflectance = np.zeros((len(bands), *valid.shape), np.float32)
    for position, name in enumerate(bands):
        if name in given:
            band = numbers[given.index(name)].astype(np.float32)
            reflectance[position] = np.where(
                valid, (band + np.float32(files.offset or 0)) / np.float32(files.quantification), 0
            )
    return Sample(
        reflectance=reflectance,
        valid=valid,
        sets=_labels(reference.values, valid, files),
        bands=tuple(bands),
        presence=np.array([name in given for name in bands], np.bool_),
        gsd_m=files.gsd or 10.0,
    )


def _numbers(image: Path) -> npt.NDArray[np.generic]:
    """Numbers (band, y, x) as the file has them."""
    try:
        if image.suffix == ".npy":
            return np.load(image, allow_pickle=False).transpose(2, 0, 1)  # type: ignore[no-any-return]
        with rasterio.open(image) as file:
            return file.read()  # type: ignore[no-any-return]
    except (OSError, ValueError, RasterioError) as err:
        raise RasterError(f"{image}: expected an image, found: {err}; download it again") from err


def _labels(
    sets: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], files: Source
) -> npt.NDArray[np.uint8]:
    """Labels of the pixels that were seen; of all where those without data are to be clear."""
    found = np.asarray(sets, np.uint8)
    if isinstance(files, LabelFiles) and files.unseen_is_clear:
        return np.where(found == 0, np.uint8(class_bits(NOT_CLOUD)), found)
    return np.where(valid, found, np.uint8(0))
