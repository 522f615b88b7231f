"""38-Cloud and 95-Cloud (Mohajerani & Saeedi 2019, 2020): Landsat-8, cloud or not, in patches of 384 px.

`38-Cloud_training/train_gt/gt_patch_N_…_SCENE.TIF` beside `train_red` and the like (95-Cloud: `train_gt_…`),
and `38-Cloud_test/Entire_scene_gts/edited_corrected_gts_SCENE.TIF` of whole scenes.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import wrs_scene

LABELS = LEGENDS["cloud38"]
_PATCH = "gt_patch_"
_SCENE = "edited_corrected_gts_"
_SUFFIX = re.compile(r"\.tif", re.IGNORECASE)


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The training patches, each with the file of its red band, and the whole scenes of the test part.

    Raises:
        PairError: there is none.
    """
    found = (*_patches(folder), *_test_scenes(folder))
    return listed(found, folder, layout="38-Cloud_training/train_gt and 38-Cloud_test/Entire_scene_gts")


def _patches(folder: Path) -> Iterator[LabelItem]:
    for label in _rasters(folder, _PATCH):
        name = label.stem.removeprefix("gt_")
        band = label.parent.name.replace("train_gt", "train_red", 1)
        yield LabelItem(
            set_name="cloud38",
            id=name,
            site=wrs_scene(name),
            label=label,
            image=label.parent.parent / band / f"red_{name}{label.suffix}",
            legend=LABELS,
            split="train",
        )


def _test_scenes(folder: Path) -> Iterator[LabelItem]:
    for label in _rasters(folder, _SCENE):
        # the whole scenes of the training part are the patches once more
        if "test" in label.parent.parent.name.lower():
            name = label.stem.removeprefix(_SCENE)
            yield LabelItem(
                set_name="cloud38",
                id=name,
                site=wrs_scene(name),
                label=label,
                image=name,
                legend=LABELS,
                split="test",
            )


def _rasters(folder: Path, start: str) -> Iterator[Path]:
    return (path for path in folder.rglob(f"{start}*") if _SUFFIX.fullmatch(path.suffix))


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
