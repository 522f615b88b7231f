"""Class codes out of a raster file or an array, whole or window by window."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from unclouded.core.classes import LEGEND_TAG
from unclouded.core.errors import LabelError, RasterError
from unclouded.core.grid import Grid, Raster
from unclouded.core.windows import Window, whole

Values = npt.NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class CodesReader:
    """An open raster of codes."""

    path: Path
    grid: Grid
    block_height: int
    """Rows that are stored together: reading multiples of it decodes nothing twice."""
    decode: Callable[[Window], Values]
    """Values (y, x) of a window, of whatever integer type is stored."""
    nodata: float | None = None
    """What the file declares as nodata. For information: codes mean what their legend says."""
    stated_legend: str | None = None
    """Legend that the file names in its tags, as masks of unclouded do; None where it names none."""

    def read(self, window: Window) -> npt.NDArray[np.uint8]:
        """Codes (y, x) of a window inside the raster.

        Raises:
            RasterError: the file is damaged.
            LabelError: a value is not 0 … 255.
        """
        return as_bytes(self.decode(window), self.path)

    def read_all(self) -> Raster:
        """The whole raster: codes uint8 (y, x) on its grid.

        Raises:
            RasterError: the file is damaged.
            LabelError: a value is not 0 … 255.
        """
        return Raster(values=self.read(whole(self.grid.shape)), grid=self.grid)


OpenCodes = Callable[[Path], AbstractContextManager[CodesReader]]


def whole_reader(open_codes: OpenCodes) -> Callable[[Path], Raster]:
    """A function that reads a file's codes whole, uint8 (y, x) on its grid.

    It raises what the opening raises, RasterError where the file is damaged, and LabelError where a value is
    not 0 … 255.
    """

    def read_codes(path: Path) -> Raster:
        with open_codes(path) as reader:
            return reader.read_all()

    return read_codes


@contextmanager
def open_raster(source: str | Path, *, driver: str, path: Path, kind: str) -> Iterator[CodesReader]:
    """A reader of a one-band raster of integers through a named GDAL driver, open inside the `with` block.

    Args:
        source: what GDAL is to open: the file, or a part of it.
        driver: GDAL's name of the only driver that may open it.
        path: the file, for messages.
        kind: what the file should be, for messages: `a GeoTIFF`.

    Raises:
        RasterError: it cannot be opened, has several bands, or its values are not integers.
    """
    with open_dataset(source, driver=driver, path=path, kind=kind) as dataset:
        _check_kind(dataset, path)
        yield CodesReader(
            path=path,
            grid=grid_of(dataset),
            block_height=dataset.block_shapes[0][0],
            decode=lambda window: _decoded(dataset, window, path),
            nodata=dataset.nodata,
            stated_legend=dataset.tags().get(LEGEND_TAG),
        )


@contextmanager
def open_dataset(source: str | Path, *, driver: str, path: Path, kind: str) -> Iterator[DatasetReader]:
    """A raster opened by the named driver alone, open inside the `with` block.

    Raises:
        RasterError: it cannot be opened.
    """
    with warnings.catch_warnings():
        # masks of the original study carry no georeference; the grid says so
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(source, driver=driver)
        except RasterioIOError as err:
            raise RasterError(
                f"{path}: expected {kind} of class codes, found a file that cannot be opened ({err}); "
                "copy it again"
            ) from err
    with dataset:
        yield dataset


def array_reader(values: Values, path: Path, *, grid: Grid | None = None) -> CodesReader:
    """A reader of values (y, x) that are in memory; without a grid they carry no georeference."""
    height, width = values.shape
    return CodesReader(
        path=path,
        grid=grid or Grid(height=height, width=width, transform=Affine.identity(), crs=None),
        block_height=1,
        decode=lambda window: values[window.slices],
    )


def check_magic(path: Path, magics: tuple[bytes, ...], *, kind: str, instead: str, offset: int = 0) -> None:
    """Pass where a file begins as its kind must: a driver is never left to guess.

    Args:
        instead: what to do where it does not.
        offset: where in the file the raster begins, bytes.

    Raises:
        RasterError: no such file, or another kind.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            start = file.read(max(map(len, magics)))
    except OSError as err:
        raise RasterError(
            f"{path}: expected {kind} of class codes, found: {err.strerror or err}; check the path"
        ) from err
    if not start.startswith(magics):
        raise RasterError(
            f"{path}: expected {kind} of class codes, found a file that does not begin like one; {instead}"
        )


def grid_of(dataset: DatasetReader) -> Grid:
    """The grid of an open raster."""
    return Grid(
        height=dataset.height, width=dataset.width, transform=dataset.transform, crs=_crs_text(dataset.crs)
    )


def as_bytes(values: Values, path: Path) -> npt.NDArray[np.uint8]:
    """Codes as bytes.

    Raises:
        LabelError: a value is not 0 … 255.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    outside = values[(values < 0) | (values > 255)]
    if outside.size:
        raise LabelError(
            f"{path}: expected class codes from 0 to 255, found {outside.flat[0]} "
            f"({outside.size} px outside); name the file that holds the mask"
        )
    return values.astype(np.uint8)


def _decoded(dataset: DatasetReader, window: Window, path: Path) -> Values:
    place = RasterioWindow(window.col_off, window.row_off, window.width, window.height)
    try:
        values: Values = dataset.read(1, window=place)
    except RasterioError as err:
        raise RasterError(
            f"{path}: rows {window.row_off} to {window.row_end - 1} cannot be decoded; "
            "the file is cut off or damaged: copy it again"
        ) from err
    return values


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


def _crs_text(crs: CRS | None) -> str | None:
    if not crs:
        return None
    try:
        epsg = crs.to_epsg()
    except CRSError:  # a local system, e.g. an engineering one
        epsg = None
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())
