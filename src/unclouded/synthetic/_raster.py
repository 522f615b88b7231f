"""Rasters written piece by piece, and JPEG 2000 as the products have it."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rasterio
import rasterio.shutil

from unclouded.core.windows import Window

Piece = TypeVar("Piece")

JP2_BLOCK: Mapping[int, int] = {10: 1024, 20: 640, 60: 192}
"""gsd -> side of a JPEG 2000 tile in the products' bands."""


def raster_window(window: Window) -> Any:
    """The window as rasterio has it."""
    return rasterio.windows.Window(window.col_off, window.row_off, window.width, window.height)


def in_order(
    windows: Iterator[Window], compute: Callable[[Window], Piece], threads: int
) -> Iterator[tuple[Window, Piece]]:
    """What `compute` makes of each window, in order; at most `threads` + 1 pieces are held."""
    if threads <= 1:
        yield from ((window, compute(window)) for window in windows)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[tuple[Window, Future[Piece]]] = []
        for window in windows:
            waiting.append((window, pool.submit(compute, window)))
            if len(waiting) > threads:
                first, piece = waiting.pop(0)
                yield first, piece.result()
        yield from ((window, piece.result()) for window, piece in waiting)


@contextmanager
def geotiff(
    path: Path,
    *,
    size: tuple[int, int],
    count: int,
    dtype: str,
    place: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """A tiled GeoTIFF open for writing; `place` holds its crs and transform."""
    profile = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, "bigtiff": "if_safer"}
    height, width = size
    shape = {"height": height, "width": width, "count": count, "dtype": dtype}
    with rasterio.open(path, "w", **{**profile, **shape, **place, **(options or {})}) as out:
        yield out


def to_jp2(source: Path, target: Path, *, block: int, bits: int | None) -> None:
    """A GeoTIFF turned into lossless JPEG 2000 with five resolutions, tile by tile.

    Options after the headers of ESA's files; without REVERSIBLE and QUALITY the driver is lossy.
    """
    options: dict[str, Any] = {
        "QUALITY": "100",
        "REVERSIBLE": "YES",
        "RESOLUTIONS": "5",
        "BLOCKXSIZE": str(block),
        "BLOCKYSIZE": str(block),
        "PROGRESSION": "LRCP",
    }
    if bits is not None:
        options["NBITS"] = str(bits)
    rasterio.shutil.copy(source, target, driver="JP2OpenJPEG", **options)
