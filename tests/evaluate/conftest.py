import numpy as np
import pytest
import rasterio
from affine import Affine

UTM = Affine(10, 0, 600_000, 0, -10, 5_100_000)


@pytest.fixture
def write():
    """`write(path, codes, **profile)`: a mask in UTM 32N, written by rasterio itself."""

    def write_codes(path, codes, **profile):
        codes = np.asarray(codes, np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        place = {"transform": UTM, "crs": "EPSG:32632", "count": 1, "dtype": "uint8"}
        height, width = codes.shape
        with rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, **{**place, **profile}
        ) as out:
            out.write(codes, 1)
        return path

    return write_codes
