"""Windows from what memory there is: the least work that fits, measured and not guessed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from unclouded.core.errors import OptionError
from unclouded.core.spec import ModelSpec
from unclouded.predict._running import Running
from unclouded.predict._windows import Edge, Windowing

DEFAULT_MEMORY = 1_400_000_000
"""Bytes that a run may take unless told otherwise."""
BASE_BYTES = 240_000_000
"""The interpreter with numpy, GDAL and a runtime, a small picture and what is being written."""
CACHE_BYTES_COLUMN = 27_000
"""GDAL's decoded blocks a column of the grid: two rows of tiles of 13 bands are 140 MB at 20 m, 280 at 10."""
CACHE_SHARE, CACHE_FROM, LEAST_CACHE = 0.3, 400_000_000, 48_000_000
"""What they may take: so much of the memory above so many bytes, and no less than that. With less than they
want, some are decoded twice; in little memory that costs less than small windows do."""
SLACK = 1.15
"""What the heap holds of memory that was given back: a seventh more was resident than is counted."""
RESAMPLING_BYTES_PX = 40
"""Arrays that one band's rows pass through on their way to the mask's grid, a pixel."""
RUN_BYTES_PX = {"dense": 1100, "strided": 150}
"""What ONNX Runtime takes a pixel of input, besides the input: measured on patchcnn, which has no stride
(1064 at 272 px), and on a U-Net, whose first layer halves the resolution (133 at 960 px)."""
BLOCK_PX = 700_000
"""Pixels of a band that are decoded at a time; enough rows to share the samples around them."""
OPENVINO_BYTES, OPENVINO_TIMES = 230_000_000, {"fp32": 1.9, "bf16": 1.1}
"""What OpenVINO takes beside, and of the above (215 and 1988 bytes a pixel in fp32, 140 and 1032 in bf16)."""
MOST_PX = {"dense": 120_000, "strided": 2_400_000}
"""Of a window with its halo: larger ones fall out of the processor's caches (patchcnn: 2.0 s a Mpx at 256 px
a side, 2.3 at 768, 3.9 at 512 x 2048)."""
WAITING = {"overlap": 0.0, "strip": 0.05, "alone": 0.25, "thin": 0.35}
"""Cores that wait, of each beside the first: where only a few blocks of the next strip are decoded while
windows run; where these run one at a time; where blocks are thin besides, and more is read around them."""
TOO_FEW = 0.1
"""The same, of each core for which a strip has no window."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be cut."""

    spec: ModelSpec
    shape: tuple[int, int]
    """(height, width) of the scene, px."""
    threads: int
    """Bands decoded, and windows run, at the same time."""
    edge: Edge = "reflect"
    running: Running = field(default_factory=Running)
    """What runs the network: runtimes take more memory or less."""
    beside: int = 0
    """Bytes that others take while it runs: refinement."""

    @property
    def run_bytes_px(self) -> int:
        """Memory that a window takes while it runs, a pixel of its input."""
        times = OPENVINO_TIMES[self.running.precision] if self.openvino else 1.0
        return 4 * len(self.spec.bands) + math.ceil(times * RUN_BYTES_PX[self.kind])

    @property
    def openvino(self) -> bool:
        """Whether OpenVINO runs the network."""
        return self.running.runtime == "openvino"

    @property
    def kind(self) -> str:
        """`strided` where the network's first layers lower the resolution, `dense` where none does."""
        return "strided" if self.spec.stride_px > 1 else "dense"


def windowing_for(task: Task, memory: int = DEFAULT_MEMORY) -> Windowing:
    """The windows that cover a scene with the least work in so much memory, bytes.

    Raises:
        OptionError: less memory than the smallest windows take; the message says how much they do.
    """
    fitting = [choice for choice in _choices(task, memory) if bytes_of(task, choice) <= memory]
    if not fitting:
        least = least_memory(task)
        raise OptionError(
            f"memory limit: expected at least {math.ceil(least / 1e6)} MB for {task.spec.name} on "
            f"{task.shape[0]} x {task.shape[1]} px with {task.threads} threads, found {memory // 10**6} MB; "
            "raise --max-memory, or mask at a coarser --gsd"
        )
    return min(fitting, key=lambda windowing: (_cost(task, windowing), windowing.width))


