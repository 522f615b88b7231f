"""Table of what `open_scene` opens, from what this run has opened: real files first, then synthetic ones.

Usage: python benchmarks/sources_table.py [FOLDER OF REAL DATA] > docs/reference/sources-table.md
"""

import json
import shutil
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
from unclouded.testing.cubes import odc_cube
from unclouded.testing.layouts import stac_item, write_fake_aws, write_fake_cogs
from unclouded.testing.others import write_fake_eopf, write_fake_landsat
from unclouded.testing.products import FakeSafe, write_fake_safe

REAL = (
    "p*/*.zip", "p*/*.SAFE", "p0[45]*/*", "p06*/*/*/*/*/*/*/*/*/0/preview", "p07*", "p09*/*/*/*/*/*/*/*",
    "p1[01]*/*", "metadata/*", "stac/*/*.json", "eopf/*.json",
)  # fmt: skip
CHIPS = ("images/gadomski*/*_10m.tif", "labels/l8biome/Water_02*_img.tif", "labels/oncloudn/chip_1_img.tif")
BY_HAND = OpenOptions(offset=0, quantification=10000, level="L1C", sensor="sentinel-2")


def row(source: object, origin: str) -> str | None:
    """One line of the table; None for what is no source."""
    reader = next((n for n in names("unclouded.sources") if _reader(n).sniff(source)), None)
    if reader is None:
        return None
    options = OpenOptions(granule=(list_granules(source) or (None,))[0])
    try:
        found = read_metadata(source, options)
        if found.radiometry is None and found.bands:
            options, found = BY_HAND, read_metadata(source, BY_HAND)
    except UncloudedError as err:
        return f"| {reader} | | | refused: {err} | | {origin} |"
    opened, radiometry = _opened(source, options, found)
    offset = radiometry.describe() if radiometry else "not told: state `--offset`"
    who = found.identity
    return f"| {reader} | {who.level or ''} | {who.baseline or ''} | {offset} | {opened} | {origin} |"


def _reader(name: str) -> ModuleType:
    return import_module(f"unclouded.sources.{name}")


def _opened(source: object, options: OpenOptions, found: Metadata) -> tuple[str, Radiometry | None]:
    """What came of opening it, and by which numbers."""
    if not found.bands:
        return "metadata only", found.radiometry
    if isinstance(source, Path) and source.suffix == ".json" and not (source.parent / "B04.tif").exists():
        return f"metadata; {len(found.bands)} bands on the network", found.radiometry
    try:
        product = open_product(source, options)
    except UncloudedError as err:
        reason = str(err).partition(";")[0].rpartition(": ")[2]
        return f"metadata; pixels refused: {reason}", found.radiometry
    count = len(product.bands)
    return f"{count} band{'s' if count > 1 else ''}", product.radiometry


def synthetic(folder: Path) -> Iterator[tuple[object, str]]:
    """Sources that no real file stands for, and what is special about them."""
    small = FakeSafe(size_60m=8)
    yield (
        write_fake_safe(folder / "long", replace(small, baseline="02.00", offset=None, long_names=True)),
        ("long names"),
    )
    for satellite, baseline in (("Sentinel-2C", "05.11"), ("Sentinel-2D", "05.12"), ("Sentinel-2E", "06.00")):
        fake = replace(small, satellite=satellite, baseline=baseline)
        yield write_fake_safe(folder / baseline, fake), satellite
    for baseline, offset in (
        ("02.14", None),
        ("03.01", None),
        ("04.00", -1000),
        ("05.11", -1000),
        ("05.12", -1000),
    ):
        fake = replace(small, level="L2A", baseline=baseline, offset=offset)
        yield write_fake_safe(folder / f"safe{baseline}", fake), ""
        yield write_fake_aws(folder / f"aws{baseline}", fake), ""
    names_of = write_fake_cogs(folder / "item", small)
    item = stac_item(small, names_of, dialect="cdse", stated_offset=-0.1)
    (folder / "item" / "item.json").write_text(json.dumps(item))
    yield folder / "item", ""
    yield from _others(folder)


def _others(folder: Path) -> Iterator[tuple[object, str]]:
    """Of other makers, and cubes."""
    yield write_fake_landsat(folder / "landsat"), ""
    for level, version in (("L1C", 2), ("L2A", 3)):
        store = write_fake_eopf(folder / level, level=level, zarr_format=version)
        yield store, f"Zarr {version}"
        archive = folder / f"{store.name}.zip"
        shutil.make_archive(str(archive.with_suffix("")), "zip", store)
        yield archive, f"Zarr {version}, zip"
    yield odc_cube().isel(time=0), "xarray, as odc-stac loads it"


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
    chips = [path for pattern in CHIPS for path in sorted(real.parent.glob(pattern))] if real else []
    seen += [row(path, f"real, `{path.parent.name}/{path.name}`") for path in chips]
    with tempfile.TemporaryDirectory() as folder:
        for source, kind in synthetic(Path(folder)):
            seen.append(row(source, f"synthetic{f', {kind}' if kind else ''}"))
    print("\n".join(dict.fromkeys(line for line in seen if line)))


if __name__ == "__main__":
    main()
