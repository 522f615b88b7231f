"""L8 SPARCS (Hughes & Kennedy 2019): 80 Landsat-8 subscenes of 1000 px at 30 m by one interpreter.

`SCENE_labels.tif` of codes or, in the USGS release, `SCENE_mask.png` of codes or colours, beside
`SCENE_data.tif` (10 bands). doi 10.5066/F7FB5146.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import LabelError, RasterError
from unclouded.labels._codes import (
    CodesReader,
    array_reader,
    check_magic,
    grid_of,
    open_dataset,
    open_raster,
    whole_reader,
)
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import wrs_scene

LABELS = LEGENDS["sparcs"]
_ENDS = ("_labels", "_mask")
_PNG = (b"\x89PNG\r\n\x1a\n",)
# Colours of the PNG masks by code (the set's readme names them; values in ESA-PhiLab/eo4ai, L8SPARCS80.yaml)
COLOURS = (
    (0, 0, 0),
    (0, 0, 128),
    (0, 0, 255),
    (0, 255, 255),
    (128, 128, 128),
    (255, 255, 255),
    (128, 128, 0),
)


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The subscenes; where one has both files of labels, that of codes is taken.

    Raises:
        PairError: there is none.
    """
    scenes = {
        path.with_name(path.stem.removesuffix(end))
        for end in (*_ENDS, "_data")
        for path in folder.rglob(f"*{end}.*")
        if path.suffix in {".tif", ".png"}
    }
    return listed((_item(scene) for scene in scenes), folder, layout="SCENE_labels.tif or SCENE_mask.png")


def _item(scene: Path) -> LabelItem:
    codes, colours = scene.with_name(f"{scene.name}_labels.tif"), scene.with_name(f"{scene.name}_mask.png")
    return LabelItem(
        set_name="sparcs",
        id=scene.name,
        site=wrs_scene(scene.name),
        label=colours if colours.exists() and not codes.exists() else codes,
        image=scene.with_name(f"{scene.name}_data.tif"),
        legend=LABELS,
    )


@or_geotiff
@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the codes in a GeoTIFF, or in a PNG of codes or of the set's colours.

    Raises:
        RasterError: neither of these.
        LabelError: a colour that is not one of the set's.
    """
    kind = "a PNG"
    check_magic(path, _PNG, kind=kind, instead="download it again")
    with open_dataset(path, driver="PNG", path=path, kind=kind) as dataset:
        if dataset.count < 3:
            with open_raster(path, driver="PNG", path=path, kind=kind) as reader:
                yield reader
            return
        try:
            colours = dataset.read((1, 2, 3))
        except RasterioError as err:
            raise RasterError(f"{path}: the picture cannot be decoded; download it again") from err
        yield array_reader(_by_colour(colours, path), path, grid=grid_of(dataset))


def _by_colour(colours: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    packed = _packed(colours[0], colours[1], colours[2])
    known = {
        int(_packed(*(np.uint8(value) for value in colour))): code for code, colour in enumerate(COLOURS)
    }
    codes = np.zeros(packed.shape, np.uint8)
    for value, count in zip(*np.unique(packed, return_counts=True), strict=True):
        if int(value) not in known:
            colour = (int(value) >> 16, int(value) >> 8 & 255, int(value) & 255)
            raise LabelError(
                f"{path}: expected the seven colours of the set, found {colour} ({count} px); "
                "give the mask as it was released"
            )
        codes[packed == value] = known[int(value)]
    return codes


def _packed(red: npt.ArrayLike, green: npt.ArrayLike, blue: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    r, g, b = (np.asarray(channel, np.uint32) for channel in (red, green, blue))
    return np.asarray(r << 16 | g << 8 | b, np.uint32)


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
