"""Names of products, and names that would become paths."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.catalog._names import item_scene, nearest, parse_product, require_product, safe_name, safe_path
from unclouded.core.errors import OptionError, ServiceError

NAME = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458"


@pytest.mark.parametrize("text", [NAME, f"{NAME}.SAFE", f"{NAME}.SAFE.zip", f"{NAME}.zip", f" {NAME}.SAFE/"])
def test_a_product_name_says_who_it_is(text):
    product = parse_product(text)
    assert product is not None
    assert (product.id, product.satellite, product.level) == (NAME, "S2A", "L1C")
    assert (product.tile, product.baseline) == ("32TNM", "02.04")
    assert product.start == datetime(2017, 2, 26, 10, 20, 21, tzinfo=UTC)
    assert len(product.days) == 1


def test_a_datatake_at_midnight_may_show_the_tile_on_the_next_day():
    product = parse_product("S2B_MSIL1C_20201010T235749_N0209_R030_T55HFA_20201011T011446")
    assert [day.day for day in product.days] == [10, 11]


def test_every_satellite_is_taken():
    assert parse_product(NAME.replace("S2A", "S2D")).satellite == "S2D"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S2B_31QGB_20200831_0_L2A", ("31QGB", "L2A")),
        ("S2B_T37MGP_20240710T073012_L2A", ("37MGP", "L2A")),
        ("S2B_9VXK_20171013_0_L1C", ("09VXK", "L1C")),
        ("S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531", ("06VVN", "L2A")),
    ],
)
def test_item_names_say_tile_and_level(text, expected):
    tile, level, day = item_scene(text)
    assert (tile, level) == expected
    assert day.hour == 0


@pytest.mark.parametrize(
    "text", ["", "S2A", "LC08_L1TP_193024", NAME.replace("20170226", "20171332"), "../x"]
)
def test_what_is_no_product_name(text):
    assert parse_product(text) is None
    assert item_scene(text) is None
    with pytest.raises(OptionError, match="expected the name of a Sentinel-2 product"):
        require_product(text, provider="google")


def test_the_nearest_names_come_first():
    others = [NAME.replace("102458", "102459"), NAME.replace("T32TNM", "T33UUU"), "unrelated"]
    assert nearest(NAME, others, count=2) == tuple(others[:2])


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", ".hidden", "a/b", "a\\b", "/etc/passwd", "a\0b", "a..b", "x" * 201, "C:x", "a b", "é"],
)
def test_names_that_would_be_paths_are_refused(text):
    with pytest.raises(OptionError, match="will not be made into a path"):
        safe_name(text, what="product")


@given(st.text(max_size=40))
def test_a_safe_path_stays_inside(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp().resolve()
    try:
        path = safe_path(text, what="x")
    except ServiceError:
        return
    assert (root / path).resolve().is_relative_to(root)


@pytest.mark.parametrize("text", ["../a", "a/../../b", "/a", "a\\..\\b", "C:/a", "a/\x00", ""])
def test_paths_that_lead_out_are_refused(text):
    with pytest.raises(ServiceError, match="leads out of it"):
        safe_path(text, what="x")
