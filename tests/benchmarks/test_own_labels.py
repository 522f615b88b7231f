"""Labels of our own: on the pixels of their images, one role a site, and what their strokes make of them."""

from dataclasses import replace

import numpy as np
import own_labels
import pytest
from _strokes import covered, read_strokes
from own_labels import NAMES, drawings, read_codes, read_sets
from real_images import list_images, open_image

from unclouded.core.classes import CLEAR, CLOUD, SHADOW, THIN, class_bits
from unclouded.core.errors import LabelError

MOST_BYTES = 500_000


def test_each_label_says_what_is_in_it():
    for drawing in drawings():
        codes = {name: code for name, code in NAMES.items() if name in drawing.classes}
        assert set(codes.values()) == set(np.unique(read_codes(drawing)).tolist()), drawing.id


def test_sets_hold_both_of_a_pair_and_nothing_where_unknown():
    drawing = next(item for item in drawings() if item.id == "p07-belgium")
    codes, sets = read_codes(drawing), read_sets(drawing)
    expected = {
        "clear": {CLEAR},
        "thin": {THIN},
        "shadow": {SHADOW},
        "cloud": CLOUD,
        "haze": {CLEAR, THIN},
        "dim": {CLEAR, SHADOW},
        "unknown": set(),
    }
    for name, classes in expected.items():
        assert set(np.unique(sets[codes == NAMES[name]])) == {class_bits(frozenset(classes))}, name


