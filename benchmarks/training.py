"""Training throughput of patchcnn in patches a second: the study's way, and ours.

    python benchmarks/training.py                          ours, and the network patch by patch in torch
    python benchmarks/training.py --keras PYTHON           and the study's generator and Keras step, run by a
                                                           Python that has Keras (not one of our dependencies)

A row is all patches of one row of a scene of 1830 px. The study's generator copies them out of float64
arrays; ours shares the work of the overlap, forward and backward. Scattered patches lie anywhere. Every
figure is the median of some steps, drawing included; "a whole run" counts all that a run does beside.
On one thread the processor's time counts, on several the clock's. Both sides have as many threads, and take
turns. Measure on a quiet machine: ours shares out its caches, others' use of them slows it more than Keras.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from unclouded.models.patchcnn import Config, build
from unclouded.patches import LabelledScene, PixelSource, RowSource, Sampling
from unclouded.training._memory import keep_freed_memory
from unclouded.training.loop import Run, fit
from unclouded.training.losses import binary_loss
from unclouded.training.optimisation import Optimisation
from unclouded.training.tasks import PatchTask, patch_logits

WIDTH, ROWS, PATCH, BANDS = 1830, 64, 16, 13
KERAS_SIDE = """
import json, os, sys, time
threads, steps, width, rows = map(int, sys.argv[1:5])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["OMP_NUM_THREADS"] = str(threads)
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
import keras
from keras import layers
net = keras.Sequential([layers.Input((16, 16, 13))])
for _ in range(3):
    net.add(layers.Conv2D(8, 3, padding="same", activation="relu"))
    net.add(layers.MaxPooling2D(2))
net.add(layers.Flatten())
for _ in range(2):
    net.add(layers.Dense(50, activation="relu"))
    net.add(layers.Dropout(0.3))
net.add(layers.Dense(1, activation="sigmoid"))
net.compile("adam", "binary_crossentropy", metrics=["accuracy"])
rng = np.random.default_rng(0)
image = rng.uniform(0, 1, (rows + 16, width + 16, 13))  # float64, as the study holds its scenes
truth = rng.integers(0, 2, (rows + 16, width + 16)).astype(float)
def batch():
    row = int(rng.integers(rows))
    patches = np.stack([image[row : row + 16, x : x + 16] for x in range(width)])
    return patches, truth[row + 8, 8 : 8 + width]
clock = time.process_time if threads == 1 else time.perf_counter
print(keras.__version__, flush=True)
for _ in sys.stdin:
    times = []
    for step in range(steps):
        started = clock()
        net.train_on_batch(*batch())
        times.append(clock() - started)
    print(json.dumps(times), flush=True)
"""

Round = Callable[[], list[float]]
"""Some steps, and the seconds that each took."""


@dataclass(frozen=True, kw_only=True)
class Timed(PatchTask):
    """A task that notes when each batch is asked for: from one to the next is a whole step of a run."""

    threads: int = 1
    asked: list[float] = field(default_factory=list)

    def batch(self, step: int, position: int, plan: None) -> dict[str, torch.Tensor]:
        self.asked.append(clock(self.threads)())
        return super().batch(step, position, plan)


def main() -> None:
    """Measure and print a table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as training.loop does
    with keras_side(options) as keras:
        work = {**ours(options), **keras}
        times: dict[str, list[float]] = {name: [] for name in work}
        # in turn, so that a busy machine is busy for all; the first round warms up
        for turn in range(options.rounds + 1):
            for name, run in work.items():
                times[name] += run() if turn else run()[:0]
    show({name: WIDTH / statistics.median(taken) for name, taken in times.items()}, options)


