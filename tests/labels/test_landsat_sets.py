"""L8 Biome, SPARCS, 38-Cloud, ukis-csmask: layouts and what they cannot say."""

import numpy as np
import pytest

from unclouded import labels
from unclouded.core.classes import LEGENDS, SHADOW, class_bits
from unclouded.core.errors import LabelError, RasterError
from unclouded.labels import cloud38, l8_biome, sparcs, ukis_csmask

# --- L8 Biome ----------------------------------------------------------------------------------------------


def test_clear_may_be_shadow_but_where_a_scene_has_shadow_marked(replica):
    items = {item.id: item for item in l8_biome.find_items(replica("l8_biome"))}
    marked, unmarked = items["LC80160502014041LGN00"], items["LC80420082013220LGN00"]
    assert (marked.legend.name, unmarked.legend.name) == ("l8-biome-shadow", "l8-biome")
    assert (marked.site, unmarked.site) == ("016050", "042008")
    shadow = 1 << SHADOW
    clear = {
        item.id: np.asarray(labels.read_item(item).values)[0][-3] & shadow for item in (marked, unmarked)
    }
    assert clear == {marked.id: 0, unmarked.id: shadow}


def test_envi_and_geotiff_are_read_alike(replica, replicas):
    items = l8_biome.find_items(replica("l8_biome"))
    assert {item.label.suffix for item in items} == {".img", ".TIF"}
    envi = next(item for item in items if item.label.suffix == ".img")
    np.testing.assert_array_equal(
        l8_biome.read_codes(envi.label).values, replicas.codes(0, 64, 128, 192, 255)
    )
    # bands of 15 m lie in the folder too: the first one is compared
    assert envi.image.is_dir()


@pytest.mark.parametrize(
    ("lost", "message"), [(".hdr", r"mask\.hdr: expected the header of an ENVI"), (".img", "no such file")]
)
def test_half_an_envi_raster_is_named(replica, lost, message):
    envi = next(item for item in l8_biome.find_items(replica("l8_biome")) if item.label.suffix == ".img")
    envi.label.with_suffix(lost).unlink()
    with pytest.raises(RasterError, match=message):
        l8_biome.read_codes(envi.label)


def test_a_mask_that_is_cut_off_is_not_filled_up(replica):
    envi = next(item for item in l8_biome.find_items(replica("l8_biome")) if item.label.suffix == ".img")
    envi.label.write_bytes(envi.label.read_bytes()[:6])
    with pytest.raises(
        RasterError, match=r"mask\.img: expected at least 10 bytes .*, found 6; download it again"
    ):
        l8_biome.read_codes(envi.label)


def test_shadow_in_the_last_row_is_found(write, tmp_path):
    codes = np.full((1030, 4), 128, np.uint8)
    assert not l8_biome.marks_shadow(write(tmp_path / "a.tif", codes))
    codes[-1, -1] = 64
    assert l8_biome.marks_shadow(write(tmp_path / "b.tif", codes))


def test_real_scenes_say_where_shadow_was_annotated(real_data):
    marked = [
        path for path in (real_data / "labels" / "l8biome").glob("*_lab.tif") if l8_biome.marks_shadow(path)
    ]
    assert len(marked) == 5


# --- SPARCS ------------------------------------------------------------------------------------------------


def test_codes_and_colours_say_the_same(replica, replicas):
    items = sparcs.find_items(replica("sparcs"))
    assert [(item.site, item.label.suffix) for item in items] == [
        ("001081", ".tif"),
        ("002062", ".png"),
        ("003065", ".png"),
    ]
    for item in items:
        np.testing.assert_array_equal(
            sparcs.read_codes(item.label).values, replicas.codes(0, 1, 2, 3, 4, 5, 6)
        )


