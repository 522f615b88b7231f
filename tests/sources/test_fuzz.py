"""Damaged bytes of any kind: a product opens and reads, or fails with one of our errors, on one line."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unclouded.core.errors import UncloudedError
from unclouded.core.windows import whole
from unclouded.sources import OpenOptions, open_product
from unclouded.testing.products import FakeSafe, write_fake_geotiff, write_fake_safe

# rasterio itself stumbles over messages of GDAL's that are not UTF-8, and goes on
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A zipped product, a GeoTIFF, and a product's folder with one of its band files."""
    import shutil

    folder = tmp_path_factory.mktemp("fuzz")
    root = write_fake_safe(folder, FakeSafe(size_60m=16, bands=("B01", "B05")))
    archive = shutil.make_archive(str(folder / "product"), "zip", folder, root.name)
    values = np.arange(2 * 30 * 30).reshape(2, 30, 30).astype(np.uint16)
    stack = write_fake_geotiff(folder / "stack.tif", values, ("red", "nir"), scale=1e-4)
    (band,) = root.rglob("*_B05.jp2")
    return {"zip": (folder / "product.zip").read_bytes(), "tif": stack.read_bytes(), "jp2": band.read_bytes(),
            "root": root, "band": band, "archive": archive}  # fmt: skip


def read_all(path):
    """Open and read everything; whether it went well. Anything but our errors is a failure of the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL's libraries warn as they like
            product = open_product(path, OpenOptions(offset=0, quantification=1))
            for reader in product.bands.values():
                for level, grid in enumerate(reader.levels):
                    if grid.height * grid.width < 10**6:  # a damaged header may claim a huge raster
                        reader.read(whole(grid.shape), level)
    except UncloudedError as error:
        one_line(error)
        return False
    return True


def one_line(error):
    assert len(str(error).splitlines()) == 1


@st.composite
def damages(draw, length):
    """A few places with what is written there, and where the file ends."""
    spots = draw(st.lists(st.tuples(st.integers(0, length - 1), st.integers(0, 255)), min_size=0, max_size=6))
    end = draw(st.one_of(st.just(length), st.integers(0, length)))
    return spots, end


def damaged(data, damage):
    spots, end = damage
    changed = bytearray(data)
    for at, value in spots:
        changed[at] = value
    return bytes(changed[:end])


@pytest.mark.parametrize("kind", ["zip", "tif", "jp2"])
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_bytes_are_read_or_refused(samples, tmp_path_factory, kind, data):
    content = damaged(samples[kind], data.draw(damages(len(samples[kind]))))
    if kind == "jp2":
        samples["band"].write_bytes(content)
        read_all(samples["root"])
        return
    path = tmp_path_factory.mktemp(kind) / f"x.{kind}"
    path.write_bytes(content)
    read_all(path)


def test_undamaged_bytes_are_read(samples, tmp_path):
    for kind in ("zip", "tif"):
        path = tmp_path / f"x.{kind}"
        path.write_bytes(samples[kind])
        assert read_all(path)
    samples["band"].write_bytes(samples["jp2"])
    assert read_all(samples["root"])
