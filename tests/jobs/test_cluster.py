"""Scenes masked by the workers of a Dask cluster: real schedulers and workers, processes of this machine."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import InputError, OptionError, OutputError, ServiceError
from unclouded.jobs import MaskOptions, RunOptions, mask
from unclouded.jobs._resume import Item
from unclouded.jobs._task import Task
from unclouded.testing.services import LoopbackService

distributed = pytest.importorskip("distributed")
_cluster = pytest.importorskip("unclouded.jobs._cluster")

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

FAST = MaskOptions(preview=False)
PATIENCE_S = 60


@contextmanager
def program(module, *words, environment=None):
    """A program of Dask, ended with the block."""
    running = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore", **(environment or {})},
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(timeout=PATIENCE_S)


@contextmanager
def scheduler(folder, **configured):
    """A scheduler; its address."""
    told = folder / "scheduler.json"
    environment = {f"DASK_DISTRIBUTED__SCHEDULER__{name}": str(value) for name, value in configured.items()}
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", told)
    with program("dask_scheduler", *words, environment=environment):
        wait_for(told.is_file)
        yield json.loads(told.read_text())["address"]


def wait_for(what):
    """Until it holds, for a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def worker(address, folder, *more):
    """A worker of one thread, and the nanny that starts it again."""
    words = (
        "--nthreads",
        1,
        "--no-dashboard",
        "--host",
        "127.0.0.1",
        "--local-directory",
        folder / "scratch",
    )
    return program("dask_worker", address, *words, *more)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(folder))
        for _ in range(2):
            stack.enter_context(worker(address, folder, "--memory-limit", "2GB"))
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE_S)
        yield address


def codes(scene):
    with rasterio.open(scene.masked.mask) as dataset:
        return dataset.read(1)


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_cluster_gives_what_one_process_gives(scenes, tmp_path, two_workers, monkeypatch):
    """Also where paths are relative: the workers stand in another folder."""
    monkeypatch.chdir(tmp_path)
    sources = [source.relative_to(tmp_path) for source in scenes(8)]
    sources[3].write_bytes(b"II*\0 no raster")
    told = []
    there = mask(
        sources,
        "there",
        FAST,
        run=RunOptions(cluster=two_workers),
        progress=lambda name, share: told.append((name, share)),
    )
    here = mask(sources, tmp_path / "here", FAST)
    assert [scene.state for scene in there.scenes] == [scene.state for scene in here.scenes]
    assert str(there.scenes[3].error) == str(here.scenes[3].error)
    assert type(there.scenes[3].error) is type(here.scenes[3].error)
    for ours, theirs in zip(here.scenes, there.scenes, strict=True):
        if ours.masked:
            np.testing.assert_array_equal(codes(ours), codes(theirs))
            assert ours.masked.shares == theirs.masked.shares
    assert {share for _, share in told} == {1.0}
    assert hidden(tmp_path / "there") == []
    again = mask(sources, tmp_path / "there", FAST)
    assert [scene.state for scene in again.scenes].count("skipped") == 7


