"""Contact sheets: colours say what they should, and every scene gets its row."""

import re
import sys

import gallery
import numpy as np
import pytest
from _accuracy.systems import System, Verdict
from _pictures import fitted, infrared, of_probability, of_sets, visible
from affine import Affine
from PIL import Image
from real_images import ArrayBand, scene_of

from unclouded.core.classes import CLASSES, CLEAR, CLOUD, SHADOW, THICK, THIN, class_bits
from unclouded.core.grid import Grid
from unclouded.outputs.picture import NO_PICTURE, NO_PIXEL


def scene(names, *, side=40, gsd=10.0):
    place = Grid(height=side, width=side, transform=Affine.scale(gsd, -gsd), crs=None)
    valid = np.ones((side, side), np.bool_)
    valid[0, 0] = False
    bands = {
        name: ArrayBand(dn=np.full((side, side), 500 * (at + 1), np.uint16), valid=valid, grid=place)
        for at, name in enumerate(names)
    }
    return scene_of(bands, name="made", level="L1C", origin="made for the test")


def entry(opened, **changes):
    values = {
        "id": "made",
        "judged": "set/made",
        "group": "group",
        "note": "sea & sand",
        "open": lambda: opened,
    }
    return gallery.Entry(**{**values, **changes})


def saying(verdict):
    asked = []

    def run(_, name):
        asked.append(name)
        return verdict

    return System(name="model", version="1", run=run), asked


def verdict_of(sets, **probability):
    return Verdict(sets=sets, probability=probability)


def test_a_picture_shows_its_bands_in_order_and_what_was_not_seen():
    shown = visible(scene(("B02", "B03", "B04")))
    red, green, blue = shown[1, 1]
    assert red > green > blue
    assert tuple(shown[0, 0]) == NO_PIXEL


def test_infrared_is_shown_from_what_there_is():
    assert infrared(scene(("B02", "B03", "B04"))) is None
    near = infrared(scene(("B03", "B04", "B8A")))
    short = infrared(scene(("B03", "B04", "B8A", "B11")))
    assert (near[1, 1] != short[1, 1]).any()


def test_one_band_alone_is_grey():
    red, green, blue = visible(scene(("B04",)))[1, 1]
    assert red == green == blue


def test_sets_have_the_colours_of_the_classes():
    single = np.array([[class_bits(frozenset({item.code})) for item in CLASSES]], np.uint8)
    expected = [[list(bytes.fromhex(item.color)) for item in CLASSES]]
    np.testing.assert_array_equal(of_sets(single), expected)
    both, thick, thin, none = of_sets(
        np.array([class_bits(CLOUD), 1 << THICK, 1 << THIN, 0], np.uint8)
    ).astype(int)
    np.testing.assert_allclose(both, (thick + thin) / 2, atol=1)
    assert tuple(none) == NO_PICTURE


def test_probability_is_black_to_white_where_it_was_seen():
    share = np.array([[0.0, 1.0, np.nan]], np.float32)
    shown = of_probability(share, np.array([[True, True, False]]))
    assert shown[0, 0].tolist() == [0, 0, 0]
    assert shown[0, 1].tolist() == [255, 255, 255]
    assert len(set(shown[0, 2].tolist())) > 1


@pytest.mark.parametrize(
    ("shape", "covered"),
    [((10, 20), (20, 40)), ((100, 50), (50, 25)), ((50, 50), (50, 50)), ((1, 60), (1, 50))],
)
def test_a_picture_fits_into_its_panel(shape, covered):
    shown = fitted(np.zeros((*shape, 3), np.uint8), 50, smooth=True)
    assert shown.shape == (covered[0], 50, 3)
    assert (shown[:, : covered[1]] == 0).all()
    assert (shown[:, covered[1] :] > 200).all()


def test_classes_are_picked_not_mixed_when_they_shrink():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert set(np.unique(fitted(stripes, 32, smooth=False))) <= {0, 200}
    assert 0 < fitted(stripes, 32, smooth=True).mean() < 200


def test_what_a_model_does_not_say_is_an_empty_panel():
    opened = scene(("B02", "B03", "B04"))
    sure = np.ones((40, 40), np.float32)
    verdict = verdict_of(np.full((40, 40), 1 << THICK, np.uint8), cloud=sure)
    found = {item.caption: item.picture for item in gallery.panels(entry(opened), opened, None, verdict)}
    assert list(found) == [
        "true colour: none",
        "infra-red: none",
        "mask",
        "probability of cloud",
        "probability of shadow: none",
    ]
    assert (
        gallery.panels(entry(opened, own=lambda: verdict.sets), opened, None, verdict)[-1].caption
        == "label of ours"
    )
    assert (found["probability of cloud"][:, :320] == 255).all()


