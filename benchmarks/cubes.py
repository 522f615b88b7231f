"""Masks of chunked cubes: what blocks with a halo cost beside the same cube at once.

    python benchmarks/cubes.py                        # patchcnn-v1
    python benchmarks/cubes.py --model unet-v1 --model mine.onnx

One date of 2048 x 2048 px and all 13 bands, made chunk by chunk, in chunks of several sizes; one block at a
time on one thread, each case in a process of its own. `ratio` is processor time by that of the whole cube at
once with the same windows, measured in the same process, the making of the cube in both; `tasks_per_block`
is what the mask adds to the graph, and cutting chunks anew where they do not lie on the windows.
"""

import argparse
import json
import sys
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import xarray as xr
from _timing import Row, clocked, in_child, machine, peak_rss_mb, write_rows

import unclouded.xarray  # noqa: F401 - registers the accessor
from unclouded.core.bands import NAMES

RESULTS = Path(__file__).parent / "results" / "cubes.json"
SIDE = 2048
CHUNKS = (2048, 1024, 512, 500, 100)


def main() -> None:
    options = arguments()
    if options.case:
        print(json.dumps(case(options.model[0], options.size, options.case)))
        return
    about = machine()
    rows = [
        {**in_child(__file__, "--model", model, "--size", str(options.size), "--case", str(chunk)), **about}
        for model in options.model or ["patchcnn-v1"]
        for chunk in CHUNKS
    ]
    print_table(rows)
    if options.output:
        write_rows(options.output, rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="name or file; several")
    parser.add_argument("--size", type=int, default=SIDE, help="pixels a side")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="JSON to write")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def case(model: str, size: int, chunk: int) -> Row:
    """One size of chunks."""
    cube = made(size, chunk)
    stated = {"model": model, "level": "L1C", "offset": -1000, "quantification": 10000}
    mask = cube.unclouded.mask(**stated)
    source = sum(len(layer.__dask_graph__()) for layer in cube.data_vars.values())
    before = peak_rss_mb()
    with dask.config.set(scheduler="sync"):
        lazy = clocked(lambda: mask.sum().compute())
        at_once = clocked(lambda: cube.compute().unclouded.mask(**stated))
    return {
        "model": mask.attrs["unclouded_model"],
        "size_px": size,
        "chunk_px": chunk,
        "blocks": int(mask.data.npartitions),
        "tasks_per_block": round((len(mask.__dask_graph__()) - source) / mask.data.npartitions, 1),
        "cpu_s": round(lazy["cpu_s"], 2),
        "ratio": round(lazy["cpu_s"] / at_once["cpu_s"], 2),
        "peak_rss_mb": lazy["peak_rss_mb"],
        "rss_before_mb": before,
    }


def made(size: int, chunk: int) -> xr.Dataset:
    """A cube of noise, DN uint16: nothing is held but the chunk in the making."""
    chunks = da.core.normalize_chunks((1, chunk, chunk), shape=(1, size, size))
    layers = {
        name: da.map_blocks(noise, seed, chunks=chunks, dtype="uint16", meta=np.empty((0, 0, 0), "uint16"))
        for seed, name in enumerate(NAMES)
    }
    place = {"y": 5e6 - 20.0 * np.arange(size), "x": 4e5 + 20.0 * np.arange(size)}
    return xr.Dataset({name: (("time", "y", "x"), layer) for name, layer in layers.items()}, coords=place)


def noise(seed: int, block_info: Row | None = None) -> np.ndarray:
    info = (block_info or {})[None]
    rng = np.random.default_rng([seed, *info["chunk-location"]])
    return rng.integers(1000, 6000, info["chunk-shape"], dtype=np.uint16)


def print_table(rows: list[Row]) -> None:
    names = [name for name in rows[0] if name not in machine()]
    print("  ".join(names))
    for row in rows:
        print("  ".join(str(row[name]).rjust(len(name)) for name in names))


if __name__ == "__main__":
    sys.exit(main())
