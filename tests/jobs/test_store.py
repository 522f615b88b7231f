"""A place for results: whole files or none, whatever ends the run, and a report that costs little."""

import json
import os
import time

import pytest

from unclouded.core.errors import OutputError
from unclouded.jobs._ledger import Ledger
from unclouded.jobs._store import RECORD, Folder, merged


@pytest.fixture
def store(tmp_path):
    return Folder(path=tmp_path / "out")


ENTRY = {"state": "done", "seconds": 1.0}


def made(store, name, *, files=("a_mask.tif", "a.json")):
    """A scene made as `mask` does it; its record."""
    with store.attempt(name) as attempt:
        for file in files:
            (attempt / file).write_text(name)
        return store.commit(attempt, name, ENTRY)


def visible(store):
    return {path.name for path in store.path.iterdir() if not path.name.startswith(".")}


def test_files_appear_together_with_their_record(store):
    with store.alone():
        with store.attempt("key") as attempt:
            (attempt / "a_mask.tif").write_text("codes")
            assert visible(store) == set()
            record = store.commit(attempt, "a", ENTRY)
        assert visible(store) == {"a_mask.tif"}
        assert store.recover() == [record]
        store.forget([record])
        assert store.recover() == []
    assert {path.name for path in store.path.iterdir()} == {"a_mask.tif"}


def test_an_attempt_that_fails_leaves_nothing(store):
    with store.alone():
        with pytest.raises(ZeroDivisionError), store.attempt("key") as attempt:
            (attempt / "a_mask.tif").write_text("half")
            raise ZeroDivisionError
        assert store.recover() == []
    assert list(store.path.iterdir()) == []


@pytest.mark.parametrize("moment", range(4))
def test_a_run_cut_off_between_record_and_last_file_is_finished_by_the_next(store, monkeypatch, moment):
    """Not made again: the record is there, and every file with it."""
    rename, done = os.replace, []

    def cut(self, target):
        if len(done) == moment:
            raise KeyboardInterrupt  # as far as the folder is concerned, a SIGKILL
        done.append(target)
        rename(self, target)
        return target

    names = ("a.json", "a_mask.qml", "a_mask.tif", "a_mask.tif.aux.xml")
    with store.alone():
        with store.attempt("key") as attempt:
            for name in names:
                (attempt / name).write_text(name)
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(type(attempt), "replace", cut)
                store.commit(attempt, "a", ENTRY)
        recorded = (attempt / RECORD).is_file()
        found = Folder(path=store.path).recover()
        assert [record.source for record in found] == (["a"] if recorded else [])
        assert visible(store) == (set(names) if recorded else set())
        assert recorded is (moment > 0)  # the first rename is the record's own


def test_what_has_no_record_is_thrown_away(store):
    with store.alone():
        torn = store.path / ".run" / "0123-abc"
        torn.mkdir()
        (torn / "a_mask.tif").write_text("half")
        assert store.recover() == []
        assert not torn.exists()


def test_sizes_are_those_of_the_files_themselves(store):
    with store.alone():
        made(store, "first")
        assert store.sizes() == {"a_mask.tif": 5, "a.json": 5}


def test_the_place_of_an_attempt_is_gone(store):
    with pytest.raises(OutputError, match="expected one that every worker can write"), store.attempt("key"):
        pass


def test_done_stays_done_and_the_later_report_counts():
    done, failed = {"state": "done", "seconds": 1}, {"state": "failed", "seconds": 2}
    assert merged([{"a": done}, {"a": failed}]) == {"a": done}
    assert merged([{"a": failed}, {"a": done}]) == {"a": done}
    assert merged([{"a": done}, {"a": {**done, "seconds": 3}}])["a"]["seconds"] == 3
    assert merged([{"a": failed}, {"b": done}]) == {"a": failed, "b": done}


def test_the_report_takes_a_small_share_of_the_time_however_many_scenes(store, monkeypatch):
    """Writing costs 30 ms here; 200 scenes of 1 ms must not take 6 s."""
    written = []

    def slow(_self, _run, entries):
        time.sleep(0.03)
        written.append(len(entries))

    monkeypatch.setattr(Folder, "write_report", slow)
    with store.alone():
        ledger = Ledger(store, {})
        begun = time.monotonic()
        for number in range(200):
            time.sleep(0.001)
            ledger.add(f"scene {number}", ENTRY, made(store, f"scene {number}"))
        took = time.monotonic() - begun
        assert len(written) * 0.03 < 0.15 * took + 0.06
        assert len(store.recover()) > 0  # the records have what the report has not
        ledger.close(finished=True)
        assert written[-1] == 200
        assert store.recover() == []


def test_what_nobody_heard_of_is_in_the_last_report(store):
    """A worker that was taken for dead may finish all the same."""
    with store.alone():
        ledger = Ledger(store, {"model": "m"})
        made(store, "unheard of")
        ledger.close(finished=True)
    body = json.loads((store.path / "run.json").read_text())
    assert set(body["scenes"]) == {"unheard of"}
    assert body["model"] == "m"
    assert body["counts"] == {"done": 1, "failed": 0}
