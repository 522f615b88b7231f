import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from unclouded.core.errors import GridError
from unclouded.core.grid import METRES_PER_DEGREE, Grid, Raster, check_same_grid
from unclouded.core.windows import Window


def utm(height=100, width=80, size=10.0, *, left=600_000.0, top=5_100_000.0, crs="EPSG:32632"):
    return Grid(height=height, width=width, transform=Affine(size, 0, left, 0, -size, top), crs=crs)


def test_pixel_size_is_the_spacing_in_metres_also_of_a_rotated_grid():
    assert utm(size=20).pixel_size == 20
    c, s = 10 * np.cos(np.pi / 6), 10 * np.sin(np.pi / 6)
    rotated = Affine(c, s, 0, s, -c, 0)
    assert Grid(height=2, width=2, transform=rotated, crs="EPSG:32632").pixel_size == pytest.approx(10)


@pytest.mark.parametrize("crs", ["EPSG:4326", CRS.from_epsg(4258).to_wkt()])
def test_degrees_are_converted_to_metres(crs):
    grid = Grid(height=2, width=2, transform=Affine(1e-4, 0, 11, 0, -1e-4, 46), crs=crs)
    assert grid.geographic
    assert grid.pixel_size == pytest.approx(1e-4 * METRES_PER_DEGREE)
    # length of a degree of latitude: 110.574 km at the equator, 111.694 km at the poles (WGS 84)
    assert 110_574 < METRES_PER_DEGREE < 111_694


def test_a_projected_wkt_is_not_geographic():
    assert not utm(crs=CRS.from_epsg(32632).to_wkt()).geographic


@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.sampled_from([10, 20, 30, 60]),
    st.sampled_from([10, 20, 60]),
)
def test_scaling_keeps_the_corner_and_the_extent_to_half_a_pixel(height, width, size, wanted):
    grid = utm(height, width, size)
    scaled = grid.scaled_to(wanted)
    assert (scaled.transform.c, scaled.transform.f) == (grid.transform.c, grid.transform.f)
    assert scaled.pixel_size == pytest.approx(wanted)
    for before, after in ((height * size, scaled.height * wanted), (width * size, scaled.width * wanted)):
        assert abs(after - before) <= wanted / 2 or after == wanted


def test_scaling_to_the_same_spacing_is_the_same_grid():
    grid = utm()
    assert grid.scaled_to(10.004) is grid


def test_a_grid_of_no_pixels_is_refused():
    with pytest.raises(GridError, match="expected at least one row and one column, found 0 x 80"):
        utm(height=0)


def test_georeference_is_known_or_not():
    assert utm().georeferenced
    assert not utm(crs=None).georeferenced


def test_values_must_fit_their_grid():
    assert Raster(values=np.zeros((3, 100, 80)), grid=utm()).values.shape == (3, 100, 80)
    with pytest.raises(GridError, match=r"expected values of \(100, 80\), found \(80, 100\)"):
        Raster(values=np.zeros((80, 100)), grid=utm())


def test_equal_grids_pass_to_a_thousandth_of_a_pixel():
    check_same_grid(utm(), utm(left=600_000.009), what="a and b")


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (utm(left=600_010), r"EPSG:32632 at \(600000, 5.1e\+06\).*and EPSG:32632 at \(600010"),
        (utm(left=600_000.02), "reproject one onto the other"),
        (utm(crs="EPSG:32633"), "EPSG:32633"),
        (utm(size=10.5), "pixels of 10.5 x -10.5"),
        (utm(height=99), "100 x 80 px and 99 x 80 px; resample"),
        (utm(height=99, crs=None), "100 x 80 px and 99 x 80 px"),
    ],
)
def test_grids_that_differ_are_named_both(other, found):
    with pytest.raises(GridError, match=rf"mask against truth: expected equal grids, found .*{found}"):
        check_same_grid(utm(), other, what="mask against truth")


def test_without_georeference_shape_alone_is_compared():
    check_same_grid(utm(), utm(left=0, crs=None), what="a and b")


def test_a_cut_grid_keeps_its_pixels_where_they_are():
    turned = Grid(height=10, width=10, transform=Affine(3, 60, 600_000, 50, 4, 5_000_000), crs="EPSG:32632")
    window = Window(row_off=-2, col_off=5, height=7, width=4)
    cut = turned.cut(window)
    assert (cut.shape, cut.crs) == ((7, 4), turned.crs)
    for row, col in ((0, 0), (6, 3)):
        t, u = cut.transform, turned.transform
        x, y = col + window.col_off, row + window.row_off
        assert t.a * col + t.b * row + t.c == u.a * x + u.b * y + u.c
        assert t.d * col + t.e * row + t.f == u.d * x + u.e * y + u.f
