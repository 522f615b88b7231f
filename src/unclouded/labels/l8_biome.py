"""Landsat-8 Biome (USGS; Foga et al. 2017): 96 whole scenes at 30 m, shadow marked in 32 of them.

`SCENE/SCENE_fixedmask.img` with its `.hdr` (ENVI) beside `SCENE_B1.TIF` …, or, as torchgeo repacks it,
`SCENE_fixedmask.TIF` beside `SCENE.TIF`. doi 10.5066/F7251GDH.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import RasterError
from unclouded.core.windows import Window
from unclouded.labels._codes import CodesReader, check_magic, open_raster, whole_reader
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import wrs_scene

LABELS = LEGENDS["l8-biome"]
WITH_SHADOW = LEGENDS["l8-biome-shadow"]
SHADOW_CODE = 64
_END = "_fixedmask"
_ROWS = 512


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The scenes. Each mask is read for its shadow: where none is marked, clear may be shadow.

    Raises:
        PairError: there is none.
        RasterError: a mask cannot be read.
    """
    masks = (
        path
        for path in folder.rglob("*")
        if path.stem.lower().endswith(_END) and path.suffix.lower() in {".img", ".tif"}
    )
    return listed((_item(path) for path in masks), folder, layout=f"SCENE{_END}.img or SCENE{_END}.TIF")


def _item(path: Path) -> LabelItem:
    scene = path.stem[: -len(_END)]
    repacked = path.with_name(f"{scene}.TIF")
    return LabelItem(
        set_name="l8_biome",
        id=scene,
        site=wrs_scene(scene),
        label=path,
        image=repacked if repacked.exists() else path.parent,
        legend=WITH_SHADOW if marks_shadow(path) else LABELS,
    )


def marks_shadow(path: Path) -> bool:
    """Whether any pixel of a mask is marked as shadow: then its interpreter looked for shadow.

    Raises:
        RasterError: the mask cannot be read.
    """
    with open_codes(path) as reader:
        height, width = reader.grid.shape
        return any(
            (
                reader.read(Window(row_off=row, col_off=0, height=min(_ROWS, height - row), width=width))
                == SHADOW_CODE
            ).any()
            for row in range(0, height, _ROWS)
        )


@or_geotiff
@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the codes in an ENVI raster or a GeoTIFF, open inside the `with` block.

    Raises:
        RasterError: neither of these.
    """
    header = path.with_suffix(".hdr")
    if not path.is_file():
        raise RasterError(
            f"{path}: expected an ENVI raster of class codes, found: no such file; check the path"
        )
    check_magic(header, (b"ENVI",), kind="the header of an ENVI raster", instead="download it again")
    with open_raster(path, driver="ENVI", path=path, kind="an ENVI raster") as reader:
        _check_length(path, reader.grid.height * reader.grid.width)
        yield reader


def _check_length(path: Path, pixels: int) -> None:
    # GDAL reads what is missing of a raw raster as 0, without a word
    size = path.stat().st_size
    if size < pixels:
        raise RasterError(
            f"{path}: expected at least {pixels} bytes for as many pixels, found {size}; download it again"
        )


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


__all__ = ["LABELS", "WITH_SHADOW", "find_items", "marks_shadow", "open_codes", "read_codes"]
