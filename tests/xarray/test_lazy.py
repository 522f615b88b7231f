"""Blocks with a halo: every pixel in its place, its neighbours around it, and few tasks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

da = pytest.importorskip("dask.array")

from unclouded.xarray._lazy import lattice, on_lattice, overlapped, packed  # noqa: E402 - after the skip


@st.composite
def cuts(draw, most=60):
    """Chunks of an axis, any."""
    total = draw(st.integers(1, most))
    edges = draw(st.lists(st.integers(1, max(1, total - 1)), max_size=6, unique=True))
    inner = sorted(edge for edge in edges if edge < total)
    return tuple(np.diff([0, *inner, total]).tolist())


@given(cuts(400), st.integers(1, 64), st.integers(0, 100))
def test_chunks_on_a_lattice(chunks, step, least):
    found = lattice(chunks, step=step, least=least)
    assert sum(found) == sum(chunks)
    starts = np.cumsum([0, *found[:-1]])
    assert (starts % step == 0).all()
    assert len(found) == 1 or min(found) >= max(1, least)


def test_chunks_that_lie_on_it_stay():
    assert lattice((512, 512, 256), step=256, least=96) == (512, 512, 256)
    assert lattice((1,) * 1000, step=256, least=96) == (256, 256, 256, 232)
    assert lattice((500, 500, 500, 30), step=256, least=96) == (512, 512, 506)


def boxed(options, block, place):
    """The sum of a box around each pixel, zeros past the cube's rim; `options` is its half width."""
    assert block.shape[-2:] == place.given.shape
    top, left = place.own.row_off - place.given.row_off, place.own.col_off - place.given.col_off
    around = [
        (options - min(options, top), options),
        (options - min(options, left), options),
    ]
    padded = np.pad(block, [(0, 0)] * (block.ndim - 2) + around)
    side = 2 * options + 1
    sums = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(-2, -1)).sum((-2, -1))
    rows = slice(top - min(options, top), None)
    cols = slice(left - min(options, left), None)
    own = sums[..., rows, cols][..., : place.own.height, : place.own.width]
    return own.sum(axis=1) if own.ndim == 4 else own


@settings(max_examples=40)
@given(cuts(3), cuts(), cuts(), st.integers(0, 7), st.booleans())
def test_each_pixel_sees_its_neighbours_whatever_the_chunks(dates, rows, cols, halo, banded):
    shape = (sum(dates), *([2] if banded else []), sum(rows), sum(cols))
    values = np.random.default_rng(0).integers(0, 100, shape)
    chunks = (dates, *([2] if banded else []), rows, cols)
    blocks = on_lattice(da.from_array(values, chunks=chunks), steps=(1, 1), least=halo)
    found = overlapped(blocks, boxed, halo, halo=halo, dtype=values.dtype)
    padded = np.pad(values, [(0, 0)] * (len(shape) - 2) + [(halo, halo)] * 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * halo + 1,) * 2, axis=(-2, -1))
    expected = windows.sum((-2, -1))
    expected = expected.sum(axis=1) if banded else expected
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


@pytest.mark.parametrize("dated", [True, False])
def test_bands_are_packed_as_they_are(dated):
    values = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(3, 2, 20, 30)
    layers = [
        da.from_array(band if dated else band[0], chunks=(1, 7, 8)[-3 if dated else -2 :]) for band in values
    ]
    found = packed(layers)
    assert found.dtype == np.uint16
    assert found.numblocks[1] == 1
    expected = values.swapaxes(0, 1) if dated else values[:, 0][None]
    np.testing.assert_array_equal(found.compute(scheduler="sync"), expected)


def test_five_tasks_a_block_and_rims_are_copies():
    array = da.zeros((4, 3, 64, 80), chunks=(1, 3, 16, 16), dtype=np.uint8)
    found = overlapped(array, boxed, 2, halo=2, dtype=np.uint8)
    blocks = int(np.prod(found.numblocks))
    own = len(found.__dask_graph__()) - len(array.__dask_graph__())
    assert own == 5 * blocks + 1  # and the options, once
    lonely = overlapped(array.rechunk((1, 3, 64, 80)), boxed, 2, halo=2, dtype=np.uint8)
    assert len(lonely.dask.layers[lonely.name]) == 4 + 1


def test_names_follow_from_what_is_done():
    array = da.zeros((1, 16, 16), chunks=(1, 8, 8))
    same = [overlapped(array, boxed, 1, halo=1, dtype=float).name for _ in range(2)]
    assert same[0] == same[1]
    assert overlapped(array, boxed, 2, halo=1, dtype=float).name != same[0]
    assert overlapped(array, boxed, 1, halo=2, dtype=float).name != same[0]
