import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.bands import NAMES
from unclouded.core.errors import ModelError
from unclouded.core.spec import SPEC_VERSION, ModelSpec

WHOLE = {
    "name": "tiny-v1",
    "version": "1.0.0",
    "bands": ("B04", "B8A"),
    "levels": ("L1C",),
    "gsd_m": (10.0, 60.0),
    "best_gsd_m": 20.0,
    "classes": (0, 1),
    "halo_px": 8,
}


def spec(**changes):
    return ModelSpec(**{**WHOLE, **changes})


specs = st.builds(
    spec,
    bands=st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(tuple),
    classes=st.permutations([0, 1, 2, 3, 4]).map(tuple),
    class_titles=st.dictionaries(st.integers(0, 4), st.text()),
    class_weights=st.dictionaries(st.integers(0, 4), st.floats(0.1, 10)),
    figures=st.dictionaries(st.text(), st.floats(0, 1)),
    training_data=st.lists(st.text()).map(tuple),
    recommended=st.booleans(),
    why=st.text(),
)


@given(specs)
def test_a_spec_comes_back_from_json_as_it_was(given_spec):
    assert ModelSpec.from_json(given_spec.to_json(), where="model.onnx") == given_spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": ("B04", "B99")}, "model tiny-v1: band 'B99'"),
        ({"bands": ("red",)}, "bands must be written as the products write them"),
        ({"bands": ("B04", "red")}, "B04 named twice"),
        ({"optional_bands": ("B01",)}, "optional_bands must be among bands"),
        ({"classes": (0,)}, "two or more known codes"),
        ({"classes": (0, 9)}, "two or more known codes"),
        ({"class_weights": {3: 2.0}}, "class_weights must give numbers above 0 to classes"),
        ({"class_weights": {1: 0.0}}, "class_weights must give numbers above 0 to classes"),
        ({"best_gsd_m": 5.0}, "gsd_m must hold best_gsd_m"),
        ({"margin_px": 9}, "halo_px must be at least margin_px"),
        ({"margin_px": -1}, "halo_px must be at least margin_px"),
        ({"stride_px": 0}, "stride_px and min_size_px must be positive"),
        ({"min_size_px": 0}, "stride_px and min_size_px must be positive"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        spec(**changes)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ModelError, match=r"optional_bands.*; gsd_m must hold best_gsd_m; export it again"):
        spec(optional_bands=("B01",), best_gsd_m=90.0)


def changed(**fields):
    return json.dumps({**json.loads(spec().to_json()), **fields})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "expected an unclouded model spec, found other metadata; export it again"),
        ("[1, 2]", "expected an unclouded model spec"),
        ("{}", "expected an unclouded model spec"),
        (
            changed(spec_version=SPEC_VERSION + 1),
            rf"version {SPEC_VERSION}, found {SPEC_VERSION + 1}; upgrade",
        ),
        (changed(colour="blue"), "unknown spec fields colour; upgrade unclouded"),
        (changed(halo_px=None), "broken model spec"),
        (json.dumps({"spec_version": SPEC_VERSION, "name": "x"}), "broken model spec: .*missing"),
    ],
)
def test_metadata_of_others_are_refused_by_file(text, message):
    with pytest.raises(ModelError, match=rf"model\.onnx: .*{message}"):
        ModelSpec.from_json(text, where="model.onnx")


def test_a_model_may_have_its_own_title_for_a_class():
    own = spec(class_titles={1: "cloud"})
    assert (own.title_of(1), own.title_of(0)) == ("cloud", "clear")


def test_json_states_every_field():
    names = {field.name for field in dataclasses.fields(ModelSpec)}
    assert json.loads(spec().to_json()).keys() == names | {"spec_version"}
