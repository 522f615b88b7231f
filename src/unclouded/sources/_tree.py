"""The files of a product, whether it is a folder or a zip that is read in place."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from unclouded.core.archives import MAX_MEMBERS
from unclouded.core.errors import ProductError
from unclouded.sources._jp2 import HEAD_BYTES
from unclouded.sources._raster import RasterFile, raster_file
from unclouded.sources._text import shown


class Tree(Protocol):
    """Files by their path below the product's folder, with `/` between the parts."""

    @property
    def where(self) -> str:
        """What to call the product in a message."""
        ...

    @property
    def files(self) -> dict[str, int]:
        """Path -> size, bytes."""
        ...

    @property
    def folders(self) -> tuple[str, ...]:
        """Paths of folders, those without files among them."""
        ...

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file, at most `count`."""
        ...

    def open_raster(self, name: str, *, where: str) -> RasterFile:
        """A file as a raster.

        Raises:
            RasterError: it is none that we read.
        """
        ...


class Folder:
    """A product unpacked on disk."""

    def __init__(self, root: Path, *, depth: int | None = None, only: str | None = None) -> None:
        """The files below a folder, down to so many folders, or of one folder in it beside its own files."""
        self._root = root.resolve()
        self.where = shown(root.name or self._root.name or root)
        self.files, self.folders = _listing(self._root, self.where, depth, only)

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file, at most `count`.

        Raises:
            ProductError: the file cannot be read.
        """
        try:
            with (self._root / name).open("rb") as file:
                return file.read(count)
        except OSError as err:
            raise ProductError(
                f"{self.where}/{name}: cannot be read ({err.strerror}); check its permissions"
            ) from err

    def open_raster(self, name: str, *, where: str) -> RasterFile:
        """A file as a raster.

        Raises:
            RasterError: it is none that we read.
        """
        head = self.head(name, HEAD_BYTES)
        return raster_file(path=str(self._root / name), head=head, size=self.files[name], where=where)


class Files:
    """Files that somebody has picked, each under a name of his."""

    def __init__(self, paths: Mapping[str, Path], *, where: str) -> None:
        self._paths = dict(paths)
        self.where = where
        self.files = {name: path.stat().st_size for name, path in self._paths.items()}
        self.folders: tuple[str, ...] = ()

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a file, at most `count`.

        Raises:
            ProductError: the file cannot be read.
        """
        try:
            with self._paths[name].open("rb") as file:
                return file.read(count)
        except OSError as err:
            raise ProductError(f"{name}: cannot be read ({err.strerror}); check its permissions") from err

    def open_raster(self, name: str, *, where: str) -> RasterFile:
        """A file as a raster.

        Raises:
            RasterError: it is none that we read.
        """
        head = self.head(name, HEAD_BYTES)
        return raster_file(path=str(self._paths[name]), head=head, size=self.files[name], where=where)


def _listing(
    root: Path, where: str, depth: int | None, only: str | None
) -> tuple[dict[str, int], tuple[str, ...]]:
    files: dict[str, int] = {}
    folders: list[str] = []
    for folder, below, names in os.walk(root):
        level = len(Path(folder).relative_to(root).parts)
        below[:] = sorted(name for name in below if level > 0 or only in (None, name))
        if depth is not None and level >= depth:
            below.clear()
        prefix = PurePosixPath(Path(folder).relative_to(root).as_posix())
        folders += [str(prefix / name) for name in below]
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                files[str(prefix / name)] = path.stat().st_size
        if len(files) > MAX_MEMBERS:
            raise ProductError(
                f"{where}: expected a product of at most {MAX_MEMBERS} files, found more; "
                "give the product's own folder"
            )
    return files, tuple(folders)