def windowing_of_size(task: Task, size: int, memory: int = DEFAULT_MEMORY) -> Windowing:
    """Square windows of a size that was asked for, one at a time where more do not fit.

    Raises:
        OptionError: they take more memory, or are off the network's lattice; the message says how much.
    """
    choices = [_windowing(task, size, memory, mode=mode) for mode in WAITING]
    choices[0].check(task.spec)
    for choice in choices:
        if bytes_of(task, choice) <= memory:
            return choice
    raise OptionError(
        f"memory limit: expected at least {math.ceil(bytes_of(task, choices[-1]) / 1e6)} MB for windows of "
        f"{size} px, found {memory // 10**6} MB; raise --max-memory, or leave --window-px out"
    )


def least_memory(task: Task) -> int:
    """Bytes below which no windows fit."""
    low, high = BASE_BYTES, 1 << 50
    while high - low > 1_000_000:
        middle = (low + high) // 2
        fits = any(bytes_of(task, choice) <= middle for choice in _choices(task, middle))
        low, high = (low, middle) if fits else (middle, high)
    return high


def cache_bytes(task: Task, memory: int) -> int:
    """GDAL's share of so much memory."""
    wanted = CACHE_BYTES_COLUMN * task.shape[1]
    return int(max(LEAST_CACHE, min(wanted, CACHE_SHARE * (memory - CACHE_FROM))))


def bytes_of(task: Task, windowing: Windowing) -> int:
    """What a run takes at its peak: two strips with the halo, blocks in the making, windows that run."""
    height, width = task.shape
    halo, bands, classes = task.spec.halo_px, len(task.spec.bands), len(task.spec.classes)
    strips = 2 if windowing.overlap else 1
    rows = min(height, strips * windowing.size + 2 * halo + (windowing.ahead + 1) * windowing.block_rows)
    held = rows * width * (4 * bands + 1)
    results = strips * min(windowing.size, height) * width * (4 * classes + 2)
    making = task.threads * min(windowing.block_rows, height) * width * RESAMPLING_BYTES_PX
    window = (min(windowing.size, height) + 2 * halo) * (min(windowing.width, width) + 2 * halo)
    runs = windowing.running * window * task.run_bytes_px
    return math.ceil(
        BASE_BYTES
        + OPENVINO_BYTES * task.openvino
        + SLACK * (task.beside + windowing.cache_bytes + held + results + making + runs)
    )


def work_of(task: Task, windowing: Windowing) -> int:
    """Pixels that the network is given for the whole scene, halos included."""
    rows, cols = (
        side + 2 * task.spec.halo_px * math.ceil(side / step)
        for side, step in zip(task.shape, (windowing.size, windowing.width), strict=True)
    )
    return rows * cols


def _cost(task: Task, windowing: Windowing) -> float:
    abreast = math.ceil(task.shape[1] / windowing.width)
    idle = WAITING[_mode(task, windowing)] * (task.threads - 1) + TOO_FEW * max(0, task.threads - abreast)
    return work_of(task, windowing) * (1 + idle)


def _mode(task: Task, windowing: Windowing) -> str:
    if windowing.overlap:
        return "overlap"
    if not windowing.alone:
        return "strip"
    return "alone" if windowing.block_rows == _block_rows(task) else "thin"


def _block_rows(task: Task) -> int:
    return max(16, min(256, BLOCK_PX // task.shape[1]))


def _choices(task: Task, memory: int) -> Iterator[Windowing]:
    """Windows that divide the scene evenly, so that none at its far ends is a sliver."""
    stride, halo = task.spec.stride_px, task.spec.halo_px
    sizes = sorted({_fitted(side, count, stride) for side in task.shape for count in _counts(side)})
    for mode, size, wide in product(WAITING, sizes, (1, 2, 3, 4)):
        if (size + 2 * halo) * (size * wide + 2 * halo) <= max(MOST_PX[task.kind], (stride + 2 * halo) ** 2):
            yield _windowing(task, size, memory, wide=wide, mode=mode)


def _windowing(task: Task, size: int, memory: int, *, wide: int = 1, mode: str) -> Windowing:
    rows = _block_rows(task)
    alone = mode in {"alone", "thin"}
    return Windowing(
        size=size,
        wide=wide,
        edge=task.edge,
        threads=task.threads,
        overlap=mode == "overlap",
        alone=alone,
        block_rows=max(16, rows // 4) if mode == "thin" else rows,
        ahead=1 if alone else 2,
        cache_bytes=cache_bytes(task, memory),
    )


def _counts(side: int) -> Iterator[int]:
    """Numbers of windows along a side, every one up to 40, then fewer."""
    yield from range(1, 41)
    yield from (side // size for size in (128, 96, 64, 48, 32, 16) if side // size > 40)


def _fitted(side: int, count: int, stride: int) -> int:
    """The smallest multiple of the stride of which so many cover a side."""
    return math.ceil(side / count / stride) * stride
