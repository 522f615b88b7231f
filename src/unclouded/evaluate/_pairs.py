"""Which prediction belongs to which reference: a pair of files, or folders joined by scene name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unclouded.core.errors import PairError

_RASTERS = {".tif", ".tiff"}
_POLYGONS = {".geojson", ".gpkg"}
# What a file is, said at the end of its name; the rest is the scene's name.
_MASK_SUFFIX = re.compile(
    r"[_-](mask|masks|pred|prediction|reference|ref|truth|gt|labels?|lab|classes)$", re.IGNORECASE
)
_OTHER_SUFFIX = re.compile(r"[_-](probabilities|prob|img|image|stack|preview)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A prediction and its reference."""

    scene: str
    prediction: Path
    reference: Path


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What was found to compare."""

    pairs: tuple[Pair, ...]
    """Sorted by scene name; one or more."""
    unmatched_predictions: tuple[str, ...] = ()
    """Scenes that were predicted and have no reference."""
    unmatched_references: tuple[str, ...] = ()
    """Scenes that have a reference and were not predicted."""


def scene_name(path: Path) -> str:
    """The scene that a mask is of: its file name without `.tif`, without `_mask`, `_truth` and the like."""
    return _MASK_SUFFIX.sub("", path.stem) or path.stem


def join(prediction: Path, reference: Path) -> Pairs:
    """The pairs in two files, whatever their names, or in folders (or a file and a folder), by scene name.

    Raises:
        PairError: a path does not exist, a folder holds no mask or two of one scene, or no scene is in both.
    """
    if prediction.is_file() and reference.is_file():
        pair = Pair(scene=scene_name(prediction), prediction=prediction, reference=reference)
        return Pairs(pairs=(pair,))
    predicted, known = _scenes(prediction, "--prediction"), _scenes(reference, "--reference")
    shared = sorted(predicted.keys() & known.keys())
    if not shared:
        raise PairError(
            f"{prediction} and {reference}: expected file names that agree but for endings such as _mask "
            f"and _reference, found scenes {_some(predicted)} and {_some(known)}; "
            "rename one side, or give two files"
        )
    return Pairs(
        pairs=tuple(Pair(scene=name, prediction=predicted[name], reference=known[name]) for name in shared),
        unmatched_predictions=tuple(sorted(predicted.keys() - known.keys())),
        unmatched_references=tuple(sorted(known.keys() - predicted.keys())),
    )


def _scenes(place: Path, option: str) -> dict[str, Path]:
    """Masks by scene name: those of a folder (not of folders in it), or the one file."""
    if not place.exists():
        raise PairError(f"{option} {place}: expected a GeoTIFF or a folder of them, found nothing there")
    files = [place] if place.is_file() else _masks_in(place)
    if not files:
        raise PairError(
            f"{option} {place}: expected masks (*.tif), found none; name the folder that holds them"
        )
    found: dict[str, Path] = {}
    for file in files:
        name = scene_name(file)
        if name in found:
            raise PairError(
                f"{option} {place}: expected one mask a scene, found {found[name].name} and {file.name} "
                f"for scene '{name}'; keep one of them"
            )
        found[name] = file
    return found


def _masks_in(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _RASTERS | _POLYGONS
        and not file.name.startswith(".")
        and not _OTHER_SUFFIX.search(file.stem)
        and file.is_file()
    )


def _some(names: Iterable[str], limit: int = 3) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - limit} more" if len(ordered) > limit else ""
    return ", ".join(f"'{name}'" for name in ordered[:limit]) + more
