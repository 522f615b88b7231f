"""A folder of chips of several sets with one list, `labels.csv`: `SET/NAME_img.tif`, `SET/NAME_lab.tif`.

The list says for each chip which set's codes it has, whether its shadow was annotated and whether thin cloud
was told apart; so what its pixels may be.
"""

import re
from pathlib import Path

from unclouded.core.classes import LEGENDS, Legend
from unclouded.core.errors import LabelError
from unclouded.labels._geotiff import open_codes, read_codes
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile, wrs_scene
from unclouded.labels._tables import read_table

_LIST = "labels.csv"
_COLUMNS = ("file", "set", "legend", "shadow_annotated", "thin_apart", "site")
# set -> legend where shadow is not annotated, and where it is; None: the set has no such chips
_LEGENDS: dict[str, tuple[str | None, str | None]] = {
    "38cloud": ("cloud38", None),
    "cloudsen12-dense": (None, "cloudsen12"),
    "cloudsen12plus": (None, "cloudsen12"),
    "l8biome": ("l8-biome", "l8-biome-shadow"),
    "oncloudn": ("on-cloud-n", None),
    "ukis-csmask": (None, "ukis-csmask"),
}
_THIN_APART = frozenset({"cloudsen12", "l8-biome", "l8-biome-shadow"})
_ANSWERS = {"yes": True, "no": False}
_STATED_CODE = re.compile(r"(\d+) ")
_REGION = re.compile(r"ROI_\d+")


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The chips that the list names, and label files that it does not name are an error.

    Raises:
        PairError: the list is empty.
        LabelError: no list, a set or an answer that is unknown, codes that are not the set's, or a label that
            the list does not name.
    """
    table = folder / _LIST
    items = [_item(row, folder, f"{table}: {row['file']}") for row in read_table(table, _COLUMNS)]
    named = {item.label for item in items}
    unnamed = sorted(path for path in folder.rglob("*_lab.tif") if path not in named)
    if unnamed:
        raise LabelError(
            f"{table}: expected every label, found none of {unnamed[0].relative_to(folder)} "
            f"and {len(unnamed) - 1} more; what its codes mean is not known"
        )
    return listed(items, folder, layout=f"chips in {_LIST}")


def _item(row: dict[str, str], folder: Path, where: str) -> LabelItem:
    file = row["file"]
    return LabelItem(
        set_name="chips",
        id=file,
        site=_site(row),
        label=folder / f"{file}_lab.tif",
        image=folder / f"{file}_img.tif",
        legend=_legend(row, where),
    )


def _site(row: dict[str, str]) -> str | None:
    """Tile, WRS-2 scene or region in the name or the site; else the site as it is written."""
    texts = (row["file"].rpartition("/")[2], row["site"])
    for text in texts:
        region = _REGION.match(text)
        found = region[0] if region else mgrs_tile(text) or wrs_scene(text)
        if found:
            return found
    return row["site"] or None


def _legend(row: dict[str, str], where: str) -> Legend:
    names = _LEGENDS.get(row["set"])
    if names is None:
        raise LabelError(
            f"{where}: expected a chip of {', '.join(_LEGENDS)}, found '{row['set']}'; add its legend"
        )
    name = names[_answer(row, "shadow_annotated", where)]
    if name is None or (name in _THIN_APART) != _answer(row, "thin_apart", where):
        raise LabelError(
            f"{where}: shadow_annotated is '{row['shadow_annotated']}' and thin_apart '{row['thin_apart']}', "
            f"which does not hold of '{row['set']}'; repair the list"
        )
    stated = {int(code) for code in _STATED_CODE.findall(row["legend"])}
    if not stated <= LEGENDS[name].table.keys():
        raise LabelError(
            f"{where}: expected codes of legend '{name}', found '{row['legend']}'; name the set they are of"
        )
    return LEGENDS[name]


def _answer(row: dict[str, str], column: str, where: str) -> bool:
    if row[column] not in _ANSWERS:
        raise LabelError(f"{where}: {column}: expected yes or no, found '{row[column]}'; repair the list")
    return _ANSWERS[row[column]]


__all__ = ["find_items", "open_codes", "read_codes"]
