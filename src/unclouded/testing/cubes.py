"""Small cubes as the loaders lay them out."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from unclouded.testing.products import CORNER, CRS

DATES = np.array(["2024-03-05T10:48:19", "2024-03-10T10:48:19", "2024-03-15T10:48:19"], "datetime64[ns]")
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


def coordinates(height: int, width: int) -> dict[str, npt.NDArray[np.floating]]:
    """Centres of the pixels, north up."""
    return {
        "y": CORNER[1] - GSD * (np.arange(height) + 0.5),
        "x": CORNER[0] + GSD * (np.arange(width) + 0.5),
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
