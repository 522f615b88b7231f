"""The patch network over a whole tile: dense, patch by patch, and row by row as the original did it.

    python benchmarks/dense_patchcnn.py                     # 1830 x 1830 px, two threads
    python benchmarks/dense_patchcnn.py --keras PYTHON      # PYTHON: an interpreter that has tensorflow

Same weights everywhere, random reflectance. `dense` and `patches` run in ONNX Runtime with as many threads:
their ratio tells what the dense evaluation saves. Dense runs twice: a window on each thread, which suits its
many small operators best, and all threads on one window. `torch rows` and `keras rows` are the original's
loop: cut the patches of one row of the image, predict, next row. Keras is measured on a few rows and
multiplied up, where an interpreter that has it is named; it is no dependency of ours.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from unclouded.core.spec import ModelSpec
from unclouded.models.patchcnn import Config, PatchCnn, build
from unclouded.training import to_onnx, to_patch_onnx

RESULTS = Path(__file__).parent / "results" / "dense_patchcnn.json"
PATCH, HALF = 16, 8
LOAD_BEFORE = os.getloadavg()[0]  # above 0.5 or so others were at work, and the figures are the worse for it


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One way to evaluate the network."""

    way: str
    rows: int
    """Rows of the tile that were run."""
    wall_s: float
    """Of these rows, best of the repeats."""
    cpu_s: float
    """Processor time of the same run."""
    tile_s: float
    """Wall time for the whole tile: multiplied up where not all rows were run."""


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    report = measure(options.size, options)
    print_table(report)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"written: {options.output}")


def measure(size: int, options: argparse.Namespace) -> dict[str, object]:
    torch.manual_seed(0)
    network = build(Config()).eval()
    padded = np.zeros((13, size + PATCH, size + PATCH), np.float32)
    padded[:, HALF:-HALF, HALF:-HALF] = np.random.default_rng(0).uniform(0, 0.6, (13, size, size))
    dense, patches = sessions(network, options.threads)
    single, _ = sessions(network, 1)
    check_equal(single, patches, padded, options)
    rows = min(options.rows or size, size)
    ways = [
        clock("dense, a window a thread", size, size, lambda: run_dense(single, padded, options), options),
        clock("dense, all threads on one", size, size, lambda: run_dense(dense, padded, options, 1), options),
        clock(
            "patches, ONNX Runtime", size, rows, lambda: run_rows(onnx_row(patches), padded, rows), options
        ),
        clock("torch rows", size, rows, lambda: run_rows(torch_row(network), padded, rows), options),
    ]
    if options.keras:
        ways.append(keras_rows(options.keras, network, size, options))
    return {
        "what": "patchcnn with default options over a tile, random reflectance",
        "tile_px": size,
        "window_px": options.window,
        "threads": options.threads,
        "repeats": options.repeats,
        "machine": machine(),
        "ways": [asdict(way) for way in ways],
        "times_faster_than": {way.way: round(way.tile_s / ways[0].tile_s, 1) for way in ways[1:]},
        "times_less_processor_than": {way.way: round(_cpu(way) / _cpu(ways[0]), 1) for way in ways[1:]},
    }


def _cpu(way: Timing) -> float:
    """Processor time a row, s: what a busy machine disturbs least."""
    return way.cpu_s / way.rows


