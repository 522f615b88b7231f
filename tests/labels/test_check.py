"""What `check` counts, and every kind of problem that it names."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from unclouded import labels
from unclouded.core.classes import LEGENDS
from unclouded.core.errors import OptionError, PairError
from unclouded.core.grid import Grid, Raster
from unclouded.labels import LabelItem
from unclouded.labels._check import checked


def kinds(found):
    return [(problem.kind, problem.what) for problem in found.problems]


def test_pixels_are_counted_by_what_they_may_be(replica):
    found = labels.check("unclouded", replica("unclouded"))
    names = ("ignored", "clear", "thick_cloud", "thin_cloud", "cloud_shadow", "snow")
    assert found.pixels == dict.fromkeys(names, 4)
    assert (found.scenes, found.grids_compared, found.problems, found.absent) == (2, 2, (), ())


def test_classes_that_no_pixel_may_be_are_named(write, tmp_path):
    write(tmp_path / "a.tif", np.array([[0, 1]], np.uint8))
    assert labels.check("unclouded", tmp_path).absent == ("thin_cloud", "cloud_shadow", "snow")
    # a binary cloud may be thin
    assert labels.check("binary", tmp_path).absent == ()


@pytest.mark.parametrize(("lost", "kind"), [("images/b_img.tif", "image"), ("masks/b_mask.tif", "label")])
def test_a_missing_half_is_named_and_the_rest_counted(replica, lost, kind):
    folder = replica("unclouded")
    (folder / lost).unlink()
    found = labels.check("unclouded", folder)
    assert kinds(found) == [(f"missing {kind}", "b")]
    assert found.pixels["snow"] == (4 if kind == "image" else 2)
    assert found.problems[0].message.endswith("no such file; the other half is there")


def test_an_image_on_another_grid_is_named(replica, write):
    folder = replica("unclouded")
    write(folder / "images" / "b_img.tif", np.zeros((2, 7), np.uint16))
    found = labels.check("unclouded", folder)
    assert kinds(found) == [("grid", "b")]
    assert "expected equal grids, found 2 x 6 px and 2 x 7 px" in found.problems[0].message


def test_an_image_moved_by_a_pixel_is_named(replica, replicas):
    folder = replica("unclouded")
    replicas.write_tif(folder / "images" / "b_img.tif", replicas.image(2, 6), gsd=20)
    assert kinds(labels.check("unclouded", folder)) == [("grid", "b")]


def test_codes_that_the_legend_does_not_know_are_named_with_file_and_number(replica):
    found = labels.check("binary", replica("unclouded"))
    assert kinds(found) == [("label", "a"), ("label", "b")]
    assert (
        "a_mask.tif: legend 'binary' has codes 0, 1, 255, found 2 (2 px), 3 (2 px), 4 (2 px)"
        in found.problems[0].message
    )
    assert found.pixels == {}


def test_a_file_that_is_damaged_is_a_problem_of_its_own(replica):
    folder = replica("unclouded")
    (folder / "masks" / "a_mask.tif").write_bytes(b"II*\0")
    assert kinds(labels.check("unclouded", folder)) == [("label", "a")]


def test_an_image_that_is_damaged_is_a_problem_too(replica):
    folder = replica("s2_cloud_catalogue")
    path = min((folder / "subscenes").iterdir())
    path.write_bytes(b"\x93NUMPY")
    assert kinds(labels.check("s2-cloud-catalogue", folder)) == [("label", path.stem)]


def test_a_site_on_both_sides_of_the_sets_own_split_is_named(replica):
    found = labels.check("on-cloud-n", replica("on_cloud_n"))
    assert kinds(found) == [("split", "Chifunfu")]
    assert "in test and train; what is learnt of it is tested on it" in found.problems[0].message
    assert found.splits == {"test": 1, "train": 2}


def item(name, **changed):
    given = {"site": "T31TFJ", "label": Path(__file__), "image": None, "legend": LEGENDS["binary"]}
    return LabelItem(set_name="binary", id=name, **{**given, **changed})


def raster(_):
    grid = Grid(height=1, width=1, transform=Affine.identity(), crs=None)
    return Raster(values=np.ones((1, 1), np.uint8), grid=grid)


def test_a_name_given_twice_is_named_once():
    assert kinds(checked("x", [item("a"), item("a"), item("b")], raster)) == [("id", "a")]


@pytest.mark.parametrize(
    ("sites", "splits", "wrong"),
    [
        (("A", "A"), ("train", "test"), ["A"]),
        (("A", "B"), ("train", "test"), []),
        (("A", "A"), ("train", "train"), []),
        (("A", "A"), ("train", None), []),  # a scene without a split is on no side
        ((None, None), ("train", "test"), []),  # where the place is unknown nothing can be said
    ],
)
def test_sites_are_held_against_splits(sites, splits, wrong):
    items = [
        item(f"{n}", site=site, split=split)
        for n, (site, split) in enumerate(zip(sites, splits, strict=True))
    ]
    assert kinds(checked("x", items, raster)) == [("split", site) for site in wrong]


def test_progress_is_told_scene_by_scene(replica):
    seen = []
    labels.check("unclouded", replica("unclouded"), on_item=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_legend_of_ones_own_reads_a_folder_of_masks(replica, tmp_path):
    folder = replica("binary")
    legend = tmp_path / "mine.toml"
    legend.write_text('[codes]\n0 = "clear"\n1 = "thick_cloud"\n255 = "ignore"\n')
    found = labels.check(str(legend), folder)
    assert (found.pixels, found.legends) == ({"ignored": 2, "clear": 2, "thick_cloud": 2}, {"mine": 1})


@pytest.mark.parametrize("name", labels.names())
def test_every_replica_is_read_and_every_pixel_counted(replica, name):
    found = labels.check(name, replica(name))
    assert found.scenes > 0
    assert sum(found.pixels.values()) > 0
    assert {problem.kind for problem in found.problems} <= {"split"}


def test_an_unknown_set_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(OptionError, match=r"labels 'kapaset': expected one of .*; did you mean 'kappaset'\?"):
        labels.check("kapaset", tmp_path)


def test_an_empty_folder_is_no_set(tmp_path):
    with pytest.raises(PairError, match=r"expected masks as NAME\.tif, .*, found none"):
        labels.check("unclouded", tmp_path)


def test_files_that_are_no_masks_are_left_alone(replica, replicas):
    folder = replica("binary")
    replicas.write_tif(folder / "a_probabilities.tif", replicas.image(2, 3))
    (folder / "notes.txt").write_text("x")
    assert labels.check("binary", folder).scenes == 1


def test_masks_and_references_are_folders_too(replica):
    folder = replica("unclouded")
    shutil.move(folder / "masks", folder / "references")
    assert labels.check("unclouded", folder).scenes == 2
