"""Reference scenes of ukis-csmask (Wieland et al. 2019): Landsat-5, -7, -8 and Sentinel-2, as NumPy archives.

`NAME.npz` with `img` (y, x, 6) and `msk` (y, x); dlr-eoc/ukis-csmask, tests/testfiles, Apache-2.0.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import RasterError
from unclouded.labels._codes import CodesReader, Values, array_reader, whole_reader
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed

LABELS = LEGENDS["ukis-csmask"]


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The archives; image and label are arrays of one file.

    Raises:
        PairError: there is none.
    """
    items = (
        LabelItem(set_name="ukis_csmask", id=path.stem, site=None, label=path, image=path, legend=LABELS)
        for path in folder.rglob("*.npz")
    )
    return listed(items, folder, layout="NAME.npz with the arrays img and msk")


@or_geotiff
@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the array `msk`, or of a GeoTIFF of these codes.

    Raises:
        RasterError: neither of these.
    """
    yield array_reader(_mask(path), path)


def _mask(path: Path) -> Values:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            mask = np.squeeze(arrays["msk"])
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as err:
        raise RasterError(
            f"{path}: expected a NumPy archive with the array msk, found: {err}; copy it again"
        ) from err
    whole = mask.ndim == 2 and bool(np.all(np.mod(mask, 1) == 0))
    if not whole:
        raise RasterError(
            f"{path}: expected codes (y, x), found {mask.dtype} {mask.shape}; give the set's own file"
        )
    return np.asarray(mask, np.int64)


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
