import json
import pickle
from dataclasses import asdict

import pytest

from unclouded.core.classes import CLEAR, CLOUD, SHADOW, THICK
from unclouded.core.errors import OptionError
from unclouded.refine import Refinement, lengths, rules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cloud=100m,shadow=50m", {"cloud": 100, "shadow": 50}),
        ("thin = 0.5 km, snow=30.m", {"thin": 500, "snow": 30}),
        ("cloud_shadow=0m", {"cloud_shadow": 0}),
    ],
)
def test_lengths_are_read(text, expected):
    assert lengths(text, what="--buffer") == expected


@pytest.mark.parametrize("text", ["", "cloud", "cloud=3", "cloud=3px", "cloud=-3m", "cloud=1e3m", "100m"])
def test_what_is_no_length_is_named_with_an_example(text):
    with pytest.raises(OptionError, match=r"--buffer: expected class=length in m or km, such as cloud=100m"):
        lengths(text, what="--buffer")


def test_a_class_is_named_once():
    with pytest.raises(OptionError, match="found cloud twice"):
        lengths("cloud=1m,cloud=2m", what="--buffer")
    with pytest.raises(OptionError, match="found cloud and thick"):
        rules({"cloud": 1, "thick": 2}, what="--buffer")


@pytest.mark.parametrize(
    ("radii", "message"),
    [
        ({"clouds": 1}, r"--buffer: expected classes of cloud, thick, .*found 'clouds'"),
        ({"clear": 1}, "found 'clear'"),
        ({"cloud": -1}, "--buffer cloud: expected 0 m or more, found -1"),
        ({"cloud": float("nan")}, "found nan"),
    ],
)
def test_rules_that_cannot_be(radii, message):
    with pytest.raises(OptionError, match=message):
        rules(radii, what="--buffer")


def test_names_stand_for_classes():
    cloud, shadow = rules({"cloud": 100, "shadow": 50}, what="x")
    assert (cloud.classes, cloud.radius_m) == (CLOUD, 100)
    assert shadow.classes == {SHADOW}
    assert rules({"thick_cloud": 5}, what="x")[0].classes == {THICK}
    assert rules({"cloud": 0}, what="x") == ()


def test_a_refinement_says_what_it_does():
    assert Refinement().describe() == "none"
    assert not Refinement()
    whole = Refinement.of(min_area_m2=2500, closing={"cloud": 60}, buffer={"cloud": 100, "shadow": 50.5})
    assert whole
    assert whole.describe() == (
        "areas below 2500 m2 filled; closing cloud=60m; buffer cloud=100m,shadow=50.5m"
    )


def test_what_is_finer_than_the_grid_is_named():
    whole = Refinement.of(min_area_m2=400, closing={"cloud": 60}, buffer={"shadow": 50})
    assert whole.without_effect(10) == ()
    assert whole.without_effect(60) == (
        "buffer shadow=50m has no effect on pixels of 60 m",
        "areas below 400 m2: none on pixels of 60 m",
    )


def test_a_class_that_a_model_lacks_is_refused():
    asked = Refinement.of(buffer={"shadow": 50})
    asked.check_classes({CLEAR, THICK, SHADOW}, where="unet-v1")
    with pytest.raises(
        OptionError, match=r"patchcnn-v1: shadow=50m cannot be met, its classes are clear, thick"
    ):
        asked.check_classes({CLEAR, THICK}, where="patchcnn-v1")


@pytest.mark.parametrize("area", [-1.0, float("inf"), float("nan")])
def test_an_area_is_a_number(area):
    with pytest.raises(OptionError, match="least area: expected 0 m2 or more"):
        Refinement(min_area_m2=area)


def test_a_refinement_is_plain_data():
    """Runs write it into their report, and send it to workers."""
    asked = Refinement.of(min_area_m2=9, closing={"thick": 3}, buffer={"cloud": 100})
    assert json.loads(json.dumps(asdict(asked))) == {
        "min_area_m2": 9,
        "closing": [{"name": "thick", "radius_m": 3.0}],
        "buffer": [{"name": "cloud", "radius_m": 100.0}],
    }
    assert pickle.loads(pickle.dumps(asked)) == asked
