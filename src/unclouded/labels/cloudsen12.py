"""CloudSEN12+: 509 and 2000 px patches of Sentinel-2 at 10 m, densely labelled or with strokes.

`cloudsen12-l1c.000N.part.taco` or `-l2a`, TACO version 1; needs the extra `labels`. doi
10.1016/j.dib.2024.110852. Patches are padded with zeros to 512 or 2048 px, and the set's users do not agree
on which sides: each file is looked at.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unclouded.core.classes import LEGENDS, to_sets
from unclouded.core.errors import LabelError, RasterError
from unclouded.core.grid import Raster
from unclouded.labels import _geotiff
from unclouded.labels._codes import CodesReader, check_magic, open_raster, whole_reader
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._padding import check_padding, empty_pixels
from unclouded.labels._taco import Part, inner_parts, parts

LABELS = LEGENDS["cloudsen12"]
_LEGENDS = {"high": LABELS, "scribble": LEGENDS["cloudsen12-scribble"]}
_UNLABELLED = "nolabel"
_SPLITS = {"train": "train", "validation": "validation", "test": "test"}
_SUBFILE = re.compile(r"/vsisubfile/(\d+)_(\d+),(.+)")
_LEVEL = re.compile(r"-(l1c|l2a)\.")


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The patches with dense labels or strokes, each in the split that the set gives it.

    Images and labels are parts of the TACO files: paths that GDAL reads (`/vsisubfile/…`).

    Raises:
        PairError: there is no such file.
        RasterError: one is damaged.
        LabelError: a kind of label or a split that is unknown.
        OptionError: pyarrow is not installed.
    """
    files = sorted(path for end in ("*.taco", "*.tortilla") for path in folder.rglob(end))
    found = (item for path in files for item in _items(path))
    return listed(found, folder, layout="cloudsen12-l1c.0000.part.taco and the like")


def _items(path: Path) -> Iterator[LabelItem]:
    level = _LEVEL.search(path.name)
    for part in parts(path):
        kind = part.fields.get("label_type")
        # the parts named `extra` hold other programs' masks and no labels
        if kind is not None and kind != _UNLABELLED:
            yield _item(part, str(kind), level[1] if level else None)


def _item(part: Part, kind: str, level: str | None) -> LabelItem:
    name = str(part.fields["tortilla:id"])
    where = f"{part.path}: {name}"
    split = str(part.fields.get("tortilla:data_split"))
    if kind not in _LEGENDS or split not in _SPLITS:
        raise LabelError(
            f"{where}: expected labels of {' or '.join(_LEGENDS)} in {', '.join(_SPLITS)}, "
            f"found '{kind}' in '{split}'; this is another version of the set"
        )
    inner = inner_parts(part)
    if len(inner) < 2:
        raise RasterError(
            f"{where}: expected an image and a label, found {len(inner)} files; download it again"
        )
    image, label = inner[:2]
    return LabelItem(
        set_name="cloudsen12",
        id=f"{name}_{level}" if level else name,
        site=_text(part, "roi_id"),
        label=label.virtual,
        image=image.virtual,
        legend=_LEGENDS[kind],
        split=_SPLITS[split],
        size_px=_size(part, where),
    )


def _text(part: Part, name: str) -> str | None:
    value = part.fields.get(name)
    return None if value is None else str(value)


def _size(part: Part, where: str) -> int:
    size = part.fields.get("real_proj_shape")
    if not isinstance(size, int) or size < 1:
        raise LabelError(
            f"{where}: real_proj_shape: expected px, found {size!r}; this is another version of the set"
        )
    return size


@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the codes in a label, in a TACO or in a file of its own, open inside the `with` block.

    Raises:
        RasterError: not a GeoTIFF of codes.
    """
    inside = _SUBFILE.fullmatch(str(path))
    if inside is None:
        with _geotiff.open_codes(path) as reader:
            yield reader
        return
    whole, offset = Path(inside[3]), int(inside[1])
    kind, again = "a GeoTIFF", "download it again"
    check_magic(whole, _geotiff.TIFF_MAGIC, kind=kind, instead=again, offset=offset)
    with open_raster(str(path), driver="GTiff", path=whole, kind=kind) as reader:
        yield reader


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


def read_sets(item: LabelItem) -> Raster:
    """What each pixel may be, bit masks uint8 (y, x); padding and pixels without data are ignored.

    Raises:
        RasterError: label or image cannot be read.
        LabelError: a code that is unknown, or padding that is not where zeros are.
    """
    codes = read_codes(item.label)
    sets = to_sets(np.asarray(codes.values, np.uint8), item.legend, where=item.id)
    empty = empty_pixels(str(item.image), codes.grid, where=item.id)
    if item.size_px is not None:
        check_padding(empty, item.size_px, where=item.id)
    return Raster(values=np.where(empty, np.uint8(0), sets), grid=codes.grid)


__all__ = ["LABELS", "find_items", "open_codes", "read_codes", "read_sets"]
