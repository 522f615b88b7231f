import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.testing.products import write_fake_geotiff

# Vegetation with a thick cloud over part of it: typical top-of-atmosphere reflectance, B01 … B12
VEGETATION = (0.12, 0.09, 0.08, 0.055, 0.10, 0.25, 0.31, 0.30, 0.33, 0.12, 0.0015, 0.17, 0.08)
CLOUD = (0.56, 0.55, 0.53, 0.55, 0.56, 0.57, 0.58, 0.57, 0.58, 0.38, 0.003, 0.45, 0.33)


@pytest.fixture
def stack(tmp_path_factory):
    """`stack(level, pixel_size)`: a 13-band GeoTIFF of 50 x 40 px, DN with the offset of 04.00 and later."""

    def write(level, pixel_size=60.0):
        cloudy = np.zeros((50, 40), bool)
        cloudy[10:30, 15:] = True
        reflectance = np.where(cloudy, np.reshape(CLOUD, (-1, 1, 1)), np.reshape(VEGETATION, (-1, 1, 1)))
        noise = np.random.default_rng(0).normal(0, 0.001, reflectance.shape)
        dn = np.round((reflectance + noise) * 10_000 + 1000).astype(np.uint16)
        tags = {"SENSOR": "sentinel-2"} | ({"LEVEL": level} if level else {})
        path = tmp_path_factory.mktemp("stack") / "stack.tif"
        return write_fake_geotiff(
            path, dn, NAMES, scale=1e-4, offset=-0.1, tags=tags, pixel_size=pixel_size, nodata=0
        )

    return write


@pytest.fixture
def scenes(tmp_path):
    """`scenes(count)`: small 13-band GeoTIFFs in a folder, each of its own, by name."""

    def write(count, side=40):
        folder = tmp_path / "scenes"
        folder.mkdir(exist_ok=True)
        return [_scene(folder / f"scene_{number:03}.tif", number, side) for number in range(count)]

    return write


def _scene(path, number, side):
    rng = np.random.default_rng(number)
    cloudy = rng.random((side, side)) < number % 7 / 7
    reflectance = np.where(cloudy, np.reshape(CLOUD, (-1, 1, 1)), np.reshape(VEGETATION, (-1, 1, 1)))
    dn = np.round((reflectance + rng.normal(0, 0.002, reflectance.shape)) * 10_000 + 1000).astype(np.uint16)
    tags = {"SENSOR": "sentinel-2", "LEVEL": "L1C"}
    return write_fake_geotiff(path, dn, NAMES, scale=1e-4, offset=-0.1, tags=tags, pixel_size=60, nodata=0)
