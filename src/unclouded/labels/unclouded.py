"""Our own masks and truths: 0 clear, 1 thick cloud, 2 thin cloud, 3 cloud shadow, 4 snow, 255 nodata."""

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes

LABELS = LEGENDS["unclouded"]

__all__ = ["LABELS", "open_codes", "read_codes"]
