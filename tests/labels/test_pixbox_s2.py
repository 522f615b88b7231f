import re

import numpy as np
import pytest

from unclouded import labels
from unclouded.core.classes import CLEAR, CLOUD, SHADOW, SNOW, THICK, class_bits
from unclouded.core.errors import LabelError, PairError
from unclouded.labels import pixbox_s2

ARLES = "S2A_MSIL1C_20170629T103021_N0205_R108_T31TFJ_20170629T103020"


def test_pixels_are_listed_by_product_with_their_places(replica):
    points = pixbox_s2.find_points(replica("pixbox_s2"))
    assert [(item.product, item.site, item.gsd_m) for item in points] == [
        (ARLES, "T31TFJ", 10),
        ("S2A_MSIL1C_20171205T143751_N0206_R096_T19KEU_20171205T180316", "T19KEU", 10),
    ]
    assert points[0].rows.tolist() == [20, 21, 22, 23]
    assert points[0].columns.tolist() == [10, 11, 12, 13]


def test_clear_in_a_clouds_shadow_is_shadow_and_a_cloud_in_shadow_stays_a_cloud(replica):
    first, second = pixbox_s2.find_points(replica("pixbox_s2"))
    assert first.sets.tolist() == [
        class_bits(frozenset({CLEAR, SNOW})),
        1 << SHADOW,
        1 << THICK,
        class_bits(CLOUD | {SHADOW}),
    ]
    # what is of no class stays so, and other shadows are none of a cloud
    assert second.sets.tolist() == [0, class_bits(CLOUD)]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_separators_are_seen(replicas, tmp_path, delimiter):
    replicas.pixbox_s2(tmp_path, delimiter=delimiter)
    assert sum(len(points.sets) for points in pixbox_s2.find_points(tmp_path)) == 6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, 42, 0, 0, 1, 0), r"line 2: expected one of the set's 29 products, found PRODUCT_ID 42"),
        (
            (1, 5472572, 0, 0, 13, 0),
            r"CLOUD_CHARACTERISTICS_ID: legend 'pixbox-s2' has codes .*found 13 \(1 px\)",
        ),
        ((1, 5472572, 0, 0, 1, 9), r"SHADOW_ID is 0, 1, 2, 3, 4, found 9 \(1 px\)"),
        ((1, 5472572, "x", 0, 1, 0), r"line 2: column PIXEL_X: expected a whole number, found 'x'"),
    ],
)
def test_what_is_unknown_is_named_and_placed(replicas, tmp_path, row, message):
    replicas.pixbox_s2(tmp_path, rows=[row])
    with pytest.raises(LabelError, match=rf"cmix_20180425\.csv: {message}"):
        pixbox_s2.find_points(tmp_path)


def test_the_table_of_landsat_has_other_columns_and_is_refused(tmp_path):
    # there CLOUD_CHARACTERISTICS_ID is the kind of cloud, not whether there is one
    (tmp_path / "pixbox_sentinel2.csv").write_text("PRODUCT_ID,PIXEL_X,PIXEL_Y,CLOUD_CHARACTERISTICS_ID\n")
    with pytest.raises(LabelError, match="found none named SHADOW_ID"):
        pixbox_s2.find_points(tmp_path)


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(PairError, match=r"expected pixbox_sentinel2_cmix_20180425\.csv, found none"):
        pixbox_s2.find_points(tmp_path)


def test_the_29_products_have_names_of_one_tile_each():
    names = list(pixbox_s2.PRODUCTS.values())
    assert len(names) == len(set(names)) == 29
    assert all(
        re.fullmatch(r"S2[AB]_MSIL1C_\d{8}T\d{6}_N\d{4}_R\d{3}_T\d{2}[C-X][A-Z]{2}_\d{8}T\d{6}", n)
        for n in names
    )


def test_the_check_counts_points_and_places(replica):
    found = labels.check("pixbox-s2", replica("pixbox_s2"))
    assert (found.scenes, found.sites, sum(found.pixels.values())) == (2, 2, 6)
    assert found.pixels["ignored"] == 1
    assert np.all([problem is None for problem in found.problems])
