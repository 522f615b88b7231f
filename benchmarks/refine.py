"""What is done to a mask after the network, and writing it: processor time and memory for a whole tile.

    python benchmarks/refine.py                  # 10980 x 10980 px of 10 m
    python benchmarks/refine.py --size 5490 --gsd 20

A mask of noise of many scales, in strips of 512 rows as prediction gives them. Each row is a process of its
own; what reading the strips alone takes is not counted.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _timing import Row, clocked, in_child, machine, write_rows
from affine import Affine

from unclouded.core.classes import CLASSES, NODATA
from unclouded.core.grid import Grid
from unclouded.core.strips import Strip
from unclouded.outputs.cog import probability_writer, to_percent, write_mask
from unclouded.refine import Refinement, refine_strips
from unclouded.scene import block_cache

RESULTS = Path(__file__).parent / "results" / "refine.json"
ROWS = 512
CACHE_BYTES = 210_000_000
"""For GDAL's blocks: what `mask` gives them of 1.4 GB."""
WORK: dict[str, Refinement | str] = {
    "buffer cloud=100m,shadow=50m": Refinement.of(buffer={"cloud": 100, "shadow": 50}),
    "buffer cloud=500m,shadow=300m": Refinement.of(buffer={"cloud": 500, "shadow": 300}),
    "closing cloud=60m": Refinement.of(closing={"cloud": 60}),
    "areas below 2500 m2": Refinement.of(min_area_m2=2500),
    "areas below 10000 m2": Refinement.of(min_area_m2=10_000),
    "areas below 2500 m2, closing, buffer": Refinement.of(
        min_area_m2=2500, closing={"cloud": 60}, buffer={"cloud": 100, "shadow": 50}
    ),
    "mask written": "mask",
    "probabilities of 4 classes written": "probabilities",
}


def main() -> None:
    options = arguments()
    if options.work:
        with block_cache(CACHE_BYTES):
            print(json.dumps(measured(WORK[options.work], options.mask, options.size, options.gsd)))
        return
    if options.mask:
        write_raw(options.mask, options.size)
        print("{}")
        return
    rows, about = [], machine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.raw"
        size = ("--size", str(options.size), "--gsd", str(options.gsd))
        in_child(__file__, "--mask", str(path), *size)  # a child is said to have taken what its parent has
        for name in WORK:
            found = in_child(__file__, "--work", name, "--mask", str(path), *size)
            rows.append({"work": name, "size_px": options.size, "gsd_m": options.gsd, **found})
            print(f"{name:40s} {found['cpu_s']:6.1f} s of a core  {found['added_rss_mb']:5d} MB")
    if options.output:
        write_rows(options.output, [{**row, "machine": about} for row in rows])


def measured(work: Refinement | str, path: Path, size: int, gsd: float) -> Row:
    """Processor seconds and megabytes of one kind of work, beyond reading the mask."""
    reading = clocked(lambda: sum(int(strip.codes[0, 0]) for strip in read_raw(path, size)))
    grid = Grid(height=size, width=size, transform=Affine(gsd, 0, 5e5, 0, -gsd, 5e6), crs="EPSG:32633")
    took = clocked(lambda: run(work, read_raw(path, size), grid))
    return {
        "cpu_s": round(took["cpu_s"] - reading["cpu_s"], 2),
        "added_rss_mb": took["peak_rss_mb"] - reading["peak_rss_mb"],
    }


def run(work: Refinement | str, strips: Iterator[Strip], grid: Grid) -> None:
    if isinstance(work, Refinement):
        for _ in refine_strips(strips, grid, work):
            pass
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tif"
        if work == "mask":
            write_mask(path, grid, ((s.window, s.codes) for s in strips), legend=CLASSES, tags={})
            return
        with probability_writer(path, grid, legend=CLASSES[:4], tags={}) as write:
            for strip in strips:
                for row in range(0, len(strip.codes), 128):
                    part = Strip(row_off=strip.row_off + row, codes=strip.codes[row : row + 128])
                    write(part.window, to_percent(probabilities(part.codes), part.codes != NODATA))


def probabilities(codes: np.ndarray) -> np.ndarray:
    """Some that fit the codes, less sure beside another class, as a network's."""
    sure = np.float32(0.97) - np.float32(0.5) * (codes != np.roll(codes, 1, axis=1))
    own = codes == np.arange(4, dtype=np.uint8)[:, None, None]
    return np.where(own, sure, (1 - sure) / 3)


def write_raw(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for strip in mask(size):
            file.write(strip.codes.tobytes())


def read_raw(path: Path, size: int) -> Iterator[Strip]:
    for row in range(0, size, ROWS):
        count = min(ROWS, size - row) * size
        codes = np.fromfile(path, np.uint8, count=count, offset=row * size)
        yield Strip(row_off=row, codes=codes.reshape(-1, size))


def mask(size: int) -> Iterator[Strip]:
    """Blots of every class from kilometres down to single pixels; a corner was not seen."""
    rng = np.random.default_rng(0)
    octaves = [
        (weight, rng.standard_normal((min(cells, size) + 1,) * 2).astype(np.float32))
        for weight, cells in ((1.0, 9), (0.7, 30), (0.5, 100), (0.3, 400), (0.2, 1500), (0.12, 5490))
    ]
    for row in range(0, size, ROWS):
        rows, cols = np.arange(row, min(row + ROWS, size)), np.arange(size)
        field = np.zeros((len(rows), size), np.float32)
        for weight, cells in octaves:
            count = len(cells) - 1
            field += weight * cells[np.ix_(rows * count // size, cols * count // size)]
        codes = np.array([0, 3, 0, 2, 1], np.uint8)[np.digitize(field, (0.0, 0.5, 0.9, 1.7))]
        codes[rows < size // 4, : size // 5] = NODATA
        yield Strip(row_off=row, codes=codes)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=10_980)
    parser.add_argument("--gsd", type=float, default=10.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--mask", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
