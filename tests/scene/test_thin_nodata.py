"""Gaps of nodata narrower than the wavelet: exactly what is seen of them, and how to see them all."""

from dataclasses import replace

import numpy as np
import pytest

from unclouded.scene import open_scene
from unclouded.testing.products import FakeSafe, write_fake_safe

SIDE_60M = 64
FAKE = FakeSafe(size_60m=SIDE_60M, bands=("B04",), block=128)


def gap(width, slope=0.0, at=150):
    """Columns of nodata of so many px, straight or leaning."""

    def dn(_, height, width_of_band):
        rows, cols = np.mgrid[0:height, 0:width_of_band]
        rng = np.random.default_rng(3)
        values = rng.integers(2950, 3050, (height, width_of_band)).astype(np.uint16)
        start = at + slope * rows
        values[(cols >= start) & (cols < start + width)] = 0
        return values

    return dn


def product(folder, width, slope=0.0):
    return open_scene(write_fake_safe(folder, replace(FAKE, dn=gap(width, slope))))


@pytest.mark.parametrize("slope", [0.0, 0.21])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 12])
def test_exact_reading_takes_no_nodata_into_any_mean(tmp_path, width, slope):
    """Against a mean of the valid pixels of the full resolution, for thin lines of every width."""
    scene = product(tmp_path, width, slope)
    reading = scene.at(60, exact=True).read(("B04",))
    dn = gap(width, slope)("B04", 384, 384).astype(np.float64)
    valid = dn > 0
    total = (dn * valid).reshape(64, 6, 64, 6).sum(axis=(1, 3))
    count = valid.reshape(64, 6, 64, 6).sum(axis=(1, 3))
    np.testing.assert_array_equal(reading.valid, count >= 18)
    mean = (total / np.maximum(count, 1) - 1000) / 10000
    np.testing.assert_allclose(reading.reflectance[0][reading.valid], mean[reading.valid], atol=1e-5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Reflectance at 60 m of the scene without a gap, with an offset and without."""
    folder = tmp_path_factory.mktemp("whole")
    fakes = {offset: replace(FAKE, **ERA[offset], dn=gap(0)) for offset in ERA}
    return {
        offset: open_scene(write_fake_safe(folder / str(offset), fake)).at(60).read(("B04",)).reflectance[0]
        for offset, fake in fakes.items()
    }


ERA = {-1000: {"offset": -1000, "baseline": "05.10"}, 0: {"offset": None, "baseline": "02.04"}}
"""Where DN carry an offset, a sample below it tells of zeros; where not, only 0 itself does."""


def bleeding(folder, whole, width, slope, offset):
    """How much a valid pixel at 60 m differs from the same in the scene without a gap."""
    worst = 0.0
    for at in range(150, 154):  # every place among the samples of level 2
        fake = replace(FAKE, **ERA[offset], dn=gap(width, slope, at))
        reading = open_scene(write_fake_safe(folder / f"at{at}", fake)).at(60).read(("B04",))
        error = np.abs(reading.reflectance[0] - whole[offset])
        error[:2] = error[-2:] = 0  # the tip of a wedge at the tile's rim: docs/decisions/0004
        worst = max(worst, float(error[reading.valid].max()))
    return worst


@pytest.mark.parametrize("slope", [0.0, 0.21])
@pytest.mark.parametrize(
    ("offset", "width"), [(-1000, 4), (-1000, 7), (-1000, 12), (-1000, 40), (0, 16), (0, 40)]
)
def test_gaps_of_these_widths_never_bleed(tmp_path, whole, offset, width, slope):
    """Of a scene of reflectance 0.2 (0.3 without an offset): brighter ones hide gaps of 5 or 6 px."""
    assert bleeding(tmp_path, whole, width, slope, offset) < 0.005


@pytest.mark.parametrize(("offset", "width"), [(-1000, 2), (0, 10)])
def test_thinner_ones_do_and_the_documentation_says_so(tmp_path, whole, offset, width):
    """If this changes, say so in `Scene.at` and docs/decisions/0009."""
    assert bleeding(tmp_path, whole, width, 0.21, offset) > 0.1


def test_what_is_far_from_a_gap_stays(tmp_path):
    valid = product(tmp_path, 8).at(60).read(("B04",)).valid
    columns = np.flatnonzero(~valid.all(axis=0))
    assert columns.min() >= 150 // 6 - 4
    assert columns.max() <= 158 // 6 + 4
