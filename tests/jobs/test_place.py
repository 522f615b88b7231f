"""Cutting and padding, on arrays."""

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.jobs._place import Placement, cut_of, extent, strips

SHAPE = (23, 17)
GRID = Grid(height=23, width=17, transform=Affine(60, 0, 600_000, 0, -60, 5_000_040), crs="EPSG:32632")


@st.composite
def windows(draw):
    row, col = draw(st.integers(0, 22)), draw(st.integers(0, 16))
    height, width = draw(st.integers(1, 23 - row)), draw(st.integers(1, 17 - col))
    return Window(row_off=row, col_off=col, height=height, width=width)


def laid(values, cut, rows, fill):
    """The cut of (band, y, x), strip by strip; how often each row of the part was a strip's own."""
    out = np.full((values.shape[0], *cut.outer.shape), 99)
    owned = np.zeros(SHAPE[0], int)
    for strip in strips(cut, rows):
        if strip.source is None:
            out[:, *strip.place.slices] = fill
            continue
        assert strip.source.clipped(SHAPE) == strip.source
        assert strip.source.height <= rows
        out[:, *strip.place.slices] = strip.laid(values[:, *strip.source.slices], fill)
        owned[strip.source.slices[0]][strip.own] += 1
    return out, owned


@given(
    window=windows(),
    pad=st.integers(0, 60),
    mode=st.sampled_from(["zero", "reflect"]),
    rows=st.integers(1, 40),
    fill=st.integers(0, 9),
)
def test_strips_are_numpys_padding_of_the_part(window, pad, mode, rows, fill):
    values = np.arange(2 * 23 * 17).reshape(2, *SHAPE) + 100
    cut, notes = cut_of(GRID, Placement(window=window, pad=pad, pad_mode=mode), where="x")
    out, owned = laid(values, cut, rows, fill)
    part = values[:, *window.slices]
    margins = [(0, 0), (pad, pad), (pad, pad)]
    wanted = (
        np.pad(part, margins, constant_values=fill)
        if mode == "zero"
        else np.pad(part, margins, mode="reflect")
    )
    np.testing.assert_array_equal(out, wanted)
    inside = slice(window.row_off, window.row_end)
    assert (owned[inside] == 1).all()
    assert owned.sum() == window.height
    assert notes == ()


@given(window=windows(), pad=st.integers(0, 60))
def test_every_pixel_of_a_cut_grid_keeps_its_place(window, pad):
    cut, _ = cut_of(GRID, Placement(window=window, pad=pad), where="x")
    grid = GRID.cut(cut.outer)
    assert grid.shape == (window.height + 2 * pad, window.width + 2 * pad)
    assert (grid.transform.c, grid.transform.f) == (
        600_000 + 60 * (window.col_off - pad),
        5_000_040 - 60 * (window.row_off - pad),
    )
    assert (grid.transform.a, grid.transform.e, grid.crs) == (60, -60, GRID.crs)


@given(window=windows(), shrink=st.floats(0, 0.9))
def test_bounds_hold_every_pixel_that_they_touch(window, shrink):
    """However far from the edge of the outermost pixels they end."""
    west, south, east, north = extent(GRID.cut(window))
    inset = shrink * 60 / 2
    box = (west + inset, south + inset, east - inset, north - inset)
    cut, notes = cut_of(GRID, Placement(bounds=box), where="x")
    assert cut.inner == window
    assert notes == ()


def test_a_turned_grid_is_cut_where_the_bounds_touch_it():
    turned = Grid(height=10, width=10, transform=Affine(0, 60, 600_000, 60, 0, 5_000_000), crs="EPSG:32632")
    box = (600_000 + 120, 5_000_000 + 300, 600_000 + 180, 5_000_000 + 420)
    cut, _ = cut_of(turned, Placement(bounds=box), where="x")
    assert cut.inner == Window(row_off=2, col_off=5, height=1, width=2)
    assert extent(turned.cut(cut.inner)) == box
