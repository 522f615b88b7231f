"""Nodata at coarser levels, against brute force: what a sample shows must not depend on the outside."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.windows import Window, whole
from unclouded.sources._bands import FileBand
from unclouded.sources._nodata import context_of, grown, reach_of_wavelet, untouched_by_zeros
from unclouded.sources._raster import describe, raster_file
from unclouded.testing.products import JP2_OPTIONS

SIDE = 320


def jp2_band(path, dn, **options):
    profile = {**JP2_OPTIONS, "BLOCKXSIZE": 128, "BLOCKYSIZE": 128, **options}
    height, width = dn.shape
    with rasterio.open(path, "w", height=height, width=width, count=1, dtype="uint16", **profile) as dataset:
        dataset.write(dn, 1)
    data = path.read_bytes()
    file = raster_file(path=str(path), head=data, size=len(data), where=path.name)
    return FileBand(file=file, levels=describe(file).levels)


def scene_of(seed, low=1500, high=4000):
    return np.random.default_rng(seed).integers(low, high, (SIDE, SIDE)).astype(np.uint16)


def outside_of(angle, share):
    """Half-plane that covers a share of the image, its edge at an angle (degrees)."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    along = np.cos(np.radians(angle)) * cols + np.sin(np.radians(angle)) * rows
    return along < np.quantile(along, share)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@settings(max_examples=12, deadline=None)
@given(angle=st.floats(0, 360), share=st.floats(0.15, 0.9), seed=st.integers(0, 1000))
def test_valid_samples_do_not_depend_on_what_lies_outside_the_swath(tmp_path_factory, angle, share, seed):
    """Brute force: decode with the outside 0, and with it filled; what is called valid must be equal."""
    folder = tmp_path_factory.mktemp("edge")
    full, outside = scene_of(seed), outside_of(angle, share)
    cut = jp2_band(folder / "cut.jp2", np.where(outside, 0, full).astype(np.uint16))
    filled = jp2_band(folder / "filled.jp2", full)
    assert len(cut.levels) >= 3
    for level, grid in enumerate(cut.levels):
        got = cut.read(whole(grid.shape), level)
        true = filled.read(whole(grid.shape), level)
        differs = got.dn != true.dn
        rim = ~_away_from_rim(grid.shape) if level else np.zeros(grid.shape, bool)  # the tip of a wedge
        assert not (got.valid & differs & ~rim).any(), (level, int((got.valid & differs).sum()))
        # not overdone: nothing further than the reach and a sample from the outside is given up
        near = grown(_at_level(outside, level, grid.shape), 4 + 1)
        assert (got.valid | near).all()


def _away_from_rim(shape):
    inside = np.zeros(shape, bool)
    inside[4:-4, 4:-4] = True  # the reach: a wedge thinner than the support leaves no zero there
    return inside


def _at_level(mask, level, shape):
    """Any pixel of the mask within half a sample of the level's samples."""
    step = 2**level
    return grown(mask, step)[::step, ::step][: shape[0], : shape[1]]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("reversible", "taps"), [(True, 2), (False, 4)])
def test_the_reach_is_the_wavelets(tmp_path, reversible, taps):
    """An impulse moves the samples within t * (2^k - 1) px of it and no others."""
    flat = np.full((SIDE, SIDE), 8000, np.uint16)
    options = {"REVERSIBLE": "YES" if reversible else "NO", "BLOCKXSIZE": SIDE, "BLOCKYSIZE": SIDE}
    plain = jp2_band(tmp_path / "plain.jp2", flat, **options)
    furthest = {1: 0, 2: 0}
    for at in range(160, 168):
        struck = flat.copy()
        struck[:, at] = 32000
        band = jp2_band(tmp_path / f"struck{at}.jp2", struck, **options)
        for level, before in furthest.items():
            window = Window(row_off=40, col_off=0, height=1, width=band.levels[level].width)
            moved = band.read(window, level).dn[0] != plain.read(window, level).dn[0]
            distances = np.abs(np.flatnonzero(moved) * 2**level - at)
            furthest[level] = max(before, int(distances.max()))
    assert furthest == {level: taps * (2**level - 1) for level in furthest}
    for level, distance in furthest.items():  # an edge is felt on both of its sides
        assert reach_of_wavelet(reversible=reversible) >= 2 * distance / 2**level


def test_single_zeros_spoil_themselves_alone():
    """Beside bright cloud the low-pass is clipped to 0 over dark water: no hole of 9 x 9 samples for that."""
    dn = np.full((40, 40), 300)
    dn[20, 20] = dn[5:7, 30] = 0
    np.testing.assert_array_equal(untouched_by_zeros(dn, reach=4), dn > 0)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("length", "seen"), [(11, False), (12, True), (30, True)])
def test_lines_of_zeros_are_gaps(axis, length, seen):
    dn = np.full((50, 50), 3000)
    dn[10 : 10 + length, 25] = 0
    valid = untouched_by_zeros(dn if axis == 0 else dn.T, reach=4)
    valid = valid if axis == 0 else valid.T
    assert bool(valid[15, 24]) != seen
    assert valid[15, 20]
    assert not valid[15, 25]


def test_lines_may_lean_and_need_not_be_zero_where_there_is_an_offset():
    rows = np.arange(50)
    dn = np.full((50, 50), 3000)
    dn[rows, 10 + rows // 4] = 850
    assert untouched_by_zeros(dn, reach=4).all()
    valid = untouched_by_zeros(dn, reach=4, floor=900)
    assert not valid[rows, 10 + rows // 4].any()
    assert valid[:, 40:].all()


def test_areas_of_zeros_spoil_their_surroundings_and_what_hangs_on_them():
    dn = np.full((40, 60), 300)
    dn[:, :10] = 0
    dn[20, 10:14] = 0
    valid = untouched_by_zeros(dn, reach=4)
    assert valid[0].tolist() == [False] * 14 + [True] * 46
    assert valid[20].tolist() == [False] * 18 + [True] * 42


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    row=st.integers(0, 40),
    col=st.integers(0, 40),
    side=st.integers(1, 30),
    reach=st.sampled_from([2, 4, 8]),
)
def test_a_window_with_its_context_decides_as_the_whole_does(seed, row, col, side, reach):
    rng = np.random.default_rng(seed)
    dn = np.where(grown(rng.random((72, 72)) < 0.004, 4) | (rng.random((72, 72)) < 0.02), 0, 500)
    dn[np.arange(72), (rng.integers(0, 60) + np.arange(72) // 5) % 72] = 0  # a gap that leans
    window = Window(row_off=row, col_off=col, height=side, width=side)
    around = window.grown(context_of(reach)).clipped(dn.shape)
    part = untouched_by_zeros(dn[around.slices], reach=reach)
    top, left = row - around.row_off, col - around.col_off
    whole_valid = untouched_by_zeros(dn, reach=reach)
    np.testing.assert_array_equal(part[top : top + side, left : left + side], whole_valid[window.slices])


@given(radius=st.integers(0, 90), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_growing_equals_a_maximum_over_the_square(radius, seed):
    mask = np.random.default_rng(seed).random((23, 31)) < 0.02
    padded = np.pad(mask, radius)
    square = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1,) * 2)
    np.testing.assert_array_equal(grown(mask, radius), square.any(axis=(2, 3)))
