"""KappaSet (KappaZeta 2022): 9251 sub-tiles of 512 px at 10 m, a netCDF each, with 13 bands and `Label`.

doi 10.5281/zenodo.7100327; the set of Northern Europe before it (5095024) has the same codes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unclouded.core.classes import LEGENDS
from unclouded.core.errors import RasterError
from unclouded.labels._codes import CodesReader, check_magic, open_raster, whole_reader
from unclouded.labels._geotiff import or_geotiff
from unclouded.labels._items import LabelItem, listed
from unclouded.labels._names import mgrs_tile

LABELS = LEGENDS["kappaset"]
_VARIABLE = "Label"
_MAGIC = (b"\x89HDF\r\n\x1a\n",)


def find_items(folder: Path) -> tuple[LabelItem, ...]:
    """The sub-tiles; image and label are variables of one file.

    Raises:
        PairError: there is none.
    """
    items = (_item(path, folder) for path in folder.rglob("*.nc"))
    return listed(items, folder, layout="netCDF files (*.nc)")


def _item(path: Path, folder: Path) -> LabelItem:
    return LabelItem(
        set_name="kappaset",
        id=path.relative_to(folder).with_suffix("").as_posix(),
        site=mgrs_tile(path.stem) or mgrs_tile(path.parent.name),
        label=path,
        image=path,
        legend=LABELS,
    )


@or_geotiff
@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the variable `Label`, rows as they are stored, or of a GeoTIFF.

    Raises:
        RasterError: neither a netCDF-4 file with labels nor a GeoTIFF of codes.
    """
    kind = "a netCDF-4 file"
    check_magic(path, _MAGIC, kind=kind, instead="download it again")
    if '"' in str(path):
        raise RasterError(f'{path}: expected a path without ", found one; rename the folder')
    # GDAL's netCDF driver turns arrays without coordinates upside down; its HDF5 driver reads them as stored
    source = f'HDF5:"{path}"://{_VARIABLE}'
    with open_raster(
        source, driver="HDF5Image", path=path, kind=f"{kind} with the variable {_VARIABLE}"
    ) as reader:
        yield reader


read_codes = whole_reader(open_codes)
"""The whole label: codes uint8 (y, x) on its grid."""


__all__ = ["LABELS", "find_items", "open_codes", "read_codes"]
