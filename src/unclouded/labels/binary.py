"""Masks of 0 not cloud, 1 cloud, 255 nodata, which tell neither thin cloud nor shadow nor snow apart."""

from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.labels import _plain
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem

LABELS = LEGENDS["binary"]


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """Masks of a folder with the images of the same name.

    Raises:
        PairError: there is no mask.
    """
    return _plain.find_items(folder, set_name="binary", legend=LABELS)


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
