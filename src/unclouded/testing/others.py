"""Fake products of other makers: Landsat level-1 scenes, EOPF's Zarr stores."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unclouded.core.bands import NAMES, SENTINEL2, band
from unclouded.testing.products import CORNER, CRS, FakeSafe, ramp, write_fake_geotiff

LANDSAT_NAME = "LC08_L1TP_193028_20240305_20240315_02_T1"
LANDSAT_BANDS: Mapping[str, str] = {item.name: item.landsat for item in SENTINEL2 if item.landsat is not None}
"""Our names -> Landsat-8's."""
SUN_ELEVATION = 36.75
_QUOTED = ("ID", "LEVEL", "FILE", "DATE", "TIME")

Groups = dict[str, dict[str, str]]


def landsat_groups() -> Groups:
    """Groups of an MTL file of the real structure."""
    numbers = [own.removeprefix("B") for own in LANDSAT_BANDS.values()]
    return {
        "PRODUCT_CONTENTS": {
            "LANDSAT_PRODUCT_ID": LANDSAT_NAME,
            "PROCESSING_LEVEL": "L1TP",
            "COLLECTION_NUMBER": "02",
            **{f"FILE_NAME_BAND_{n}": f"{LANDSAT_NAME}_B{n}.TIF" for n in numbers},
        },
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": "LANDSAT_8",
            "DATE_ACQUIRED": "2024-03-05",
            "SCENE_CENTER_TIME": "10:03:21.4563210Z",
            "CLOUD_COVER": "12.50",
            "SUN_AZIMUTH": "158.50000000",
            "SUN_ELEVATION": f"{SUN_ELEVATION}",
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"RADIANCE_MULT_BAND_{n}": "1.2E-02" for n in numbers},
            **{f"REFLECTANCE_MULT_BAND_{n}": "2.0000E-05" for n in numbers},
            **{f"REFLECTANCE_ADD_BAND_{n}": "-0.100000" for n in numbers},
        },
    }


def write_fake_landsat(
    folder: Path,
    groups: Groups | None = None,
    *,
    kind: str = "txt",
    bands: tuple[str, ...] = tuple(LANDSAT_BANDS),
) -> Path:
    """A scene of 24 x 30 px, its first two rows not seen; the folder.

    Args:
        groups: of the metadata; None: `landsat_groups()`.
        kind: of the metadata file, `txt` or `json`.
        bands: those that have a file, by our names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = groups or landsat_groups()
    text = _mtl(groups) if kind == "txt" else json.dumps({"LANDSAT_METADATA_FILE": groups})
    (folder / f"{LANDSAT_NAME}_MTL.{kind}").write_text(text, encoding="utf-8")
    for name in bands:
        values = ramp(name, 24, 30) * 5
        values[:2] = 0
        path = folder / f"{LANDSAT_NAME}_{LANDSAT_BANDS[name]}.TIF"
        write_fake_geotiff(path, values[None], (None,), pixel_size=30, nodata=0)
    return folder


def _mtl(groups: Groups) -> str:
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, entries in groups.items():
        lines.append(f"  GROUP = {group}")
        for key, value in entries.items():
            text = f'"{value}"' if any(word in key for word in _QUOTED) else value
            lines.append(f"    {key} = {text}")
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


def write_fake_eopf(
    folder: Path,
    *,
    level: str = "L1C",
    zarr_format: int = 2,
    attributes: bool = True,
    transform: bool = True,
    offset: float = -0.1,
    bands: tuple[str, ...] = NAMES,
) -> Path:
    """A store of the real structure, 60 m bands of 8 px, the first two rows not seen; its path.

    Args:
        attributes: state scale and offset in the arrays.
        transform: state the place there; else coordinates do.
    """
    import zarr  # noqa: PLC0415 - an extra

    name = FakeSafe(level=level, baseline="05.11", satellite="Sentinel-2B").name
    path = folder / f"{name}.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2 if zarr_format == 2 else 3)
    root.attrs.update(_discovery(name, level))
    for band_name in (item for item in bands if level in band(item).levels):
        gsd = band(band_name).gsd
        side = 8 * 60 // gsd
        group = root.require_group(f"measurements/reflectance/r{gsd}m")
        dn = ramp(band_name, side, side)
        dn[:2] = 0
        array = group.create_array(band_name.lower(), data=dn, chunks=(16, 16), fill_value=0)
        if attributes:
            array.attrs.update({"scale_factor": 0.0001, "add_offset": offset, "fill_value": 0})
        if transform:
            place = [gsd, 0, CORNER[0], 0, -gsd, CORNER[1], 0, 0, 1]
            array.attrs.update({"proj:transform": place, "proj:epsg": int(CRS.removeprefix("EPSG:"))})
        elif "x" not in group:
            group.create_array("x", data=CORNER[0] + gsd * (np.arange(side) + 0.5))
            group.create_array("y", data=CORNER[1] - gsd * (np.arange(side) + 0.5))
    return path


def _discovery(name: str, level: str) -> dict[str, Any]:
    return {
        "stac_discovery": {
            "id": f"{name}.SAFE",
            "type": "Feature",
            "properties": {
                "platform": "sentinel-2b",
                "datetime": None,
                "start_datetime": "2024-03-05T10:48:19.024000+00:00",
                "eopf:baseline": "05.11",
                "processing:version": "",
                "product:type": f"S02MSI{level}",
                "eo:cloud_cover": 12.5,
                "proj:epsg": int(CRS.removeprefix("EPSG:")),
            },
        },
        "other_metadata": {"mean_sun_zenith_angle_in_deg_for_all_bands_all_detectors": 53.25},
    }
