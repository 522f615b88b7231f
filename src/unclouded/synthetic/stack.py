"""A scene as one multi-band GeoTIFF, for training and tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine

from unclouded.core.bands import NAMES, canonical_names
from unclouded.core.classes import NODATA
from unclouded.core.errors import OutputError
from unclouded.core.radiometry import DN_NODATA
from unclouded.core.windows import Window, tiled
from unclouded.synthetic._raster import geotiff, in_order, raster_window
from unclouded.synthetic._sky import Classes
from unclouded.synthetic.config import SceneConfig, pixels_of
from unclouded.synthetic.scene import render
from unclouded.synthetic.sensor import QUANTIFICATION, seen, to_dn, with_noise


@dataclass(frozen=True, kw_only=True)
class StackPaths:
    """What was written."""

    image: Path
    """Multi-band GeoTIFF, DN uint16 with GDAL scale and offset, nodata 0."""
    truth: Path
    """GeoTIFF of classes, 255 where there are no data."""


def write_stack(
    path: Path,
    config: SceneConfig,
    *,
    bands: Sequence[str] = NAMES,
    gsd: float = 20.0,
    size_px: int = 512,
    crs: str = "EPSG:32632",
    add_offset: int = -1000,
    threads: int = 1,
) -> StackPaths:
    """The upper left corner of the scene as a GeoTIFF, and its truth as `<name>_truth.tif` beside it.

    Band descriptions are band names; reflectance = DN * scale + offset; tags SENSOR and LEVEL.
    The share of clouds holds within `config.size_m`.

    Raises:
        BandError: no such band.
        OutputError: the file cannot be written.
    """
    names = canonical_names(bands)
    truth = path.with_name(path.stem + "_truth.tif")
    east, north = config.origin
    size = (size_px, size_px)
    place = {"crs": crs, "transform": Affine(gsd, 0, east, 0, -gsd, north)}
    options = {"compress": "deflate", "predictor": 2, "interleave": "band"}
    compute = partial(_piece, config, names, gsd, add_offset)
    try:
        with (
            geotiff(
                path,
                size=size,
                count=len(names),
                dtype="uint16",
                place=place,
                options={**options, "nodata": DN_NODATA},
            ) as image,
            geotiff(
                truth, size=size, count=1, dtype="uint8", place=place, options={**options, "nodata": NODATA}
            ) as mask,
        ):
            image.descriptions = names
            image.scales = (1 / QUANTIFICATION,) * len(names)
            image.offsets = (add_offset / QUANTIFICATION,) * len(names)
            image.update_tags(SENSOR="sentinel-2", LEVEL="L1C")
            for window, (dn, classes) in in_order(tiled(size, 256), compute, threads):
                image.write(dn, window=raster_window(window))
                mask.write(classes, 1, window=raster_window(window))
    except OSError as err:
        raise OutputError(f"{path}: cannot write the stack there: {err}; choose another place") from err
    return StackPaths(image=path, truth=truth)


def _piece(
    config: SceneConfig, names: Sequence[str], gsd: float, add_offset: int, window: Window
) -> tuple[np.ndarray, Classes]:
    piece = render(config, names, window, gsd)
    pixels = pixels_of(config, window, gsd)
    valid = seen(config, pixels)
    noisy = with_noise(piece.reflectance, names, pixels, config.seed)
    dn = np.where(valid, to_dn(noisy, add_offset=add_offset), np.uint16(DN_NODATA))
    return dn, np.where(valid, piece.classes, np.uint8(NODATA))
