import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.core.classes import CLASSES, CLOUD, EVERY_CLASS, LEGENDS, NODATA, class_bits, to_sets
from unclouded.core.errors import LabelError

legends = st.sampled_from(sorted(LEGENDS.values(), key=lambda legend: legend.name))


def test_codes_are_0_to_4_and_names_fit_stac():
    assert [item.code for item in CLASSES] == [0, 1, 2, 3, 4]
    assert all(item.name.replace("_", "").isalpha() and item.name.islower() for item in CLASSES)
    assert len({item.color for item in CLASSES}) == len(CLASSES)


@given(st.frozensets(st.sampled_from(sorted(EVERY_CLASS))))
def test_bit_masks_hold_the_set_and_nothing_else(classes):
    bits = class_bits(classes)
    assert {code for code in range(8) if bits >> code & 1} == classes


@given(legends, st.data(), st.sampled_from([np.uint8, np.int16, np.uint16, np.int64]))
def test_every_pixel_becomes_the_set_of_its_code_whatever_the_integer_type(legend, data, kind):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))
    codes = data.draw(hnp.arrays(kind, shape, elements=st.sampled_from(sorted(legend.table))))
    sets = to_sets(codes, legend)
    assert sets.dtype == np.uint8
    assert sets.tolist() == [[class_bits(legend.table[code]) for code in row] for row in codes.tolist()]


@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_unknown_codes_are_named_counted_and_placed(kind):
    codes = np.array([[0, 1, 9], [9, 7, 255]], kind)
    with pytest.raises(
        LabelError,
        match=r"truth\.tif: legend 'unclouded' has codes 0, .*, 255, found 7 \(1 px\), 9 \(2 px\); name",
    ):
        to_sets(codes, LEGENDS["unclouded"], where="truth.tif")


def test_a_negative_code_is_unknown_and_does_not_wrap_round():
    with pytest.raises(LabelError, match=r"found -1 \(1 px\)"):
        to_sets(np.array([[-1, 0]], np.int8), LEGENDS["unclouded"])


def test_nothing_at_all_has_no_unknown_codes():
    assert to_sets(np.zeros((0, 5), np.uint8), LEGENDS["unclouded"]).shape == (0, 5)


def test_255_is_cloud_in_the_originals_masks_alone():
    assert LEGENDS["original"].table[255] == CLOUD
    assert LEGENDS["unclouded"].table[NODATA] == LEGENDS["binary"].table[NODATA] == frozenset()


def test_a_legend_cannot_be_changed():
    with pytest.raises(TypeError):
        LEGENDS["unclouded"].table[9] = frozenset({0})
    with pytest.raises(TypeError):
        LEGENDS["mine"] = LEGENDS["binary"]
