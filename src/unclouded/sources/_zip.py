"""Zip archives read in place, after a look at what their directory claims."""

import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from unclouded.core.archives import fault_of
from unclouded.core.errors import ProductError
from unclouded.sources._jp2 import HEAD_BYTES
from unclouded.sources._raster import RasterFile, raster_file
from unclouded.sources._text import shown

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


def is_zarr_zip(name: str) -> bool:
    """Whether an archive calls itself a Zarr store."""
    return name.lower().endswith(".zarr.zip")


class Archive:
    """A product in a zip. Nothing is unpacked: GDAL reads members where they lie."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.where = shown(path.name)
        members = _members(self._path, self.where)
        fault = fault_of(members)
        if fault is not None:
            raise ProductError(f"{self.where}: {fault}; do not trust this archive")
        kept = [member for member in members if not stat.S_ISLNK(member.external_attr >> 16)]
        self.files = {member.filename: member.file_size for member in kept if not member.is_dir()}
        self.folders = tuple(sorted(_folders(member.filename for member in kept)))

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a member, at most `count`.

        Raises:
            ProductError: the archive is damaged or encrypted.
        """
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(name) as file:
                return file.read(count)
        except _DAMAGE as err:
            raise ProductError(
                f"{self.where}: member {shown(name)} cannot be unpacked ({shown(err)}); get the archive again"
            ) from err

    def open_raster(self, name: str, *, where: str) -> RasterFile:
        """A member as a raster.

        Raises:
            RasterError: it is none that we read.
        """
        # GDAL's name of a member; braces keep a path without `.zip` apart from it
        path = f"/vsizip/{{{self._path}}}/{name}"
        return raster_file(path=path, head=self.head(name, HEAD_BYTES), size=self.files[name], where=where)


def _members(path: Path, where: str) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except _DAMAGE as err:
        raise ProductError(
            f"{where}: expected a whole zip, found one that is cut off or damaged; get the archive again"
        ) from err


def _folders(names: Iterable[str]) -> set[str]:
    return {
        str(parent)
        for name in names
        for parent in [*PurePosixPath(name).parents, *([PurePosixPath(name)] if name.endswith("/") else [])]
        if str(parent) != "."
    }
