import pytest
import rasterio
from affine import Affine

UTM = Affine(10, 0, 600_000, 0, -10, 5_100_000)


@pytest.fixture
def write():
    """`write(path, codes, **profile)`: a GeoTIFF in UTM 32N, written by rasterio itself."""

    def write_codes(path, codes, **profile):
        bands = codes[None] if codes.ndim == 2 else codes
        shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
        place = {"transform": UTM, "crs": "EPSG:32632"}
        with rasterio.open(
            path, "w", driver="GTiff", dtype=codes.dtype, **shape, **{**place, **profile}
        ) as out:
            out.write(bands)
        return path

    return write_codes
