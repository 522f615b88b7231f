"""The model of a thousand workers, and the relay that counts bytes, are right."""

import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("distributed")
pytest.importorskip("psutil")
scale = pytest.importorskip("scale")

seconds = st.lists(st.floats(0.01, 100), min_size=1, max_size=60)
costs = st.floats(0, 1)


@given(seconds, costs)
def test_one_worker_takes_them_one_after_the_other(times, each_s):
    assert scale.simulated(times, 1, each_s) == pytest.approx(sum(times) + len(times) * each_s)


@given(seconds, st.integers(1, 80), costs)
def test_no_sooner_than_work_or_scheduler_allow_and_no_later_than_one_alone(times, workers, each_s):
    makespan = scale.simulated(times, workers, each_s)
    least = max(sum(times) / workers, len(times) * each_s + min(times), max(times) + each_s)
    assert makespan >= least * (1 - 1e-9)
    assert makespan <= scale.simulated(times, 1, each_s) * (1 + 1e-9)


@given(st.integers(1, 50), st.floats(0.1, 10))
def test_a_worker_a_scene_and_a_scheduler_that_costs_nothing(workers, took):
    assert scale.simulated([took] * workers, workers, 0.0) == pytest.approx(took)


def test_efficiency_is_a_share_and_falls_when_the_scheduler_is_the_bound():
    free = scale.simulated_run([1.0, 2.0], 100, 0.0, 7000)
    bound = scale.simulated_run([1.0, 2.0], 100, 0.1, 7000)
    assert 0 < bound["efficiency"] < free["efficiency"] <= 1
    assert bound["scheduler_busy"] == pytest.approx(1, abs=0.02)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_relay_counts_what_it_passes_on_both_ways():
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = scale.Relay(("127.0.0.1", server.getsockname()[1]))
        host, _, port = relay.address.removeprefix("tcp://").partition(":")
        with socket.create_connection((host, int(port))) as caller:
            callee, _ = server.accept()
            with callee:
                caller.sendall(b"x" * 1000)
                assert len(_all(callee, 1000)) == 1000
                callee.sendall(b"y" * 70)
                assert len(_all(caller, 70)) == 70
        relay.server.close()
    deadline = time.monotonic() + 10
    while relay.moved < 1070 and time.monotonic() < deadline:  # counted after it was passed on
        time.sleep(0.01)
    assert (relay.there, relay.back) == (1000, 70)


def test_the_page_says_what_the_results_say():
    """The documentation quotes nothing else: run `benchmarks/scale.py`, which writes both."""
    results = json.loads(scale.RESULTS.read_text(encoding="utf-8"))
    page = scale.PAGE.read_text(encoding="utf-8")
    assert scale.with_measured(page, scale.said(results)) == page
    assert scale.said(results) in page


def _all(connection, count):
    content = b""
    while len(content) < count:
        content += connection.recv(count - len(content))
    return content
