"""One full tile from product to mask, against the time that decoding its bands alone takes.

    python benchmarks/full_tile.py                   # makes the product first: some 5 minutes of processor
    python benchmarks/full_tile.py --product DIR     # a product that is there
    python benchmarks/full_tile.py --gsd 20 --repeats 1

Each figure is measured in a process of its own, in turns, and the best of the repeats is kept.

    decode_s          the bands that the model reads, at the levels that it reads, by GDAL alone on all cores
    total_s           `unclouded.mask`, from opening the product to the last file
    ratio             total_s / decode_s
    bound_s           (processor seconds of decode + of the network on the same windows) / cores: what total_s
                      cannot beat, since both share the cores
    floor_13_bands_s  all bands decoded at the levels that the mask's spacing asks for
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from _peer import scene
from _timing import Row, clocked, cores, in_child, machine, write_rows

from unclouded.core.bands import NAMES
from unclouded.core.spec import ModelSpec
from unclouded.core.windows import Window
from unclouded.jobs import MaskOptions, mask
from unclouded.predict import Running, Task, bundled_models, load_model, read_model, windowing_for
from unclouded.predict._reading import as_trained
from unclouded.scene import Scene, open_scene
from unclouded.sources._raster import read_window

RESULTS = Path(__file__).parent / "results" / "full_tile.json"
PRODUCT = Path(__file__).parent.parent / "bench-out" / "full_tile"
RUNTIMES = {
    "onnxruntime fp32": Running(device="cpu"),
    "openvino bf16": Running(device="cpu", runtime="openvino", precision="bf16"),
    "openvino int8": Running(device="cpu", runtime="openvino"),
}
UNET = "unet-v1"
PLAN = [
    (60, "patchcnn-v1", "onnxruntime fp32"),
    (60, UNET, "onnxruntime fp32"),
    (20, UNET, "onnxruntime fp32"),
    (20, UNET, "openvino bf16"),
    (20, UNET, "openvino int8"),
    (10, UNET, "onnxruntime fp32"),
]


def main() -> None:
    options = arguments()
    if options.child:
        print(json.dumps(CHILDREN[options.child](options)))
        return
    product = options.product or made_product(PRODUCT, options.size)
    about = machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(product, gsd, model_for(model, runtime, Path(folder)), runtime, options)
            | {"machine": about}
            for gsd, model, runtime in PLAN
            if gsd in options.gsd and runs(runtime)
        ]
    print_table(rows)
    if options.output:
        write_rows(options.output, rows)


def runs(runtime: str) -> bool:
    """Whether the runtime is installed and this processor can do it."""
    try:
        load_model("patchcnn-v1", RUNTIMES[runtime])
    except Exception as err:  # noqa: BLE001 - said, and left out
        print(f"left out: {runtime}: {err}")
        return False
    return True


def made_product(folder: Path, size_px: int) -> Path:
    """A product as `unclouded.synthetic` writes it, kept for the next time."""
    from unclouded.synthetic import SceneConfig, write_safe  # noqa: PLC0415 - only where none is given

    own = folder / str(size_px)
    if not any(own.glob("*.SAFE")):
        print(f"writing a product of {size_px} px a side below {own}", flush=True)
        own.mkdir(parents=True, exist_ok=True)
        write_safe(own, SceneConfig(seed=1, size_m=10.0 * size_px), size_px=size_px)
    return next(iter(sorted(own.glob("*.SAFE"))))


def model_for(name: str, runtime: str, folder: Path) -> str:
    """The model's name, or the file of a stand-in, or of the same network in integers."""
    if name == UNET and name not in bundled_models():
        name = random_unet(folder)
    if not runtime.endswith("int8"):
        return name
    from unclouded.training.precision import in_precision  # noqa: PLC0415 - torch's company

    path = folder / "int8.onnx"
    path.write_bytes(in_precision(read_model(name), "int8", [scene(512)]))
    return str(path)


