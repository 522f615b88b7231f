"""Resampling against plain definitions, GDAL, and itself in windows."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rasterio.warp import Resampling, reproject

from unclouded.core.errors import GridError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window, tiled, whole
from unclouded.scene._resample import Axis, Plan, coarsest_as_fine, plan, resample


def grid(height, width, size, x=0.0, y=0.0, crs="EPSG:32632"):
    return Grid(height=height, width=width, transform=Affine(size, 0, x, 0, -size, y), crs=crs)


def brought(dn, valid, source, target, resampling="average", window=None):
    steps = plan((source,), target, resampling=resampling)
    window = window or whole(target.shape)
    part = steps.source(window)
    return resample(dn[part.slices], valid[part.slices], steps, window)


def noise(height, width, seed=0, holes=0.2):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 20000, (height, width)).astype(np.uint16), rng.random((height, width)) >= holes


def at(t, x, y):
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def by_definition(dn, valid, source, target):
    """Area average of the valid part, pixel by pixel in float64."""
    out, good = np.zeros(target.shape), np.zeros(target.shape, bool)
    for row in range(target.height):
        for col in range(target.width):
            c0, r0 = at(~source.transform, *at(target.transform, col, row))
            c1, r1 = at(~source.transform, *at(target.transform, col + 1, row + 1))
            total = kept = 0.0
            for r in range(max(0, int(r0)), min(source.height, int(np.ceil(r1 - 1e-9)))):
                for c in range(max(0, int(c0)), min(source.width, int(np.ceil(c1 - 1e-9)))):
                    area = (min(r1, r + 1) - max(r0, r)) * (min(c1, c + 1) - max(c0, c))
                    if valid[r, c] and area > 0:
                        total, kept = total + area * float(dn[r, c]), kept + area
            share = kept / ((r1 - r0) * (c1 - c0))
            good[row, col] = share >= 0.5 - 1e-9
            out[row, col] = total / kept if good[row, col] else 0.0
    return out, good


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (grid(24, 36, 10), grid(12, 18, 20)),
        (grid(24, 36, 10), grid(4, 6, 60)),
        (grid(25, 37, 10), grid(4, 6, 60)),
        (grid(44, 44, 250.11389521640092), grid(22, 22, 501.36986301369865)),
        (grid(110, 110, 998.18), grid(19, 19, 5778.9)),
        (grid(20, 20, 40, x=-15, y=15), grid(13, 13, 60)),
        (grid(20, 20, 20, x=-5, y=5), grid(20, 20, 20)),
    ],
)
def test_average_is_the_share_of_area(source, target):
    dn, valid = noise(*source.shape)
    values, good = brought(dn, valid, source, target)
    expected, expected_good = by_definition(dn, valid, source, target)
    np.testing.assert_array_equal(good, expected_good)
    np.testing.assert_allclose(values, expected, rtol=2e-6)
    assert values.dtype == np.float32


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_average_equals_gdals(factor):
    source, target = grid(36, 48, 10), grid(36 // factor, 48 // factor, 10.0 * factor)
    dn, valid = noise(36, 48, holes=0)
    theirs = np.zeros(target.shape, np.float32)
    reproject(
        dn.astype(np.float32), theirs, src_transform=source.transform, src_crs=source.crs,
        dst_transform=target.transform, dst_crs=target.crs, resampling=Resampling.average,
    )  # fmt: skip
    values, good = brought(dn, valid, source, target)
    assert good.all()
    np.testing.assert_allclose(values, theirs, rtol=1e-6)


def test_nearest_equals_gdals():
    source, target = grid(60, 84, 10), grid(10, 14, 60)
    dn, valid = noise(60, 84, holes=0)
    theirs = np.zeros(target.shape, np.uint16)
    reproject(
        dn, theirs, src_transform=source.transform, src_crs=source.crs,
        dst_transform=target.transform, dst_crs=target.crs, resampling=Resampling.nearest,
    )  # fmt: skip
    values, good = brought(dn, valid, source, target, "nearest")
    assert good.all()
    np.testing.assert_array_equal(values, theirs)


def test_bilinear_equals_gdals_inside():
    source, target = grid(20, 24, 60), grid(60, 72, 20)
    dn, valid = noise(20, 24, holes=0)
    theirs = np.zeros(target.shape, np.float32)
    reproject(
        dn.astype(np.float32), theirs, src_transform=source.transform, src_crs=source.crs,
        dst_transform=target.transform, dst_crs=target.crs, resampling=Resampling.bilinear,
    )  # fmt: skip
    values, good = brought(dn, valid, source, target)
    assert good.all()
    np.testing.assert_allclose(values[2:-2, 2:-2], theirs[2:-2, 2:-2], rtol=1e-5)


GRIDS = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.floats(0.15, 9, allow_nan=False),
    st.floats(-8, 8, allow_nan=False), st.floats(-8, 8, allow_nan=False),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    source=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    target=GRIDS,
    size=st.integers(5, 23),
    resampling=st.sampled_from(["average", "nearest"]),
    seed=st.integers(0, 99),
)
@example(source=(50, 50), target=(25, 25, 2.0, 0.0, 0.0), size=7, resampling="average", seed=0)
@example(source=(50, 50), target=(33, 33, 1.5, 0.375, 0.375), size=5, resampling="average", seed=1)
def test_windows_give_the_whole_to_the_bit(source, target, size, resampling, seed):
    height, width, step, x, y = target
    here, there = grid(*source, 1.0), grid(height, width, step, x=x, y=y)
    dn, valid = noise(*source, seed=seed, holes=0.1)
    values, good = brought(dn, valid, here, there, resampling)
    for window in tiled(there.shape, size):
        part, part_good = brought(dn, valid, here, there, resampling, window)
        assert part.tobytes() == values[window.slices].tobytes()
        np.testing.assert_array_equal(part_good, good[window.slices])


@settings(max_examples=200, deadline=None)
@given(
    source=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=GRIDS,
    seed=st.integers(0, 99),
    resampling=st.sampled_from(["average", "nearest"]),
)
def test_nodata_never_bleeds(source, target, seed, resampling):
    """What is invalid holds absurd numbers; nothing valid in the result knows of them."""
    height, width, step, x, y = target
    here, there = grid(*source, 1.0), grid(height, width, step, x=x, y=y)
    dn, valid = noise(*source, seed=seed, holes=0.4)
    dn = dn % 100 + 500
    one = brought(np.where(valid, dn, 0), valid, here, there, resampling)
    other = brought(np.where(valid, dn, 65535), valid, here, there, resampling)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert (one[0][~one[1]] == 0).all()
    inside = one[0][one[1]]
    assert ((inside > 499.9) & (inside < 599.1)).all()


@settings(max_examples=100, deadline=None)
@given(
    source=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    step=st.floats(0.2, 6),
    value=st.integers(1, 65535),
)
def test_a_constant_stays_a_constant(source, step, value):
    here = grid(*source, 1.0)
    there = here.scaled_to(step)
    assume(min(there.shape) > 0)
    values, good = brought(np.full(source, value, np.uint16), np.ones(source, bool), here, there)
    np.testing.assert_allclose(values[good], value, rtol=1e-6)


def test_refined_pixels_are_valid_where_the_pixel_that_they_lie_in_is():
    source, target = grid(4, 4, 60), grid(24, 24, 10)
    dn, valid = noise(4, 4, holes=0)
    valid[1, 2] = False
    _, good = brought(dn, valid, source, target)
    np.testing.assert_array_equal(good, np.kron(valid, np.ones((6, 6), bool)))


def test_half_the_area_is_enough_and_less_is_not():
    source, target = grid(2, 8, 10), grid(1, 4, 20)
    valid = np.array([[1, 1, 1, 0, 0, 0, 1, 1], [1, 0, 0, 1, 1, 0, 1, 1]], bool)
    dn = np.arange(1, 17, dtype=np.uint16).reshape(2, 8)
    values, good = brought(dn, valid, source, target)
    assert good.tolist() == [[True, True, False, True]]
    np.testing.assert_allclose(values[0], [(1 + 2 + 9) / 3, (3 + 12) / 2, 0, (7 + 8 + 15 + 16) / 4])


def test_pixels_outside_of_the_source_are_invalid():
    source, target = grid(4, 4, 10), grid(8, 8, 10, x=-20, y=20)
    dn, valid = noise(4, 4, holes=0)
    for resampling in ("average", "nearest"):
        values, good = brought(dn, valid, source, target, resampling)
        expected = np.zeros((8, 8), bool)
        expected[2:6, 2:6] = True
        np.testing.assert_array_equal(good, expected)
        np.testing.assert_array_equal(values[2:6, 2:6], dn)


def test_the_coarsest_level_that_is_as_fine_as_the_target_is_read():
    """Of a wavelet's, whose samples begin ahead of the image."""
    levels = tuple(grid(-(-1098 // 2**k), -(-1098 // 2**k), 10 * 2**k, x=-5 * (2**k - 1)) for k in range(5))
    chosen = {size: coarsest_as_fine(levels, grid(9, 9, size)) for size in (5, 10, 19.9, 20, 30, 60, 80, 500)}
    assert chosen == {5: 0, 10: 0, 19.9: 0, 20: 1, 30: 1, 60: 2, 80: 3, 500: 4}
    assert plan(levels, grid(9, 9, 60), resampling="nearest").level == 0


def test_of_overviews_the_coarsest_that_fits_whole_into_the_target_is_read():
    levels = tuple(grid(-(-1098 // 2**k), -(-1098 // 2**k), 10 * 2**k) for k in range(5))
    chosen = {
        size: coarsest_as_fine(levels, grid(9, 9, size)) for size in (5, 10, 15, 20, 30, 60, 80, 120, 500)
    }
    assert chosen == {5: 0, 10: 0, 15: 0, 20: 1, 30: 0, 60: 1, 80: 3, 120: 2, 500: 1}


def test_equal_grids_are_copied():
    assert plan((grid(5, 6, 10),), grid(5, 6, 10), resampling="average").method == "copy"
    assert plan((grid(5, 6, 10),), grid(5, 7, 10), resampling="average").method == "average"


def test_nodata_past_float32_is_zero_without_a_warning():
    same = grid(1, 2, 10)
    dn = np.array([[np.finfo(np.float64).min, 7.0]])
    found, good = brought(dn, dn > 0, same, same)
    assert found.tolist() == [[0, 7]]
    assert good.tolist() == [[False, True]]


def test_grids_that_cannot_be_brought_together_are_named():
    with pytest.raises(GridError, match="expected one coordinate system, found EPSG:32632 and EPSG:32633"):
        plan((grid(5, 5, 10),), grid(5, 5, 10, crs="EPSG:32633"), resampling="average")
    turned = Grid(height=5, width=5, transform=Affine(8, 6, 0, 6, -8, 0), crs="EPSG:32632")
    with pytest.raises(GridError, match="expected grids along the same axes"):
        plan((turned,), grid(5, 5, 10), resampling="average")
    assert plan((turned,), turned, resampling="average").method == "copy"


@given(
    scale=st.floats(0.1, 40), start=st.floats(-90, 90), first=st.integers(0, 400), count=st.integers(1, 60),
    length=st.integers(1, 300), method=st.sampled_from(["average", "bilinear", "nearest"]),
)  # fmt: skip
def test_source_windows_lie_inside_the_raster(scale, start, first, count, length, method):
    axis = Axis(scale=scale, start=start, length=length)
    steps = Plan(level=0, method=method, rows=axis, cols=axis)
    source = steps.source(Window(row_off=first, col_off=first, height=count, width=count))
    assert source == source.clipped((length, length))
    assert min(source.shape) >= 1
