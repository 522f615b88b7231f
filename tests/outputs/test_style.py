"""The style as XML; QGIS itself is not at hand in the tests."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from unclouded.core.classes import CLASSES
from unclouded.outputs.style import style_text, write_style


def entries(legend):
    return list(ET.fromstring(style_text(legend)).iter("paletteEntry"))


def test_every_class_has_its_colour_and_title():
    found = entries(CLASSES)
    assert [int(entry.get("value")) for entry in found] == [item.code for item in CLASSES]
    assert [entry.get("label") for entry in found] == [item.title for item in CLASSES]
    assert [entry.get("color").upper() for entry in found] == [f"#{item.color}" for item in CLASSES]


def test_clear_is_left_to_the_scene_below():
    clear, *others = entries(CLASSES)
    assert clear.get("alpha") == "0"
    assert all(0 < int(entry.get("alpha")) <= 255 for entry in others)


def test_pixels_are_not_smoothed():
    root = ET.fromstring(style_text(CLASSES))
    assert root.find(".//rasterrenderer").attrib["type"] == "paletted"
    assert root.find(".//resampling").attrib["zoomedOutResamplingMethod"] == "nearestNeighbour"


def test_titles_are_escaped():
    assert entries([replace(CLASSES[0], title='"a" & <b>')])[0].get("label") == '"a" & <b>'


def test_the_file_is_whole(tmp_path):
    write_style(tmp_path / "x_mask.qml", CLASSES)
    assert ET.parse(tmp_path / "x_mask.qml").getroot().tag == "qgis"
    assert [path.name for path in tmp_path.iterdir()] == ["x_mask.qml"]