def test_shares_count_what_was_seen():
    sets = np.array([[0, 1 << CLEAR, 1 << THICK, 1 << THIN, class_bits(CLOUD)]], np.uint8)
    assert gallery.shares(verdict_of(sets)) == "cloud 75.0 %, of it thin 25.0 %"
    assert gallery.shares(verdict_of(np.array([[1 << CLEAR]], np.uint8))) == "clear"
    assert "not for this model" in gallery.shares(None)


def test_a_row_asks_for_the_model_by_the_name_that_folds_know(tmp_path):
    opened = scene(("B02", "B03", "B04"))
    system, asked = saying(verdict_of(np.full((40, 40), 1 << SHADOW, np.uint8)))
    picture, shown = gallery.show(entry(opened), system, tmp_path)
    assert asked == ["set/made"]
    assert "shadow 100.0 %" in shown.text
    assert picture.width > 5 * gallery.PANEL_PX
    assert (shown.large, list(tmp_path.iterdir())) == ("", [])


def test_a_scene_larger_than_its_panel_has_a_picture_of_its_own(tmp_path):
    side = gallery.PANEL_PX + 20
    opened = scene(("B02", "B03", "B04"), side=side)
    sets = np.full((side, side), 1 << THIN, np.uint8)
    _, shown = gallery.show(entry(opened), saying(verdict_of(sets))[0], tmp_path)
    with Image.open(tmp_path / shown.large) as large:
        assert large.size == (2 * side, side)
        assert large.getpixel((10, 10)) != large.getpixel((side + 10, 10))


def test_a_gallery_has_a_page_a_group_and_says_what_could_not_be_masked(tmp_path):
    opened = scene(("B02", "B03", "B04"))
    found = [entry(opened, id=f"s{at}", group=group) for group in ("a", "b") for at in range(7)]
    index = gallery.write_gallery(found, saying(None)[0], tmp_path)
    links = re.findall(r'href="([^"]+)"', index.read_text(encoding="utf-8"))
    assert links == ["a.html", "b.html"]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    sheets = re.findall(r'src="([^"]+)"', page)
    assert sheets == ["a/sheet-01.png", "a/sheet-02.png"]
    assert all((tmp_path / sheet).is_file() for sheet in sheets)


def test_text_of_a_scene_cannot_break_a_page(tmp_path):
    (tmp_path / "g").mkdir()
    shown = gallery.Shown(id="x", text="<b>", large="x.png")
    page = gallery.write_page(tmp_path, "g", [Image.new("RGB", (9, 9))], [shown])
    assert "<b>" not in page.read_text(encoding="utf-8")


def test_real_scenes_under_a_bundled_model(real_data, tmp_path, monkeypatch, capsys):
    given = ["--data", str(real_data), "--only", "sen12mscr", "--model", "patchcnn-v1"]
    monkeypatch.setattr(sys, "argv", ["gallery.py", *given, "-o", str(tmp_path)])
    assert gallery.main() == 0
    assert "sen12mscr: 7 scenes" in capsys.readouterr().out
    assert len(list((tmp_path / "sen12mscr").glob("sheet-*.png"))) == 2
    # the spacing that it is best at, as `mask` has it
    assert "patchcnn-v1 60 m" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_an_unknown_model_is_one_line(real_data, tmp_path, monkeypatch, capsys):
    given = ["--data", str(real_data), "--only", "sen12mscr", "--model", "no-such-model"]
    monkeypatch.setattr(sys, "argv", ["gallery.py", *given, "-o", str(tmp_path)])
    assert gallery.main() > 1
    assert capsys.readouterr().err.count("\n") == 1


def test_every_image_and_chip_is_shown(real_data):
    from _accuracy.subjects import chips
    from real_images import list_images

    found = list(gallery.entries(real_data))
    assert len(found) == len(list_images(real_data)) + len(list(chips(real_data)))
    assert len({(item.group, item.id) for item in found}) == len(found)
    assert {"l8biome-Urban_11_1326"} <= {item.id for item in found if item.reference}
    assert {"p07-belgium", "l8biome-Urban_11_1326"} <= {item.id for item in found if item.own}
