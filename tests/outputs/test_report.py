import json

import pytest

from unclouded.core.errors import OutputError
from unclouded.outputs.report import read_scenes, write_report


def test_what_is_written_is_read(tmp_path):
    scenes = {"a.SAFE": {"state": "done"}, "b.zip": {"state": "failed", "error": "ö"}}
    write_report(tmp_path, {"software": "unclouded 0"}, scenes)
    assert read_scenes(tmp_path) == scenes
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["software"] == "unclouded 0"


def test_no_run_yet(tmp_path):
    assert read_scenes(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"report_version": 99, "scenes": {}}'])
def test_a_foreign_file_is_not_overwritten(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(OutputError, match=r"run\.json: expected a report of unclouded.*move it away"):
        read_scenes(tmp_path)
