"""Class codes out of a one-band GeoTIFF, whole or window by window."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from unclouded.core.classes import LEGEND_TAG
from unclouded.core.errors import LabelError, RasterError
from unclouded.core.grid import Grid, Raster
from unclouded.core.windows import Window, whole

# TIFF 6.0 section 2 (version 42) and BigTIFF (version 43), little and big endian. The driver is named, not
# guessed: a VRT under the name of a TIFF could read any file.
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, kw_only=True)
class CodesReader:
    """An open raster of codes."""

    path: Path
    grid: Grid
    block_height: int
    """Rows that are stored together: reading multiples of it decodes nothing twice."""
    nodata: float | None
    """What the file declares as nodata. For information: codes mean what their legend says."""
    dataset: DatasetReader

    @property
    def stated_legend(self) -> str | None:
        """Legend that the file names in its tags, as masks of unclouded do; None where it names none."""
        stated: str | None = self.dataset.tags().get(LEGEND_TAG)
        return stated

    def read(self, window: Window) -> npt.NDArray[np.uint8]:
        """Codes (y, x) of a window inside the raster.

        Raises:
            RasterError: the file is damaged.
            LabelError: a value is not 0 … 255.
        """
        place = RasterioWindow(window.col_off, window.row_off, window.width, window.height)
        try:
            values = self.dataset.read(1, window=place)
        except RasterioError as err:
            raise RasterError(
                f"{self.path}: rows {window.row_off} to {window.row_end - 1} cannot be decoded; "
                "the file is cut off or damaged: copy it again"
            ) from err
        return _as_bytes(values, self.path)


@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the codes in a GeoTIFF, open inside the `with` block.

    Raises:
        RasterError: no such file, not a GeoTIFF, more than one band, or values that are not integers.
    """
    _check_magic(path)
    with _opened(path) as dataset:
        _check_kind(dataset, path)
        yield CodesReader(
            path=path,
            grid=_grid(dataset),
            block_height=dataset.block_shapes[0][0],
            nodata=dataset.nodata,
            dataset=dataset,
        )


def read_codes(path: Path) -> Raster:
    """The whole raster: codes uint8 (y, x) on its grid.

    Raises:
        RasterError: not a GeoTIFF of codes, or damaged.
        LabelError: a value is not 0 … 255.
    """
    with open_codes(path) as reader:
        return Raster(values=reader.read(whole(reader.grid.shape)), grid=reader.grid)


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as err:
        raise RasterError(
            f"{path}: expected a GeoTIFF of class codes, found: {err.strerror or err}; check the path"
        ) from err
    if start not in _MAGIC:
        raise RasterError(
            f"{path}: expected a GeoTIFF of class codes, found a file that does not begin like one; "
            "convert it with `gdal_translate -of GTiff`"
        )


@contextmanager
def _opened(path: Path) -> Iterator[DatasetReader]:
    with warnings.catch_warnings():
        # masks of the original study carry no georeference; the grid says so
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path, driver="GTiff")
        except RasterioIOError as err:
            raise RasterError(
                f"{path}: expected a GeoTIFF of class codes, found a TIFF that cannot be opened ({err}); "
                "copy it again"
            ) from err
    with dataset:
        yield dataset


def _check_kind(dataset: DatasetReader, path: Path) -> None:
    if dataset.count != 1:
        raise RasterError(
            f"{path}: expected one band of class codes, found {dataset.count} bands; "
            "cut the mask's band out with `gdal_translate -b`"
        )
    kind = dataset.dtypes[0]
    if not np.issubdtype(np.dtype(kind), np.integer):
        raise RasterError(
            f"{path}: expected class codes as integers, found {kind}; "
            "convert with `gdal_translate -ot Byte`, or threshold probabilities first"
        )


def _grid(dataset: DatasetReader) -> Grid:
    return Grid(
        height=dataset.height, width=dataset.width, transform=dataset.transform, crs=_crs_text(dataset.crs)
    )


def _crs_text(crs: CRS | None) -> str | None:
    if not crs:
        return None
    try:
        epsg = crs.to_epsg()
    except CRSError:  # a local system, e.g. an engineering one
        epsg = None
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())


def _as_bytes(values: npt.NDArray[np.integer], path: Path) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    outside = values[(values < 0) | (values > 255)]
    if outside.size:
        raise LabelError(
            f"{path}: expected class codes from 0 to 255, found {outside.flat[0]} "
            f"({outside.size} px outside); name the file that holds the mask"
        )
    return values.astype(np.uint8)
