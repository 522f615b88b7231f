import csv

import numpy as np
import pytest

from unclouded import labels
from unclouded.core.classes import SHADOW, SNOW
from unclouded.core.errors import LabelError
from unclouded.labels import chips


def test_each_chip_has_the_legend_of_its_set_and_of_what_was_annotated(replica):
    items = chips.find_items(replica("chips"))
    assert {item.id: (item.legend.name, item.site) for item in items} == {
        "38cloud/p1": ("cloud38", "002053"),
        "cloudsen12-dense/ROI_12_clear": ("cloudsen12", "ROI_12"),
        "l8biome/a": ("l8-biome-shadow", "016050"),
        "l8biome/b": ("l8-biome", "042008"),
        "oncloudn/c": ("on-cloud-n", "lat 1 lon 2"),
    }
    assert all(item.label.exists() and item.image.exists() for item in items)


def changed(folder, **values):
    """Change the first row of the list."""
    path = folder / "labels.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0].update(values)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"set": "landsat-x"}, "expected a chip of 38cloud, .*, found 'landsat-x'; add its legend"),
        ({"shadow_annotated": "perhaps"}, "shadow_annotated: expected yes or no, found 'perhaps'"),
        ({"thin_apart": "no"}, "thin_apart 'no', which does not hold of 'l8biome'"),
        ({"set": "oncloudn"}, "shadow_annotated is 'yes' .* which does not hold of 'oncloudn'"),
        (
            {"legend": "0 fill, 1 cloud"},
            "expected codes of legend 'l8-biome-shadow', found '0 fill, 1 cloud'",
        ),
    ],
)
def test_what_the_list_says_is_held_against_the_set(replica, values, message):
    folder = replica("chips")
    changed(folder, **values)
    with pytest.raises(LabelError, match=rf"labels\.csv: l8biome/a: .*{message}"):
        chips.find_items(folder)


def test_a_label_that_the_list_does_not_name_is_not_guessed(replica, write):
    folder = replica("chips")
    write(folder / "oncloudn" / "stray_lab.tif", np.zeros((2, 2), np.uint8))
    with pytest.raises(
        LabelError, match=r"expected every label, found none of oncloudn/stray_lab\.tif and 0 more"
    ):
        chips.find_items(folder)


def test_the_real_chips_are_sound_and_say_what_they_cannot(real_data):
    found = labels.check("chips", real_data / "labels")
    assert (found.scenes, found.grids_compared, found.problems) == (46, 46, ())
    assert found.legends == {
        "cloud38": 1,
        "cloudsen12": 8,
        "l8-biome": 22,
        "l8-biome-shadow": 5,
        "on-cloud-n": 8,
        "ukis-csmask": 2,
    }
    with (real_data / "labels" / "labels.csv").open(newline="") as file:
        listed = {row["file"]: row for row in csv.DictReader(file)}
    for item in chips.find_items(real_data / "labels"):
        sets = np.unique(labels.read_item(item).values)
        open_to_shadow = any(bits >> SHADOW & 1 and bits != 1 << SHADOW for bits in sets.tolist())
        clear_there = any(bits & 1 for bits in sets.tolist())
        assert open_to_shadow == (clear_there and listed[item.id]["shadow_annotated"] == "no"), item.id
        assert not any(bits == 1 << SNOW for bits in sets.tolist()), item.id
