"""Many scenes: what one more worker gains, what the scheduler costs, and what follows for a thousand workers.

python benchmarks/scale.py                       # all of it, some minutes on two cores
python benchmarks/scale.py --only scheduler      # one part; the others keep their last figures

workers     wall and processor seconds of the same scenes: this process alone, each scene begun when the one
            before it ends or when it is predicted; one worker on one core, on two; two workers
scheduler   a real Dask scheduler that hands out real tasks to workers that answer at once: its processor
            seconds and wall seconds a task, and every byte that passes through it, counted by relays
simulation  1 … 1000 workers over recorded times of scenes, the scheduler a single server of that speed; the
            model is held against real workers that sleep
"""

import argparse
import heapq
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _scale_words import said, with_measured
from _timing import Row, clocked, in_child, machine
from distributed import Client

from unclouded.core.bands import NAMES
from unclouded.jobs import MaskOptions, RunOptions, mask
from unclouded.jobs import _crew as crews
from unclouded.jobs._crew import work_off
from unclouded.jobs._resume import Item
from unclouded.jobs._store import Record
from unclouded.jobs._task import Finished, Task
from unclouded.testing.products import write_fake_geotiff

RESULTS = Path(__file__).parent / "results" / "scale.json"
FULL_TILE = RESULTS.with_name("full_tile.json")
PAGE = Path(__file__).parent.parent / "docs" / "scale.md"
PARTS = ("workers", "scheduler", "simulation")
WORKERS = (1, 10, 100, 300, 1000)
SWARMS = (1, 8, 32)
WAYS = ("one after the other", "handed over", "1 worker on one core", "1 worker", "2 workers")
NEVER = 2.0  # a share that no scene reaches: the next one begins when the last one has ended


