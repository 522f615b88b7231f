"""Masks of Kristollari & Karathanassi 2020: 0 clear, 255 cloud, and nothing is nodata."""

from unclouded.core.classes import LEGENDS
from unclouded.labels._geotiff import open_codes, read_codes

LABELS = LEGENDS["original"]

__all__ = ["LABELS", "open_codes", "read_codes"]
