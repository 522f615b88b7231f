"""A mask refined strip by strip is the mask refined at once."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.classes import CLEAR, NODATA, SHADOW, SNOW, THICK, THIN
from unclouded.core.errors import OptionError
from unclouded.core.grid import Grid
from unclouded.core.strips import Strip
from unclouded.core.windows import Window
from unclouded.refine import (
    Refinement,
    _strips,
    bytes_held,
    reach_px,
    refine_array,
    refine_strips,
    spacing_of,
)


def grid_of(height, width, size=10.0, crs="EPSG:32633"):
    return Grid(height=height, width=width, transform=Affine(size, 0, 5e5, 0, -size, 5e6), crs=crs)


def blotches(height, width, seed):
    """Blotches of every class on clear ground, with specks, holes and a corner without data."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((height, width), np.uint8)
    for code in (SNOW, SHADOW, THIN, THICK, CLEAR):
        coarse = rng.random((height // 5 + 2, width // 5 + 2)) < 0.2
        codes[np.kron(coarse, np.ones((5, 5), bool))[2 : height + 2, 3 : width + 3]] = code
    specks = rng.random(codes.shape) < 0.05
    codes[specks] = rng.choice([CLEAR, THICK, THIN, SHADOW, SNOW], specks.sum())
    codes[: height // 4, : width // 3] = NODATA
    return codes


def strips_of(codes, rows, probabilities=None):
    """A mask in strips of so many rows."""
    for row in range(0, len(codes), rows):
        yield Strip(row_off=row, codes=codes[row : row + rows], probabilities=probabilities)


refinements = st.builds(
    lambda area, closing, buffer: Refinement.of(min_area_m2=area * 100.0, closing=closing, buffer=buffer),
    st.integers(0, 30),
    st.dictionaries(st.sampled_from(["cloud", "shadow"]), st.integers(0, 60), max_size=2),
    st.dictionaries(st.sampled_from(["thick", "thin", "shadow", "snow"]), st.integers(0, 90), max_size=4),
)


@settings(max_examples=60)
@given(
    height=st.integers(1, 120),
    width=st.integers(1, 90),
    rows=st.integers(1, 130),
    least=st.integers(1, 40),
    refinement=refinements,
    seed=st.integers(0, 9),
)
def test_the_cut_does_not_show(height, width, rows, least, refinement, seed):
    codes = blotches(height, width, seed)
    grid = grid_of(height, width)
    whole = refine_array(codes, grid, refinement)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_strips, "_BLOCK_PX", least * width)  # or every strip of this size would be one
        made = list(refine_strips(strips_of(codes, rows), grid, refinement))
    assert [strip.row_off for strip in made] == [0, *(strip.row_end for strip in made[:-1])]
    np.testing.assert_array_equal(np.concatenate([strip.codes for strip in made]), whole)


def test_strips_come_out_before_the_last_comes_in(monkeypatch):
    """What is held is a halo, not the scene."""
    monkeypatch.setattr(_strips, "_BLOCK_PX", 100 * 64)
    codes = blotches(3000, 64, 1)
    fed = []

    def strips():
        for strip in strips_of(codes, 100):
            fed.append(strip.row_end)
            yield strip

    refinement = Refinement.of(min_area_m2=1000, buffer={"cloud": 100})
    made = [(fed[-1], strip.row_end) for strip in refine_strips(strips(), grid_of(3000, 64), refinement)]
    # five classes whose areas look 9 rows about, a buffer of 10, blocks of 100 rows: less than a fifth
    assert all(come - gone <= 6 * 100 + 5 * 9 + 10 for come, gone in made)
    assert made[-1] == (3000, 3000)


def test_memory_is_told_beforehand():
    """Of strips as they come: not of the scene, and more where more is looked at."""
    grid = grid_of(10980, 10980)
    small, large = (bytes_held(Refinement.of(min_area_m2=area), grid) for area in (2500, 100_000))
    assert 50e6 < small < 100e6
    assert 1e9 < large < 2e9
    assert bytes_held(Refinement.of(min_area_m2=100_000), grid_of(1000, 10980)) < large / 2


@settings(max_examples=30)
@given(
    top=st.integers(0, 119),
    left=st.integers(0, 89),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    refinement=refinements,
)
def test_a_part_with_its_reach_around_it_is_refined_as_in_the_whole(top, left, height, width, refinement):
    grid, codes = grid_of(120, 90), blotches(120, 90, 3)
    part = Window(row_off=top, col_off=left, height=height, width=width).clipped(codes.shape)
    wide = part.grown(reach_px(refinement, grid)).clipped(codes.shape)
    refined = refine_array(codes[wide.slices], grid.cut(wide), refinement)
    inner = replace(part, row_off=top - wide.row_off, col_off=left - wide.col_off)
    whole = refine_array(codes, grid, refinement)
    np.testing.assert_array_equal(refined[inner.slices], whole[part.slices])


def test_nothing_asked_for_changes_nothing():
    codes = blotches(40, 30, 2)
    strips = list(strips_of(codes, 16, probabilities="kept"))
    assert list(refine_strips(strips, grid_of(40, 30), Refinement())) == strips
    assert bytes_held(Refinement(), grid_of(40, 30)) == 0


def test_steps_follow_one_another_from_specks_to_buffers():
    codes = np.zeros((40, 60), np.uint8)
    codes[3, 3] = THICK  # a speck: no buffer around it
    codes[20:30, 20:30] = THICK
    codes[20:30, 32:40] = THICK  # a gap of two
    out = refine_array(
        codes,
        grid_of(40, 60),
        Refinement.of(min_area_m2=500, closing={"cloud": 20}, buffer={"cloud": 30}),
    )
    assert not out[:12].any()
    assert (out[20:30, 17:43] == THICK).all()
    assert not out[:, 43:].any()


@pytest.mark.parametrize("size", [10, 20, 60])
def test_a_length_is_the_same_on_the_ground_at_any_spacing(size):
    side = 6000 // size
    codes = np.zeros((side, side), np.uint8)
    codes[side // 2, side // 2] = THICK
    grid = grid_of(side, side, size)
    out = refine_array(codes, grid, Refinement.of(buffer={"cloud": 1000}))
    assert (out == THICK).sum() * size**2 == pytest.approx(np.pi * 1000**2, rel=0.02)


def test_degrees_are_metres_on_the_ground():
    """At 60 degrees north a degree of longitude is half as long as one of latitude."""
    degree = Grid(height=101, width=101, transform=Affine(0.001, 0, 10, 0, -0.001, 60.05), crs="EPSG:4326")
    codes = np.zeros((101, 101), np.uint8)
    codes[50, 50] = THICK
    out = refine_array(codes, degree, Refinement.of(buffer={"cloud": 2000}))
    rows, cols = np.nonzero(out)
    assert np.ptp(rows) == 2 * 17  # 2000 m / 111.1 m
    assert np.ptp(cols) == 2 * 35  # 2000 m / 55.6 m


def test_a_part_in_degrees_keeps_the_spacing_of_the_scene():
    grid = Grid(height=900, width=9, transform=Affine(0.01, 0, 10, 0, -0.01, 69), crs="EPSG:4326")
    codes = np.zeros((100, 9), np.uint8)
    codes[50, 4] = THICK
    part = grid.cut(Window(row_off=0, col_off=0, height=100, width=9))
    asked = Refinement.of(buffer={"cloud": 450})
    alone, of_the_scene = (
        next(refine_strips([Strip(row_off=0, codes=codes)], part, asked, spacing=spacing)).codes.sum()
        for spacing in (None, spacing_of(grid))
    )
    assert alone == 3  # 68.5 degrees north: 407 m from column to column
    assert of_the_scene == 1  # at the scene's middle, 64.5 degrees: 478 m
    assert spacing_of(grid).col == pytest.approx(478, abs=1)


def test_without_a_spacing_there_are_no_metres():
    grid = Grid(height=2, width=2, transform=Affine.identity(), crs=None)
    with pytest.raises(OptionError, match="state it with --pixel-size"):
        refine_array(np.zeros((2, 2), np.uint8), grid, Refinement.of(buffer={"cloud": 9}))


@pytest.mark.parametrize("least", [2, 7, 20])
def test_an_area_of_just_the_size_is_seen_whole_from_both_of_its_ends(least):
    """Upright lines of the least area, and of a pixel less, from every row: wherever a cut falls."""
    lines = np.zeros((150, 2 * 120), np.uint8)
    for place in range(120):
        lines[place : place + least, 2 * place] = THICK
    grid = grid_of(*lines.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_strips, "_BLOCK_PX", 1)
        stays = refine_array(lines, grid, Refinement(min_area_m2=least * 100.0))
        goes = refine_array(lines, grid, Refinement(min_area_m2=(least + 1) * 100.0))
    np.testing.assert_array_equal(stays, lines)
    assert not goes.any()
