"""The network alone, side by side with other tools: arrays in, masks out, on the same machine in one run.

    make bench-peers                                 # a virtual environment of its own for the peers
    python benchmarks/peers.py --python PYTHON       # an interpreter that has them
    python benchmarks/peers.py --python PYTHON --size 512 --repeats 1

Every tool runs in a process of its own, in turns, its first run included among those of which the best
counts. `ratio_to_ours` is how many times as fast unclouded with ONNX Runtime fp32 is.
"""

import argparse
import tempfile
from pathlib import Path

from _peer import TOOLS
from _timing import Row, in_child, machine, write_rows
from full_tile import UNET, random_unet, runs

from unclouded.predict import bundled_models

RESULTS = Path(__file__).parent / "results" / "peers.json"
CHILD = Path(__file__).parent / "_peer.py"
OURS, OPENVINO = "unclouded, onnxruntime fp32", "unclouded, openvino bf16"


def main() -> None:
    options = arguments()
    about = machine()
    with tempfile.TemporaryDirectory() as folder:
        model = UNET if UNET in bundled_models() else random_unet(Path(folder))
        given = [str(options.size), str(options.repeats)]
        rows = [in_child(CHILD, OURS, *given, model)]
        if runs("openvino bf16"):
            rows.append(in_child(CHILD, OPENVINO, *given, model))
    for tool in TOOLS:
        if not tool.startswith("unclouded") and (options.only is None or options.only in tool):
            rows.append(in_child(CHILD, tool, *given, python=str(options.python)))
            print(line_of(rows[-1], rows[0]), flush=True)
    for row in rows:
        row["ratio_to_ours"] = round(rows[0]["mpx_s"] / row["mpx_s"], 2)
        row["cpu_ratio_to_ours"] = round(row["cpu_s_per_mpx"] / rows[0]["cpu_s_per_mpx"], 2)
    print_table(rows, about)
    if options.output:
        write_rows(options.output, [_rounded(row) | {"machine": about} for row in rows])


def _rounded(row: Row) -> Row:
    return row | {"mpx_s": round(row["mpx_s"], 4), "cpu_s_per_mpx": round(row["cpu_s_per_mpx"], 3)}


def line_of(row: Row, ours: Row) -> str:
    return (
        f"{row['tool']:34} {row['mpx_s']:8.3f} Mpx/s {row['cpu_s_per_mpx']:8.2f} CPU s/Mpx "
        f"{row['peak_rss_mb']:6d} MB {ours['mpx_s'] / row['mpx_s']:8.1f} x "
        f"(CPU {row['cpu_s_per_mpx'] / ours['cpu_s_per_mpx']:.1f} x)"
    )


def print_table(rows: list[Row], about: Row) -> None:
    print(f"\n{about['processor']}, {about['cores']} cores, load before {about['load_before']}")
    print(f"{rows[0]['size_px']} x {rows[0]['size_px']} px of reflectance")
    for row in rows:
        print(line_of(row, rows[0]))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, required=True, help="an interpreter that has the peers")
    parser.add_argument("--size", type=int, default=1830, help="side of the array, px")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", help="peers whose name holds this")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
