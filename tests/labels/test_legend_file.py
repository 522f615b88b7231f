import numpy as np
import pytest

import unclouded
from unclouded import labels
from unclouded.core.classes import CLEAR, CLOUD, IGNORE, NOT_CLOUD, SHADOW, SNOW, class_bits
from unclouded.core.errors import LabelError

GOOD = """
name = "interpreter-2024"
note = "thin cloud only where it hides the ground"
[codes]
0 = "ignore"
1 = ["clear", "snow"]
2 = "cloud"
3 = "cloud_shadow"
9 = "not_cloud"
"""


@pytest.fixture
def legend_file(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


def test_a_legend_says_what_codes_may_be(legend_file):
    legend = labels.legend(str(legend_file(GOOD)))
    assert legend.name == "interpreter-2024"
    assert "hides the ground" in legend.note
    assert legend.table == {
        0: IGNORE,
        1: frozenset({CLEAR, SNOW}),
        2: CLOUD,
        3: frozenset({SHADOW}),
        9: NOT_CLOUD,
    }
    assert legend.fill == 0


def test_the_name_is_the_files_where_none_is_given(legend_file):
    legend = labels.read_legend(legend_file('[codes]\n7 = "cloud"'))
    assert (legend.name, legend.note, legend.fill) == ("mine", "", None)


def test_masks_are_read_with_it(legend_file, write, tmp_path):
    path = write(tmp_path / "a.tif", np.array([[0, 2, 3]], np.uint8))
    sets = labels.read_reference(path, str(legend_file(GOOD)))
    assert sets.values.tolist() == [[0, class_bits(CLOUD), 1 << SHADOW]]


def test_a_code_that_it_lacks_is_an_error_as_in_any_legend(legend_file, write, tmp_path):
    path = write(tmp_path / "a.tif", np.array([[4, 4]], np.uint8))
    with pytest.raises(LabelError, match=r"a\.tif: legend 'interpreter-2024' has codes .*found 4 \(2 px\)"):
        labels.read_reference(path, str(legend_file(GOOD)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[codes", "expected a legend in TOML, found"),
        ("name = 'a'", r"expected name, note and a table \[codes\], found name"),
        ("[codes]", r"expected name, note and a table \[codes\], found codes"),
        ("codes = 3", r"expected name, note and a table \[codes\]"),
        ("colour = 1\n[codes]\n0 = 'cloud'", "expected name, .*, found codes, colour"),
        ("[codes]\n256 = 'cloud'", "expected codes from 0 to 255, found '256'"),
        ("[codes]\nx = 'cloud'", "expected codes from 0 to 255, found 'x'"),
        ("[codes]\n0 = 'clouds'", "code 0: expected some of clear, .*, found 'clouds'; name the class"),
        ("[codes]\n0 = ['cloud', 3]", "code 0: .*found 3; name the class"),
        ("[codes]\n0 = 3", "code 0: .*found 3; name the class"),
        ("name = 3\n[codes]\n0 = 'cloud'", "name: expected text, found 3; put it in quotes"),
    ],
)
def test_what_is_no_legend_is_refused(legend_file, text, message):
    with pytest.raises(LabelError, match=rf"mine\.toml: {message}"):
        labels.read_legend(legend_file(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"gone\.toml: expected a legend in TOML, found: No such file"):
        labels.legend(str(tmp_path / "gone.toml"))


def test_masks_are_scored_against_references_of_a_legend_in_a_file(legend_file, write, tmp_path):
    reference = write(tmp_path / "reference.tif", np.array([[0, 1, 2, 2, 3]], np.uint8))
    prediction = write(tmp_path / "prediction.tif", np.array([[1, 0, 1, 0, 3]], np.uint8))
    legend = str(legend_file(GOOD))
    cloud = unclouded.evaluate(prediction, reference, legend=legend).confusion("cloud")
    assert (cloud.tp, cloud.fp, cloud.fn, cloud.tn) == (1, 0, 1, 2)


def test_a_variant_of_a_sets_legend_scores_too(write, tmp_path):
    reference = write(tmp_path / "reference.tif", np.array([[2, 3, 7]], np.uint8))
    prediction = write(tmp_path / "prediction.tif", np.array([[1, 1, 4]], np.uint8))
    thin = {
        legend: unclouded.evaluate(prediction, reference, legend=legend).confusion("thin_cloud")
        for legend in ("baetens-hagolle", "baetens-hagolle-split")
    }
    assert thin["baetens-hagolle"].reference_ambiguous == 2
    assert thin["baetens-hagolle-split"].fn == 1
