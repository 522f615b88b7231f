from datetime import UTC, datetime

import pytest
from defusedxml.ElementTree import parse

from unclouded.core.bands import SENTINEL2
from unclouded.synthetic._facts import has_offset, psd_version
from unclouded.synthetic._metadata import sun_correction
from unclouded.synthetic._tile_metadata import view_of
from unclouded.synthetic.config import SceneConfig


def paths(tree):
    """Every element as the local names that lead to it, with its attributes' names."""
    found = set()

    def visit(node, above):
        here = (*above, node.tag.rpartition("}")[2])
        found.add((here, tuple(sorted(name for name in node.attrib if not name.startswith("{")))))
        for child in node:
            visit(child, here)

    visit(tree.getroot(), ())
    return found


def test_the_product_metadata_have_no_element_that_real_ones_lack(written, real_data):
    (real,) = real_data.glob("products/metadata/S2A_MSIL1C_20240101*/MTD_MSIL1C.xml")
    ours = paths(parse(written.product / "MTD_MSIL1C.xml"))
    assert ours - paths(parse(real)) == set()
    assert len(ours) > 60


def test_the_tile_metadata_have_no_element_that_real_ones_lack(written, real_data):
    (real,) = real_data.glob("products/p14*/*.SAFE/GRANULE/*/MTD_TL.xml")
    (path,) = written.product.glob("GRANULE/*/MTD_TL.xml")
    ours = paths(parse(path))
    assert ours - paths(parse(real)) == set()
    assert len(ours) > 35


def test_the_datastrip_metadata_name_the_product(written):
    (path,) = written.product.glob("DATASTRIP/*/MTD_DS.xml")
    text = {node.tag.rpartition("}")[2]: node.text for node in parse(path).iter()}
    assert text["SPACECRAFT_NAME"] == "Sentinel-2A"
    assert text["PROCESSING_BASELINE"] == "05.11"


@pytest.mark.parametrize(
    ("month", "day", "expected"), [(1, 4, 1.0343), (7, 4, 0.9674), (9, 8, 0.984), (3, 5, 1.0186)]
)
def test_the_distance_to_the_sun_is_that_of_the_day(month, day, expected):
    """The last two days and values are those of real products."""
    assert sun_correction(datetime(2021, month, day, tzinfo=UTC)) == pytest.approx(expected, abs=0.002)


def test_the_offset_came_with_baseline_04():
    assert [has_offset(baseline) for baseline in ("02.09", "03.01", "04.00", "05.11")] == [
        False,
        False,
        True,
        True,
    ]
    assert [psd_version(baseline) for baseline in ("02.04", "02.06", "03.00", "05.10", "05.11")] == [
        12,
        13,
        14,
        14,
        15,
    ]


def test_late_bands_are_seen_from_further_down_the_track():
    views = {band.name: view_of(SceneConfig(view_zenith=0.0), band) for band in SENTINEL2}
    zeniths = sorted((band.delay_s, views[band.name][0]) for band in SENTINEL2)
    assert [zenith for _, zenith in zeniths] == sorted(zenith for _, zenith in zeniths)
    assert views["B02"][0] == 0
    assert views["B09"][0] == pytest.approx(1.41, abs=0.02)
    assert views["B09"][1] == pytest.approx(193, abs=0.1)
