"""Landsat Collection 2 metadata (`*_MTL.txt`, `*_MTL.json`) as one flat record.

Source: USGS, Landsat 8-9 Collection 2 Level 1 Data Format Control Book (LSDS-1822).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from unclouded.core.bands import SENTINEL2
from unclouded.core.errors import ProductError, RadiometryError
from unclouded.sources import _json
from unclouded.sources._text import shown

_LINE = re.compile(r'\s*([A-Z0-9_]+)\s*=\s*"?([^"]*?)"?\s*')


@dataclass(frozen=True, kw_only=True)
class Landsat:
    """What the metadata of a scene say. None where they do not."""

    product: str | None
    """`LC08_L1TP_197031_20240305_20240315_02_T1`."""
    satellite: str
    """`landsat-8`."""
    level: str | None
    """`L1TP`."""
    sensing_time: datetime | None
    sun_elevation: float | None
    """At the centre of the scene, degrees."""
    sun_azimuth: float | None
    cloud_cover: float | None
    """Per cent."""
    files: Mapping[str, str]
    """Band of ours -> file name."""
    multiplier: Mapping[str, float]
    """Band -> REFLECTANCE_MULT, per DN."""
    added: Mapping[str, float]
    """Band -> REFLECTANCE_ADD."""


def parse(text: str, *, where: str) -> Landsat:
    """The record of a metadata file.

    Raises:
        ProductError: not Landsat metadata, or of a satellite whose bands we do not know.
    """
    fields = _of_json(text, where) if text.lstrip().startswith("{") else _of_text(text)
    satellite = re.fullmatch(r"LANDSAT_?([89])", (fields.get("SPACECRAFT_ID") or "").upper())
    if satellite is None:
        raise ProductError(
            f"{where}: expected metadata of Landsat 8 or 9, "
            f"found SPACECRAFT_ID '{shown(fields.get('SPACECRAFT_ID') or '')}'; give one of their scenes"
        )
    elevation = _number(fields.get("SUN_ELEVATION"))
    ours = {band.landsat.removeprefix("B"): band.name for band in SENTINEL2 if band.landsat is not None}
    return Landsat(
        product=fields.get("LANDSAT_PRODUCT_ID"),
        satellite=f"landsat-{satellite[1]}",
        level=fields.get("PROCESSING_LEVEL") or fields.get("DATA_TYPE"),
        sensing_time=_time(fields.get("DATE_ACQUIRED"), fields.get("SCENE_CENTER_TIME")),
        sun_elevation=elevation if elevation is not None and -90 <= elevation <= 90 else None,
        sun_azimuth=_number(fields.get("SUN_AZIMUTH")),
        cloud_cover=_per_cent(_number(fields.get("CLOUD_COVER"))),
        files={ours[n]: v for n in ours if (v := fields.get(f"FILE_NAME_BAND_{n}")) is not None},
        multiplier=_each(fields, "REFLECTANCE_MULT_BAND_", ours),
        added=_each(fields, "REFLECTANCE_ADD_BAND_", ours),
    )


def top_of_atmosphere(
    scene: Landsat, names: list[str], *, where: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Offset and quantification of each band, so that (DN + offset) / quantification is reflectance.

    rho = (M * DN + A) / sin(sun elevation): offset A / M, quantification sin(elevation) / M.
    Source: USGS, Using the USGS Landsat Level-1 Data Product; the sun at the scene's centre.

    Raises:
        RadiometryError: a factor is missing, or the sun is below the horizon.
    """
    lacking = [name for name in names if scene.multiplier.get(name, 0) <= 0 or name not in scene.added]
    if lacking:
        raise RadiometryError(
            f"{where}: expected REFLECTANCE_MULT and REFLECTANCE_ADD of each band, "
            f"found none for {', '.join(lacking)}; state --offset and --quantification"
        )
    if scene.sun_elevation is None or scene.sun_elevation <= 0:
        raise RadiometryError(
            f"{where}: expected SUN_ELEVATION above the horizon, found {scene.sun_elevation}; "
            "state --offset and --quantification"
        )
    sine = math.sin(math.radians(scene.sun_elevation))
    return (
        {name: float(f"{scene.added[name] / scene.multiplier[name]:.12g}") for name in names},
        {name: float(f"{sine / scene.multiplier[name]:.12g}") for name in names},
    )


def _of_text(text: str) -> dict[str, str]:
    """`KEY = value` lines of an ODL file; the first of a key counts, as product groups come first."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is not None and found[1] not in {"GROUP", "END_GROUP"}:
            fields.setdefault(found[1], found[2])
    return fields


def _of_json(text: str, where: str) -> dict[str, str]:
    content = _json.parse(text.encode(), where=where)
    fields: dict[str, str] = {}
    groups: Any = _json.dig(content, "LANDSAT_METADATA_FILE")
    for group in groups.values() if isinstance(groups, dict) else []:
        for key, value in group.items() if isinstance(group, dict) else []:
            if isinstance(value, str | int | float):
                fields.setdefault(str(key), str(value))
    return fields


def _each(fields: Mapping[str, str], prefix: str, ours: Mapping[str, str]) -> dict[str, float]:
    found = {ours[n]: _number(fields.get(f"{prefix}{n}")) for n in ours}
    return {name: value for name, value in found.items() if value is not None}


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < float("inf") else None


def _per_cent(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= 100 else None  # -1: not computed


def _time(day: str | None, clock: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(f"{day}T{(clock or '').removesuffix('Z')[:15]}")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC)
