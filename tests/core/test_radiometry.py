import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.core.radiometry import DN_NODATA, DN_SATURATED, Radiometry, to_reflectance

BANDS = ("B02", "B8A")


def stated(offset, quantification=10_000.0):
    offsets = offset if isinstance(offset, dict) else dict.fromkeys(BANDS, offset)
    return Radiometry(
        offset=offsets, quantification=dict.fromkeys(BANDS, quantification), origin="MTD_MSIL1C.xml"
    )


def test_the_offset_of_baseline_0400_is_added_before_dividing():
    dn = np.array([[[1000, 2000]], [[500, 11_000]]], np.uint16)
    found = to_reflectance(dn, BANDS, stated(-1000))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[0.0, 0.1]], [[-0.05, 1.0]]], atol=1e-7)


def test_each_band_has_its_own_offset_whatever_the_order_of_the_mapping():
    radiometry = stated({"B8A": -500.0, "B02": -1000.0})
    found = to_reflectance(np.full((2, 1, 1), 1500, np.uint16), BANDS, radiometry)
    np.testing.assert_allclose(found.ravel(), [0.05, 0.1], rtol=1e-6)


@given(hnp.arrays(np.uint16, (2, 3, 4)), st.sampled_from([0.0, -1000.0]), st.sampled_from([1000.0, 10_000.0]))
def test_reflectance_and_back_is_the_dn(dn, offset, quantification):
    reflectance = to_reflectance(dn, BANDS, stated(offset, quantification))
    back = np.rint(reflectance.astype(np.float64) * quantification - offset)
    np.testing.assert_array_equal(back, dn)


def test_special_values_are_those_of_the_products():
    assert (DN_NODATA, DN_SATURATED) == (0, 65535)


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (-1000.0, "offset -1000, quantification 10000 (MTD_MSIL1C.xml)"),
        ({"B02": -1000.0, "B8A": 0.0}, "offset B02 -1000, B8A 0, quantification 10000 (MTD_MSIL1C.xml)"),
    ],
)
def test_what_was_applied_is_told_in_a_line(offset, text):
    assert stated(offset).describe() == text
