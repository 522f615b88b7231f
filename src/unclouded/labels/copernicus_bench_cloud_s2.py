"""Copernicus-Bench Cloud-S2: a quarter of the densely labelled patches of CloudSEN12+, as plain GeoTIFFs.

`cloud_s2/s2_toa/NAME.tif`, 13 bands, and `cloud_s2/cloud/NAME.tif`; `train.csv`, `val.csv` and `test.csv`
hold a name a line. The split is not that of CloudSEN12+. hf.co/datasets/wangyi111/Copernicus-Bench, arXiv
2503.11849.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unclouded.core.classes import LEGENDS, to_sets
from unclouded.core.errors import LabelError
from unclouded.core.grid import Raster
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._padding import empty_pixels

LABELS = LEGENDS["copernicus-bench-cloud-s2"]
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_REGION = re.compile(r"ROI_\d+")


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The patches that the three lists name, and those that lie in the folders and no list names.

    Raises:
        PairError: there are none.
        LabelError: a list cannot be read.
    """
    root = folder / "cloud_s2" if (folder / "cloud_s2").is_dir() else folder
    named = {name: split for file, split in _SPLITS.items() for name in _names(root / f"{file}.csv")}
    there = {path.stem for part in ("s2_toa", "cloud") for path in (root / part).glob("*.tif")}
    items = (_item(root, name, named.get(name)) for name in named.keys() | there)
    return listed(items, folder, layout="cloud_s2 with s2_toa, cloud, train.csv, val.csv and test.csv")


def _names(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise LabelError(
            f"{path}: expected a name a line, found a file that is no text; copy it again"
        ) from err
    yield from (line.strip().removesuffix(".tif") for line in lines if line.strip())


def _item(root: Path, name: str, split: str | None) -> LabelItem:
    region = _REGION.match(name)
    return LabelItem(
        set_name="copernicus_bench_cloud_s2",
        id=name,
        site=region[0] if region else None,
        label=root / "cloud" / f"{name}.tif",
        image=root / "s2_toa" / f"{name}.tif",
        legend=LABELS,
        split=split,
    )


def read_sets(item: LabelItem) -> Raster:
    """What each pixel may be, bit masks uint8 (y, x); pixels where the image is empty are ignored.

    Raises:
        RasterError: label or image cannot be read.
        GridError: they do not lie on the same pixels.
        LabelError: a code that is unknown.
    """
    codes = read_codes(item.label)
    sets = to_sets(np.asarray(codes.values, np.uint8), item.legend, where=str(item.label))
    empty = empty_pixels(str(item.image), codes.grid, where=item.id)
    return Raster(values=np.where(empty, np.uint8(0), sets), grid=codes.grid)


__all__ = ["LABELS", "find_items", "open_codes", "read_codes", "read_sets"]
