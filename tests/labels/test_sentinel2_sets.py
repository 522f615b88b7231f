"""Copernicus-Bench, Cloud Mask Catalogue, KappaSet, WHUS2-CD+, On Cloud N: layouts, what they cannot say."""

import numpy as np
import pytest

from unclouded import labels
from unclouded.core.classes import CLEAR, CLOUD, SHADOW, SNOW, THICK, THIN, class_bits
from unclouded.core.errors import GridError, LabelError, PairError, RasterError
from unclouded.labels import copernicus_bench_cloud_s2, kappaset, on_cloud_n, s2_cloud_catalogue, whus2_cd

CLEAR_OR_SNOW = class_bits(frozenset({CLEAR, SNOW}))


def bits(*classes):
    return class_bits(frozenset(classes))


# --- Copernicus-Bench --------------------------------------------------------------------------------------


def test_lists_say_the_split_and_names_the_region(replica):
    items = copernicus_bench_cloud_s2.find_items(replica("copernicus_bench_cloud_s2"))
    assert {item.split: item.site for item in items} == {
        "train": "ROI_00001",
        "validation": "ROI_00002",
        "test": "ROI_00001",
    }


def test_the_folder_inside_is_the_set_too(replica):
    folder = replica("copernicus_bench_cloud_s2")
    assert len(copernicus_bench_cloud_s2.find_items(folder / "cloud_s2")) == 3


def test_where_the_image_is_empty_the_label_says_nothing(replica):
    (item, *_) = copernicus_bench_cloud_s2.find_items(replica("copernicus_bench_cloud_s2"))
    row = np.asarray(labels.read_item(item).values)[0].tolist()
    # the fifth column is padding: 0 there is not clear
    assert row == [CLEAR_OR_SNOW, 1 << THICK, 1 << THIN, 1 << SHADOW, 0]


def test_a_label_on_another_grid_than_its_image_is_refused(replica, write):
    (item, *_) = copernicus_bench_cloud_s2.find_items(replica("copernicus_bench_cloud_s2"))
    write(item.label, np.zeros((3, 5), np.uint8))
    with pytest.raises(GridError, match=r"expected equal grids, found 2 x 5 px and 3 x 5 px"):
        labels.read_item(item)


# --- Sentinel-2 Cloud Mask Catalogue -----------------------------------------------------------------------


def test_tags_say_what_each_subscene_leaves_open(replica):
    items = s2_cloud_catalogue.find_items(replica("s2_cloud_catalogue"))
    assert [(item.site, item.legend.name) for item in items] == [
        ("T53HLD", "s2-cloud-catalogue-shadow-thin"),
        ("T53HLE", "s2-cloud-catalogue"),
        ("T53HLF", "s2-cloud-catalogue-shadow"),
    ]
    seen = [np.asarray(labels.read_item(item).values)[0].tolist() for item in items]
    assert seen == [
        [CLEAR_OR_SNOW, 1 << THIN, 1 << SHADOW, CLEAR_OR_SNOW],
        [bits(CLEAR, SHADOW, SNOW), class_bits(CLOUD), 1 << SHADOW, bits(CLEAR, SHADOW, SNOW)],
        [CLEAR_OR_SNOW, class_bits(CLOUD), 1 << SHADOW, CLEAR_OR_SNOW],
    ]


def test_a_mask_that_no_tag_names_is_listed_with_what_is_always_true(replica):
    folder = replica("s2_cloud_catalogue")
    np.save(folder / "masks" / "stray.npy", np.ones((1, 1, 3), np.bool_))
    stray = next(item for item in s2_cloud_catalogue.find_items(folder) if item.id == "stray")
    assert stray.legend.name == "s2-cloud-catalogue"
    kinds = {problem.kind for problem in labels.check("s2-cloud-catalogue", folder).problems}
    assert kinds == {"missing image", "label"}


def test_pixels_of_no_class_or_of_several_are_counted(replica):
    (item, *_) = s2_cloud_catalogue.find_items(replica("s2_cloud_catalogue"))
    mask = np.load(item.label)
    mask[0, 0], mask[1, 1] = True, False
    np.save(item.label, mask)
    with pytest.raises(LabelError, match=r"\.npy: expected one of clear, cloud and shadow .* in 2 px; leave"):
        labels.read_item(item)


