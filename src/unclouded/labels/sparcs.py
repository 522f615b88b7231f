"""L8 SPARCS (Hughes & Kennedy 2019): 80 Landsat-8 subscenes of 1000 px at 30 m by one interpreter.

`SCENE_labels.tif` of codes or, in the USGS release, `SCENE_mask.png` of codes or colours, beside
`SCENE_data.tif` (10 bands). doi 10.5066/F7FB5146.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import LabelError, RasterError
from unclouded.labels._codes import CodesReader, array_reader, check_magic, whole_reader
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import wrs_scene

LABELS = LEGENDS["sparcs"]
_ENDS = ("_labels", "_mask")
# kinds of PNG whose numbers are codes: palette and grey
_CODES = {"P", "L"}
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
    check_magic(path, _PNG, kind="a PNG", instead="download it again")
    picture = _picture(path)
    yield array_reader(picture if picture.ndim == 2 else _by_colour(picture, path), path)


def _picture(path: Path) -> npt.NDArray[np.uint8]:
    """Codes (y, x), or colours (y, x, 3).

    Pillow, not GDAL: that fills the rest of a picture that is cut off with zeros, and 0 is shadow.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return np.asarray(picture if picture.mode in _CODES else picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        raise RasterError(f"{path}: the picture cannot be decoded ({err}); download it again") from err


def _by_colour(colours: npt.NDArray[np.uint8], path: Path) -> npt.NDArray[np.uint8]:
    packed = _packed(colours)
    known = {int(_packed(np.array(colour, np.uint8))): code for code, colour in enumerate(COLOURS)}
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


def _packed(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Colours (…, 3) as one number each."""
    red, green, blue = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red << 16 | green << 8 | blue, np.uint32)


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
