"""Many scenes: who fails alone, what is recorded, what is not made again, and how a run is broken off."""

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import OptionError, OutputError, ServiceError, UncloudedError
from unclouded.jobs import RunOptions, Shard, _crew, _task, mask
from unclouded.jobs._store import Folder
from unclouded.testing.options import patchwise
from unclouded.testing.products import CORNER, CRS

FAST = patchwise(preview=False)


def report_of(folder, name="run.json"):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def codes(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_report_says_what_ran_and_what_became_of_each_scene(scenes, tmp_path):
    sources = scenes(3)
    report = mask(sources, tmp_path / "out", FAST)
    body = report_of(tmp_path / "out")
    assert body["sources"] == 3
    assert body["shard"] is None
    assert body["counts"] == {"done": 3, "failed": 0}
    assert body["finished"] is not None
    assert body["model"]["name"] == "patchcnn-v1"
    assert len(body["model"]["sha256"]) == 64
    assert body["options"]["preview"] is False
    assert body["versions"]["rasterio"] == rasterio.__version__
    assert set(body["scenes"]) == {str(source) for source in sources}
    entry = body["scenes"][str(sources[0])]
    assert entry["state"] == "done"
    assert entry["seconds"] > 0
    assert sum(entry["scene"]["shares"].values()) == pytest.approx(1.0)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "out").glob("scene_000*")}
    assert entry["files"] == sizes
    assert report.scenes[0].locations["mask"] == str(tmp_path / "out" / "scene_000_mask.tif")
    assert hidden(tmp_path / "out") == []


def test_what_fails_is_recorded_in_its_place_and_the_rest_go_on(scenes, tmp_path):
    sources = scenes(5)
    sources[1].write_bytes(b"II*\0 no raster")
    sources[3].unlink()
    report = mask(sources, tmp_path / "out", FAST)
    assert [scene.state for scene in report.scenes] == ["done", "failed", "done", "failed", "done"]
    assert [scene.source for scene in report.scenes] == [str(source) for source in sources]
    body = report_of(tmp_path / "out")
    assert body["counts"] == {"done": 3, "failed": 2}
    assert "scene_003.tif" in body["scenes"][str(sources[3])]["error"]
    assert hidden(tmp_path / "out") == []


def test_a_defect_at_one_scene_costs_no_other(scenes, tmp_path, monkeypatch):
    sources = scenes(3)
    whole = _task.mask_scene

    def broken(scene, *rest, **named):
        if scene.id == "scene_001":
            raise ZeroDivisionError("of ours")
        return whole(scene, *rest, **named)

    monkeypatch.setattr(_task, "mask_scene", broken)
    report = mask(sources, tmp_path / "out", FAST)
    assert [scene.state for scene in report.scenes] == ["done", "failed", "done"]
    entry = report_of(tmp_path / "out")["scenes"][str(sources[1])]
    assert "a defect in unclouded" in entry["error"]
    assert "ZeroDivisionError: of ours" in entry["traceback"]
    with pytest.raises(UncloudedError, match="a defect") as caught:
        mask(sources[1], tmp_path / "out", FAST)
    assert caught.value.exit_code == 1


def test_memory_that_does_not_suffice_is_said(scenes, tmp_path, monkeypatch):
    sources = scenes(1)

    def hungry(*_, **__):
        raise MemoryError

    monkeypatch.setattr(_task, "mask_scene", hungry)
    with pytest.raises(UncloudedError, match=r"scene_000.*memory of this process, found it full; .*--max"):
        mask(sources, tmp_path / "out", FAST)


def test_the_window_is_no_reason_to_mask_again(scenes, tmp_path):
    sources = scenes(1)
    mask(sources, tmp_path, FAST)
    assert mask(sources, tmp_path, replace(FAST, window=64)).scenes[0].state == "skipped"
    assert mask(sources, tmp_path, replace(FAST, edge="zero")).scenes[0].state == "done"


def test_a_source_given_twice_is_masked_once(scenes, tmp_path):
    sources = scenes(2)
    report = mask([*sources, *sources], tmp_path / "out", FAST)
    assert [scene.state for scene in report.scenes] == ["done", "done"]


def test_shards_share_a_folder_and_know_of_each_other(scenes, tmp_path):
    sources = scenes(5)
    for number in (1, 2):
        run = RunOptions(shard=Shard(number=number, count=2))
        report = mask(sources, tmp_path / "out", FAST, run=run)
        assert [scene.state for scene in report.scenes] == ["done"] * (3 if number == 1 else 2)
    assert report_of(tmp_path / "out", "run-1-of-2.json")["shard"] == "1/2"
    assert [scene.state for scene in mask(sources, tmp_path / "out", FAST).scenes] == ["skipped"] * 5
    assert set(report_of(tmp_path / "out")["scenes"]) == {str(source) for source in sources}


def test_a_share_of_nothing_is_done(scenes, tmp_path):
    report = mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(shard=Shard(number=2, count=2)))
    assert report.scenes == ()
    assert report_of(tmp_path / "out", "run-2-of-2.json")["counts"] == {"done": 0, "failed": 0}


def test_two_runs_of_one_report_do_not_meet(scenes, tmp_path):
    folder = Folder(path=tmp_path / "out")
    with folder.alone(), pytest.raises(OutputError, match=r"another run is writing run\.json .*--shard"):
        mask(scenes(1), tmp_path / "out", FAST)
    assert mask(scenes(1), tmp_path / "out", FAST).scenes[0].state == "done"