@pytest.mark.slow
def test_workers_of_this_machine_give_the_same(scenes, tmp_path):
    sources = scenes(4)
    words = [sys.executable, "-m", "unclouded", "mask", *map(str, sources), "--no-preview", "-q"]
    done = subprocess.run(
        [*words, "-o", str(tmp_path / "there"), "--workers", "2"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = mask(sources, tmp_path / "here", FAST)
    for scene in report.scenes:
        with rasterio.open(tmp_path / "there" / scene.masked.mask.name) as dataset:
            np.testing.assert_array_equal(codes(scene), dataset.read(1))


@pytest.mark.slow
def test_an_interrupt_ends_the_workers_too_and_leaves_whole_scenes(scenes, tmp_path):
    sources, out = scenes(200, side=200), tmp_path / "out"
    words = [sys.executable, "-m", "unclouded", "mask", *map(str, sources), "-o", str(out), "-q"]
    started = subprocess.Popen(
        [*words, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    with started as running:
        wait_for(lambda: list(out.glob("*_mask.tif")))
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does it: to the workers as well
        _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
    assert said.strip() == "unclouded: interrupted"
    made = {path.name for path in out.glob("*_mask.tif")}
    assert 0 < len(made) < len(sources)
    few = [source for source in sources if f"{source.stem}_mask.tif" in made]
    assert {scene.state for scene in mask(few, out).scenes} == {"skipped"}
    assert hidden(out) == []


def test_another_program_at_the_address_is_no_scheduler(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "CONNECT_S", 0.3)
    with LoopbackService() as service:
        address = service.url.replace("http", "tcp")
        with pytest.raises(ServiceError, match=r"expected a Dask scheduler, found another program"):
            mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(cluster=address))


@pytest.mark.slow
def test_a_worker_killed_mid_scene_is_survived(scenes, tmp_path, two_workers):
    sources, out = scenes(6, side=500), tmp_path / "out"
    found = []
    running = threading.Thread(
        target=lambda: found.append(mask(sources, out, FAST, run=RunOptions(cluster=two_workers)))
    )
    running.start()
    with distributed.Client(two_workers, set_as_default=False) as client:
        pids = client.run(os.getpid)
        wait_for(lambda: list(out.glob(".run/*-*")))  # a scene is being made
        busy = [address for address, tasks in client.processing().items() if tasks]
        os.kill(pids[busy[0]], signal.SIGKILL)
    running.join(timeout=PATIENCE_S)
    (report,) = found
    assert [scene.state for scene in report.scenes] == ["done"] * 6
    assert hidden(out) == []
    alone = mask(sources, tmp_path / "here", FAST)
    for ours, theirs in zip(alone.scenes, report.scenes, strict=True):
        np.testing.assert_array_equal(codes(ours), codes(theirs))


HUNGRY = """
from unclouded.jobs import _task

masked = _task.mask_scene

def hungry(scene, *rest, **named):
    if scene.id == "scene_001":
        kept = []
        while True:
            kept.append(bytearray(b"x") * (8 << 20))
    return masked(scene, *rest, **named)

def dask_setup(worker):
    _task.mask_scene = hungry
"""


@pytest.mark.slow
def test_a_worker_out_of_memory_is_reported_as_such(scenes, tmp_path):
    (tmp_path / "hungry.py").write_text(HUNGRY)
    sources = scenes(3)
    with (
        scheduler(tmp_path, ALLOWED_FAILURES=1) as address,
        worker(address, tmp_path, "--memory-limit", "700MB", "--preload", tmp_path / "hungry.py"),
    ):
        report = mask(sources, tmp_path / "out", FAST, run=RunOptions(cluster=address))
    assert [scene.state for scene in report.scenes] == ["done", "failed", "done"]
    error = report.scenes[1].error
    assert isinstance(error, InputError)
    assert "expected to fit into the memory of a worker (tcp://127.0.0.1:" in str(error)
    assert "2 were tried" in str(error)
    entry = json.loads((tmp_path / "out" / "run.json").read_text())["scenes"][str(sources[1])]
    assert "found it full" in entry["error"]


@pytest.mark.slow
def test_a_scene_that_kills_every_worker_fails_alone(scenes, tmp_path):
    deadly = HUNGRY.replace("kept = []", "import os; os._exit(3)")
    (tmp_path / "deadly.py").write_text(deadly)
    with (
        scheduler(tmp_path, ALLOWED_FAILURES=1) as address,
        worker(address, tmp_path, "--preload", tmp_path / "deadly.py"),
    ):
        report = mask(scenes(3), tmp_path / "out", FAST, run=RunOptions(cluster=address))
    assert [scene.state for scene in report.scenes] == ["done", "failed", "done"]
    assert "expected a worker to finish it, found 2 that died at it" in str(report.scenes[1].error)


OTHER_DASK = """
from distributed import versions

known = versions._version_cached

def dask_setup(worker):
    versions._version_cached = lambda name: "2020.1.0" if name == "{package}" else known(name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("package", ["distributed", "unclouded"])
def test_another_version_is_said_with_both(scenes, tmp_path, package):
    (tmp_path / "other.py").write_text(OTHER_DASK.format(package=package))
    ours = distributed.__version__ if package == "distributed" else ""
    with (
        scheduler(tmp_path) as address,
        worker(address, tmp_path, "--preload", tmp_path / "other.py"),
        pytest.raises(ServiceError) as caught,
    ):
        mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(cluster=address))
    assert f"expected {package} {ours}" in str(caught.value)
    assert " as here on worker tcp://127.0.0.1:" in str(caught.value)
    assert "found 2020.1.0; install the same version on both" in str(caught.value)
    assert not list((tmp_path / "out").glob("*.tif"))


def test_a_worker_that_came_later_with_another_version_says_so(tmp_path):
    finished = _cluster.carry_out_there(task(tmp_path, version="0.0.1"))
    assert "expected unclouded 0.0.1 as here on this worker, found " in str(finished.error)


def test_a_worker_with_another_model_says_so(tmp_path):
    finished = _cluster.carry_out_there(task(tmp_path, model_sha256="0" * 64))
    assert "expected the model with sha256 000000000000…, found" in str(finished.error)


def test_a_worker_that_does_not_see_the_output_says_so(scenes, tmp_path, monkeypatch):
    (source,) = scenes(1)
    model = _cluster.load_model(FAST.model)
    monkeypatch.setattr(_cluster, "_scratch", lambda: None)
    given = task(tmp_path / "elsewhere", item=Item(source=source), source=source, model_sha256=model.sha256)
    finished = _cluster.carry_out_there(given)
    assert isinstance(finished.error, OutputError)
    assert "expected one that every worker can write" in str(finished.error)


def task(output, **changed):
    facts = {
        "item": Item(source="/archive/S2B_MSIL1C_20240305T104819_N0510_R008_T31TCJ_20240305T124902.SAFE"),
        "source": Path("/archive/S2B_MSIL1C_20240305T104819_N0510_R008_T31TCJ_20240305T124902.SAFE"),
        "key": "0" * 64,
        "output": str(output),
        "report": "run.json",
        "options": FAST,
        "model_sha256": "0" * 64,
    }
    return Task(**{**facts, **changed})


def test_what_is_sent_is_paths_and_options():
    assert len(pickle.dumps(task("/masks"))) < 1500


def test_nobody_at_the_address(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "CONNECT_S", 0.3)
    with pytest.raises(
        ServiceError, match=r"cluster tcp://127\.0\.0\.1:9: expected a Dask scheduler"
    ) as caught:
        mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(cluster="tcp://127.0.0.1:9"))
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)
    assert hidden(tmp_path / "out") == []


@pytest.mark.parametrize(
    "address", ["nonsense://x", "tcp://", "tcp://host", "127.0.0.1:port", "tcp://127.0.0.1:port"]
)
def test_what_is_no_address(scenes, tmp_path, address):
    with pytest.raises(OptionError, match="expected the address of a Dask scheduler"):
        mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(cluster=address))


def test_a_scheduler_without_workers(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(_cluster, "WORKERS_S", 0.3)
    with (
        scheduler(tmp_path) as address,
        pytest.raises(ServiceError, match=r"expected workers, found none in 0\.3 s"),
    ):
        mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(cluster=address))


@pytest.mark.slow
def test_a_scheduler_that_goes_ends_the_run_and_what_is_made_stays(scenes, tmp_path):
    sources, out = scenes(8, side=400), tmp_path / "out"
    caught = []

    def run(address):
        try:
            mask(sources, out, FAST, run=RunOptions(cluster=address))
        except ServiceError as err:
            caught.append(err)

    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        stack.enter_context(worker(address, tmp_path))
        running = threading.Thread(target=run, args=(address,))
        running.start()
        wait_for(lambda: list(out.glob("*_mask.tif")))
    running.join(timeout=PATIENCE_S)
    assert "expected the scheduler to stay, found it gone" in str(caught[0])
    made = {path.name for path in out.glob("*_mask.tif")}
    states = {scene.masked.mask.name: scene.state for scene in mask(sources, out, FAST).scenes}
    assert made <= {name for name, state in states.items() if state == "skipped"}


def test_a_cluster_and_workers_are_too_much():
    with pytest.raises(OptionError, match="--cluster or --workers, found both"):
        RunOptions(cluster="tcp://a:1", workers=2)
    with pytest.raises(OptionError, match="expected at least 1, found 0"):
        RunOptions(workers=0)


def test_without_dask_the_extra_is_named(scenes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "unclouded.jobs._cluster")
    monkeypatch.delattr("unclouded.jobs._cluster")
    with pytest.raises(OptionError, match=r"needs Dask's distributed: pip install 'unclouded\[cluster\]'"):
        mask(scenes(1), tmp_path / "out", FAST, run=RunOptions(workers=1))
