import numpy as np
from PIL import Image

from unclouded.core.classes import CLASSES, NODATA
from unclouded.outputs.preview import write_preview


def test_a_preview_shows_scene_and_mask_side_by_side(tmp_path):
    rgb = np.full((3, 60, 300), 0.1, np.float32)
    codes = np.zeros((60, 300), np.uint8)
    codes[:, 100:200] = 1
    codes[:, 290:] = NODATA
    path = tmp_path / "p.png"
    write_preview(path, rgb, codes, legend=CLASSES, shares={0: 0.65, 1: 0.35}, title="a scene")
    with Image.open(path) as image:
        page = np.asarray(image)
    # 300 px are shown twice as large
    left, right = page[40, 8:608], page[40, 616:1216]
    assert (left[:200] == right[:200]).all()
    assert (left[200:400] != right[200:400]).any(axis=-1).all()
    assert (left[580:] == 70).all()
    assert list(tmp_path.iterdir()) == [path]


def test_without_colour_bands_the_mask_is_shown_on_grey(tmp_path):
    codes = np.zeros((20, 20), np.uint8)
    write_preview(tmp_path / "p.png", None, codes, legend=CLASSES, shares={}, title="")
    with Image.open(tmp_path / "p.png") as image:
        assert image.getpixel((12, 25)) == (110, 110, 110)
