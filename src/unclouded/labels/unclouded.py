"""Our own masks and truths: 0 clear, 1 thick cloud, 2 thin cloud, 3 cloud shadow, 4 snow, 255 nodata."""

from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.labels import _plain
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem

LABELS = LEGENDS["unclouded"]


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """Masks of a folder with the images of the same name.

    Raises:
        PairError: there is no mask.
    """
    return _plain.find_items(folder, set_name="unclouded", legend=LABELS)


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