def main() -> None:
    options = arguments()
    if options.masked:
        print(json.dumps(masked(Path(options.masked[0]), options.masked[1])))
        return
    results = json.loads(options.output.read_text()) if options.output.exists() else {}
    results["machine"] = machine()
    for part in [options.only] if options.only else PARTS:
        results[part] = {
            "workers": lambda: of_workers(options),
            "scheduler": lambda: of_scheduler(options),
            "simulation": lambda: of_simulation(results, options),
        }[part]()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if not set(PARTS) <= set(results):
        return
    print(said(results))
    if options.output == RESULTS:
        PAGE.write_text(with_measured(PAGE.read_text(encoding="utf-8"), said(results)), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--side", type=int, default=600, help="pixels of a scene")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=2000, help="handed out by the scheduler")
    parser.add_argument("--sleepers", type=int, default=24, help="workers that the model is held against")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--masked", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- one worker, two workers -------------------------------------------------------------------------------


def of_workers(options: argparse.Namespace) -> Row:
    """Each way in a process of its own, so that its memory and seconds are its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(Path(folder), options.scenes, options.side)
        rows = best_in_turns(options.repeats, lambda way: in_child(__file__, "--masked", folder, way))
    for row in rows.values():
        row["scenes_per_minute"] = round(60 * options.scenes / row["wall_s"], 1)
    apart, handed, tied, _, two = (rows[way]["wall_s"] for way in WAYS)
    return {
        "scenes": options.scenes,
        "side_px": options.side,
        "ways": rows,
        "cpu_between_share": round(between_share(rows[WAYS[0]]), 4),
        "gain_of_handing_over": round(apart / handed, 3),
        "gain_of_a_second_worker_and_core": round(tied / two, 3),
        "gain_of_workers_over_threads": round(handed / two, 3),
    }


def between_share(row: Row) -> float:
    """What one thread does while the other core waits. On two cores handing over gains this share at most:
    P of the work on both cores and S on one take P / 2 + S, overlapped (P + S) / 2."""
    return float(row["cpu_between_s"] / row["cpu_s"])


def best_in_turns(repeats: int, measure: Callable[[str], Row]) -> dict[str, Row]:
    """The quickest of the repeats of each way: what else the machine does makes none quicker."""
    turns = [{way: measure(way) for way in WAYS} for _ in range(repeats)]
    return {way: min((turn[way] for turn in turns), key=lambda row: float(row["wall_s"])) for way in WAYS}


def write_scenes(folder: Path, count: int, side: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        dn = rng.integers(1200, 6000, (len(NAMES), side, side), np.uint16)
        tags = {"SENSOR": "sentinel-2", "LEVEL": "L1C"}
        path = folder / f"scene_{number:03}.tif"
        write_fake_geotiff(path, dn, NAMES, scale=1e-4, offset=-0.1, tags=tags, pixel_size=60, nodata=0)


def masked(folder: Path, way: str) -> Row:
    """Wall and processor seconds, of the workers too; seconds that the scenes took one by one."""
    sources = sorted(folder.glob("*.tif"))
    run = RunOptions(workers=int(way[0])) if "worker" in way else RunOptions()
    if way == "one after the other":
        crews.HANDOVER = NEVER
    if way.endswith("on one core"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    reports: list[Any] = []
    between = Between()
    with tempfile.TemporaryDirectory() as out:
        row = clocked(
            lambda: reports.append(mask(sources, out, MaskOptions(), run=run, progress=between.told))
        )
    row["cpu_between_s"] = between.cpu_s
    row["cpu_of_workers_s"] = sum(os.times()[2:4])
    row["scene_s"] = sorted(scene.seconds for scene in reports[0].scenes)
    return row


@dataclass
class Between:
    """Processor time from the last window of a scene to the first of the next: one thread writes and opens.

    It tells scenes apart only where they come one after the other.
    """

    cpu_s: float = 0.0
    last: float | None = None

    def told(self, _: str, share: float) -> None:
        now = time.process_time()
        if share == 0.0 and self.last is not None:
            self.cpu_s += now - self.last
        self.last = now


# --- the scheduler -----------------------------------------------------------------------------------------


@dataclass
class Relay:
    """Passes bytes on to an address of this machine, and counts them."""

    target: tuple[str, int]
    there: int = 0
    """Bytes to the target."""
    back: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.server.getsockname()[1]}"

    @property
    def moved(self) -> int:
        return self.there + self.back

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.server.accept()
            except OSError:  # closed
                return
            callee = socket.create_connection(self.target)
            for source, sink, way in ((caller, callee, "there"), (callee, caller, "back")):
                threading.Thread(target=self._pass_on, args=(source, sink, way), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        try:
            while content := source.recv(1 << 16):
                sink.sendall(content)
                with self.lock:
                    setattr(self, way, getattr(self, way) + len(content))
        except OSError:  # either side is gone
            pass
        finally:
            sink.close()


def of_scheduler(options: argparse.Namespace) -> Row:
    """Costs a task, with few and with many workers, and the bytes of one with relays on every way."""
    rows = [overhead(options.tasks, swarm) for swarm in SWARMS]
    return {"tasks": options.tasks, "by_workers": rows, "bytes_a_task": moved(min(500, options.tasks))}


def overhead(tasks: int, swarm: int) -> Row:
    with scheduler() as (process, address), workers(address, swarm), client(address, swarm) as there:
        answered_all(there, tasks // 10)
        cpu, wall = cpu_of(process), time.perf_counter()
        answered_all(there, tasks)
        return {
            "workers": swarm,
            "scheduler_cpu_ms": 1e3 * (cpu_of(process) - cpu) / tasks,
            "wall_ms": 1e3 * (time.perf_counter() - wall) / tasks,
        }


def moved(tasks: int) -> Row:
    with ExitStack() as stack:
        _, address = stack.enter_context(scheduler())
        host, port = address.removeprefix("tcp://").rsplit(":", 1)
        clients, own = Relay((host, int(port))), Relay((host, int(port)))
        listening = free_port()
        inward = Relay(("127.0.0.1", listening))
        more = ("--listen-address", f"tcp://127.0.0.1:{listening}", "--contact-address", inward.address)
        stack.enter_context(workers(own.address, 1, *more))
        there = stack.enter_context(client(clients.address, 1))
        answered_all(there, 50)
        before = {name: relay.moved for name, relay in relays(clients, own, inward).items()}
        answered_all(there, tasks)
        time.sleep(1)  # what is under way yet: heartbeats, keys let go of
        after = {name: relay.moved for name, relay in relays(clients, own, inward).items()}
    each = {name: round((after[name] - before[name]) / tasks) for name in before}
    return {**each, "all": sum(each.values())}


def relays(clients: Relay, own: Relay, inward: Relay) -> dict[str, Relay]:
    return {"client_and_scheduler": clients, "worker_and_scheduler": own, "scheduler_asks_worker": inward}


def answered_all(there: Client, tasks: int) -> None:
    """Tasks through the very crew that masks, but for what the worker does."""
    told: list[Finished] = []
    work_off(Answering(there), (task(number) for number in range(tasks)), lambda _, found: told.append(found))
    assert len(told) == tasks


class Answering:
    limit = 4096

    def __init__(self, there: Client) -> None:
        self._executor = there.get_executor(pure=False)

    def submit(self, given: Task) -> Any:
        return self._executor.submit(answered, given)

    def finished(self, _: Task, future: Any) -> Finished:
        return future.result()

    def stop(self) -> None:
        """The cluster stays for the next tasks."""


def task(number: int) -> Task:
    name = f"S2B_MSIL1C_20240305T104819_N0510_R008_T{number:05}_20240305T124902.SAFE"
    return Task(
        item=Item(source=f"/archive/2024/03/05/{name}"),
        source=f"/archive/2024/03/05/{name}",
        key=f"{number:064}",
        output="/archive/masks",
        report="run.json",
        options=MaskOptions(),
        model_sha256="0" * 64,
    )


def answered(given: Task, seconds: float = 0.0) -> Finished:
    """What a worker sends back, without the work: figures and names as `mask` has them."""
    time.sleep(seconds)
    stem = Path(str(given.source)).stem
    names = [
        f"{stem}{end}" for end in ("_mask.tif", "_mask.tif.aux.xml", "_mask.qml", "_preview.png", ".json")
    ]
    scene = {"id": stem, "mask": names[0], "preview": names[3], "pixel_size": 60.0, "valid_share": 0.99}
    shares = {"clear": 0.5, "thick_cloud": 0.2, "thin_cloud": 0.2, "cloud_shadow": 0.1}
    told = {"radiometry": "offset -1000, quantification 10000 (MTD_MSIL1C.xml)", "warnings": ["one line"] * 2}
    entry = {
        "state": "done",
        "seconds": 12.345,
        "fingerprint": given.key,
        "error": None,
        "files": dict.fromkeys(names, 123456),
        "scene": {**scene, "shares": shares, **told},
    }
    return Finished(seconds=12.345, record=Record(source=str(given.item), attempt="a" * 21, entry=entry))


@contextmanager
def scheduler() -> Iterator[tuple[psutil.Process, str]]:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"
        words = ("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        with program(*words, "--scheduler-file", str(told)) as running:
            while not told.is_file():
                time.sleep(0.05)
            yield psutil.Process(running.pid), json.loads(told.read_text())["address"]


@contextmanager
def workers(address: str, count: int, *more: str) -> Iterator[None]:
    """So many workers, all in one process: the scheduler cannot tell."""
    if count == 1:
        words = ("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        with program(*words, *(more or ("--host", "127.0.0.1"))):
            yield
        return
    with child("-c", SWARM, address, str(count)):
        yield


SWARM = """
import asyncio, sys
from distributed import Worker

async def swarm(address, count):
    mine = [await Worker(address, nthreads=1, dashboard=False, host="127.0.0.1") for _ in range(count)]
    await asyncio.gather(*(worker.finished() for worker in mine))

asyncio.run(swarm(sys.argv[1], int(sys.argv[2])))
"""


@contextmanager
def program(module: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with child("-m", f"distributed.cli.{module}", *words) as running:
        yield running


@contextmanager
def child(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of our scripts that can import this one, ended with the block."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen([sys.executable, *words], env={**os.environ, "PYTHONPATH": path}, **quiet)
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


@contextmanager
def client(address: str, count: int) -> Iterator[Client]:
    with Client(address, set_as_default=False) as there:
        there.wait_for_workers(count, timeout=300)
        yield there


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# --- a thousand workers ------------------------------------------------------------------------------------


def of_simulation(results: Row, options: argparse.Namespace) -> Row:
    """Makespans for recorded seconds, a scene a worker at a time, twenty scenes a worker."""
    costs = results["scheduler"]["by_workers"]
    each_s = max(row["scheduler_cpu_ms"] for row in costs) / 1e3
    moved_bytes = results["scheduler"]["bytes_a_task"]["all"]
    recorded = recorded_seconds(results)
    rows = [
        {"seconds_of": name, "median_s": round(float(np.median(times)), 2), **row}
        for name, times in recorded.items()
        for row in (simulated_run(times, count, each_s, moved_bytes) for count in WORKERS)
    ]
    return {
        "scheduler_ms": 1e3 * each_s,
        "rows": rows,
        "held_against": held_against(options.sleepers, each_s),
    }


def recorded_seconds(results: Row) -> dict[str, list[float]]:
    """Seconds of scenes as they were measured; of a full tile with the spread of these."""
    own = [float(value) for value in results["workers"]["ways"]["1 worker"]["scene_s"]]
    spread = np.array(own) / np.median(own)
    found = {f"{results['workers']['side_px']} px": own}
    if FULL_TILE.exists():
        rows = json.loads(FULL_TILE.read_text())
        found |= {f"full tile, {row['gsd_m']:g} m": list(row["total_s"] * spread) for row in rows}
    return found


def simulated_run(times: Sequence[float], count: int, each_s: float, moved_bytes: int) -> Row:
    scenes = np.random.default_rng(0).choice(times, 20 * count)
    makespan = simulated(scenes, count, each_s)
    return {
        "workers": count,
        "scenes": len(scenes),
        "makespan_s": round(makespan, 1),
        "efficiency": round(float(scenes.sum()) / (count * makespan), 3),
        "scheduler_busy": round(len(scenes) * each_s / makespan, 4),
        "scheduler_kb_s": round(len(scenes) * moved_bytes / makespan / 1e3, 2),
    }


def simulated(seconds: Sequence[float], workers: int, each_s: float) -> float:
    """When the last scene is done: whoever is free takes the next, as the scheduler hands them out."""
    free = [0.0] * workers
    handing = 0.0
    for took in seconds:
        handing = max(handing, heapq.heappop(free)) + each_s
        heapq.heappush(free, handing + float(took))
    return max(free)


def held_against(count: int, each_s: float) -> Row:
    """A real scheduler and workers that sleep, against the model of them."""
    seconds = np.random.default_rng(1).uniform(0.4, 1.2, 10 * count)
    with scheduler() as (_, address), workers(address, count), client(address, count) as there:
        answered_all(there, 5 * count)
        begun = time.perf_counter()
        running = there.map(answered, [task(n) for n in range(len(seconds))], list(seconds), pure=False)
        there.gather(running)
        real = time.perf_counter() - begun
    model = simulated(seconds, count, each_s)
    return {
        "workers": count,
        "real_s": round(real, 2),
        "model_s": round(model, 2),
        "ratio": round(real / model, 3),
    }


if __name__ == "__main__":
    main()
