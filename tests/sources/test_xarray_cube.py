"""xarray objects: named bands, a stated radiometry, a regular grid."""

import numpy as np
import pytest
import xarray as xr

from unclouded.core.errors import BandError, GridError, ProductError, RadiometryError
from unclouded.core.windows import whole
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions, open_product, xarray_cube
from unclouded.testing.products import CORNER, ramp
from unclouded.testing.readers import check_product

STATED = {"offset": -1000, "quantification": 10000, "level": "L2A", "sensor": "sentinel-2"}
X = CORNER[0] + 20 * (np.arange(30) + 0.5)
Y = CORNER[1] - 20 * (np.arange(24) + 0.5)


def layer(name, **attrs):
    return (("y", "x"), ramp(name, 24, 30), attrs)


def dataset(names=("B02", "B8A"), **attrs):
    cube = xr.Dataset({name: layer(_ours(name), **attrs) for name in names}, coords={"x": X, "y": Y})
    return cube.assign_coords(spatial_ref=((), 0, {"crs_wkt": "EPSG:32632"}))


def _ours(name):
    from unclouded.core.bands import band

    return band(name).name


def opened(cube, **options):
    return open_product(cube, OpenOptions(**options))


def test_variables_are_bands():
    product = opened(dataset(("red", "B02", "nir08")), **STATED)
    assert tuple(product.bands) == ("B02", "B04", "B8A")
    assert (product.grid.crs, product.grid.pixel_size, product.grid.shape) == ("EPSG:32632", 20, (24, 30))
    assert (product.grid.transform.c, product.grid.transform.f) == CORNER
    for name, reader in product.bands.items():
        np.testing.assert_array_equal(reader.read(whole((24, 30))).dn, ramp(name, 24, 30))
    check_product(product)


def test_a_dimension_of_bands():
    values = np.stack([ramp("B02", 24, 30), ramp("B04", 24, 30)])
    cube = xr.DataArray(values, dims=("band", "y", "x"), coords={"band": ["blue", "red"], "x": X, "y": Y})
    assert tuple(opened(cube, **STATED).bands) == ("B02", "B04")
    numbered = cube.assign_coords(band=[1, 2]).assign_attrs(long_name=("B02", "B04"))
    assert tuple(opened(numbered, **STATED).bands) == ("B02", "B04")


def test_reflectance_through_a_scene():
    scene = open_scene(dataset(), **STATED)
    reading = scene.read(("B8A",))
    np.testing.assert_allclose(reading.reflectance[0], (ramp("B8A", 24, 30) - 1000.0) / 10000, rtol=1e-5)


def test_radiometry_is_stated_or_refused():
    with pytest.raises(RadiometryError, match="found none on B02, B8A; state --offset and --quantification"):
        opened(dataset())
    scaled = opened(dataset(scale_factor=1e-4, add_offset=-0.1))
    assert scaled.radiometry.describe() == (
        "offset -1000, quantification 10000 (attributes scale_factor and add_offset)"
    )
    floats = dataset().astype("float32") / 10000
    with pytest.raises(RadiometryError, match="--offset 0 --quantification 1 if its numbers are reflectance"):
        opened(floats)
    assert opened(floats, offset=0, quantification=1).radiometry.quantification["B02"] == 1


def test_a_stack_of_ours_says_that_it_is_reflectance():
    """As rioxarray opens it: GDAL's scale 1 and offset 0, and our tag."""
    attributes = {"scale_factor": 1.0, "add_offset": 0.0, "UNCLOUDED_VALUES": "reflectance"}
    cube = dataset(**attributes).astype("float32")
    assert opened(cube).radiometry.describe() == "offset 0, quantification 1 (tag UNCLOUDED_VALUES)"


def test_what_xarray_has_scaled_is_not_scaled_again():
    decoded = xr.decode_cf(dataset(scale_factor=1e-4, add_offset=-0.1, _FillValue=0))
    product = opened(decoded)
    assert product.radiometry.describe() == (
        "offset 0, quantification 1 (scale_factor and add_offset, applied by xarray)"
    )
    found = product.bands["B02"].read(whole((24, 30))).dn
    np.testing.assert_allclose(found, (ramp("B02", 24, 30) - 1000.0) / 10000, rtol=1e-5)


def test_what_xarray_has_scaled_keeps_its_zeros():
    """DN 1000 is reflectance 0, a number. DN 0 is NaN, or -0.1 where xarray was not told its fill value."""
    told = dataset(scale_factor=1e-4, add_offset=-0.1, _FillValue=0)
    untold = dataset(scale_factor=1e-4, add_offset=-0.1)
    for cube in (told, untold):
        cube["B02"][0, 0], cube["B02"][0, 1] = 0, 1000
        reading = opened(xr.decode_cf(cube)).bands["B02"].read(whole((24, 30)))
        assert not reading.valid[0, 0]
        assert reading.valid.sum() == 24 * 30 - 1
        assert abs(reading.dn[0, 1]) < 1e-7


