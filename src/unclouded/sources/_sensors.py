"""Sensors, levels and band names as files spell them, brought to one spelling."""

import re
from dataclasses import dataclass

from unclouded.core.bands import SENTINEL2, band
from unclouded.core.errors import BandError

_SENTINEL2 = re.compile(r"(?:sentinel[-_ ]?2|s2)[-_ ]?([a-z])?(?:[-_ ]?msi)?", re.IGNORECASE)
_LANDSAT = re.compile(r"(?:landsat[-_ ]?|l[coet]?0?)(\d)(?:[-_ ]?oli(?:[-_ ]?tirs)?)?", re.IGNORECASE)
_OLI = {"landsat-8", "landsat-9"}
_OLI_BANDS = {item.landsat: item.name for item in SENTINEL2 if item.landsat is not None}


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """What took an image."""

    name: str
    """`sentinel-2`, `landsat-8` …; else as stated, in lower case."""
    satellite: str | None = None
    """`S2A` …"""

    @property
    def is_sentinel2(self) -> bool:
        """Whether band names are Sentinel-2's own."""
        return self.name == "sentinel-2"


def parse_sensor(text: str) -> Sensor:
    """`S2B`, `Sentinel-2`, `LC08`, `landsat 8` … -> the sensor."""
    stated = text.strip()
    if found := _SENTINEL2.fullmatch(stated):
        return Sensor(name="sentinel-2", satellite=f"S2{found[1].upper()}" if found[1] else None)
    if found := _LANDSAT.fullmatch(stated):
        return Sensor(name=f"landsat-{found[1]}")
    return Sensor(name=stated.lower())


def parse_level(text: str) -> str | None:
    """`Level-1C`, `1c`, `S2MSI1C` -> `L1C`; other levels as stated, in capitals; nothing -> None."""
    stated = text.strip().upper()
    found = re.fullmatch(r"(?:LEVEL[-_ ]?|L|S2MSI)?(1C|2A)P?", stated)
    return f"L{found[1]}" if found else stated or None


def band_name(description: str, sensor: Sensor) -> str:
    """Our name of a band: by its STAC common name, or by its number in the sensor's own counting.

    Landsat-8/9 count otherwise than Sentinel-2: their B5 is the near infrared.

    Raises:
        BandError: it names no band of ours.
    """
    counted = re.fullmatch(r"(?:sr_)?b(?:and)?[-_ ]?0?(\d{1,2}a?)", description.strip(), re.IGNORECASE)
    if counted is None:
        return band(description).name
    if sensor.name in _OLI:
        own = f"B{counted[1].upper()}"
        if own not in _OLI_BANDS:
            raise BandError(f"{sensor.name} {own}: has no band of Sentinel-2 beside it")
        return _OLI_BANDS[own]
    if sensor.name.startswith("landsat-"):
        raise BandError(f"{sensor.name} B{counted[1]}: expected a STAC common name such as red")
    return band(f"B{counted[1]}").name
