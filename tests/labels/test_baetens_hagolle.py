import shutil

import pytest

from unclouded import labels
from unclouded.core.errors import LabelError, PairError
from unclouded.labels import baetens_hagolle

ARLES = "S2A_MSIL1C_20170917T103021_N0205_R108_T31TFJ_20170917T103018"
MARRAKECH = "S2A_MSIL1C_20160417T110652_N0201_R137_T29RPQ_20160417T111159"
TYROL = "S2A_MSIL1C_20161108T102232_N0204_R065_T32TNR_20161108T102425"


def test_scenes_bear_the_names_of_products_of_one_tile(replica):
    items = baetens_hagolle.find_items(replica("baetens_hagolle"))
    assert [(item.id, item.site, item.split) for item in items] == [
        (MARRAKECH, "T29RPQ", None),
        (TYROL, "T32TNR", None),
        (ARLES, "T31TFJ", None),
    ]
    # no images in the set: the product is named
    assert [item.image for item in items] == [item.id for item in items]


def test_of_a_scene_in_both_parts_that_of_the_reference_part_is_taken(replica):
    folder = replica("baetens_hagolle")
    twice = next(item for item in baetens_hagolle.find_items(folder) if item.id == MARRAKECH)
    assert "Reference_dataset" in twice.label.parts
    # the copy holds a code that no legend knows: it is not read
    assert labels.check("baetens-hagolle", folder).problems == ()


@pytest.mark.parametrize("end", [".SAFE", ".zip"])
def test_a_product_beside_its_scene_is_the_image(replica, end):
    folder = replica("baetens_hagolle")
    (folder / f"{ARLES}{end}").mkdir()
    items = {item.id: item.image for item in baetens_hagolle.find_items(folder)}
    assert items[ARLES] == folder / f"{ARLES}{end}"
    assert items[TYROL] == TYROL


def test_a_part_alone_is_a_set_too(replica):
    folder = replica("baetens_hagolle")
    assert len(baetens_hagolle.find_items(folder / "Reference_dataset")) == 2
    shutil.rmtree(folder / "Reference_dataset")
    assert {item.id for item in baetens_hagolle.find_items(folder)} == {MARRAKECH, TYROL}


def test_an_old_long_name_that_is_not_of_the_set_is_refused(replica):
    folder = replica("baetens_hagolle")
    scene = (
        folder
        / "Hollstein"
        / "S2A_OPER_PRD_MSIL1C_PDMC_20150101T000000_R001_V20150101T000000_20150101T000000"
    )
    shutil.copytree(folder / "Hollstein" / "some_folder", scene)
    (scene / "used_parameters.json").write_text("no JSON")
    with pytest.raises(
        LabelError, match=r"expected a folder named as an L1C product of one tile, found 'S2A_OPER"
    ):
        baetens_hagolle.find_items(folder)


def test_the_names_in_the_list_of_products_are_those_that_others_publish(real_data):
    published = (real_data / "reference" / "baetens_hagolle_products.yaml").read_text().splitlines()
    pairs = [line.split(": ") for line in published if line.startswith("S2")]
    assert len(pairs) == 38
    for name, product in pairs:
        assert baetens_hagolle.product_of(real_data / name) == product


def test_an_empty_folder_says_what_it_should_hold(tmp_path):
    with pytest.raises(
        PairError, match=r"expected SCENE/Classification/classification_map\.tif, found none; give"
    ):
        baetens_hagolle.find_items(tmp_path)
