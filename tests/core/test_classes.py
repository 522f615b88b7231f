import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.core.classes import (
    CLASSES,
    CLOUD,
    EVERY_CLASS,
    LEGENDS,
    NODATA,
    SNOW,
    THICK,
    THIN,
    bits_classes,
    class_bits,
    count_bytes,
    set_names,
    to_sets,
    translate,
)
from unclouded.core.errors import LabelError

legends = st.sampled_from(sorted(LEGENDS.values(), key=lambda legend: legend.name))


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 3])
def test_bytes_are_counted_part_by_part_as_at_once(size):
    values = np.random.default_rng(0).integers(0, 32, size, np.uint8)
    np.testing.assert_array_equal(count_bytes(values, 32), np.bincount(values, minlength=32))


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


def test_low_and_high_cloud_become_255_of_the_original_and_all_else_0():
    codes = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.uint8)
    out = translate(codes, LEGENDS["baetens-hagolle"], LEGENDS["original"])
    assert (out.dtype, out.tolist()) == (np.uint8, [[0, 0, 255, 255], [0, 0, 0, 0]])


@given(legends, st.data())
def test_codes_translated_to_their_own_legend_keep_their_meaning(legend, data):
    # where two codes mean the same, there is no telling which to write
    sets = list(legend.table.values())
    alone = [
        code for code, to in legend.table.items() if (sets.count(to) == 1 if to else legend.fill is not None)
    ]
    codes = data.draw(hnp.arrays(np.uint8, (3, 4), elements=st.sampled_from(alone)))
    out = translate(codes, legend, legend)
    np.testing.assert_array_equal(to_sets(out, legend), to_sets(codes, legend))


def test_the_narrowest_code_that_fits_is_written():
    # 7 of the scene classification may be clear or cloud, 8 is cloud: thick cloud fits neither, 9 is its own
    codes = np.array([[THICK, THIN, SNOW, NODATA]], np.uint8)
    assert translate(codes, LEGENDS["unclouded"], LEGENDS["sen2cor-scl"]).tolist() == [[9, 10, 11, 0]]


@pytest.mark.parametrize(
    ("code", "source", "target", "message"),
    [
        (
            2,
            "baetens-hagolle",
            "unclouded",
            r"means thick_cloud or thin_cloud; expected one code .* found none",
        ),
        (1, "unclouded", "cloud38", r"code 1 of legend 'unclouded' means thick_cloud; .* found codes 1, 255"),
        (255, "unclouded", "sparcs", r"means nothing; expected one code of legend 'sparcs' .* found none"),
    ],
)
def test_what_has_no_counterpart_or_several_is_refused(code, source, target, message):
    with pytest.raises(LabelError, match=rf"a\.tif: .*{message}; choose another target"):
        translate(np.array([[code]], np.uint8), LEGENDS[source], LEGENDS[target], where="a.tif")


def test_a_code_that_does_not_occur_needs_no_counterpart():
    codes = np.array([[4, 5]], np.uint8)
    assert translate(codes, LEGENDS["baetens-hagolle"], LEGENDS["unclouded"]).tolist() == [[3, 0]]


def test_codes_of_a_foreign_legend_are_not_translated():
    with pytest.raises(LabelError, match=r"legend 'baetens-hagolle' has codes .*found 9 \(2 px\)"):
        translate(np.array([[9, 9]], np.int16), LEGENDS["baetens-hagolle"], LEGENDS["original"])


@pytest.mark.parametrize("legend", LEGENDS.values(), ids=lambda legend: legend.name)
def test_a_fill_is_a_code_that_says_nothing_but_for_the_originals(legend):
    if legend.fill is None:
        assert frozenset() not in legend.table.values() or legend.name == "pixbox-s2"
    elif legend.name != "original":
        assert legend.table[legend.fill] == frozenset()


def test_bits_and_classes_are_two_forms_of_one_set():
    for bits in range(32):
        assert class_bits(bits_classes(bits)) == bits
    assert set_names(bits_classes(0b00110)) == ("thick_cloud", "thin_cloud")


# What the literature says of each set (docs/reference/label-sets.md), written a second time and apart
C, K, N, S, W = ({i} for i in range(5))
MEANINGS = {
    "baetens-hagolle": [set(), set(), K | N, K | N, S, C, C, W],
    "cloudsen12-scribble": [C | W, K, K, N, N, S, S],
    "kappaset": [set(), C | W, S, N, K, set()],
    "pixbox-s2": [set(), C | W, K, N, N, N, N, C | W, C | K | N, N, K | N, K | N, C | K | N],
    "sparcs": [S, S, C, W, C, K | N, C],
    "sen2cor-scl": [set(), set(), C | S, S, C, C, C, C | K | N, K | N, K, N, W],
    "fmask": [C, C, S, W, K | N],
    "s2-cloud-catalogue": [C | S | W, K | N, S],
    "s2-cloud-catalogue-shadow-thin": [C | W, N, S],
    "ukis-csmask": [S, C, W, C, K | N],
}


@pytest.mark.parametrize("name", MEANINGS)
def test_legends_say_what_the_literature_says(name):
    counted = [LEGENDS[name].table[code] for code in range(len(MEANINGS[name]))]
    assert counted == MEANINGS[name]
    assert set(LEGENDS[name].table) - set(range(len(counted))) <= {99, 255}


def test_clear_of_an_unmarked_scene_may_be_shadow():
    assert LEGENDS["l8-biome"].table[128] == C | S | W
    assert LEGENDS["l8-biome-shadow"].table == {**LEGENDS["l8-biome"].table, 128: C | W}
