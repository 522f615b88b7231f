import numpy as np
import pytest

from unclouded.core.classes import CLOUD, SHADOW, bits_classes, to_sets
from unclouded.core.errors import OptionError
from unclouded.evaluate.peers import names, thresholds


def image(**bands):
    return {name: np.array([values], np.float32) for name, values in bands.items()}


def said(answer):
    sets = to_sets(answer.codes, thresholds.LEGEND)
    return [bits_classes(int(bits)) for bits in sets[0]]


def test_it_is_listed():
    assert {"thresholds", "ukis_csmask"} <= set(names())


def test_bright_is_cloud_unless_it_is_red_and_not_very_bright():
    #             grey cloud, red sand, white sand, water
    bands = image(B03=[0.3, 0.3, 0.5, 0.05], B04=[0.29, 0.4, 0.6, 0.03], B08=[0.3, 0.4, 0.6, 0.02])
    cloud, sand, bright, water = said(thresholds.classify(bands))
    assert cloud == bright == CLOUD
    assert not (sand | water) & (CLOUD | {SHADOW})


def test_dark_land_is_shadow_and_dark_water_is_not():
    bands = image(B03=[0.04, 0.06], B04=[0.03, 0.04], B8A=[0.1, 0.02])
    shadow, water = said(thresholds.classify(bands))
    assert shadow == {SHADOW}
    assert SHADOW not in water


def test_without_a_near_infrared_it_does_not_say_that_there_is_no_shadow():
    assert SHADOW in said(thresholds.classify(image(B03=[0.05], B04=[0.04])))[0]


def test_the_wide_near_infrared_comes_first():
    assert thresholds.choose("braaten", {"B03", "B04", "B08", "B8A"}) == ("B03", "B04", "B08")
    assert thresholds.choose("braaten", {"B03", "B04", "B8A"}) == ("B03", "B04", "B8A")
    assert thresholds.choose("braaten", {"B03", "B8A"}) is None


def test_what_it_cannot_do_is_an_error():
    with pytest.raises(OptionError, match="expected B03 and B04, found B08"):
        thresholds.classify(image(B08=[0.1]))
    with pytest.raises(OptionError, match="thresholds 'otsu': expected braaten"):
        thresholds.open_peer("otsu")
