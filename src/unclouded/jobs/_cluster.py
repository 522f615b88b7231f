"""Workers of a Dask cluster: they are sent paths and options, and send back figures, never pixels.

What they need, sources, model and output, they reach themselves: on a file system that all share, or in a
store. This module needs the extra `cluster`.
"""

import logging
import os
import signal
import socket
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, get_worker

from unclouded._version import __version__
from unclouded.core.errors import ModelError, OptionError, ServiceError, UncloudedError
from unclouded.jobs._places import open_place
from unclouded.jobs._resume import Owners
from unclouded.jobs._scene import Progress
from unclouded.jobs._task import Bench, Finished, Task, carry_out, out_of_memory
from unclouded.predict import load_model

CONNECT_S = 10
_ASKED: Mapping[str, Any] = {"timeout": CONNECT_S, "set_as_default": False}
WORKERS_S = 60
"""How long to wait for a first worker."""
IN_FLIGHT = 4096
"""Tasks that the scheduler has at a time: a kilobyte each, four for each of a thousand workers."""
_MEMORY_TOPIC = "worker-restart-memory"
"""What a nanny says when it ends a worker that is past its memory (distributed.worker_memory)."""


@contextmanager
def joined(address: str, progress: Progress) -> Iterator["Cluster"]:
    """The cluster at an address.

    Raises:
        OptionError: no address of a scheduler.
        ServiceError: nobody answers, no worker comes, or versions differ.
    """
    _check_reached(address)
    with _quiet(), _connected(address, where=address) as client:
        yield Cluster(client, where=address, progress=progress)


@contextmanager
def local(workers: int, progress: Progress) -> Iterator["Cluster"]:
    """So many processes of this machine, a scene each at a time, that share its cores.

    Raises:
        ServiceError: they do not start.
    """
    where = f"{workers} workers"
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            cluster: Any = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as err:
            raise ServiceError(f"{where}: cannot be started: {err}; ask for fewer, or for none") from err
        stack.enter_context(cluster)
        client = stack.enter_context(_connected(cluster, where=where))
        client.register_plugin(OneOfMany(workers))
        yield Cluster(client, where=where, progress=progress)


class Cluster:
    """Carries out tasks on the workers of a Dask cluster."""

    limit = IN_FLIGHT

    def __init__(self, client: Any, *, where: str, progress: Progress) -> None:
        self._client, self._where, self._progress = client, where, progress
        self._executor = client.get_executor(pure=False)

    def submit(self, task: Task) -> Future[Finished]:
        """Take on a task."""
        future: Future[Finished] = self._executor.submit(carry_out_there, task)
        return future

    def finished(self, task: Task, future: Future[Finished]) -> Finished:
        """What became of it.

        A scheduler blames a worker's death on all tasks that it had been given, running or waiting: which one
        it was shows when each is tried alone.

        Raises:
            ServiceError: the cluster is gone.
        """
        try:
            finished = future.result()
        except KilledWorker as err:
            return Finished(error=self._killed(task, err), seconds=0.0, suspect=True)
        except CancelledError as err:
            raise ServiceError(
                f"cluster {self._where}: expected the scheduler to stay, found it gone; "
                "start it again, and the run will go on from here"
            ) from err
        except Exception as err:  # noqa: BLE001 - what a worker could not even begin: one scene, not all
            said = " ".join(str(err).split())[:200]
            error = ServiceError(
                f"{task.item}: expected a worker of {self._where} to take the task, found "
                f"{type(err).__name__}: {said}; install unclouded {__version__} there"
            )
            return Finished(error=error, seconds=0.0)
        self._progress(str(task.item), 1.0)
        return finished

    def stop(self) -> None:
        """What has not begun is taken back; what has ends where it is, and nothing of it is torn."""
        self._executor.shutdown(wait=False)

    def _killed(self, task: Task, err: Any) -> UncloudedError:
        """Why the workers died that a task was given to."""
        worker, tries = err.last_worker, err.allowed_failures + 1
        ended = [event["worker"] for _, event in self._client.get_events(_MEMORY_TOPIC)]
        if worker.address in ended:
            who = f"a worker ({worker.address}, {worker.memory_limit >> 20} MB; {tries} were tried)"
            return out_of_memory(task.item, who)
        return ServiceError(
            f"{task.item}: expected a worker to finish it, found {tries} that died at it, the last one "
            f"{worker.address}; see its log, and mask this scene alone"
        )


