"""Cubes without their clouds: what is taken out, how far around it, and what is left as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.classes import NODATA, SHADOW, SNOW, THICK, THIN
from unclouded.core.errors import GridError, OptionError, ProductError
from unclouded.testing.cubes import GSD, odc_cube

xr = pytest.importorskip("xarray")


@pytest.fixture
def cube():
    return odc_cube()


@pytest.fixture
def mask(cube):
    """A cloud, a thin one, a shadow, snow and a gap in the first date, nothing in the second."""
    codes = np.zeros((2, 40, 50), np.uint8)
    codes[0, 10:14, 10:14] = THICK
    codes[0, 30:33, 5:9] = THIN
    codes[0, 20:23, 40:44] = SHADOW
    codes[0, 36, 40] = SNOW
    codes[0, :2] = NODATA
    return cube["B02"].copy(data=codes).rename("mask")


def test_clouds_and_shadows_become_nan_and_nothing_else_changes(cube, mask):
    found = cube.unclouded.clear(mask)
    gone = np.isin(mask, (THICK, THIN, SHADOW, NODATA))
    for name in cube.data_vars:
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(np.isnan(found[name]), gone)
        np.testing.assert_array_equal(found[name].values[~gone], cube[name].values[~gone])
        # 0 is no longer what says nodata, and the system stays where it was
        assert "nodata" not in found[name].attrs
        assert found[name].encoding == {"grid_mapping": "spatial_ref"}
        assert found[name].dims == cube[name].dims
    assert list(found.coords) == list(cube.coords)


@pytest.mark.parametrize(
    ("classes", "codes"),
    [
        (("cloud",), {THICK, THIN}),
        (("thick",), {THICK}),
        (("thin_cloud", "shadow"), {THIN, SHADOW}),
        (("cloud", "shadow", "snow"), {THICK, THIN, SHADOW, SNOW}),
        ("shadow", {SHADOW}),
    ],
)
def test_what_is_taken_out_is_said(cube, mask, classes, codes):
    found = cube.unclouded.clear(mask, classes=classes)
    np.testing.assert_array_equal(found["B03"].isnull(), np.isin(mask, [*codes, NODATA]))


def near(mask, codes, radius_m):
    """Pixels whose centre lies no farther than the radius from that of one of these classes."""
    rows, cols = np.nonzero(np.isin(mask, list(codes)))
    out = np.zeros(mask.shape, bool)
    if rows.size:
        y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
        squared = (y[..., None] - rows) ** 2 + (x[..., None] - cols) ** 2
        out = squared.min(-1) * GSD**2 <= radius_m**2
    return out


@pytest.mark.parametrize("radius", [20.0, 50, 130])
def test_a_buffer_is_round_and_in_metres(cube, mask, radius):
    found = cube.unclouded.clear(mask, buffer_m=radius)
    first = mask.values[0]
    expected = near(first, {THICK, THIN, SHADOW}, radius) | (first == NODATA)
    np.testing.assert_array_equal(found["B02"][0].isnull(), expected)
    assert not found["B02"][1].isnull().any()


def test_a_buffer_for_each_class(cube, mask):
    found = cube.unclouded.clear(mask, buffer_m={"cloud": 100, "shadow": 40})
    first = mask.values[0]
    expected = near(first, {THICK, THIN}, 100) | near(first, {SHADOW}, 40) | (first == NODATA)
    np.testing.assert_array_equal(found["B02"][0].isnull(), expected)


@settings(max_examples=20)
@given(
    chunks=st.tuples(st.integers(1, 2), st.integers(3, 40), st.integers(3, 50)),
    radius=st.sampled_from([0.0, 30.0, 110.0]),
    seed=st.integers(0, 100),
)
def test_chunks_do_not_show(chunks, radius, seed):
    pytest.importorskip("dask")
    cube = odc_cube(("B02", "B03"))
    codes = (
        np.random.default_rng(seed).choice([0] * 60 + [1, 2, 3, 4, 255], cube["B02"].shape).astype(np.uint8)
    )
    mask = cube["B02"].copy(data=codes)
    expected = cube.unclouded.clear(mask, buffer_m=radius)
    cut = dict(zip(("time", "y", "x"), chunks, strict=True))
    found = cube.chunk(cut).unclouded.clear(mask.chunk(cut), buffer_m=radius)
    assert found["B02"].chunks == cube.chunk(cut)["B02"].chunks
    xr.testing.assert_identical(found.compute(scheduler="sync"), expected)


def test_variables_without_place_or_date_stay(cube, mask):
    more = cube.assign(tide=("time", [1, 2]), height=(("y", "x"), np.ones((40, 50))), SCL=cube["B02"] // 900)
    found = more.unclouded.clear(mask)
    xr.testing.assert_identical(found["tide"], more["tide"])
    xr.testing.assert_identical(found["height"], more["height"])
    np.testing.assert_array_equal(found["SCL"].isnull(), found["B02"].isnull())


def test_a_band_dimension_and_one_date(cube, mask):
    bands = cube.to_dataarray("band")
    found = bands.unclouded.clear(mask)
    assert found.dims == bands.dims
    np.testing.assert_array_equal(found.sel(band="B04"), cube.unclouded.clear(mask)["B04"])
    single = cube.isel(time=0).unclouded.clear(mask.isel(time=0), buffer_m=40)
    np.testing.assert_array_equal(single["B02"], cube.unclouded.clear(mask, buffer_m=40)["B02"][0])


def test_degrees_are_metres_too(cube, mask):
    """At 60° north a degree of longitude is half as long: pixels of 20 m by 10 m, where degrees are equal."""
    step = GSD / 111_132
    places = {"latitude": 60 - step * np.arange(40), "longitude": 9 + step * np.arange(50)}
    renamed = {"y": "latitude", "x": "longitude"}
    there = cube.drop_vars(("y", "x", "spatial_ref")).rename(renamed).assign_coords(places)
    codes = mask.drop_vars(("y", "x", "spatial_ref")).rename(renamed).assign_coords(places)
    codes.values[:] = 0
    codes.values[0, 20, 25] = THICK
    found = there.unclouded.clear(codes, buffer_m=41)["B02"][0].isnull()
    assert (int(found[:, 25].sum()), int(found[20].sum())) == (5, 9)


def test_whatever_mask_gives(stated, cube):
    """The mask that the cube makes itself, and its share of cloud, whether or not it is lazy."""
    mask = cube.unclouded.mask(**stated)
    found = cube.unclouded.clear(mask)
    np.testing.assert_array_equal(found["B02"].isnull(), np.isin(mask, (THICK, THIN, SHADOW, NODATA)))
    shares = [
        [(np.isin(date, (THICK, THIN))).sum() / (date != NODATA).sum() for date in mask.values],
        cube.unclouded.cloud_share(mask),
    ]
    np.testing.assert_allclose(*shares)
    pytest.importorskip("dask")
    lazy = cube.chunk({"y": 16}).unclouded.mask(**stated)
    share = cube.unclouded.cloud_share(lazy)
    assert share.chunks is not None
    np.testing.assert_allclose(share.compute(), shares[1])


def test_a_cube_that_says_all_itself_needs_no_arguments():
    from unclouded.core.bands import NAMES

    cube = odc_cube(NAMES, height=30, width=30)
    for layer in cube.data_vars.values():
        layer.attrs.update(scale_factor=1e-4, add_offset=-0.1)
    cube.attrs.update(level="L1C", sensor="sentinel-2")
    mask = cube.unclouded.mask()
    xr.testing.assert_identical(cube.unclouded.clear(), cube.unclouded.clear(mask))
    xr.testing.assert_identical(cube.unclouded.cloud_share(), cube.unclouded.cloud_share(mask))


def test_shares(cube, mask):
    found = cube.unclouded.cloud_share(mask)
    seen = 40 * 50 - 100
    np.testing.assert_allclose(found, [(16 + 12) / seen, 0])
    assert found.dims == ("time",)
    assert found.attrs["units"] == "1"
    np.testing.assert_allclose(cube.unclouded.cloud_share(mask, classes=("shadow",))[0], 12 / seen)
    mask[1] = NODATA
    assert np.isnan(cube.unclouded.cloud_share(mask)[1])
    assert cube.unclouded.cloud_share(mask.isel(time=0)).dims == ()


def test_what_cannot_be_done_is_said_in_a_line(cube, mask):
    for classes in (("clouds",), ("clear",), ("cloud", "thick")):
        with pytest.raises(OptionError, match="classes: expected"):
            cube.unclouded.clear(mask, classes=classes)
    with pytest.raises(OptionError, match="buffer_m cloud: expected 0 m or more, found -5"):
        cube.unclouded.clear(mask, buffer_m=-5)
    with pytest.raises(OptionError, match=r"expected classes that are taken out \(cloud\), found shadow"):
        cube.unclouded.clear(mask, classes=("cloud",), buffer_m={"shadow": 50})
    with pytest.raises(GridError, match="found another length of x"):
        cube.unclouded.clear(mask.isel(x=slice(20)))
    with pytest.raises(ProductError, match="expected dimensions of date, y and x"):
        cube.unclouded.clear(mask.expand_dims("band"))
    nowhere = cube.drop_vars(("x", "y"))
    with pytest.raises(OptionError, match="expected a cube whose spacing is known"):
        nowhere.unclouded.clear(mask.drop_vars(("x", "y")), buffer_m=50)
    assert nowhere.unclouded.clear(mask.drop_vars(("x", "y")))["B02"].isnull().any()
