"""Scenes on disk whose pixels say which they are."""

import numpy as np
import pytest

BANDS = ("B02", "B04", "B10")


@pytest.fixture
def write_pair():
    """`write_pair(folder, name, seed, shape, bands)`: a stack and a mask, with a corner not seen."""
    import rasterio
    from affine import Affine

    def write(folder, name, seed=0, shape=(40, 50), bands=BANDS):
        rng = np.random.default_rng(seed)
        for part in ("stacks", "masks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        dn = rng.integers(500, 9000, (len(bands), *shape)).astype(np.uint16)
        dn[:, :3, :3] = 0
        codes = rng.choice([0, 1, 2, 3, 255], shape).astype(np.uint8)
        place = {"crs": "EPSG:32632", "transform": Affine(20, 0, 600_000, 0, -20, 5_300_040)}
        size = {"height": shape[0], "width": shape[1], **place}
        stack = folder / "stacks" / f"{name}.tif"
        with rasterio.open(
            stack, "w", driver="GTiff", count=len(bands), dtype="uint16", nodata=0, **size
        ) as f:
            f.write(dn)
            f.descriptions = bands
            f.scales, f.offsets = [1e-4] * len(bands), [0.0] * len(bands)
            f.update_tags(SENSOR="sentinel-2", LEVEL="L1C")
        with rasterio.open(
            folder / "masks" / f"{name}.tif", "w", driver="GTiff", count=1, dtype="uint8", **size
        ) as f:
            f.write(codes, 1)
        return dn, codes

    return write