def random_unet(folder: Path) -> str:
    """A U-Net as `unet-v1` is, its weights drawn by chance: it takes as long."""
    from unclouded.models.unet import Config, build  # noqa: PLC0415 - torch, only where unet-v1 is not there
    from unclouded.training import to_onnx  # noqa: PLC0415

    config = Config(widths=(16, 32, 64, 128, 192), depths=(1, 1, 1, 1, 1), head="bilinear")
    spec = ModelSpec(
        name="unet of random weights", version="0", task="classes", bands=NAMES,
        optional_bands=tuple(name for name in NAMES if name not in {"B02", "B03", "B04"}),
        levels=("L1C", "L2A"), gsd_m=(9, 170), best_gsd_m=20, classes=config.classes,
        halo_px=config.halo_px, stride_px=config.stride_px, min_size_px=config.stride_px,
    )  # fmt: skip
    path = folder / "unet.onnx"
    path.write_bytes(to_onnx(build(config).eval(), spec))
    return str(path)


def measure(product: Path, gsd: int, model: str, runtime: str, options: argparse.Namespace) -> Row:
    """One row: the best of some turns of decoding and masking."""
    given = ["--product", str(product), "--gsd", str(gsd), "--model", model, "--runtime", runtime]
    decodes, totals = [], []
    for _ in range(options.repeats):
        decodes.append(in_child(__file__, "--child", "decode", *given))
        totals.append(in_child(__file__, "--child", "total", *given))
    network = in_child(__file__, "--child", "network", *given)
    decode, total = min(decodes, key=_wall), min(totals, key=_wall)
    every = decode if decode["all"] else in_child(__file__, "--child", "floor", *given)
    bound = (min(item["cpu_s"] for item in decodes) + network["cpu_s"]) / cores()
    row = {
        "gsd_m": gsd,
        "model": network["model"],
        "runtime": runtime,
        "bands": decode["bands"],
        "decode_s": round(decode["wall_s"], 2),
        "total_s": round(total["wall_s"], 2),
        "ratio": round(total["wall_s"] / decode["wall_s"], 3),
        "bound_s": round(bound, 2),
        "floor_13_bands_s": round(every["wall_s"], 2),
        "peak_rss_mb": total["peak_rss_mb"],
        "decode_cpu_s": round(decode["cpu_s"], 2),
        "network_cpu_s": round(network["cpu_s"], 2),
        "total_cpu_s": round(total["cpu_s"], 2),
        "window_px": network["window_px"],
    }
    print(line_of(row), flush=True)
    return row


def _wall(row: Row) -> float:
    return float(row["wall_s"])


# --- what a process of its own measures -----------------------------------------------------------------


def total(options: argparse.Namespace) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        settings = MaskOptions(model=options.model, gsd=options.gsd[0], running=RUNTIMES[options.runtime])
        return clocked(lambda: mask(options.product, folder, settings))


def decode(options: argparse.Namespace) -> Row:
    spec = load_model(options.model).spec
    scene = as_trained(open_scene(options.product).at(options.gsd[0]), spec)
    names = tuple(name for name in spec.bands if name in scene.bands)
    found = clocked(lambda: decode_bands(scene, names))
    plain = not scene.coarse_m and set(names) == set(scene.bands)
    return found | {"bands": len(names), "all": plain}


def floor(options: argparse.Namespace) -> Row:
    scene = open_scene(options.product).at(options.gsd[0])
    return clocked(lambda: decode_bands(scene, scene.bands))


def network(options: argparse.Namespace) -> Row:
    """Processor seconds of the network over all windows of the tile: each shape is run, and multiplied."""
    model = load_model(options.model, RUNTIMES[options.runtime])
    spec, shape = model.spec, open_scene(options.product).at(options.gsd[0]).grid.shape
    windowing = windowing_for(
        Task(spec=spec, shape=shape, threads=cores(), running=RUNTIMES[options.runtime])
    )
    spent = 0.0
    for (height, width), count in shapes_of(shape, windowing.size, windowing.width).items():
        sides = [side + 2 * spec.halo_px + -side % spec.stride_px for side in (height, width)]
        values = np.random.default_rng(0).uniform(0, 0.6, (1, len(spec.bands), *sides)).astype(np.float32)
        given = [values, np.ones((1, len(spec.bands)), np.float32)][: 2 if spec.optional_bands else 1]
        model.session.run(*given)
        best = min(clocked(lambda given=given: model.session.run(*given))["cpu_s"] for _ in range(2))
        spent += count * best
    return {
        "cpu_s": spent,
        "model": spec.name,
        "window_px": [windowing.size, windowing.width],
    }