def test_the_labels_are_small():
    files = [path for path in own_labels.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_every_raster_and_every_stroke_file_is_in_the_table():
    drawn = sorted(drawing.raster for drawing in drawings())
    assert drawn == sorted(own_labels.FOLDER.rglob("*.png"))
    strokes = sorted(drawing.strokes for drawing in drawings())
    assert strokes == sorted((own_labels.FOLDER / "strokes").rglob("*.txt"))


def test_an_unknown_role_is_refused(tmp_path, monkeypatch):
    text = (own_labels.FOLDER / "labels.toml").read_text(encoding="utf-8")
    (tmp_path / "labels.toml").write_text(text.replace('role = "train"', 'role = "test"'), encoding="utf-8")
    monkeypatch.setattr(own_labels, "FOLDER", tmp_path)
    with pytest.raises(LabelError, match=r"p10-slovenia.*train or measure.*'test'"):
        drawings()


def test_no_site_is_learnt_from_and_measured_on(real_data):
    roles: dict[str, set[str]] = {}
    for subject, role in own_labels.own_subjects(real_data):
        roles.setdefault(subject.site, set()).add(role)
    assert {len(found) for found in roles.values()} == {1}
    assert set().union(*roles.values()) == {"train", "measure"}


def test_every_label_lies_on_the_pixels_of_its_image(real_data):
    found = {subject.id: subject for subject, _ in own_labels.own_subjects(real_data)}
    assert set(found) == {drawing.id for drawing in drawings()}
    for name, subject in found.items():
        assert subject.open().grid.shape == subject.reference().shape, name


def test_labels_come_by_id_with_their_role(real_data):
    found = {name: (role, sets) for name, role, sets in own_labels.own_labels(real_data)}
    assert found["p07-belgium"][0] == "measure"
    assert found["wright-14"][0] == "train"
    np.testing.assert_array_equal(found["wright-26"][1], np.full((100, 100), class_bits(frozenset({THIN}))))


def test_people_who_labelled_the_same_chips_agree_on_what_we_are_sure_of(real_data):
    known = own_labels.subjects(real_data)
    of_clouds = [drawing for drawing in drawings() if drawing.beside and "thin" in drawing.classes]
    assert len(of_clouds) > 5
    for drawing in of_clouds:
        ours, theirs = read_codes(drawing), known[drawing.id].reference()
        cloud = (theirs > 0) & (theirs & ~np.uint8(class_bits(CLOUD)) == 0)
        assert cloud[np.isin(ours, [NAMES["thick"], NAMES["thin"]])].mean() > 0.99, drawing.id
        if known[drawing.id].source == "l8biome":  # outlines of On Cloud N hold shadow and clear ground too
            assert cloud[ours == NAMES["shadow"]].mean() < 0.03, drawing.id
            assert cloud[ours == NAMES["clear"]].mean() < 0.01, drawing.id


def test_ground_of_ours_is_free_of_cloud_to_others(real_data):
    known = own_labels.subjects(real_data)
    found = [drawing for drawing in drawings() if drawing.classes == ("ground",)]
    assert found
    for drawing in found:
        assert (known[drawing.id].reference() & class_bits(CLOUD) == 0).all(), drawing.id


def test_what_is_not_at_hand_is_left_out(tmp_path):
    assert list(own_labels.own_labels(tmp_path)) == []


def test_a_stroke_keeps_to_its_polygon_and_limits():
    (stroke,) = read_strokes("set thin<thick 1,1 4,1 4,3 1,3 B02>0.3  # a veil")
    blue = np.linspace(0, 1, 6, dtype=np.float32)[None].repeat(6, axis=0)
    inside = covered(stroke, {"B02": blue})
    assert (stroke.what, stroke.where) == ("thin", "thick")
    np.testing.assert_array_equal(np.argwhere(inside), [[y, x] for y in (1, 2, 3) for x in (2, 3, 4)])


class TestDrawing:
    @pytest.fixture(autouse=True)
    def _needs(self, extra):
        extra("sklearn")

    @pytest.mark.parametrize("name", ["boadella-2022-03-08", "wright-14", "ship_219006478_2022-08-25_L2A"])
    def test_the_strokes_make_the_label_again(self, real_data, name):
        import draw_labels

        images = own_labels.subjects(real_data)
        drawing = next(item for item in drawings() if item.id == name)
        _, codes = draw_labels.drawn(drawing, images)
        # another version of scikit-learn may grow other trees
        assert (codes == read_codes(drawing)).mean() > 0.98

    def test_doubt_between_two_classes_names_both(self):
        import draw_labels

        shares = np.zeros((3, 1, 4), np.float32)
        shares[:, 0] = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.4, 0.3, 0.3]]).T
        codes = draw_labels.decided(shares, (CLEAR, THIN, SHADOW), 0.6)
        assert codes.tolist() == [[CLEAR, NAMES["haze"], NAMES["dim"], NAMES["unknown"]]]

    def test_specks_become_unknown(self):
        import draw_labels

        codes = np.zeros((8, 8), np.uint8)
        codes[1, 1] = SHADOW
        codes[4:6, 4:6] = THIN
        found = draw_labels.without_specks(codes, 2)
        assert found[1, 1] == NAMES["unknown"]
        np.testing.assert_array_equal(np.delete(found.ravel(), 9), np.delete(codes.ravel(), 9))

    def test_thin_cloud_that_others_do_not_see_is_open(self):
        import draw_labels

        codes = np.array([[NAMES["thin"], NAMES["thin"], NAMES["thick"], NAMES["thin"]]], np.uint8)
        theirs = np.array([[1 << CLEAR, class_bits(CLOUD), 1 << CLEAR, 0]], np.uint8)
        found = draw_labels.beside(codes, theirs)
        assert found.tolist() == [[NAMES["haze"], NAMES["thin"], NAMES["thick"], NAMES["thin"]]]

    def test_outside_of_all_regions_is_clear(self, real_data):
        import draw_labels

        scenes = {image.id: open_image(image) for image in list_images(real_data)}
        drawing = next(item for item in drawings() if item.id.startswith("ship_219006478"))
        strokes = read_strokes("region cloud 100,30 127,30 127,60 100,60\nseed thick 114,34 127,50")
        codes = draw_labels.draw_label(scenes[drawing.id], strokes, replace(drawing, specks_px=1), None)
        region = np.zeros(codes.shape, np.bool_)
        region[30:61, 100:128] = True
        assert set(np.unique(codes[~region])) == {CLEAR}
        assert (codes[region] == 1).any()
