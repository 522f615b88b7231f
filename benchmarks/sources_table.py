"""Table of what `open_scene` opens, from what this run has opened: real files first, then synthetic ones.

Usage: python benchmarks/sources_table.py [FOLDER OF REAL DATA] > docs/reference/sources-table.md
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from unclouded.core.errors import UncloudedError
from unclouded.core.radiometry import Radiometry
from unclouded.core.registry import names
from unclouded.sources import Metadata, OpenOptions, list_granules, open_product, read_metadata
from unclouded.testing.layouts import stac_item, write_fake_aws, write_fake_cogs
from unclouded.testing.products import FakeSafe, write_fake_safe

REAL = (
    "p*/*.zip", "p*/*.SAFE", "p0[45]*/*", "p06*/*/*/*/*/*/*/*/*/0/preview", "p07*", "p09*/*/*/*/*/*/*/*",
    "p1[01]*/*", "metadata/*", "stac/*/*.json", "eopf/*.json",
)  # fmt: skip
STATED = {"bandfiles": OpenOptions(offset=0, quantification=10000, level="L1C", sensor="sentinel-2")}


def row(path: Path, origin: str) -> str | None:
    """One line of the table; None for what is no source."""
    reader = next((n for n in names("unclouded.sources") if _reader(n).sniff(path)), None)
    if reader is None:
        return None
    options = STATED.get(reader, OpenOptions())
    if reader == "stac":
        options = replace(options, granule=(list_granules(path) or (None,))[0])
    try:
        found = read_metadata(path, options)
    except UncloudedError as err:
        return f"| {reader} | | | refused: {err} | | {origin} |"
    opened, radiometry = _opened(path, options, found)
    offset = radiometry.describe() if radiometry else "not told: state `--offset`"
    who = found.identity
    return f"| {reader} | {who.level or ''} | {who.baseline or ''} | {offset} | {opened} | {origin} |"


def _reader(name: str) -> ModuleType:
    return import_module(f"unclouded.sources.{name}")


def _opened(path: Path, options: OpenOptions, found: Metadata) -> tuple[str, Radiometry | None]:
    """What came of opening it, and by which numbers."""
    if not found.bands:
        return "metadata only", found.radiometry
    if path.suffix == ".json" and not (path.parent / "B04.tif").exists():
        return f"metadata; {len(found.bands)} bands on the network", found.radiometry
    try:
        product = open_product(path, options)
    except UncloudedError as err:
        reason = str(err).partition(";")[0].rpartition(": ")[2]
        return f"metadata; pixels refused: {reason}", found.radiometry
    count = len(product.bands)
    return f"{count} band{'s' if count > 1 else ''}", product.radiometry


def synthetic(folder: Path) -> Iterator[Path]:
    """Sources that no real file stands for."""
    small = FakeSafe(size_60m=8)
    for baseline, offset in (
        ("02.14", None),
        ("03.01", None),
        ("04.00", -1000),
        ("05.11", -1000),
        ("05.12", -1000),
    ):
        fake = replace(small, level="L2A", baseline=baseline, offset=offset)
        yield write_fake_safe(folder / f"safe{baseline}", fake)
        yield write_fake_aws(folder / f"aws{baseline}", fake)
    names_of = write_fake_cogs(folder / "item", small)
    item = stac_item(small, names_of, dialect="cdse", stated_offset=-0.1)
    (folder / "item" / "item.json").write_text(json.dumps(item))
    yield folder / "item"


def _folder(path: Path) -> str:
    return path.parts[0] if path.parts[0].startswith("p") else "/".join(path.parts[:2])


def main() -> None:
    """Print the page."""
    print("# What opens, and who says how it is read\n")
    print("Made by `benchmarks/sources_table.py`: each line is what a run of it has opened.")
    print("Bands on the network were not fetched for it; that path is tested against a loopback service.\n")
    print("| reader | level | baseline | radiometry, and who says so | opened | tested on |")
    print("|---|---|---|---|---|---|")
    real = Path(sys.argv[1]) / "products" if len(sys.argv) > 1 else None
    found = [path for pattern in REAL for path in sorted(real.glob(pattern))] if real else []
    seen = [row(path, f"real, `{_folder(path.relative_to(real))}`") for path in found]
    with tempfile.TemporaryDirectory() as folder:
        seen += [row(path, "synthetic") for path in synthetic(Path(folder))]
    print("\n".join(dict.fromkeys(line for line in seen if line)))


if __name__ == "__main__":
    main()
