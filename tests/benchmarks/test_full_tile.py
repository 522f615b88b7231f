"""The benchmark of a full tile, on a product of some pixels."""

import json
from collections import Counter

import full_tile
import numpy as np
import pytest
from full_tile import Spy, decode_bands, level_of, shapes_of

from unclouded.scene import open_scene
from unclouded.testing.products import FakeSafe, write_fake_safe


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    def dn(name, height, width):
        rng = np.random.default_rng(len(name) + height)
        return rng.integers(1500, 6000, (height, width)).astype(np.uint16)

    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=dn, size_60m=96))


def test_every_pixel_of_the_tile_is_in_one_window():
    assert shapes_of((100, 70), 30, 40) == Counter({(30, 40): 3, (30, 30): 3, (10, 40): 1, (10, 30): 1})


def test_levels_are_those_that_the_scene_reads(product):
    scene = open_scene(product).at(20)
    assert [level_of(scene, name) for name in ("B04", "B05", "B01")] == [1, 0, 0]
    assert level_of(scene.with_coarse({"B04": 40.0}), "B04") == 2


def test_decoding_reads_every_row_of_every_band_once(product, monkeypatch):
    scene = open_scene(product).at(60)
    read = []
    inner = full_tile.read_window
    monkeypatch.setattr(
        full_tile,
        "read_window",
        lambda file, band, window, level: (
            read.append((file.where, window)),
            inner(file, band, window, level),
        )[1],
    )
    decode_bands(scene, ("B04", "B11"))
    for name in ("B04", "B11"):
        levels = scene.product.bands[name].levels
        grid = levels[level_of(scene, name)]
        rows = sorted((w.row_off, w.row_end) for where, w in read if name in where)
        assert sum(end - first for first, end in rows) == grid.height


def test_a_spy_reads_what_it_watches(product):
    scene = open_scene(product)
    spy = Spy(inner=scene.product.bands["B02"])
    assert spy.grid == spy.levels[0]
    assert not spy.asked


@pytest.mark.slow
def test_a_run_writes_rows_with_all_that_is_asked(product, tmp_path, monkeypatch, extra):
    extra("torch")
    out = tmp_path / "rows.json"
    options = full_tile.arguments(
        ["--product", str(product), "--gsd", "60", "20", "--repeats", "1", "--output", str(out)]
    )
    monkeypatch.setattr(full_tile, "arguments", lambda: options)
    full_tile.main()
    rows = json.loads(out.read_text())
    assert [(row["gsd_m"], row["runtime"]) for row in rows][:3] == [
        (60, "onnxruntime fp32"),
        (60, "onnxruntime fp32"),
        (20, "onnxruntime fp32"),
    ]
    wanted = {
        "gsd_m", "model", "runtime", "bands", "decode_s", "total_s", "ratio", "bound_s", "floor_13_bands_s",
        "peak_rss_mb",
    }  # fmt: skip
    for row in rows:
        assert wanted < row.keys()
        assert row["bands"] == 13
        assert row["total_s"] > row["decode_s"] > 0
        assert row["ratio"] == pytest.approx(row["total_s"] / row["decode_s"], rel=0.2)
        assert row["machine"]["cores"] >= 1
