import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.bands import NAMES, band
from unclouded.core.classes import NODATA
from unclouded.outputs.picture import (
    INK,
    NO_PIXEL,
    PAPER,
    Panel,
    composite_of,
    plain,
    shade,
    sheet,
    stretch,
    tint,
)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("red green blue nir swir16", "true colour"),
        ("red green nir swir16", "false colour: B08, B04, B03"),
        ("swir16 nir red", "false colour: B11, B08, B04"),
        ("blue red", "grey: B04"),
        ("blue cirrus", "grey: B02"),
        ("cirrus", "grey: B10"),
    ],
)
def test_the_best_picture_that_the_bands_allow(words, told):
    found = composite_of([band(word).name for word in words.split()])
    assert found.describe() == told


@given(st.sets(st.sampled_from(NAMES)))
def test_a_picture_needs_only_what_is_there(available):
    found = composite_of(available)
    assert (found is None) == (not available)
    assert found is None or set(found.bands) <= available


def test_stretch_is_the_same_for_every_scene():
    rgb = np.array([0.0, 0.35, 2.0, np.nan, -0.1], np.float32).reshape(1, 1, 5).repeat(3, axis=0)
    assert stretch(rgb)[0, :, 0].tolist() == [0, 255, 255, 0, 0]


def test_probabilities_go_from_black_to_white():
    assert shade(np.array([[0.0, 0.5, 1.0, np.nan]], np.float32))[0, :, 1].tolist() == [0, 127, 255, 0]


def test_only_classes_other_than_clear_are_tinted():
    codes = np.array([[0, 1, 2, 3, 4]], np.uint8)
    tinted = tint(plain((1, 5), (100, 100, 100)), codes)
    assert (tinted != 100).any(axis=-1)[0].tolist() == [False, True, True, True, True]
    assert len({tuple(pixel) for pixel in tinted[0]}) == 5


def test_nothing_seen_is_grey():
    assert tuple(tint(plain((1, 1)), np.array([[NODATA]], np.uint8))[0, 0]) == NO_PIXEL


def test_a_sheet_shows_every_panel_whole_and_apart():
    red, blue, green = (plain((20, 30), colour) for colour in ((255, 0, 0), (0, 0, 255), (0, 255, 0)))
    page = np.asarray(
        sheet([[Panel(picture=red, caption="a"), Panel(picture=blue)], [Panel(picture=green)]], title="t")
    )
    for picture in (red, blue, green):
        assert (page == picture[0, 0]).all(axis=-1).sum() == picture.shape[0] * picture.shape[1]
    assert tuple(page[0, 0]) == PAPER
    assert (page[:18] < 200).any(), "a title"
    assert INK[0] < 200
