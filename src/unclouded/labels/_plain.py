"""Folders of GeoTIFF masks as people keep them: beside their images, or apart."""

import re
from collections.abc import Iterable
from pathlib import Path

from unclouded.core.classes import Legend
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile, wrs_scene

_RASTERS = {".tif", ".tiff"}
_MASK_FOLDERS = ("masks", "labels", "references")
_LABEL_END = re.compile(r"[_-](masks?|reference|ref|truth|gt|labels?|lab|classes)$", re.IGNORECASE)
_IMAGE_END = re.compile(r"[_-](img|image|stack)$", re.IGNORECASE)
_OTHER_END = re.compile(r"[_-](probabilities|prob|pred|prediction|preview)$", re.IGNORECASE)
LAYOUT = "masks as NAME.tif, or NAME_lab.tif beside NAME_img.tif, or the folders images and masks"


def find_items(folder: Path, *, set_name: str, legend: Legend) -> tuple[LabelItem, ...]:
    """Masks of a folder with the images of the same name.

    With subfolders `images` and `masks` (or `labels`, `references`) these are paired; else the files of the
    folder itself, by what their names end with.

    Raises:
        PairError: there is no mask.
    """
    apart = next((folder / name for name in _MASK_FOLDERS if (folder / name).is_dir()), None)
    if apart is not None and (folder / "images").is_dir():
        masks, images = _rasters(apart), _rasters(folder / "images")
    else:
        both = _rasters(folder)
        images = [path for path in both if _IMAGE_END.search(path.stem)]
        masks = [path for path in both if path not in images]
    return listed(_paired(masks, images, folder, set_name, legend), folder, layout=LAYOUT)


def _rasters(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() in _RASTERS)
    return sorted(path for path in found if not _OTHER_END.search(path.stem))


def _paired(
    masks: list[Path], images: list[Path], folder: Path, set_name: str, legend: Legend
) -> Iterable[LabelItem]:
    labels = {_LABEL_END.sub("", path.stem): path for path in masks}
    pictures = {_IMAGE_END.sub("", path.stem): path for path in images}
    for name in labels.keys() | pictures.keys():
        # one of the two may be missing: it is named where it would be
        lost_label = (masks[0].parent if masks else folder) / f"{name}.tif"
        lost_image = images[0].parent / f"{name}.tif" if images else None
        yield LabelItem(
            set_name=set_name,
            id=name,
            site=mgrs_tile(name) or wrs_scene(name),
            label=labels.get(name, lost_label),
            image=pictures.get(name, lost_image),
            legend=legend,
        )
