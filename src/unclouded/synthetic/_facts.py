"""What a product's metadata state."""

from dataclasses import dataclass

from unclouded.synthetic._names import Names
from unclouded.synthetic.config import SceneConfig


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the metadata state."""

    names: Names
    config: SceneConfig
    crs: str
    size_px: int
    """Side of the 10 m grid."""
    add_offset: int
    cloud_percent: float
    """Thick and thin, of the pixels that have data."""
    images: tuple[str, ...]
    """Images relative to the product, without extension."""


def has_offset(baseline: str) -> bool:
    """Whether products of a processing baseline carry a radiometric offset: from 04.00 on."""
    return float(baseline) >= 4.0


def psd_version(baseline: str) -> int:
    """Version of the product specification that a baseline follows."""
    number = float(baseline)
    if number >= 5.11:
        return 15
    return 14 if number >= 3.0 else 13 if number >= 2.05 else 12
