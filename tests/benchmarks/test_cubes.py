"""The benchmark of cubes runs, on a small one."""

import pytest

pytest.importorskip("dask")


def test_a_case_says_what_it_measured():
    import cubes

    row = cubes.case("patchcnn-v1", 600, 300)
    assert row["model"].startswith("patchcnn-v1")
    assert (row["size_px"], row["chunk_px"], row["blocks"]) == (600, 300, 4)
    assert 5 <= row["tasks_per_block"] <= 13
    assert row["cpu_s"] > 0
    assert 0.2 < row["ratio"] < 5
    assert row["peak_rss_mb"] >= row["rss_before_mb"]
