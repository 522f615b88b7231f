"""Cores that are ours, not all there are."""

import os

import pytest

from unclouded.core.cores import usable_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone ties processes to cores")
def test_a_process_that_is_tied_to_a_core_has_one():
    whole = os.sched_getaffinity(0)
    assert usable_cores() == len(whole)
    try:
        os.sched_setaffinity(0, {min(whole)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, whole)


def test_elsewhere_it_is_what_the_machine_has(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert usable_cores() == 12
