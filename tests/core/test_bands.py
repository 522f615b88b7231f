import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.bands import NAMES, SENTINEL2, STUDY_ORDER, band, canonical_names, expected_at, missing
from unclouded.core.errors import BandError


def test_band_ids_are_positions_and_8a_stands_between_8_and_9():
    assert [item.band_id for item in SENTINEL2] == list(range(13))
    assert NAMES[7:10] == ("B08", "B8A", "B09")


def test_the_study_takes_the_bands_in_file_order():
    assert (*(f"B{n:02d}" for n in range(1, 13)), "B8A") == STUDY_ORDER


def test_native_spacings_are_those_of_the_instrument():
    by_gsd = {gsd: {item.name for item in SENTINEL2 if item.gsd == gsd} for gsd in (10, 20, 60)}
    assert by_gsd[10] == {"B02", "B03", "B04", "B08"}
    assert by_gsd[60] == {"B01", "B09", "B10"}
    assert len(by_gsd[20]) == 6


def test_delays_start_at_blue_and_end_at_water_vapour():
    by_delay = sorted(SENTINEL2, key=lambda item: item.delay_s)
    assert (by_delay[0].name, by_delay[0].delay_s, by_delay[-1].name) == ("B02", 0.0, "B09")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("B4", "B04"),
        ("b04", "B04"),
        ("b9", "B09"),
        ("b8a", "B8A"),
        ("red", "B04"),
        ("nir", "B08"),
        ("nir08", "B8A"),
        ("cirrus", "B10"),
        ("rededge1", "B05"),
        ("swir2", "B12"),
        (" SWIR16 ", "B11"),
    ],
)
def test_a_band_is_found_by_any_of_its_spellings(spelling, name):
    assert band(spelling).name == name


@given(st.sampled_from(SENTINEL2))
def test_names_are_unique_and_found_again(item):
    assert band(item.name) is band(item.common_name) is band(item.name.lower()) is item


def test_an_unknown_band_is_answered_with_the_nearest():
    with pytest.raises(BandError, match=r"band 'cirus': expected one of B01, .*did you mean 'cirrus'\?"):
        band("cirus")


def test_a_number_is_not_a_band():
    with pytest.raises(BandError, match="band '13'"):
        band("13")


def test_canonical_names_keep_the_order_given():
    assert canonical_names(["nir08", "B2", "red"]) == ("B8A", "B02", "B04")


def test_one_band_under_two_names_is_refused():
    with pytest.raises(BandError, match="B04 named twice; name each band once"):
        canonical_names(["red", "B03", "B4"])


def test_missing_bands_come_in_the_order_wanted():
    assert missing(("B12", "B01", "B04"), {"B04", "B02"}) == ("B12", "B01")


def test_the_cirrus_band_is_delivered_at_l1c_alone():
    assert set(expected_at("L1C")) - set(expected_at("L2A")) == {"B10"}
    assert expected_at("L1C") == NAMES


def test_landsat_analogues_are_eight_and_each_once():
    analogues = [item.landsat for item in SENTINEL2 if item.landsat]
    assert sorted(analogues) == ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B9"]
