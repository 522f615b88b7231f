import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.synthetic._noise import (
    Sampling,
    block_mean,
    fractal,
    hash_grid,
    nearest_point,
    on_coarser,
    scattered,
    smooth,
    turned,
    unit,
    white,
)


def lattice(spacing=10.0, row0=-530_004, col0=60_000, height=96, width=80):
    return Sampling(spacing=spacing, row0=row0, col0=col0, height=height, width=width)


FIELDS = {
    "white": lambda s: white(s, 3),
    "smooth": lambda s: smooth(s, 170.0, 3, shift=(3.7, -11.0)),
    "fractal": lambda s: fractal(s, 900.0, 15.0, 3, gain=0.6),
    "turned": lambda s: turned(s, 900.0, 40.0, 3),
    "on a wider lattice": lambda s: on_coarser(s, 47.0, lambda c: turned(c, 900.0, 100.0, 3)),
    "cells": lambda s: nearest_point(*np.meshgrid(s.south / 230, s.east / 230, indexing="ij"), 3),
    "scattered": lambda s: scattered(*np.meshgrid(s.south / 230, s.east / 230, indexing="ij"), 3),
}


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=20, deadline=None)
@given(top=st.integers(0, 60), left=st.integers(0, 60), height=st.integers(1, 36), width=st.integers(1, 20))
def test_a_window_is_the_crop_of_the_whole_to_the_last_bit(name, top, left, height, width):
    whole = lattice()
    part = lattice(row0=whole.row0 + top, col0=whole.col0 + left, height=height, width=width)
    crop = FIELDS[name](whole)[top : top + height, left : left + width]
    np.testing.assert_array_equal(FIELDS[name](part), crop)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_single_precision_and_differ_from_place_to_place(name):
    field = FIELDS[name](lattice())
    assert field.dtype == np.float32
    assert field.std() > 0.05


@pytest.mark.parametrize("name", ["white", "smooth", "fractal", "turned", "scattered"])
def test_noise_has_mean_0_and_variance_1(name):
    # points far apart are independent; the standard error of 40 000 of them is half a per cent
    fields = {
        "white": lambda s: white(s, 8),
        "smooth": lambda s: smooth(s, 7.0, 8),
        "fractal": lambda s: fractal(s, 7.0, 1.0, 8),
        "turned": lambda s: turned(s, 7.0, 1.0, 8),
        "scattered": lambda s: scattered(*np.meshgrid(s.south / 7, s.east / 7, indexing="ij"), 8),
    }
    far = Sampling(spacing=130.3, row0=-40_000, col0=4_000, height=200, width=200, pointwise=True)
    field = fields[name](far)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1, abs=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5000), st.integers(2, 3000))
def test_points_far_apart_are_the_same_points(start, step):
    """Where lattice numbers are looked up one by one they are those of the table."""
    dense = lattice(row0=-530_004 + start, height=1, width=1)
    south = np.concatenate([dense.south[:1], dense.south[:1] + step * 1e4])[:, None]
    east = np.full_like(south, dense.east[0])
    alone = scattered(dense.south[:1, None] / 33, dense.east[None, :1] / 33, 5)
    np.testing.assert_array_equal(scattered(south / 33, east / 33, 5)[:1], alone)
    near = nearest_point(south[:1] / 33, east[:1] / 33, 5)
    np.testing.assert_array_equal(nearest_point(south / 33, east / 33, 5)[:1], near)


def test_another_seed_is_another_field():
    one, other = smooth(lattice(), 50.0, 1), smooth(lattice(), 50.0, 2)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3


def test_detail_that_the_spacing_cannot_carry_is_left_out():
    fine = fractal(lattice(), 1600.0, 10.0, 4)
    coarse = fractal(lattice(spacing=160.0, row0=-33_125, col0=3_750, height=6, width=5), 1600.0, 10.0, 4)
    np.testing.assert_allclose(coarse, block_mean(fine, 16), atol=0.35)
    assert coarse.std() < fine.std() * 1.1


def test_a_shift_of_whole_pixels_is_a_shift_of_the_field():
    moved = lattice().moved(3, -2)
    np.testing.assert_array_equal(smooth(moved, 90.0, 1), smooth(lattice(), 90.0, 1, shift=(30.0, -20.0)))


def test_hashes_fill_0_to_1_evenly():
    values = unit(hash_grid(np.arange(-200, 200), np.arange(-200, 200), 9))
    counts, _ = np.histogram(values, bins=16, range=(0, 1))
    assert values.min() >= 0
    assert values.max() < 1
    np.testing.assert_allclose(counts, 160_000 / 16, rtol=0.05)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8))
def test_block_mean_is_the_mean_of_each_block(factor, rows, cols):
    values = np.arange(2 * rows * cols * factor**2, dtype=np.float32).reshape(2, rows * factor, cols * factor)
    expected = values.reshape(2, rows, factor, cols, factor).mean(axis=(2, 4))
    np.testing.assert_allclose(block_mean(values, factor), expected, rtol=1e-6)
