import importlib.util
from pathlib import Path

import pytest
import rasterio
from affine import Affine

UTM = Affine(10, 0, 600_000, 0, -10, 5_100_000)
# what a replica of a set is written with, and the set read
NEEDS = {"cloudsen12": "pyarrow", "hollstein": "h5py", "kappaset": "h5py"}


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


@pytest.fixture(scope="session")
def replicas():
    """The module that writes tiny label sets in their published layouts."""
    spec = importlib.util.spec_from_file_location("label_replicas", Path(__file__).with_name("replicas.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def replica(replicas, extra, tmp_path):
    """`replica(name)`: the folder of a tiny label set."""

    def make(name):
        if name in NEEDS:
            extra(NEEDS[name])
        return replicas.make(name, tmp_path)

    return make
