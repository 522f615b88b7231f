"""What the benchmarks of speed share: the machine in words, measurements in processes of their own."""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def machine() -> Row:
    """Processor, cores, load and versions: what a figure means nothing without."""
    import onnxruntime  # noqa: PLC0415 - a peer's interpreter imports this module without it
    import rasterio  # noqa: PLC0415

    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": cores(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "gdal": rasterio.__gdal_version__,
    }


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_child(script: str | Path, *arguments: str, python: str = sys.executable) -> Row:
    """What a process of its own prints as JSON in its last line: its memory is then its own, too."""
    done = subprocess.run([python, str(script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(script).name} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    found: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def clocked(work: Callable[[], object]) -> Row:
    """Wall and processor seconds of some work, and the most memory that this process ever took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_rss_mb": peak_rss_mb(),
    }


def peak_rss_mb() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of a child starts at what its parent had
        lines = [line for line in status.read_text(encoding="utf-8").splitlines() if "VmHWM" in line]
        return round(int(lines[0].split()[1]) * 1024 / 1e6)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)  # bytes on macOS


def write_rows(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path}")