@pytest.mark.parametrize("values", [np.zeros((2, 2), np.bool_), np.zeros((2, 2, 4), np.bool_)])
def test_an_array_of_another_shape_is_no_mask(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(
        RasterError, match=r"a\.npy: expected an array \(y, x, 3\) of clear, cloud and shadow"
    ):
        s2_cloud_catalogue.read_codes(tmp_path / "a.npy")


def test_a_pickle_in_a_mask_is_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(RasterError, match=r"a\.npy: expected an array \(y, x, 3\), found: .*allow_pickle"):
        s2_cloud_catalogue.read_codes(tmp_path / "a.npy")


def test_tags_without_shadows_marked_are_not_guessed(replica):
    folder = replica("s2_cloud_catalogue")
    table = folder / "classification_tags.csv"
    table.write_text(table.read_text().replace("shadows_marked", "shadows"))
    with pytest.raises(
        LabelError, match=r"tags\.csv: expected columns scene, .* found none named shadows_marked"
    ):
        s2_cloud_catalogue.find_items(folder)


def test_a_tag_that_is_neither_yes_nor_no_is_refused(replica):
    folder = replica("s2_cloud_catalogue")
    table = folder / "classification_tags.csv"
    table.write_text(table.read_text().replace(",A,1,", ",A,maybe,", 1))
    with pytest.raises(LabelError, match=r"T53HLD.*: shadows_marked: expected 0 or 1, found 'maybe'"):
        s2_cloud_catalogue.find_items(folder)


# --- KappaSet ----------------------------------------------------------------------------------------------


def test_the_labels_of_a_sub_tile_are_read_the_right_way_up(replica):
    items = kappaset.find_items(replica("kappaset"))
    import h5py

    assert [item.site for item in items] == ["T35VLF", "T35VMF"]
    with h5py.File(items[0].label) as file:
        stored = file["Label"][()]
    assert not np.array_equal(stored, stored[::-1])
    np.testing.assert_array_equal(kappaset.read_codes(items[0].label).values, stored)


def test_a_file_without_labels_is_refused(replica):
    path = kappaset.find_items(replica("kappaset"))[0].label
    import h5py

    with h5py.File(path, "a") as file:
        del file["Label"]
    with pytest.raises(RasterError, match="expected a netCDF-4 file with the variable Label of class codes"):
        kappaset.read_codes(path)


@pytest.mark.parametrize("content", [b"CDF\1 and more", b""])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(
        RasterError, match=r"a\.nc: expected a netCDF-4 file of class codes, found a file that does"
    ):
        kappaset.read_codes(tmp_path / "a.nc")


def test_a_path_that_would_end_the_name_of_the_file_is_refused(replica):
    path = kappaset.find_items(replica("kappaset"))[0].label
    bad = path.rename(path.with_name('a"b.nc'))
    with pytest.raises(RasterError, match='expected a path without ", found one'):
        kappaset.read_codes(bad)


# --- WHUS2-CD+ ---------------------------------------------------------------------------------------------


def test_masks_belong_to_products_and_to_their_folders_where_these_are_there(replica):
    folder = replica("whus2_cd")
    items = {item.site: item.image for item in whus2_cd.find_items(folder)}
    product = "S2A_MSIL1C_20180722T030541_N0206_R075_T49RFP_20180722T060550"
    assert items["T49RFP"] == folder / "L1C" / f"{product}.SAFE"
    assert items["T49SCV"] == "S2A_MSIL1C_20180429T032541_N0206_R018_T49SCV_20180429T062304"


# --- On Cloud N --------------------------------------------------------------------------------------------


def test_chips_are_listed_by_table_and_sites_are_locations(replica):
    items = on_cloud_n.find_items(replica("on_cloud_n"))
    assert {item.id: (item.split, item.site) for item in items} == {
        "aaaa": ("train", "Chifunfu"),
        "bbbb": ("train", "Australia"),
        "cccc": ("test", "Chifunfu"),
    }
    assert all(item.image.is_dir() for item in items)


def test_a_label_that_the_table_does_not_name_is_listed(replica, write):
    folder = replica("on_cloud_n")
    write(folder / "train" / "train_labels" / "zzzz.tif", np.zeros((2, 2), np.uint8))
    stray = next(item for item in on_cloud_n.find_items(folder) if item.id == "zzzz")
    assert stray.site is None
    assert [problem.kind for problem in labels.check("on-cloud-n", folder).problems] == [
        "split",
        "missing image",
    ]


def test_real_chips_of_the_contest_hold_these_codes(real_data):
    files = sorted((real_data / "labels" / "oncloudn").glob("*_lab.tif"))
    assert len(files) == 8
    both = {bits(CLEAR, SHADOW, SNOW), class_bits(CLOUD)}
    assert all(set(np.unique(labels.read_reference(file, "on-cloud-n").values)) <= both for file in files)


@pytest.mark.parametrize(
    "name",
    [
        "copernicus_bench_cloud_s2",
        "kappaset",
        "whus2_cd",
        "on_cloud_n",
        "l8_biome",
        "sparcs",
        "cloud38",
        "vector",
    ],
)
def test_an_empty_folder_says_what_it_should_hold(tmp_path, name):
    with pytest.raises(
        PairError, match=r"expected .*, found none; give the folder the set was unpacked into"
    ):
        labels.find_items(name, tmp_path)
