"""The writer of bands, by a second reader."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from unclouded.core.errors import OutputError
from unclouded.core.grid import Grid
from unclouded.core.windows import tiled
from unclouded.outputs.stack import StackFile, write_bands

GRID = Grid(height=700, width=300, transform=Affine(60, 0, 600_000, 0, -60, 5_000_040), crs="EPSG:32632")


def layout(**changes):
    base = {
        "grid": GRID,
        "names": ("B04", "B8A"),
        "dtype": "uint16",
        "nodata": 0,
        "scales": (1e-4, 1e-4),
        "offsets": (-0.1, 0.0),
        "tags": {"LEVEL": "L1C"},
    }
    return StackFile(**{**base, **changes})


def numbers(dtype):
    return np.arange(2 * 700 * 300).reshape(2, 700, 300).astype(dtype)


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_what_is_written_is_read(tmp_path, dtype, cog):
    values = numbers(dtype)
    nodata = 0 if dtype == "uint16" else float("nan")
    parts = ((window, values[:, *window.slices]) for window in tiled(GRID.shape, 256))
    write_bands(tmp_path / "x.tif", layout(dtype=dtype, nodata=nodata, cog=cog), parts)
    with rasterio.open(tmp_path / "x.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        assert dataset.descriptions == ("B04", "B8A")
        assert dataset.scales == (1e-4, 1e-4)
        assert dataset.offsets == (-0.1, 0.0)
        np.testing.assert_equal(dataset.nodata, nodata)
        assert dataset.transform == GRID.transform
        assert dataset.crs == rasterio.crs.CRS.from_epsg(32632)
        assert dataset.tags()["LEVEL"] == "L1C"
        assert dataset.tags()["AREA_OR_POINT"] == "Area"
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]


def test_an_error_on_the_way_leaves_what_was_there(tmp_path):
    (tmp_path / "x.tif").write_text("before")

    def parts():
        first = next(tiled(GRID.shape, 256))
        yield first, numbers("uint16")[:, *first.slices]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bands(tmp_path / "x.tif", layout(), parts())
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]
    assert (tmp_path / "x.tif").read_text() == "before"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"x\.tif: cannot be written"):
        write_bands(tmp_path / "gone" / "x.tif", layout(), iter(()))
