"""Class codes out of a one-band GeoTIFF."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path

from unclouded.labels._codes import CodesReader, OpenCodes, check_magic, open_raster, whole_reader

# TIFF 6.0 section 2 (version 42) and BigTIFF (version 43), little and big endian. The driver is named, not
# guessed: a VRT under the name of a TIFF could read any file.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUFFIXES = {".tif", ".tiff"}
CONVERT = "convert it with `gdal_translate -of GTiff`"


@contextmanager
def open_codes(path: Path) -> Iterator[CodesReader]:
    """A reader of the codes in a GeoTIFF, open inside the `with` block.

    Raises:
        RasterError: no such file, not a GeoTIFF, more than one band, or values that are not integers.
    """
    check_magic(path, TIFF_MAGIC, kind="a GeoTIFF", instead=CONVERT)
    with open_raster(path, driver="GTiff", path=path, kind="a GeoTIFF") as reader:
        yield reader


def or_geotiff(open_other: OpenCodes) -> OpenCodes:
    """The same opening of a set's own format, but GeoTIFFs are opened as such: labels get exported."""

    @wraps(open_other)
    def open_either(path: Path) -> AbstractContextManager[CodesReader]:
        return open_codes(path) if path.suffix.lower() in _SUFFIXES else open_other(path)

    return open_either


read_codes = whole_reader(open_codes)
"""The whole raster: codes uint8 (y, x) on its grid."""
