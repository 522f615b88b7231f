"""Zip archives read in place, after a look at what their directory claims."""

import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from unclouded.core.errors import ProductError
from unclouded.sources._jp2 import HEAD_BYTES
from unclouded.sources._raster import RasterFile, raster_file
from unclouded.sources._text import shown
from unclouded.sources._tree import MAX_FILES

MAX_BYTES = 50_000_000_000
"""Unpacked size of all members; a product has below 1 GB, one of many granules some 10 GB."""
MAX_RATIO = 200
"""Unpacked : packed of a member above 1 MB; imagery does not shrink, metadata by 20 : 1."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


class Archive:
    """A product in a zip. Nothing is unpacked: GDAL reads members where they lie."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.where = shown(path.name)
        members = _members(self._path, self.where)
        for member in members:
            _check(member, self.where)
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise ProductError(
                f"{self.where}: expected at most {MAX_BYTES // 10**9} GB unpacked, "
                "found more; it is no Sentinel-2 product"
            )
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
            members = archive.infolist()
    except _DAMAGE as err:
        raise ProductError(
            f"{where}: expected a whole zip, found one that is cut off or damaged; get the archive again"
        ) from err
    if len(members) > MAX_FILES:
        raise ProductError(
            f"{where}: expected at most {MAX_FILES} files in the zip, found {len(members)}; "
            "it is no Sentinel-2 product"
        )
    return members


def _check(member: zipfile.ZipInfo, where: str) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/") or "\\" in name or ":" in parts[0]:
        raise ProductError(
            f"{where}: expected names inside the archive, found '{shown(name)}', which points out of it; "
            "do not trust this archive"
        )
    if member.file_size > 1_000_000 and member.file_size > MAX_RATIO * max(1, member.compress_size):
        raise ProductError(
            f"{where}: expected {shown(name)} to shrink by at most {MAX_RATIO} : 1, found "
            f"{member.file_size} bytes packed into {member.compress_size}; do not trust this archive"
        )


def _folders(names: Iterable[str]) -> set[str]:
    return {
        str(parent)
        for name in names
        for parent in [*PurePosixPath(name).parents, *([PurePosixPath(name)] if name.endswith("/") else [])]
        if str(parent) != "."
    }
