"""Where a mask came from, without what is nobody's business."""

from pathlib import Path

import pytest

from unclouded.core.spec import ModelSpec
from unclouded.jobs._provenance import _reading, address_of
from unclouded.scene import open_scene

SPEC = ModelSpec(
    name="box-v1",
    version="1",
    bands=("B04", "B08", "B12"),
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=20,
    classes=(0, 1),
    halo_px=0,
)


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("https://user:secret@example.com/a/b.tif?sig=abc#x", "https://example.com/a/b.tif"),
        ("s3://bucket/prefix/S2B.SAFE", "s3://bucket/prefix/S2B.SAFE"),
        ("https://example.com:8443/item.json", "https://example.com:8443/item.json"),
        (Path("/data/my scene.SAFE"), "file:///data/my%20scene.SAFE"),
        ("/data/scene.zip", "file:///data/scene.zip"),
    ],
)
def test_an_address_has_no_credentials(source, address):
    assert address_of(source) == address


def test_reading_names_the_bands_that_are_read_coarser(stack):
    scene = open_scene(stack(level="L1C"))
    fine = "coarsest level that is fine enough"
    assert _reading(scene, SPEC) == fine
    coarse = scene.with_coarse({"B12": 60, "B04": 20})
    assert _reading(coarse, SPEC) == f"{fine}, for B04 20 m, B12 60 m"
    assert _reading(coarse.at(60, exact=True), SPEC) == "full resolution"
