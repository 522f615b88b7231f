"""Items of models against the extension's own schema."""

from datetime import UTC, datetime

import pytest

from unclouded.core.spec import ModelSpec
from unclouded.training.mlm import model_item

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def item(**change):
    given = {
        "name": "mine-v1",
        "version": "1",
        "bands": ("B04", "B8A", "B10"),
        "levels": ("L1C",),
        "gsd_m": (10, 60),
        "best_gsd_m": 20,
        "classes": (0, 1, 2, 3),
        "halo_px": 16,
        "stride_px": 8,
    }
    spec = ModelSpec(**{**given, **change})
    return model_item(spec, file="x.onnx", content_bytes=1234, sha256="ab" * 32, parameters=99, when=WHEN)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"optional_bands": ("B10",)},
        {"classes": (0, 1), "class_titles": {1: "cloud"}, "margin_px": 16, "stride_px": 1},
    ],
)
def test_items_are_valid(valid_stac, change):
    valid_stac(item(**change))


def test_the_validator_finds_what_is_wrong(valid_stac):
    jsonschema = pytest.importorskip("jsonschema")
    body = item()
    del body["properties"]["mlm:architecture"]
    with pytest.raises(jsonschema.ValidationError):
        valid_stac(body)


def test_items_say_what_the_spec_says():
    body = item(optional_bands=("B10",), classes=(0, 1), class_titles={1: "cloud"})
    inputs = body["properties"]["mlm:input"]
    assert [one["name"] for one in inputs] == ["reflectance", "presence"]
    assert inputs[0]["bands"] == ["B04", "B8A", "B10"]
    (output,) = body["properties"]["mlm:output"]
    assert [(one["value"], one["name"]) for one in output["classification:classes"]] == [
        (0, "clear"),
        (1, "cloud"),
    ]
    assert body["assets"]["model"]["file:checksum"] == "1220" + "ab" * 32
    assert body["properties"]["datetime"] == "2026-01-02T03:04:05Z"
