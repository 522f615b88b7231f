"""Kinds of land as records: how much of what."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """How much of what; shares are of the area, 0 … 1."""

    water: float = 0.03
    """Share of lakes or sea."""
    water_scale_m: float = 6_000.0
    """Size of the water bodies, m: ponds or a coast."""
    rivers: float = 1.0
    """Width of rivers relative to about 80 m; 0 for none."""
    wild: float = 0.35
    """Share of land that is not parcelled."""
    woods: float = 0.6
    """Share of wild land that is forest; the rest is meadow or scrub."""
    open_land: str = "meadow"
    """What else wild land carries: `meadow`, `scrub`, `desert` or `rock`."""
    conifers: float = 0.5
    """Share of forest that is dark."""
    greenness: float = 0.55
    """Share of parcels in leaf."""
    ripeness: float = 0.4
    """Share of the other parcels that are dry grass or stubble; the rest is bare soil."""
    redness: float = 0.1
    """Share of bare soil that is red."""
    sand: float = 0.0
    """Share of desert in which sand outweighs stone."""
    salt: float = 0.0
    """Share of wild land that is salt."""
    built: float = 0.02
    """Share of towns; villages come on top."""
    relief_m: float = 50.0
    """Standard deviation of the elevation, m."""
    ridges: float = 0.0
    """0 rolling hills … 1 mountain ridges."""
    tree_line_m: float = 9_000.0
    """Elevation over the mean above which rock takes over, m."""
    snow_line_m: float = 9_000.0
    """Elevation over the mean above which snow lies, m; far below the valleys: snow everywhere."""
    block_m: float = 1_400.0
    """Size of blocks of parcels between lanes, m."""
    parcel_m: float = 220.0
    """Width of a parcel, m."""


LANDSCAPES: Mapping[str, Landscape] = MappingProxyType(
    {
        "temperate": Landscape(),
        "autumn": Landscape(greenness=0.25, ripeness=0.25, conifers=0.35, redness=0.2),
        "mediterranean": Landscape(
            water=0.02,
            wild=0.5,
            woods=0.35,
            open_land="scrub",
            greenness=0.3,
            ripeness=0.6,
            redness=0.35,
            relief_m=160,
            parcel_m=140,
        ),
        "coast": Landscape(water=0.4, water_scale_m=60_000, wild=0.4, relief_m=40, built=0.06),
        "arid": Landscape(
            water=0.004,
            rivers=0.4,
            wild=0.95,
            woods=0.0,
            open_land="desert",
            sand=0.6,
            salt=0.01,
            greenness=0.6,
            redness=0.6,
            ripeness=0.3,
            relief_m=90,
            built=0.01,
        ),
        "alpine": Landscape(
            water=0.015,
            wild=0.85,
            woods=0.6,
            conifers=0.85,
            relief_m=850,
            ridges=0.75,
            tree_line_m=650,
            snow_line_m=1_050,
            built=0.01,
            greenness=0.85,
            parcel_m=120,
        ),
        "tropics": Landscape(
            water=0.02,
            rivers=2.5,
            wild=0.75,
            woods=0.93,
            conifers=0.1,
            greenness=0.75,
            redness=0.7,
            built=0.015,
        ),
        "winter": Landscape(
            greenness=0.2, conifers=0.8, relief_m=120, snow_line_m=-280, tree_line_m=9_000, ripeness=0.5
        ),
    }
)
"""Kinds of land by name."""
