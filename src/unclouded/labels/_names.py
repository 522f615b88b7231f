"""Sites read from the names of products."""

import re

# Sentinel-2 compact names and granules: _T31TFJ_ (Product Specification Document 14.9, section 4.1)
_MGRS = re.compile(r"(?:^|_)T(\d{2}[C-X][A-Z]{2})(?=[_.]|$)")
# Landsat collection and pre-collection names (USGS LSDS-1618): LC08_L1TP_PPPRRR_…, LC8PPPRRRYYYYDDD…
_WRS = re.compile(r"L[COT]0\d_L\d[A-Z]{2}_(\d{6})_|L[COT]\d(\d{6})\d{7}[A-Z]{3}\d{2}")


def mgrs_tile(name: str) -> str | None:
    """The MGRS tile in the name of a Sentinel-2 product, `T31TFJ`; None where there is none."""
    found = _MGRS.search(name)
    return f"T{found[1]}" if found else None


def wrs_scene(name: str) -> str | None:
    """WRS-2 path and row in the name of a Landsat product, `002053`; None where there is none."""
    found = _WRS.search(name)
    return (found[1] or found[2]) if found else None
