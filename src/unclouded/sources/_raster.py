"""Rasters through GDAL: a named driver only, a handle per reader at a time, levels where they truly lie."""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.env import getenv, hasenv
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from unclouded.core.errors import RasterError
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.sources._jp2 import CODESTREAM, SIGNATURE, Jp2Header, parse_header
from unclouded.sources._remote import Remote

_MAGIC = {
    SIGNATURE: "JP2OpenJPEG",
    CODESTREAM: "JP2OpenJPEG",
    b"II*\x00": "GTiff",
    b"MM\x00*": "GTiff",
    b"II+\x00": "GTiff",  # BigTIFF
    b"MM\x00+": "GTiff",
}

MAX_PIXELS = 1 << 31
"""Per band: 18 times a Sentinel-2 tile at 10 m. A header may claim anything."""

_ENVIRONMENT = {
    # Over the network: a wait that ends, three more tries where it was the service's fault (429, 5xx),
    # and the head of a COG in one request.
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    # no sidecars: they can point to any other file
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    # With more threads GDAL decodes JPEG 2000 tiles ahead and forgets their errors: a file cut in half
    # then reads as garbage without a word (rasterio 1.4.4, GDAL 3.10.3; tests/sources/test_raster.py).
    # We run our own threads over bands instead.
    "GDAL_NUM_THREADS": "1",
    # Bytes, of all open files together; by itself GDAL takes 5 % of the memory. Two rows of tiles of
    # all 13 bands at 10 m take 280 MB: enough to decode each tile once when windows go row by row.
    "GDAL_CACHEMAX": 512_000_000,
}

_CACHE = "GDAL_CACHEMAX"


@contextmanager
def block_cache(limit: int) -> Iterator[None]:
    """What this thread reads in the block, with GDAL's decoded blocks held to so many bytes.

    The cache is one for the process: the limit that came last is the one that holds.
    """
    with rasterio.Env(**{_CACHE: limit}):
        yield


def keep_block_cache(limit: int) -> None:
    """As `block_cache`, for all that this thread reads from now on: beginning it anew costs a millisecond."""
    rasterio.Env(**{_CACHE: limit}).__enter__()


def _environment(remote: Mapping[str, str]) -> dict[str, object]:
    """GDAL's options for reading; a limit of the cache that the caller set stands."""
    options = {**_ENVIRONMENT, **remote}
    if hasenv() and _CACHE in getenv():
        del options[_CACHE]
    return options


_OPENING = threading.Lock()  # warnings.catch_warnings is not safe among threads


def driver_of(head: bytes) -> str | None:
    """GDAL driver for a file that starts like this; None for anything that we do not read."""
    return next((driver for magic, driver in _MAGIC.items() if head.startswith(magic)), None)


