"""`benchmarks/dense_patchcnn.py` runs, at a size that takes no time; nothing is said of the clock."""

import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "dense_patchcnn.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("dense_patchcnn", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_names_each_way_and_its_ratio(script, tmp_path, capsys, monkeypatch):
    out = tmp_path / "result.json"
    given = ["--size", "40", "--window", "32", "--rows", "4", "--threads", "1", "--repeats", "1"]
    monkeypatch.setattr("sys.argv", ["dense_patchcnn.py", *given, "--output", str(out)])
    script.main()
    report = json.loads(out.read_text(encoding="utf-8"))
    assert [way["rows"] for way in report["ways"]] == [40, 40, 4, 4]
    assert set(report["times_faster_than"]) == {way["way"] for way in report["ways"][1:]}
    assert all(way["tile_s"] > 0 for way in report["ways"])
    assert report["machine"]["cores"] > 0
    printed = capsys.readouterr().out
    assert all(way["way"] in printed for way in report["ways"])


def test_the_ways_give_the_same_probabilities(script):
    import numpy as np

    network = script.build(script.Config()).eval()
    dense, patches = script.sessions(network, 1)
    options = script.arguments(["--window", "10", "--threads", "2"])
    padded = np.random.default_rng(0).uniform(0, 1, (13, 45, 45)).astype(np.float32)
    expected = script.run_rows(script.torch_row(network), padded, 29)
    np.testing.assert_allclose(script.run_dense(dense, padded, options), expected, atol=1e-5)
    np.testing.assert_allclose(script.run_rows(script.onnx_row(patches), padded, 29), expected, atol=1e-5)


def test_the_throughput_table_names_each_way(capsys, monkeypatch):
    spec = importlib.util.spec_from_file_location("training_benchmark", SCRIPT.with_name("training.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr("sys.argv", ["training.py", "--steps", "1", "--rounds", "1", "--json"])
    module.main()
    rates = json.loads(capsys.readouterr().out)
    assert set(rates) == {
        "rows, ours",
        "rows, a whole run of ours",
        "rows patch by patch, torch",
        "scattered, ours",
        "scattered, a whole run of ours",
    }
    assert min(rates.values()) > 0
