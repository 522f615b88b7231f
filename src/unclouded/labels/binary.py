"""Masks of 0 not cloud, 1 cloud, 255 nodata, which tell neither thin cloud nor shadow nor snow apart."""

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes

LABELS = LEGENDS["binary"]

__all__ = ["LABELS", "open_codes", "read_codes"]