class RasterFile:
    """A raster file and its open handles: each is used by one caller at a time, then kept for the next."""

    def __init__(
        self,
        *,
        path: str,
        driver: str,
        where: str,
        header: Jp2Header | None = None,
        remote: Remote | None = None,
    ) -> None:
        self.driver = driver
        self.where = where
        self.header = header
        self._path = path
        self._remote = remote
        self._idle: dict[int, list[DatasetReader]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """Handles stay in their process."""
        return _raster_file, (self._path, self.driver, self.where, self.header, self._remote)

    @contextmanager
    def borrowed(self, level: int = 0) -> Iterator[DatasetReader]:
        """A handle of a resolution level, for one caller.

        Raises:
            RasterError: the file cannot be opened, or reading through the handle fails.
        """
        remote = self._remote
        session = remote.session() if remote else None
        with rasterio.Env(session, **_environment(remote.environment if remote else {})):
            try:
                dataset = self._take(level)
                yield dataset
            except RasterioError as err:
                if self._remote is not None:
                    raise self._remote.failure(self.where, str(err)) from None  # it may quote the address
                raise RasterError(
                    f"{self.where}: expected a readable raster, found damaged data; get the file again"
                ) from err
        with self._lock:
            self._idle.setdefault(level, []).append(dataset)

    def close(self) -> None:
        """Close the handles that nobody uses."""
        with self._lock:
            idle = [dataset for datasets in self._idle.values() for dataset in datasets]
            self._idle.clear()
        for dataset in idle:
            dataset.close()

    def _take(self, level: int) -> DatasetReader:
        with self._lock:
            idle = self._idle.get(level)
            if idle:
                return idle.pop()
        options = {"overview_level": level - 1} if level else {}
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(self._path, driver=self.driver, sharing=False, **options)


def _raster_file(
    path: str, driver: str, where: str, header: Jp2Header | None, remote: Remote | None
) -> RasterFile:
    return RasterFile(path=path, driver=driver, where=where, header=header, remote=remote)


def remote_file(*, path: str, driver: str, where: str, remote: Remote) -> RasterFile:
    """A raster on the network by a driver that its address names; the first bytes are GDAL's to check.

    Raises:
        RasterError: not there, or not of that kind.
        ServiceError: the service refuses or does not answer.
    """
    file = RasterFile(path=path, driver=driver, where=where, remote=remote)
    if driver != "JP2OpenJPEG":
        return file
    with file.borrowed() as dataset:
        lossy = dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION_REVERSIBILITY") == "LOSSY"
        header = Jp2Header(
            reversible=not lossy, decompositions=len(dataset.overviews(1)), aligned=True, end=None
        )
    return RasterFile(path=path, driver=driver, where=where, header=header, remote=remote)


def raster_file(*, path: str, head: bytes, size: int, where: str) -> RasterFile:
    """A raster file by what its first bytes say. Nothing is decoded.

    Raises:
        RasterError: empty, of a kind that we do not read, or shorter than its header says.
    """
    driver = driver_of(head)
    if driver is None:
        found = "an empty file" if size == 0 else "a file of another kind"
        raise RasterError(f"{where}: expected JPEG 2000 or TIFF, found {found}; get the file again")
    if driver == "GTiff":
        return RasterFile(path=path, driver=driver, where=where)
    header = parse_header(head)
    if header is None:
        raise RasterError(
            f"{where}: expected a JPEG 2000 codestream, found none in {size} bytes; get the file again"
        )
    if header.end is not None and size < header.end:
        raise RasterError(
            f"{where}: expected {header.end} bytes, found {size}: the file is cut off; get it again"
        )
    return RasterFile(path=path, driver=driver, where=where, header=header)


@dataclass(frozen=True, kw_only=True)
class RasterInfo:
    """What a raster says of itself."""

    grid: Grid
    """Of the full resolution; `crs` is None where the file has no georeference."""
    levels: tuple[Grid, ...]
    """Of all resolution levels, where their samples truly lie."""
    names: tuple[str | None, ...]
    """Descriptions of the bands."""
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    """GDAL's scale and offset of the bands; 1 and 0 where the file has none."""
    nodata: tuple[float | None, ...]
    """Of the bands."""
    dtype: np.dtype[np.generic]
    tags: dict[str, str]
    """Of the dataset."""


def describe(file: RasterFile) -> RasterInfo:
    """Header of a raster file.

    Raises:
        RasterError: it cannot be opened, or claims an absurd size.
    """
    with file.borrowed() as dataset:
        _check_size(dataset, file.where)
        grid = _grid_of(dataset)
        count = len(dataset.overviews(1))
        dtype = np.result_type(*(np.dtype(name) for name in dataset.dtypes))
        if dtype.kind not in "uif":
            raise RasterError(f"{file.where}: expected real numbers, found {dtype}; convert the raster first")
        info = RasterInfo(
            grid=grid,
            levels=(grid,),
            names=tuple(dataset.descriptions),
            scales=tuple(dataset.scales),
            offsets=tuple(dataset.offsets),
            nodata=tuple(dataset.nodatavals),
            dtype=dtype,
            tags=dict(dataset.tags()),
        )
    return info if not count else _with_levels(info, file, count)


def _check_size(dataset: DatasetReader, where: str) -> None:
    if dataset.width * dataset.height > MAX_PIXELS:
        raise RasterError(
            f"{where}: expected at most {MAX_PIXELS} pixels a band, "
            f"found {dataset.height} x {dataset.width}; cut the raster first"
        )


def _with_levels(info: RasterInfo, file: RasterFile, count: int) -> RasterInfo:
    levels = level_grids(info.grid, _level_shapes(info.grid, file, count), file.header)
    return RasterInfo(**{**info.__dict__, "levels": levels})


def _level_shapes(grid: Grid, file: RasterFile, count: int) -> list[tuple[int, int]]:
    if file.header is not None:
        # the wavelet halves, rounding up (ISO/IEC 15444-1, B.5): no need to open thirteen bands five times
        return [(-(-grid.height >> level), -(-grid.width >> level)) for level in range(1, count + 1)]
    shapes = []
    for level in range(1, count + 1):
        with file.borrowed(level) as dataset:
            shapes.append((dataset.height, dataset.width))
    return shapes


def level_grids(grid: Grid, shapes: list[tuple[int, int]], header: Jp2Header | None) -> tuple[Grid, ...]:
    """Grids of the resolution levels, the full one first, each with its true place.

    A wavelet's low-pass sample i of level k is centred on pixel i * 2^k of the full resolution, that
    is on (i * 2^k + 0.5), not in the middle of 2^k pixels: its grid starts (2^k - 1) / 2 px before the
    image. A TIFF's overview covers the image's extent.
    Source: ISO/IEC 15444-1 annex F; measured in tests/sources/test_raster.py.
    """
    if header is not None and not header.aligned:
        return (grid,)
    grids = [grid]
    for level, (height, width) in enumerate(shapes, start=1):
        if header is not None:
            place = stepped(grid.transform, 2**level, 2**level, before=(2**level - 1) / 2)
        else:
            place = stepped(grid.transform, grid.width / width, grid.height / height)
        grids.append(Grid(height=height, width=width, transform=place, crs=grid.crs))
    return tuple(grids)


def stepped(transform: Affine, across: float, down: float, *, before: float = 0.0) -> Affine:
    """The transform with pixels `across` x `down` times as big, begun `before` px ahead on both axes."""
    t = transform  # spelt out: affine 2 multiplies with *, affine 3 with @
    return Affine(
        t.a * across,
        t.b * down,
        t.c - before * (t.a + t.b),
        t.d * across,
        t.e * down,
        t.f - before * (t.d + t.e),
    )


def _grid_of(dataset: DatasetReader) -> Grid:
    crs = dataset.crs
    code = crs.to_epsg() if crs else None
    name = f"EPSG:{code}" if code else (crs.to_wkt() if crs else None)
    return Grid(height=dataset.height, width=dataset.width, transform=dataset.transform, crs=name)


def read_window(file: RasterFile, index: int, window: Window, level: int) -> npt.NDArray[np.generic]:
    """DN (y, x) of one band, counted from 1.

    Raises:
        RasterError: the file is damaged.
    """
    with file.borrowed(level) as dataset:
        values: npt.NDArray[np.generic] = dataset.read(
            index,
            window=RasterioWindow(window.col_off, window.row_off, window.width, window.height),
        )
    if values.shape != window.shape:
        raise RasterError(
            f"{file.where}: expected {window.height} x {window.width} px at level {level}, "
            f"found {values.shape[0]} x {values.shape[1]}; get the file again"
        )
    return values
