"""The store gives back what was read, survives being stopped, and says what is broken."""

import json
from dataclasses import replace

import numpy as np
import pytest

from unclouded.core.errors import LabelError, OutputError, RasterError
from unclouded.core.windows import Window
from unclouded.patches import store
from unclouded.patches.pairs import SceneFiles, find_pairs, read_pair

pytest.importorskip("zarr")

BANDS = ("B02", "B04", "B08", "B10")
SIZE = 16


@pytest.fixture
def pairs(tmp_path, write_pair, monkeypatch):
    monkeypatch.setattr(store, "SHARD", 4)
    for number in range(3):
        write_pair(tmp_path / "in", f"scene{number}", seed=number, shape=(40, 50 - 10 * number))
    found = find_pairs([SceneFiles(stack="stacks/*.tif", mask="masks/{name}.tif")], tmp_path / "in")
    parts = ("train", "train", "validation")
    return tuple(replace(pair, split=part) for pair, part in zip(found, parts, strict=True))


def test_patches_are_the_scenes(tmp_path, pairs):
    store.write_store(tmp_path / "s", pairs, BANDS, SIZE)
    found = store.open_store(tmp_path / "s", "train", BANDS)
    rows = store.plan_store(pairs, SIZE)
    scenes = {pair.id: read_pair(pair, BANDS) for pair in pairs}
    assert len(found.rows) == 3 * 4 + 3 * 3
    for item, position in enumerate(found.rows):
        row, sample = rows[position], found.read(item, Window(row_off=0, col_off=0, height=SIZE, width=SIZE))
        scene = scenes[row.id]
        part = slice(row.row, row.row + SIZE), slice(row.col, row.col + SIZE)
        height, width = scene.valid[part].shape
        inner = slice(0, height), slice(0, width)
        np.testing.assert_allclose(sample.reflectance[:, *inner], scene.reflectance[:, *part], atol=6e-5)
        np.testing.assert_array_equal(sample.valid[inner], scene.valid[part])
        np.testing.assert_array_equal(sample.sets[inner], scene.sets[part])
        assert not sample.valid[height:].any()
        assert not sample.sets[:, width:].any()
        assert sample.presence.tolist() == [True, True, False, True]
        assert (sample.gsd_m, sample.weight) == (20.0, 1.0)
        assert found.items.labelled[item] == np.count_nonzero(sample.sets)
        assert found.items.pixels[item].tolist() == [
            np.count_nonzero(sample.sets == 1 << c) for c in range(5)
        ]


def test_a_stopped_run_goes_on(tmp_path, pairs):
    """Killed in the third shard: the first two are not read again, and the result is the same."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    store.write_store(whole, pairs, BANDS, SIZE)

    class KilledError(Exception):
        pass

    def kill(done, _):
        if done >= 8:
            raise KilledError

    with pytest.raises(KilledError):
        store.write_store(stopped, pairs, BANDS, SIZE, kill)
    with pytest.raises(LabelError, match="2 of 7 shards"):
        store.open_store(stopped, "train", BANDS)
    before = {path: path.stat().st_mtime_ns for path in (stopped / "done").iterdir()}
    store.write_store(stopped, pairs, BANDS, SIZE)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    first, second = (store.open_store(path, "validation", BANDS) for path in (whole, stopped))
    assert first.facts == second.facts
    window = Window(row_off=0, col_off=0, height=SIZE, width=SIZE)
    np.testing.assert_array_equal(first.read(0, window).reflectance, second.read(0, window).reflectance)


def test_another_set_in_the_same_folder_is_refused(tmp_path, pairs):
    store.write_store(tmp_path / "s", pairs, BANDS, SIZE)
    with pytest.raises(OutputError, match="of others"):
        store.write_store(tmp_path / "s", pairs[:2], BANDS, SIZE)


def test_a_corrupt_chunk_is_named_and_can_be_made_anew(tmp_path, pairs):
    path = tmp_path / "s"
    store.write_store(path, pairs, BANDS, SIZE)
    store._arrays.cache_clear()
    found = store.open_store(path, "train", BANDS)
    shard = path / "reflectance" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[100:140] = bytes(40)
    shard.write_bytes(bytes(content))
    window = Window(row_off=0, col_off=0, height=SIZE, width=SIZE)
    with pytest.raises(RasterError, match=r"patch 0 .*damaged.*done/00000\.json"):
        found.read(0, window)
    (path / "done" / "00000.json").unlink()
    store._arrays.cache_clear()
    store.write_store(path, pairs, BANDS, SIZE)
    expected = read_pair(pairs[0], BANDS).reflectance[:, :SIZE, :SIZE]
    np.testing.assert_allclose(found.read(0, window).reflectance, expected, atol=6e-5)


def test_a_full_disk_is_told_as_such(tmp_path, pairs, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_json", full)
    with pytest.raises(OutputError, match=r"No space left on device.*what is done is kept"):
        store.write_store(tmp_path / "s", pairs, BANDS, SIZE)


def test_what_is_not_there_is_named(tmp_path, pairs):
    with pytest.raises(LabelError, match="index"):
        store.open_store(tmp_path / "none", "train", BANDS)
    store.write_store(tmp_path / "s", pairs, BANDS, SIZE)
    with pytest.raises(LabelError, match="'test'"):
        store.open_store(tmp_path / "s", "test", BANDS)
    with pytest.raises(LabelError, match="bands B02"):
        store.open_store(tmp_path / "s", "train", BANDS[:1])


def test_the_estimate_counts_what_is_written(tmp_path, pairs):
    said = store.estimate(pairs, BANDS, SIZE)
    store.write_store(tmp_path / "s", pairs, BANDS, SIZE)
    index = json.loads((tmp_path / "s" / "index.json").read_text(encoding="utf-8"))
    assert said.patches == len(index["rows"]) == 27
    assert said.raw_bytes == 27 * SIZE * SIZE * (2 * 4 + 1)
    assert said.seconds > 0
