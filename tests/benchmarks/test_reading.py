"""The benchmark of what is read reads what it says, without a clock."""

import full_tile
import pytest
import reading

from unclouded.synthetic import SceneConfig, write_safe


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    write_safe(folder, SceneConfig(size_m=7680.0), size_px=768)
    return next(iter(folder.glob("*.SAFE")))


@pytest.mark.parametrize(
    ("way", "bands", "levels"),
    [
        ("13 bands", 13, {"B04": 1, "B08": 1, "B11": 0}),
        ("13 bands, invisible ones at 40 m", 13, {"B04": 1, "B08": 2, "B11": 1}),
        ("13 bands, invisible ones at 80 m", 13, {"B04": 1, "B08": 3, "B11": 2, "B01": 0}),
        ("visible, nir, swir", 7, {"B03": 1, "B12": 0}),
        ("visible", 3, {"B02": 1}),
    ],
)
def test_each_way_reads_its_bands_at_its_levels(product, monkeypatch, way, bands, levels):
    read = {}
    monkeypatch.setattr(
        reading,
        "decode_bands",
        lambda scene, names: read.update({name: full_tile.level_of(scene, name) for name in names}),
    )
    found = reading.decode(product, 20, reading.WAYS[way])
    assert {"wall_s", "cpu_s"} <= set(found)
    assert len(read) == bands
    assert {name: read[name] for name in levels} == levels
