"""What of a product costs how much to decode: the other side of what each band is worth.

    python benchmarks/reading.py                     # makes the product of benchmarks/full_tile.py first
    python benchmarks/reading.py --product DIR --gsd 20

Seconds of decoding alone, on all cores, each way in a process of its own. What the same ways cost in accuracy
is measured by `benchmarks/accuracy.py --bands … --coarse …`; docs/models/unet-v1.md lays both side by side.
"""

import argparse
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from _accuracy.systems import bands_of
from _timing import Row, clocked, in_child, machine, write_rows
from full_tile import PRODUCT, decode_bands, made_product

from unclouded.core.bands import NAMES
from unclouded.scene import open_scene

RESULTS = Path(__file__).parent / "results" / "reading.json"


@dataclass(frozen=True, kw_only=True)
class Way:
    """Which bands are read, and how coarse all but the visible ones may be."""

    bands: Collection[str] = NAMES
    others_m: float | None = None


WAYS: Mapping[str, Way] = {
    "13 bands": Way(),
    "13 bands, invisible ones at 40 m": Way(others_m=40.0),
    "13 bands, invisible ones at 80 m": Way(others_m=80.0),
    "visible, nir, swir": Way(bands=bands_of("visible, nir, swir")),
    "visible, nir, swir, invisible ones at 80 m": Way(bands=bands_of("visible, nir, swir"), others_m=80.0),
    "visible": Way(bands=bands_of("visible")),
}


def main() -> None:
    options = arguments()
    if options.child:
        print(json.dumps(decode(options.product, options.gsd[0], WAYS[options.child])))
        return
    product = options.product or made_product(PRODUCT, options.size)
    about, rows = machine(), []
    for gsd in options.gsd:
        for name in WAYS:
            given = ["--product", str(product), "--gsd", str(gsd), "--child", name]
            best = min(
                (in_child(__file__, *given) for _ in range(options.repeats)), key=lambda row: row["wall_s"]
            )
            rows.append({"gsd_m": gsd, "way": name, "machine": about, **rounded(best)})
            print(f"{gsd:3d} m  {name:45} {best['wall_s']:6.1f} s  {best['cpu_s']:6.1f} CPU s", flush=True)
    if options.output:
        write_rows(options.output, rows)


def rounded(row: Row) -> Row:
    return {"decode_s": round(row["wall_s"], 2), "decode_cpu_s": round(row["cpu_s"], 2)}


def decode(product: Path, gsd: int, way: Way) -> Row:
    """One way, timed."""
    scene = open_scene(product).at(gsd)
    coarse = {name: way.others_m for name in way.bands if name not in bands_of("visible")}
    scene = scene.with_coarse({name: metres for name, metres in coarse.items() if metres})
    return clocked(lambda: decode_bands(scene, tuple(name for name in way.bands if name in scene.bands)))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--product", type=Path, help="a .SAFE folder; made where none is given")
    parser.add_argument("--size", type=int, default=10980, help="side of the product made, px of 10 m")
    parser.add_argument("--gsd", type=int, nargs="+", default=[20, 10])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--child", choices=sorted(WAYS), help=argparse.SUPPRESS)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