def ours(options: argparse.Namespace) -> dict[str, Round]:
    """Name of each way and what does a round of it."""
    rng = np.random.default_rng(0)
    scene = LabelledScene(
        name="noise",
        reflectance=rng.random((BANDS, ROWS, WIDTH), np.float32),
        cloud=rng.integers(0, 2, (ROWS, WIDTH)).astype(np.uint8),
    )
    rows = RowSource.of([scene], PATCH)
    scattered = PixelSource.of([scene], PATCH, Sampling(batch=WIDTH, balanced=False, flips=False))
    network = build(Config())
    adam = torch.optim.Adam(network.parameters(), fused=True)  # as training.loop has it

    def step(patches: torch.Tensor, cloud: torch.Tensor) -> None:
        adam.zero_grad()
        binary_loss(patch_logits(network, patches), cloud, torch.ones_like(cloud)).backward()
        adam.step()

    def dense() -> None:
        row = rows.strip(rng)
        step(torch.from_numpy(row.strip)[None], torch.from_numpy(row.cloud))

    def by_patch() -> None:
        row = rows.strip(rng)
        windows = np.lib.stride_tricks.sliding_window_view(row.strip, PATCH, axis=2)
        step(torch.from_numpy(windows.transpose(2, 0, 1, 3).copy()), torch.from_numpy(row.cloud))

    def anywhere() -> None:
        drawn = scattered.batch(rng)
        step(torch.from_numpy(drawn.patches), torch.from_numpy(drawn.cloud))

    return {
        "rows, ours": lambda: timed(dense, options),
        "rows, a whole run of ours": lambda: run_of(scene, "rows", options),
        "rows patch by patch, torch": lambda: timed(by_patch, options),
        "scattered, ours": lambda: timed(anywhere, options),
        "scattered, a whole run of ours": lambda: run_of(scene, "pixels", options),
    }


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter that has Keras and TensorFlow")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def clock(threads: int) -> Callable[[], float]:
    """The processor's time of one thread, else the wall's."""
    return time.process_time if threads == 1 else time.perf_counter


def timed(work: Callable[[], None], options: argparse.Namespace) -> list[float]:
    """Seconds of each step of a round; one more warms the caches."""
    taken, now = [], clock(options.threads)
    for _ in range(options.steps + 1):
        started = now()
        work()
        taken.append(now() - started)
    return taken[1:]


def run_of(scene: LabelledScene, sampler: str, options: argparse.Namespace) -> list[float]:
    """Seconds of each step of a short run as `unclouded train` does it, all that happens between counted."""
    sampling = Sampling(sampler=sampler, batch=WIDTH, balanced=False, flips=False)
    task = Timed.of([scene], None, PATCH, sampling, seed=1, judged_steps=1)
    task = replace(task, threads=options.threads)
    how = Optimisation(steps=options.steps + 2, threads=options.threads)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder=Path(folder), progress=lambda _: None, epoch=lambda _: None, seed=1)
        fit(build(Config()), task, how, run)
    # the first step holds what begins a run; and one batch is fetched ahead, which shifts all alike
    return np.diff(task.asked[1:]).tolist()


@contextmanager
def keras_side(options: argparse.Namespace) -> Iterator[dict[str, Round]]:
    """The study's generator and step, in the other Python; nothing where none is named."""
    if not options.keras:
        yield {}
        return
    words = [options.threads, options.steps, WIDTH, ROWS]
    command = [options.keras, "-c", KERAS_SIDE, *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        version = child.stdout.readline().strip()
        if not version:
            sys.exit(f"{options.keras}: Keras did not run")

        def run() -> list[float]:
            print(file=child.stdin, flush=True)
            return json.loads(child.stdout.readline())

        yield {f"rows, the study's generator and Keras {version}": run}
        child.stdin.close()


def show(found: dict[str, float], options: argparse.Namespace) -> None:
    """A table, or JSON; times the last line, which is the study's where it was asked for."""
    if options.json:
        print(json.dumps(found))
        return
    last = list(found.values())[-1]
    for name, rate in found.items():
        print(f"{name:52}{rate:12,.0f} patches/s {rate / last:6.2f} x")
    print(f"{options.threads} threads each, median of {options.rounds} rounds of {options.steps} steps")


if __name__ == "__main__":
    main()