def test_a_system_in_the_attributes():
    bare = dataset(**{"proj:epsg": 32632}).drop_vars("spatial_ref")
    assert opened(bare, **STATED).grid.crs == "EPSG:32632"


def test_cubes_upside_down_and_turned_are_put_right():
    expected = opened(dataset(), **STATED).bands["B02"]
    for cube in (dataset().isel(y=slice(None, None, -1)), dataset().transpose("x", "y")):
        reader = opened(cube, **STATED).bands["B02"]
        assert reader.grid == expected.grid
        np.testing.assert_array_equal(reader.read(whole((24, 30))).dn, expected.read(whole((24, 30))).dn)


def test_several_dates_are_several_scenes():
    cube = xr.concat([dataset(), dataset()], dim="time").assign_coords(
        time=np.array(["2024-03-05T10:48:19", "2024-03-10T10:48:19"], "datetime64[ns]")
    )
    with pytest.raises(ProductError, match=r"found time of 2; select one, e\.g\. cube\.isel\(time=0\)"):
        opened(cube, **STATED)
    one = opened(cube.isel(time=[0]), **STATED)
    assert one.identity.sensing_time.isoformat() == "2024-03-05T10:48:19+00:00"


def test_what_is_no_cube_of_bands():
    with pytest.raises(ProductError, match="found ndvi; rename them"):
        opened(xr.Dataset({"ndvi": layer("B02")}, coords={"x": X, "y": Y}), **STATED)
    with pytest.raises(BandError, match="found B04 twice"):
        opened(dataset(("red", "B04")), **STATED)
    uneven = dataset().assign_coords(x=np.concatenate([X[:-1], [X[-1] + 5]]))
    with pytest.raises(GridError, match="expected evenly spaced x"):
        opened(uneven, **STATED)


def test_nan_and_fill_are_nodata():
    cube = dataset().astype("float32")
    cube["B02"][0, 0], cube["B02"][0, 1] = np.nan, 0.0
    valid = (
        opened(cube, **(STATED | {"offset": 0, "quantification": 1})).bands["B02"].read(whole((24, 30))).valid
    )
    assert not valid[0, 0]
    assert valid[1:].all()


def test_lazy_cubes_stay_lazy():
    class Counting:
        def __init__(self):
            self.reads = 0
            self.shape, self.dtype, self.ndim = (24, 30), np.dtype("uint16"), 2

        def __array__(self, dtype=None, copy=None):
            self.reads += 1
            return ramp("B02", 24, 30)

    from xarray.backends import BackendArray
    from xarray.core import indexing

    counter = Counting()

    class Backend(BackendArray):
        shape, dtype = counter.shape, counter.dtype

        def __getitem__(self, key):
            return indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.BASIC, lambda k: np.asarray(counter)[k]
            )

    lazy = xr.Dataset({"B02": (("y", "x"), indexing.LazilyIndexedArray(Backend()))}, coords={"x": X, "y": Y})
    product = opened(lazy, **STATED)
    assert counter.reads == 0
    product.bands["B02"].read(whole((24, 30)))
    assert counter.reads == 1


def test_sniffing():
    assert xarray_cube.sniff(dataset())
    assert xarray_cube.sniff(dataset()["B02"])
    assert not xarray_cube.sniff({"B02": "x.tif"})
    assert not xarray_cube.sniff(np.zeros((3, 3)))


def test_a_position_in_a_file_is_no_name():
    """rioxarray's `band_as_variable`: `band_1` is the file's first band, whichever that is."""
    counted = dataset().rename({"B02": "band_1", "B8A": "band_2"})
    with pytest.raises(ProductError, match=r"found band_1 \(a position, not a name\), band_2"):
        opened(counted, **STATED)
    counted["band_1"].attrs["long_name"], counted["band_2"].attrs["long_name"] = "B03", "swir16"
    assert tuple(opened(counted, **STATED).bands) == ("B03", "B11")


def test_dimensions_of_other_names():
    turned = dataset().rename({"y": "latitude", "x": "lon"})
    assert xarray_cube.axes(turned["B02"], "cube") == ("latitude", "lon")
    with pytest.raises(ProductError, match=r"expected dimensions y and x, found rows, x; rename them"):
        opened(dataset().drop_vars("y").rename({"y": "rows"}), **STATED)
