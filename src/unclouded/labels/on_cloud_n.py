"""On Cloud N (Radiant Earth & DrivenData 2022): 22,728 chips of 512 px of Sentinel-2 L2A, cloud or not.

`train_metadata.csv`, `train_features/CHIP/BAND.tif`, `train_labels/CHIP.tif`, and `test_…` the same.
doi 10.34911/rdnt.hfq6m7.
"""

from collections.abc import Iterator
from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._tables import read_table

LABELS = LEGENDS["on-cloud-n"]
_SPLITS = ("train", "test")


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The chips that the tables name, each in its split; sites are the set's own locations.

    Raises:
        PairError: there is none.
        LabelError: a table without ids or locations.
    """
    tables = ((split, path) for split in _SPLITS for path in folder.rglob(f"{split}_metadata.csv"))
    items = (item for split, path in tables for item in _items(split, path))
    return listed(items, folder, layout="train_metadata.csv beside train_features and train_labels")


def _items(split: str, table: Path) -> Iterator[LabelItem]:
    root = table.parent
    rows = {row["chip_id"]: row["location"] for row in read_table(table, ("chip_id", "location"))}
    labels = {path.stem for path in (root / f"{split}_labels").glob("*.tif")}
    for chip in rows.keys() | labels:
        yield LabelItem(
            set_name="on_cloud_n",
            id=chip,
            site=rows.get(chip) or None,
            label=root / f"{split}_labels" / f"{chip}.tif",
            image=root / f"{split}_features" / chip,
            legend=LABELS,
            split=split,
        )


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