def test_where_both_files_are_there_that_of_codes_is_taken(replica):
    folder = replica("sparcs")
    mask = folder / "LC80020622013244LGN00_5_mask.png"
    mask.rename(folder / "LC80010812013365LGN00_18_mask.png")
    items = sparcs.find_items(folder)
    assert items[0].label.name == "LC80010812013365LGN00_18_labels.tif"
    # a subscene that has only its image left is listed, and missed
    assert [problem.kind for problem in labels.check("sparcs", folder).problems] == ["missing label"]


def test_a_colour_that_is_not_of_the_set_is_named_and_counted(replica, replicas):
    folder = replica("sparcs")
    colours = np.full((3, 2, 3), 7, np.uint8)
    colours[:, 0, 0] = 255
    path = replicas.write_tif(folder / "odd_mask.png", colours, driver="PNG", place=False)
    with pytest.raises(LabelError, match=r"odd_mask\.png: expected the seven colours .*\(7, 7, 7\) \(5 px\)"):
        sparcs.read_codes(path)


def test_a_picture_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff\xe0 JPEG")
    with pytest.raises(
        RasterError, match=r"a\.png: expected a PNG of class codes, found a file that does not begin"
    ):
        sparcs.read_codes(tmp_path / "a.png")


def test_a_picture_that_is_cut_off_is_refused(replica):
    path = replica("sparcs") / "LC80020622013244LGN00_5_mask.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(
        RasterError, match=r"_mask\.png: the picture cannot be decoded \(.*\); download it again"
    ):
        sparcs.read_codes(path)


# --- 38-Cloud ----------------------------------------------------------------------------------------------


def test_patches_train_and_whole_scenes_test(replica):
    folder = replica("cloud38")
    items = {item.id: item for item in cloud38.find_items(folder)}
    first = "patch_192_10_by_12_LC08_L1TP_002053_20160520_20170324_01_T1"
    more = "patch_1_1_by_1_LC08_L1TP_003052_20160120_20170405_01_T1"
    tested = "LC08_L1TP_064015_20160420_20170223_01_T1"
    # the whole scenes of the training part are its patches once more
    assert {name: (item.split, item.site) for name, item in items.items()} == {
        first: ("train", "002053"),
        more: ("train", "003052"),
        tested: ("test", "064015"),
    }
    assert items[first].image == folder / "38-Cloud_training" / "train_red" / f"red_{first}.TIF"
    assert items[more].image.exists()
    assert items[tested].image == tested


def test_1_and_255_are_cloud_and_border_is_not_known_from_the_mask():
    assert LEGENDS["cloud38"].table[1] == LEGENDS["cloud38"].table[255]
    assert "nodata" in LEGENDS["cloud38"].note


# --- ukis-csmask -------------------------------------------------------------------------------------------


def test_the_mask_in_an_archive_is_read(replica, replicas):
    (item,) = ukis_csmask.find_items(replica("ukis_csmask"))
    np.testing.assert_array_equal(ukis_csmask.read_codes(item.label).values, replicas.codes(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"img": np.ones(3)}, "expected a NumPy archive with the array msk, found"),
        ({"msk": np.ones((2, 2, 6), np.uint8)}, r"expected codes \(y, x\), found uint8 \(2, 2, 6\)"),
        ({"msk": np.full((2, 2), 0.5)}, r"expected codes \(y, x\), found float64"),
        ({"msk": np.array([[{}]], object)}, "expected a NumPy archive with the array msk, found"),
    ],
)
def test_an_archive_without_a_mask_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(RasterError, match=rf"a\.npz: {message}"):
        ukis_csmask.read_codes(tmp_path / "a.npz")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 not a zip")
    with pytest.raises(RasterError, match=r"a\.npz: expected a NumPy archive"):
        ukis_csmask.read_codes(tmp_path / "a.npz")


def test_real_masks_say_shadow_and_leave_the_kind_of_cloud_open(real_data):
    for path in sorted((real_data / "labels" / "ukis-csmask").glob("*_lab.tif")):
        seen = set(np.unique(labels.read_reference(path, "ukis-csmask").values))
        assert seen == {1 << SHADOW, class_bits(frozenset({0})), class_bits(frozenset({1, 2}))}
