"""Sentinel-2 Cloud Mask Catalogue (Francis et al. 2020): 513 subscenes of 1022 px at 20 m.

`masks/PRODUCT.npy` (y, x, 3) one-hot of clear, cloud, shadow; `subscenes/PRODUCT.npy` (y, x, 13) reflectance;
`classification_tags.csv`. In 89 subscenes shadow is not marked. doi 10.5281/zenodo.4172871.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unclouded.core.classes import LEGENDS, Legend
from unclouded.core.errors import LabelError, RasterError
from unclouded.labels._codes import CodesReader, array_reader, whole_reader
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile
from unclouded.labels._tables import read_table

LABELS = LEGENDS["s2-cloud-catalogue"]
_TAGS = "classification_tags.csv"
_COLUMNS = ("scene", "shadows_marked", "thin", "thick")


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The subscenes that the tags name, and those that lie in the folders and no tag names.

    Raises:
        PairError: there are none.
        LabelError: no tags, or tags without the columns that tell what was marked.
    """
    tags = {row["scene"]: row for row in read_table(folder / _TAGS, _COLUMNS)}
    there = {path.stem for part in ("masks", "subscenes") for path in (folder / part).glob("*.npy")}
    items = (_item(folder, name, tags.get(name)) for name in tags.keys() | there)
    return listed(items, folder, layout=f"{_TAGS}, masks and subscenes")


def _item(folder: Path, name: str, tags: dict[str, str] | None) -> LabelItem:
    return LabelItem(
        set_name="s2_cloud_catalogue",
        id=name,
        site=mgrs_tile(name),
        label=folder / "masks" / f"{name}.npy",
        image=folder / "subscenes" / f"{name}.npy",
        legend=LABELS if tags is None else _legend(tags, f"{folder / _TAGS}: {name}"),
    )


def _legend(tags: dict[str, str], where: str) -> Legend:
    """Cloud is of one kind where only one is tagged; clear may be shadow where that is not marked."""
    marked = "-shadow" if _flag(tags, "shadows_marked", where) else ""
    thin, thick = (_flag(tags, kind, where) for kind in ("thin", "thick"))
    kind = "" if thin == thick else "-thin" if thin else "-thick"
    return LEGENDS[f"{LABELS.name}{marked}{kind}"]


def _flag(tags: dict[str, str], column: str, where: str) -> bool:
    text = (tags[column] or "").strip()
    if text not in {"0", "1", "0.0", "1.0"}:
        raise LabelError(f"{where}: {column}: expected 0 or 1, found '{text}'; repair the table")
    return text.startswith("1")


@or_geotiff
@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of 0 clear, 1 cloud, 2 shadow; an array carries no georeference.

    Raises:
        RasterError: neither such an array nor a GeoTIFF of codes.
        LabelError: a pixel that is none of the three, or several.
    """
    yield array_reader(_codes(_one_hot(path), path), path)


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


def _one_hot(path: Path) -> npt.NDArray[np.bool_]:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise RasterError(f"{path}: expected an array (y, x, 3), found: {err}; copy it again") from err
    if not isinstance(values, np.ndarray) or values.ndim != 3 or values.shape[2] != 3:
        found = getattr(values, "shape", "an archive of arrays")
        raise RasterError(f"{path}: expected an array (y, x, 3) of clear, cloud and shadow, found {found}")
    return np.asarray(values, np.bool_)


def _codes(one_hot: npt.NDArray[np.bool_], path: Path) -> npt.NDArray[np.uint8]:
    wrong = int((one_hot.sum(axis=2) != 1).sum())
    if wrong:
        raise LabelError(
            f"{path}: expected one of clear, cloud and shadow in each pixel, found none or several in "
            f"{wrong} px; leave this subscene out"
        )
    return np.asarray(one_hot.argmax(axis=2), np.uint8)


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