def shapes_of(shape: tuple[int, int], height: int, width: int) -> Counter[tuple[int, int]]:
    """Shapes of the windows that cover a tile, and how many there are of each."""
    rows, cols = (
        [min(step, side - start) for start in range(0, side, step)]
        for side, step in zip(shape, (height, width), strict=True)
    )
    return Counter((row, col) for row in rows for col in cols)


def decode_bands(scene: Scene, names: Sequence[str]) -> None:
    """Every band once, at the level that the scene reads, in strips of whole tiles, a band a thread."""
    levels = {name: level_of(scene, name) for name in names}
    largest_first = sorted(names, key=lambda name: -_pixels(scene, name, levels[name]))
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda name: decode_band(scene.product.bands[name], levels[name]), largest_first))


def decode_band(reader: Any, level: int) -> None:
    grid = reader.levels[level]
    with reader.file.borrowed(level) as dataset:
        tile = dataset.block_shapes[0][0]
    for row in range(0, grid.height, tile):
        window = Window(row_off=row, col_off=0, height=min(tile, grid.height - row), width=grid.width)
        read_window(reader.file, 1, window, level)


def _pixels(scene: Scene, name: str, level: int) -> int:
    grid = scene.product.bands[name].levels[level]
    return grid.height * grid.width


@dataclass(frozen=True, kw_only=True)
class Spy:
    """A band that notes at which level it is read."""

    inner: Any
    asked: list[int] = field(default_factory=list)

    @property
    def grid(self) -> Any:
        return self.inner.grid

    @property
    def levels(self) -> Any:
        return self.inner.levels

    def read(self, window: Window, level: int = 0) -> Any:
        self.asked.append(level)
        return self.inner.read(window, level)


def level_of(scene: Scene, name: str) -> int:
    """The level that a scene reads of a band: by reading a pixel."""
    spy = Spy(inner=scene.product.bands[name])
    watched = replace(scene, product=replace(scene.product, bands={name: spy}))
    watched.read((name,), Window(row_off=0, col_off=0, height=1, width=1))
    return spy.asked[0]


# --- showing ----------------------------------------------------------------------------------------------


def print_table(rows: list[Row]) -> None:
    if rows:
        about = rows[0]["machine"]
        print(f"\n{about['processor']}, {about['cores']} cores, load before {about['load_before']}")
        print(*lines_of(rows), sep="\n")


def lines_of(rows: list[Row]) -> Iterator[str]:
    yield f"{'':58} {'decode':>8} {'total':>8} {'ratio':>6} {'bound':>8} {'13 bands':>8} {'RSS MB':>7}"
    for row in rows:
        yield line_of(row)


def line_of(row: Row) -> str:
    what = f"{row['gsd_m']} m, {row['model']}, {row['runtime']}, {row['bands']} bands"
    seconds = [row["decode_s"], row["total_s"]]
    return (
        f"{what:58} {seconds[0]:7.1f}s {seconds[1]:7.1f}s {row['ratio']:6.2f} {row['bound_s']:7.1f}s "
        f"{row['floor_13_bands_s']:7.1f}s {row['peak_rss_mb']:7d}"
    )


CHILDREN = {"total": total, "decode": decode, "floor": floor, "network": network}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--product", type=Path, help="a .SAFE folder; made where none is given")
    parser.add_argument("--size", type=int, default=10980, help="side of the product made, px of 10 m")
    parser.add_argument("--gsd", type=int, nargs="+", default=[60, 20, 10])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--child", choices=sorted(CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--runtime", help=argparse.SUPPRESS)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