def clock(way: str, size: int, rows: int, run: Callable[[], object], options: argparse.Namespace) -> Timing:
    """The best of some runs; a busy machine only ever adds."""
    best: tuple[float, float] | None = None
    for _ in range(options.repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        spent = (time.perf_counter() - wall, time.process_time() - cpu)
        best = min(best or spent, spent)
    return Timing(
        way=way,
        rows=rows,
        wall_s=round(best[0], 3),
        cpu_s=round(best[1], 3),
        tile_s=round(best[0] * size / rows, 2),
    )


def sessions(network: PatchCnn, threads: int) -> tuple[ort.InferenceSession, ort.InferenceSession]:
    bands = network.config.bands
    spec = ModelSpec(
        name="bench", version="0", bands=bands, levels=("L1C",), gsd_m=(10, 60), best_gsd_m=60,
        classes=(0, 1), halo_px=HALF, margin_px=HALF,
    )  # fmt: skip
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = threads
    files = (to_onnx(network, spec), to_patch_onnx(network))
    dense, patches = (ort.InferenceSession(f, settings, providers=["CPUExecutionProvider"]) for f in files)
    return dense, patches


def run_dense(
    session: ort.InferenceSession, padded: np.ndarray, options: argparse.Namespace, threads: int | None = None
) -> np.ndarray:
    """Probabilities of the whole tile, window by window, as many at a time as there are threads."""
    size, window = padded.shape[1] - PATCH, options.window
    out = np.empty((size, size), np.float32)

    def run(place: tuple[int, int]) -> None:
        row, col = place
        part = np.ascontiguousarray(padded[None, :, row : row + window + PATCH, col : col + window + PATCH])
        out[row : row + window, col : col + window] = session.run(None, {"reflectance": part})[0][0, 1]

    with ThreadPoolExecutor(threads or options.threads) as pool:
        list(pool.map(run, product(range(0, size, window), repeat=2)))
    return out


def run_rows(predict: Callable[[np.ndarray], np.ndarray], padded: np.ndarray, rows: int) -> np.ndarray:
    """Probabilities of the first rows, one call a row with the patches of all its pixels."""
    size = padded.shape[1] - PATCH
    out = np.empty((rows, size), np.float32)
    for row in range(rows):
        strip = padded[:, row : row + PATCH]
        windows = np.lib.stride_tricks.sliding_window_view(strip, PATCH, axis=2)[:, :, :size]
        out[row] = predict(np.ascontiguousarray(windows.transpose(2, 0, 1, 3)))
    return out


def onnx_row(session: ort.InferenceSession) -> Callable[[np.ndarray], np.ndarray]:
    return lambda patches: session.run(None, {"reflectance": patches})[0][:, 1, 0, 0]


def torch_row(network: PatchCnn) -> Callable[[np.ndarray], np.ndarray]:
    def predict(patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return torch.sigmoid(network(torch.from_numpy(patches))).numpy()

    return predict


def check_equal(
    dense: ort.InferenceSession,
    patches: ort.InferenceSession,
    padded: np.ndarray,
    options: argparse.Namespace,
) -> None:
    """What is timed is the same function."""
    part = np.ascontiguousarray(padded[:, :48, :48])
    expected = run_rows(onnx_row(patches), part, 32)
    np.testing.assert_allclose(run_dense(dense, part, options), expected, atol=1e-5)


KERAS = """
import sys, time, numpy as np, tensorflow as tf
threads, rows = int(sys.argv[2]), int(sys.argv[3])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
data = np.load(sys.argv[1])
layers = tf.keras.layers
model = tf.keras.Sequential([tf.keras.Input((16, 16, 13))])
for _ in range(3):
    model.add(layers.Conv2D(8, 3, padding="same", activation="relu"))
    model.add(layers.MaxPooling2D())
model.add(layers.Flatten())
for _ in range(2):
    model.add(layers.Dense(50, activation="relu"))
    model.add(layers.Dropout(0.3))
model.add(layers.Dense(1, activation="sigmoid"))
model.set_weights([data[f"w{i}"] for i in range(12)])
scene = data["scene"]
size = scene.shape[1] - 16
def row(y):
    return np.stack([scene[y : y + 16, x : x + 16] for x in range(size)])
model.predict(row(0), verbose=0)
wall, cpu = time.perf_counter(), time.process_time()
out = [model.predict(row(y), verbose=0)[:, 0] for y in range(rows)]
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(wall, cpu, float(np.abs(np.array(out) - data["expected"]).max()))
print(tf.__version__)
"""


def keras_rows(python: str, network: PatchCnn, size: int, options: argparse.Namespace) -> Timing:
    """The original's loop in the original's library, with our weights."""
    rows = options.keras_rows
    rng = np.random.default_rng(0)
    scene = rng.uniform(0, 0.6, (13, rows + PATCH, size + PATCH)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(scene, (PATCH, PATCH), axis=(1, 2))[:, :rows, :size]
    expected = [
        torch_row(network)(np.ascontiguousarray(w.transpose(1, 0, 2, 3))) for w in windows.swapaxes(0, 1)
    ]
    weights = keras_weights(network)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "keras.npz"
        np.savez(
            file,
            scene=scene.transpose(1, 2, 0),
            expected=np.array(expected),
            **{f"w{k}": value for k, value in enumerate(weights)},
        )
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [python, "-c", KERAS, str(file), str(options.threads), str(rows)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet).stdout.split()
    wall, cpu, difference = map(float, answer[:3])
    if difference > 1e-5:
        raise SystemExit(f"Keras gives other probabilities, by {difference}: the comparison means nothing")
    return Timing(
        way=f"keras rows, tensorflow {answer[3]}",
        rows=rows, wall_s=round(wall, 3), cpu_s=round(cpu, 3), tile_s=round(wall * size / rows, 2),
    )  # fmt: skip


def keras_weights(network: PatchCnn) -> list[np.ndarray]:
    """(kernel, bias) of each layer in the order and with the axes that Keras has."""
    out = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            weight = layer.weight.detach().numpy()
            out.append(weight.transpose(2, 3, 1, 0) if weight.ndim == 4 else weight.T)
            out.append(layer.bias.detach().numpy())
    return out


def machine() -> dict[str, object]:
    name = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [
            line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")
        ]
        name = lines[0].partition(":")[2].strip() if lines else name
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "load_before": round(LOAD_BEFORE, 1),
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
        "torch": torch.__version__,
    }


def print_table(report: dict) -> None:
    info = report["machine"]
    print(f"{report['tile_px']} x {report['tile_px']} px, {report['threads']} threads of {info['processor']}")
    print(f"onnxruntime {info['onnxruntime']}, torch {info['torch']}, best of {report['repeats']}")
    print(f"processes at work before: {info['load_before']}\n")
    print(f"{'way':34} {'rows run':>8} {'s a tile':>9} {'Mpx/s':>7} {'CPU s':>7} {'dense is':>20}")
    for way in report["ways"]:
        rate = report["tile_px"] ** 2 / way["tile_s"] / 1e6
        cpu = way["cpu_s"] * report["tile_px"] / way["rows"]
        ratio = report["times_faster_than"].get(way["way"])
        note = f"{ratio:.1f} x" if ratio else ""
        less = report["times_less_processor_than"].get(way["way"])
        note += f" (CPU {less:.1f} x)" if less else ""
        print(f"{way['way']:34} {way['rows']:8d} {way['tile_s']:9.2f} {rate:7.4f} {cpu:7.1f} {note:>20}")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1830, help="side of the tile, px")
    parser.add_argument("--window", type=int, default=256, help="side of a window of the dense way, px")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, help="rows run patch by patch; all unless told otherwise")
    parser.add_argument("--keras", metavar="PYTHON", help="an interpreter that has tensorflow")
    parser.add_argument("--keras-rows", type=int, default=30)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
