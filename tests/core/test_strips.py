import numpy as np

from unclouded.core.strips import Strip
from unclouded.core.windows import Window


def test_a_strip_knows_its_place():
    strip = Strip(row_off=7, codes=np.zeros((3, 11), np.uint8))
    assert strip.row_end == 10
    assert strip.window == Window(row_off=7, col_off=0, height=3, width=11)
    assert strip.probabilities is None
