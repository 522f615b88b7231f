"""The benchmark of refinement runs, without a clock."""

import numpy as np

import refine as benchmark


def test_every_kind_of_work_is_measured(tmp_path):
    benchmark.write_raw(tmp_path / "mask.raw", 150)
    for work in benchmark.WORK.values():
        found = benchmark.measured(work, tmp_path / "mask.raw", 150, 10.0)
        assert set(found) == {"cpu_s", "added_rss_mb"}
        assert found["added_rss_mb"] >= 0


def test_its_mask_holds_every_class_and_gaps(tmp_path):
    benchmark.write_raw(tmp_path / "mask.raw", 1200)
    strips = list(benchmark.read_raw(tmp_path / "mask.raw", 1200))
    assert [strip.row_off for strip in strips] == [0, 512, 1024]
    codes = np.concatenate([strip.codes for strip in strips])
    assert np.unique(codes).tolist() == [0, 1, 2, 3, 255]
