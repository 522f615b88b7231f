"""Buffers and closings: distances to what was there, by hand and by scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unclouded.core.classes import CLEAR, CLOUD, NODATA, SHADOW, SNOW, THICK, THIN, WORST_FIRST
from unclouded.refine import rules
from unclouded.refine._bits import Spacing
from unclouded.refine._growth import buffered, closed

METRE = Spacing(row=1.0, col=1.0)
masks = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, max_side=40),
    elements=st.sampled_from([CLEAR] * 8 + [THICK, THIN, SHADOW, SNOW, NODATA]),
    fill=st.just(CLEAR),
)
radii = st.dictionaries(
    st.sampled_from(["cloud", "shadow", "snow"]), st.floats(0.5, 9, allow_nan=False), max_size=3
)
RANK = {code: len(WORST_FIRST) - place for place, code in enumerate(WORST_FIRST)}


def codes_of(text):
    """A mask drawn by hand: `.` clear, `C` thick, `c` thin, `s` shadow, `w` snow, ` ` nodata."""
    names = {".": CLEAR, "C": THICK, "c": THIN, "s": SHADOW, "w": SNOW, "_": NODATA}
    return np.array([[names[letter] for letter in line.strip()] for line in text.split()], np.uint8)


def distances(codes, code):
    """Distance of each pixel to the nearest of this class; infinite where there is none."""
    ndimage = pytest.importorskip("scipy.ndimage")
    if not (codes == code).any():
        return np.full(codes.shape, np.inf)
    return ndimage.distance_transform_edt(codes != code)


@given(masks, radii)
def test_a_buffer_gives_each_pixel_the_worst_class_within_reach(codes, wanted):
    expected = codes.copy()
    groups = {"cloud": (THIN, THICK), "shadow": (SHADOW,), "snow": (SNOW,)}
    for name in ("snow", "shadow", "cloud"):
        for code in groups[name]:
            near = distances(codes, code) <= wanted.get(name, -1) * (1 + 1e-9)
            open_to = np.array(
                [
                    [c != NODATA and c not in groups[name] and RANK[c] < RANK[code] for c in row]
                    for row in codes
                ]
            )
            expected[near & open_to] = code
    np.testing.assert_array_equal(buffered(codes, rules(wanted, what="buffer"), METRE), expected)


@given(masks, radii)
def test_growth_neither_fills_nor_makes_nodata_nor_takes_from_a_worse_class(codes, wanted):
    for work in (buffered, closed):
        out = work(codes, rules(wanted, what="test"), METRE)
        np.testing.assert_array_equal(out == NODATA, codes == NODATA)
        changed = out != codes
        assert all(RANK[new] > RANK[old] for new, old in zip(out[changed], codes[changed], strict=True))


@given(masks, st.integers(1, 6))
def test_closing_is_scipys_on_an_endless_plain(codes, radius):
    ndimage = pytest.importorskip("scipy.ndimage")
    size = 2 * radius + 1
    rows, cols = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    element = np.hypot(rows, cols) <= radius
    cloud = np.isin(codes, list(CLOUD))
    plain = np.pad(cloud, 2 * size)
    expected = ndimage.binary_closing(plain, element)[2 * size : -2 * size, 2 * size : -2 * size]
    out = closed(codes, rules({"cloud": radius}, what="closing"), METRE)
    seen = codes != NODATA
    np.testing.assert_array_equal(np.isin(out, list(CLOUD))[seen], expected[seen])
    assert (out[cloud] == codes[cloud]).all()


def test_thick_and_thin_are_one_cloud_unless_told_apart():
    drawn = codes_of(".....\n..Cc.\n.....")
    grouped = buffered(drawn, rules({"cloud": 1}, what="buffer"), METRE)
    np.testing.assert_array_equal(grouped, codes_of("..Cc.\n.CCcc\n..Cc."))
    apart = buffered(drawn, rules({"thick": 1}, what="buffer"), METRE)
    np.testing.assert_array_equal(apart, codes_of("..C..\n.CCC.\n..C.."))


def test_a_buffer_of_shadow_stops_at_cloud_and_covers_snow():
    drawn = codes_of("wwsCC_")
    np.testing.assert_array_equal(
        buffered(drawn, rules({"shadow": 5}, what="buffer"), METRE), codes_of("sssCC_")
    )


def test_buffers_do_not_add_up():
    """The shadow's reach is counted from the shadow, not from where another buffer ended."""
    drawn = codes_of("s.........")
    both = buffered(drawn, rules({"shadow": 3, "cloud": 3}, what="buffer"), METRE)
    np.testing.assert_array_equal(both, codes_of("ssss......"))


def test_a_gap_is_closed_and_the_outside_is_not():
    drawn = codes_of(".CC.CC...\n.CC.CC...\n.CC.CC...")
    np.testing.assert_array_equal(
        closed(drawn, rules({"cloud": 1}, what="closing"), METRE),
        codes_of(".CC.CC...\n.CCCCC...\n.CC.CC..."),
    )
