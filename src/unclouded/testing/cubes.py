"""Small cubes as the loaders lay them out."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from unclouded.core.bands import NAMES
from unclouded.synthetic import CloudLayer, SceneConfig, clouds_over, render
from unclouded.testing.products import CORNER, CRS

DATES = np.datetime64("2024-03-05T10:48:19", "ns") + np.arange(12) * np.timedelta64(5, "D")
"""Every five days."""
GSD = 20
"""Spacing, m."""


def patches(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """DN (…, y, x) in squares of 8 px, offset -1000, with two rows that were not seen in part.

    Drawn from the band's name and the shape.
    """
    rng = np.random.default_rng([*name.encode()])
    height, width = shape[-2:]
    coarse = rng.uniform(0, 0.9, (*shape[:-2], -(-height // 8), -(-width // 8)))
    fine = coarse.repeat(8, axis=-2).repeat(8, axis=-1)[..., :height, :width]
    dn = np.round(fine * 10000 + 1000).astype(np.uint16)
    dn[..., height // 2 : height // 2 + 2, : width // 3] = 0
    return dn


def coordinates(height: int, width: int, gsd: int = GSD) -> dict[str, npt.NDArray[np.floating]]:
    """Centres of the pixels, north up."""
    return {
        "y": CORNER[1] - gsd * (np.arange(height) + 0.5),
        "x": CORNER[0] + gsd * (np.arange(width) + 0.5),
    }


def odc_cube(
    bands: tuple[str, ...] = ("B02", "B03", "B04", "B08"),
    *,
    dates: int = 2,
    height: int = 40,
    width: int = 50,
) -> xr.Dataset:
    """A cube as odc-stac 0.5.3 loads one from STAC items: no scale, nodata 0, a variable a band.

    Dimensions time, y and x; the name of the system's variable is in the encoding.
    """
    found = xr.Dataset(
        {name: (("time", "y", "x"), patches(name, (dates, height, width)), {"nodata": 0}) for name in bands},
        coords={
            "time": DATES[:dates],
            **coordinates(height, width),
            "spatial_ref": ((), int(CRS.removeprefix("EPSG:")), {"crs_wkt": CRS}),
        },
    )
    for layer in found.data_vars.values():
        layer.encoding["grid_mapping"] = "spatial_ref"
    return found


@dataclass(frozen=True, kw_only=True)
class Series:
    """The same land under other clouds each date."""

    cube: xr.Dataset
    """As `odc_cube`, Level-1C."""
    codes: npt.NDArray[np.uint8]
    """(date, y, x), the truth."""
    land: npt.NDArray[np.float32]
    """(band, y, x), reflectance without clouds."""


def cloudy_series(
    *, dates: int = 6, size_px: int = 100, gsd: int = 60, bands: tuple[str, ...] = NAMES, seed: int = 5
) -> Series:
    """Synthetic scenes of one place, cumulus and cirrus of drawn cover over it, and noise."""
    place = SceneConfig(seed=seed, clouds=(), size_m=size_px * gsd)
    land = render(place, bands, gsd=gsd).reflectance
    rng = np.random.default_rng(seed)
    layers = []
    for date in range(dates):
        cumulus, cirrus = rng.uniform(0.1, 0.35), rng.uniform(0.02, 0.2)
        sky = (CloudLayer(kind="cumulus", cover=cumulus), CloudLayer(kind="cirrus", cover=cirrus))
        config = SceneConfig(seed=seed + 100 + date, clouds=sky, size_m=size_px * gsd)
        layers.append(clouds_over(land, bands, gsd, config))
    seen = np.stack([layer.reflectance for layer in layers])
    noisy = seen + rng.normal(0, 0.002, seen.shape)
    dn = np.round(noisy * 10000 + 1000).clip(1, 65534).astype(np.uint16)
    cube = odc_cube(bands, dates=dates, height=size_px, width=size_px)
    return Series(
        cube=cube.copy(data={name: dn[:, index] for index, name in enumerate(bands)}).assign_coords(
            coordinates(size_px, size_px, gsd)
        ),
        codes=np.stack([layer.classes for layer in layers]),
        land=land,
    )
