"""Training throughput of patchcnn in patches a second: the study's way, and ours.

    python benchmarks/training.py                          ours, and the network patch by patch in torch
    python benchmarks/training.py --keras PYTHON           and the study's generator and Keras step, run by a
                                                           Python that has Keras (not one of our dependencies)

A row is all patches of one row of a scene of 1830 px. The study's generator copies them out of float64
arrays; ours shares the work of the overlap, forward and backward. Scattered patches lie anywhere. Every
figure is the median of some steps, drawing included. On one thread the processor's time counts, which others
on the machine do not lengthen; on several, the clock's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from unclouded.models.patchcnn import Config, build
from unclouded.patches import LabelledScene, PixelSource, RowSource, Sampling
from unclouded.training.losses import binary_loss
from unclouded.training.tasks import patch_logits

WIDTH, ROWS, PATCH, BANDS = 1830, 64, 16, 13
KERAS_SIDE = """
import json, os, sys, time, statistics
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
times = []
clock = time.process_time if threads == 1 else time.perf_counter
for step in range(steps + 2):
    started = clock()
    net.train_on_batch(*batch())
    times.append(clock() - started)
print(json.dumps({"keras": keras.__version__, "rate": width / statistics.median(times[2:])}))
"""


def main() -> None:
    """Measure and print a table."""
    options = arguments()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    scene = LabelledScene(
        name="noise",
        reflectance=rng.random((BANDS, ROWS, WIDTH), np.float32),
        cloud=rng.integers(0, 2, (ROWS, WIDTH)).astype(np.uint8),
    )
    rows = RowSource.of([scene], PATCH)
    scattered = PixelSource.of([scene], PATCH, Sampling(batch=WIDTH, balanced=False, flips=False))
    network = build(Config())
    adam = torch.optim.Adam(network.parameters())

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

    # one after the other, round by round: a busy machine is then busy for all of them
    found = rates(
        {"rows, ours": dense, "rows patch by patch, torch": by_patch, "scattered, ours": anywhere}, options
    )
    if options.keras:
        found |= keras_rate(options)
    show(found, options)


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keras", metavar="PYTHON", help="interpreter that has Keras and TensorFlow")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def rates(work: dict[str, Callable[[], None]], options: argparse.Namespace) -> dict[str, float]:
    """Patches a second of each, the median over the steps."""
    times: dict[str, list[float]] = {name: [] for name in work}
    clock = time.process_time if options.threads == 1 else time.perf_counter
    for turn in range(options.steps + 2):
        for name, run in work.items():
            started = clock()
            run()
            if turn >= 2:
                times[name].append(clock() - started)
    return {name: WIDTH / statistics.median(taken) for name, taken in times.items()}


def keras_rate(options: argparse.Namespace) -> dict[str, float]:
    """The study's generator and step, in the other Python."""
    words = [options.threads, options.steps, WIDTH, ROWS]
    done = subprocess.run(
        [options.keras, "-c", KERAS_SIDE, *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{options.keras}: Keras did not run: {done.stderr.strip().splitlines()[-1]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return {f"rows, the study's generator and Keras {said['keras']}": said["rate"]}


def show(found: dict[str, float], options: argparse.Namespace) -> None:
    """A table, or JSON."""
    if options.json:
        print(json.dumps(found))
        return
    slowest = min(found.values())
    for name, rate in found.items():
        print(f"{name:52}{rate:12,.0f} patches/s {rate / slowest:6.1f} x")
    print(f"{options.threads} threads, {options.steps} steps each")


if __name__ == "__main__":
    main()