def test_other_addresses_than_s3_are_refused(scenes, tmp_path):
    with pytest.raises(OptionError, match=r"expected a folder or s3://BUCKET/PREFIX, found gs://"):
        mask(scenes(1), "gs://bucket/out", FAST)
    assert list(tmp_path.glob("gs*")) == []


def test_a_run_that_is_broken_off_stops_at_the_next_window_and_goes_on_later(scenes, tmp_path):
    sources = scenes(4)
    told = []

    def impatient(name, share):
        told.append((name, share))
        if name == "scene_001" and share < 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mask(sources, tmp_path / "out", FAST, progress=impatient)
    body = report_of(tmp_path / "out")
    assert body["finished"] is None
    assert "scene_001_mask.tif" not in {path.name for path in (tmp_path / "out").iterdir()}
    assert hidden(tmp_path / "out") == []
    before = (tmp_path / "out" / "scene_000_mask.tif").stat().st_mtime_ns
    states = [scene.state for scene in mask(sources, tmp_path / "out", FAST).scenes]
    assert states[0] == "skipped"
    assert set(states[1:]) <= {"done", "skipped"}
    assert (tmp_path / "out" / "scene_000_mask.tif").stat().st_mtime_ns == before


def test_the_next_scene_begins_when_the_last_one_is_predicted_and_no_sooner(scenes, tmp_path, monkeypatch):
    """What is open at a time: at most one scene before its last window, at most two in all."""
    sources = scenes(6)
    lock, predicting, most = threading.Lock(), set(), []
    whole = _task.open_for

    def opened(source, *rest, **named):
        scene = whole(source, *rest, **named)
        with lock:
            predicting.add(scene.id)
            most.append(len(predicting))
        return scene

    def progress(name, share):
        if share >= _crew.HANDOVER:
            with lock:
                predicting.discard(name)

    monkeypatch.setattr(_task, "open_for", opened)
    mask(sources, tmp_path / "out", FAST, progress=progress)
    assert most == [1] * 6


def test_threads_do_not_show(scenes, tmp_path):
    sources = scenes(6)
    together = mask(sources, tmp_path / "together", FAST)
    for source, scene in zip(sources, together.scenes, strict=True):
        alone = mask(source, tmp_path / "alone", FAST).scenes[0]
        np.testing.assert_array_equal(codes(scene.masked.mask), codes(alone.masked.mask))
        assert scene.masked.shares == alone.masked.shares


def test_a_report_of_something_else_is_left_alone(scenes, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text('{"mine": 1}')
    with pytest.raises(OutputError, match="expected a report of unclouded"):
        mask(scenes(1), tmp_path / "out", FAST)
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == {"mine": 1}


def test_a_disk_that_fills_up_fails_the_scene_in_one_line(scenes, tmp_path, monkeypatch):
    sources = scenes(2)
    whole = Folder.commit

    def full(self, attempt, source, entry):
        if source.endswith("scene_000.tif"):
            raise OutputError(f"{self.path}: cannot be written: No space left on device; check free space")
        return whole(self, attempt, source, entry)

    monkeypatch.setattr(Folder, "commit", full)
    report = mask(sources, tmp_path / "out", FAST)
    assert [scene.state for scene in report.scenes] == ["failed", "done"]
    assert {path.name for path in (tmp_path / "out").glob("scene_000*")} == set()
    assert hidden(tmp_path / "out") == []


def test_services_that_fail_are_told_apart(scenes, tmp_path, monkeypatch):
    def away(*_, **__):
        raise ServiceError("store: no answer")

    monkeypatch.setattr(_task, "open_for", away)
    with pytest.raises(ServiceError) as caught:
        mask(scenes(1), tmp_path / "out", FAST)
    assert caught.value.exit_code == 5


def test_an_older_report_is_read_and_its_scenes_are_made_again(scenes, tmp_path):
    (source,) = scenes(1)
    mask(source, tmp_path / "out", FAST)
    body = report_of(tmp_path / "out")
    del body["scenes"][str(source)]["files"]
    (tmp_path / "out" / "run.json").write_text(json.dumps(body))
    assert mask(source, tmp_path / "out", FAST).scenes[0].state == "done"


def test_a_scene_may_be_called_like_a_report(scenes, tmp_path):
    (source,) = scenes(1)
    named = source.rename(source.with_name("run_1.tif"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run_1.json").write_text('{"type": "Feature"}')
    (tmp_path / "out" / "run.jsonl").write_text("")
    assert mask(named, tmp_path / "out", FAST).scenes[0].state == "done"


def test_options_that_are_paths_are_in_the_report(scenes, tmp_path):
    (source,) = scenes(1)
    area = tmp_path / "area.geojson"
    mask(source, tmp_path / "out", replace(FAST, area=polygon(area, 300)))
    assert report_of(tmp_path / "out")["options"]["area"] == str(area)
    assert mask(source, tmp_path / "out", replace(FAST, area=area)).scenes[0].state == "skipped"
    polygon(area, 600)
    assert mask(source, tmp_path / "out", replace(FAST, area=area)).scenes[0].state == "done"


def polygon(path, side_m):
    left, top = CORNER
    ring = [[left + 60, top - 60], [left + 60 + side_m, top - 60], [left + 60, top - 60 - side_m]]
    crs = {"type": "name", "properties": {"name": CRS}}
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]], "crs": crs}))
    return path


def test_a_folder_can_be_moved(scenes, tmp_path):
    sources = scenes(2)
    mask(sources, tmp_path / "out", FAST)
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    report = mask(sources, tmp_path / "elsewhere", FAST)
    assert [scene.state for scene in report.scenes] == ["skipped"] * 2
    assert all(scene.masked.mask.is_file() for scene in report.scenes)
