"""Metadata: baselines as integers, real files, and mutated real files."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unclouded.core.bands import NAMES
from unclouded.core.errors import UncloudedError
from unclouded.sources import OpenOptions, _xml
from unclouded.sources._metadata import (
    OFFSET_SINCE,
    parse_baseline,
    parse_product,
    parse_tile,
    write_baseline,
)
from unclouded.sources._radiometry import oddities, of_product
from unclouded.testing.products import FakeSafe, product_xml, tile_xml


@pytest.mark.parametrize(
    ("text", "baseline"),
    [
        ("05.10", (5, 10)),
        ("5.9", (5, 9)),
        ("04.00", (4, 0)),
        ("99.99", (99, 99)),
        ("", None),
        (None, None),
        ("5", None),
        ("05.10.1", None),
        ("N0510", None),
        ("\u0660\u0665.\u0661\u0660", None),
        ("-5.1", None),
    ],
)
def test_baselines_are_two_integers(text, baseline):
    assert parse_baseline(text) == baseline


def test_nine_comes_before_ten():
    assert parse_baseline("5.9") < parse_baseline("5.10")
    assert parse_baseline("03.01") < OFFSET_SINCE <= parse_baseline("4.0")


@given(st.integers(0, 99), st.integers(0, 99))
def test_baselines_survive_writing(major, minor):
    assert parse_baseline(write_baseline((major, minor))) == (major, minor)


REAL = {
    # folder, as its MANIFEST describes it -> baseline, satellite, offset
    "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135": ((2, 9), "S2A", 0),
    "S2A_MSIL1C_20200817T000251_N0209_R030_T56JMP_20200817T012241": ((2, 9), "S2A", 0),
    "S2A_MSIL1C_20240101T102431_N0510_R065_T30NWM_20240101T122107": ((5, 10), "S2A", -1000),
}


@pytest.mark.parametrize("name", REAL)
def test_real_product_metadata(real_data, name):
    path = real_data / "products" / "metadata" / name / "MTD_MSIL1C.xml"
    metadata = parse_product(_xml.parse(path.read_bytes(), where="MTD_MSIL1C.xml"), where="MTD_MSIL1C.xml")
    baseline, satellite, offset = REAL[name]
    assert (metadata.level, metadata.baseline, metadata.satellite) == ("L1C", baseline, satellite)
    assert metadata.named_baseline == baseline
    radiometry = of_product(metadata, OpenOptions(), where="MTD_MSIL1C.xml")
    assert radiometry.offset == dict.fromkeys(NAMES, offset)
    assert radiometry.quantification == dict.fromkeys(NAMES, 10000)
    assert oddities(metadata) == []


def test_real_tile_metadata(real_data):
    folder = real_data / "products" / "metadata" / "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135"
    (path,) = folder.rglob("MTD_TL.xml")
    tile = parse_tile(_xml.parse(path.read_bytes(), where="MTD_TL.xml"))
    assert tile.tile == "01LAC"
    assert (
        tile.sensing_time == datetime(2020, 7, 17, 22, 19, 46, 465000, UTC) or tile.sensing_time is not None
    )
    assert 0 < tile.sun_zenith < 90
    assert {gsd: grid.shape for gsd, grid in tile.grids.items()} == {
        10: (10980, 10980),
        20: (5490, 5490),
        60: (1830, 1830),
    }


# --- mutations ----------------------------------------------------------------------------------

TOKEN = re.compile(r"<[^>]*>|[^<]+")


def one_line(error):
    assert len(str(error).splitlines()) == 1


def reading(text):
    """(offset, warned) of product metadata, or None where it is refused with one line."""
    try:
        metadata = parse_product(_xml.parse(text.encode("utf-8", "surrogatepass"), where="x"), where="x")
        radiometry = of_product(metadata, OpenOptions(), where="x")
    except UncloudedError as error:
        one_line(error)
        return None
    return set(radiometry.offset.values()), bool(oddities(metadata))


def mutate(draw, text):
    """One token of the XML dropped, doubled, swapped with another, or changed in a character."""
    tokens = TOKEN.findall(text)
    at = draw(st.integers(0, len(tokens) - 1))
    kind = draw(st.sampled_from(["drop", "double", "swap", "char", "cut", "element"]))
    if kind == "drop":
        del tokens[at]
    elif kind == "double":
        tokens.insert(at, tokens[at])
    elif kind == "swap":
        other = draw(st.integers(0, len(tokens) - 1))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif kind == "char":
        token = tokens[at]
        spot = draw(st.integers(0, len(token) - 1))
        tokens[at] = token[:spot] + draw(st.characters()) + token[spot + 1 :]
    elif kind == "cut":
        del tokens[at:]
    else:  # a whole element goes, tag, text and end
        name = re.match(r"<([^\s/>!?]+)", tokens[at])
        end = next((i for i in range(at, len(tokens)) if name and tokens[i] == f"</{name[1]}>"), at)
        del tokens[at : end + 1]
    return "".join(tokens)


def judge(text, true_offset):
    found = reading(text)
    if found is None:
        return
    offsets, warned = found
    assert offsets == {true_offset} or warned, f"offset {offsets} in silence, true is {true_offset}"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
@pytest.mark.parametrize(("baseline", "offset"), [("05.10", -1000.0), ("03.01", None)])
def test_mutated_metadata_are_refused_or_right_or_warned_of(baseline, offset, data):
    text = product_xml(FakeSafe(baseline=baseline, offset=offset))
    judge(mutate(data.draw, text), offset or 0)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
@pytest.mark.parametrize("name", REAL)
def test_mutated_real_metadata_are_refused_or_right_or_warned_of(real_data, name, data):
    path = real_data / "products" / "metadata" / name / "MTD_MSIL1C.xml"
    judge(mutate(data.draw, path.read_text(encoding="utf-8")), REAL[name][2])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_tile_metadata_never_raise_anything_else(data):
    text = mutate(data.draw, tile_xml(FakeSafe(), "32TQM"))
    try:
        tile = parse_tile(_xml.parse(text.encode("utf-8", "surrogatepass"), where="x"))
    except UncloudedError:
        return
    assert tile.sun_zenith is None or 0 <= tile.sun_zenith <= 180


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_one_line(content):
    try:
        _xml.parse(content, where="x")
    except UncloudedError as error:
        one_line(error)


def test_a_list_for_a_baseline_is_required_whatever_the_date():
    """Reprocessed old scenes (N0500 sensed in 2016) carry the offset; nothing looks at the date."""
    text = product_xml(FakeSafe(baseline="05.00")).replace("2024", "2016")
    assert reading(text) == ({-1000.0}, False)
    assert reading(product_xml(FakeSafe(baseline="05.00", offset=None)).replace("2024", "2016")) is None