def carry_out_there(task: Task) -> Finished:
    """What a worker does with a task."""
    try:
        _check_same("unclouded", task.version, __version__, "this worker")
        model = load_model(task.options.model, task.options.running)
        if model.sha256 != task.model_sha256:
            raise ModelError(
                f"{task.options.model}: expected the model with sha256 {task.model_sha256[:12]}…, found "
                f"{model.sha256[:12]}… on a worker; give all the same file"
            )
    except UncloudedError as err:
        return Finished(error=err, seconds=0.0)
    scratch = _scratch()
    store = open_place(task.output, task.report, scratch=scratch)
    return carry_out(task, Bench(model=model, store=store, owners=Owners(), scratch=scratch))


def _scratch() -> Path | None:
    """The worker's own folder, which goes when the worker does, however it ends."""
    return Path(get_worker().local_directory)


def _check_reached(address: str) -> None:
    """Pass where a scheduler listens: Dask's client waits for long, and when it fails leaves threads behind.

    Raises:
        OptionError: no address.
        ServiceError: nobody listens there, or another program.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in {"tcp", "tls"} or not host or not port:
        raise OptionError("cluster: expected the address of a Dask scheduler, tcp://HOST:PORT")
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as connection:
            greeted = parts.scheme == "tls" or _greets(connection)
    except OSError as err:
        raise ServiceError(
            f"cluster {address}: expected a Dask scheduler, found nobody ({err.strerror or err}); "
            "check the address, and that it runs"
        ) from err
    if not greeted:
        raise ServiceError(
            f"cluster {address}: expected a Dask scheduler, found another program; check the address"
        )


def _greets(connection: socket.socket) -> bool:
    """Whether the other side speaks first, as Dask does (distributed.comm.core, on_connection)."""
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """What Dask logs is for its own logs: what matters of it comes as an error."""
    logger = logging.getLogger("distributed")
    before = logger.propagate
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before


@contextmanager
def _connected(cluster: Any, *, where: str) -> Iterator[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions that differ: said below, in one line
            client: Any = Client(cluster, **_ASKED)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError, ImportError) as err:
        said = " ".join(str(err).split())[:150]
        raise ServiceError(
            f"cluster {where}: expected a Dask scheduler, found another program or version ({said}); "
            "check the address"
        ) from err
    with client:
        _wait_for_workers(client, where)
        _check_versions(client, where)
        yield client


def _wait_for_workers(client: Any, where: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as err:
        raise ServiceError(
            f"cluster {where}: expected workers, found none in {WORKERS_S} s; start some with `dask worker`"
        ) from err


def _check_versions(client: Any, where: str) -> None:
    """Pass where Python, Dask and unclouded are the same here and on everyone that is there now."""
    found = client.get_versions(packages=["unclouded"])
    ours = _packages(found["client"])
    peers = {"the scheduler": _packages(found["scheduler"])}
    peers |= {f"worker {address}": _packages(told) for address, told in found["workers"].items()}
    for who, theirs in peers.items():
        for package in ("python", "distributed", "unclouded"):
            if who != "the scheduler" or package != "unclouded":  # it needs none
                _check_same(package, ours[package], theirs[package], f"{who} of {where}")


def _packages(told: Mapping[str, Any]) -> dict[str, str]:
    packages = told["packages"]
    python = ".".join(str(packages["python"]).split(".")[:2])
    return {"python": python, **{name: str(packages.get(name)) for name in ("distributed", "unclouded")}}


def _check_same(package: str, ours: str, theirs: str, who: str) -> None:
    if ours != theirs:
        raise ServiceError(
            f"cluster: expected {package} {ours} as here on {who}, found {theirs}; "
            "install the same version on both"
        )


class OneOfMany(WorkerPlugin):
    """What each worker of this machine is told, also one that was started again."""

    name = "unclouded-one-of-many"

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def setup(self, worker: Any) -> None:
        """Leave Ctrl-C to the process that started it, and keep to a share of the cores.

        Threads that are started from now on stay on the share.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not hasattr(os, "sched_setaffinity"):  # Linux alone has it
            return
        cores = sorted(os.sched_getaffinity(0))
        share = cores[int(worker.name) % len(cores) :: self._workers]
        os.sched_setaffinity(0, share)
