"""Zip archives that came from elsewhere: looked at before they are believed, and unpacked safely."""

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from unclouded.catalog._manifest import NAME, Entry, check_missing, check_same, read_manifest
from unclouded.catalog._names import safe_path
from unclouded.core.archives import fault_of
from unclouded.core.errors import ServiceError

CHUNK = 1 << 20

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def check_archive(path: Path, *, where: str, between: Callable[[], None] = lambda: None) -> None:
    """Pass where a zip is whole, its names stay inside, and its files are what its manifest says.

    Raises:
        ServiceError: it is not.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, where)
            entries, root = _manifest(archive, members, where)
            digests = {}
            for member in members:
                entry = entries.get(member.filename.removeprefix(root))
                digests[member.filename.removeprefix(root)] = _digest(archive, member, entry, between)
            _compare(entries, digests, members, root, where)
    except _DAMAGE as err:
        raise _damaged(where) from err


def unpack(path: Path, folder: Path, *, where: str, between: Callable[[], None] = lambda: None) -> None:
    """The files of a zip in a folder, made where it was missing. Links are left out.

    Raises:
        ServiceError: damaged, names that lead out of the folder, or sizes that no data set has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _members(archive, where):
                target = folder / safe_path(member.filename, what=where)
                target.parent.mkdir(parents=True, exist_ok=True)
                between()
                with archive.open(member) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, CHUNK)
    except _DAMAGE as err:
        raise _damaged(where) from err


def _members(archive: zipfile.ZipFile, where: str) -> list[zipfile.ZipInfo]:
    """The files of an archive whose directory claims nothing absurd."""
    infos = archive.infolist()
    fault = fault_of(infos)
    if fault is not None:
        raise ServiceError(f"{where}: {fault}; do not trust this archive")
    return [m for m in infos if not m.is_dir() and not stat.S_ISLNK(m.external_attr >> 16)]


def _manifest(
    archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo], where: str
) -> tuple[dict[str, Entry], str]:
    """Entries by path and the folder that they are relative to, with its slash."""
    name = next((m.filename for m in members if m.filename.rpartition("/")[2] == NAME), None)
    if name is None:
        return {}, ""
    entries = read_manifest(archive.read(name), where=where)
    return {entry.path: entry for entry in entries}, name.removesuffix(NAME)


def _digest(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, entry: Entry | None, between: Callable[[], None]
) -> str | None:
    """Hash of a member as the manifest has it; reading to the end checks the CRC."""
    algorithm = entry.checksum.algorithm if entry and entry.checksum else None
    hasher = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
    with archive.open(member) as file:
        while chunk := file.read(CHUNK):
            between()
            if hasher is not None:
                hasher.update(chunk)
    return hasher.hexdigest() if hasher is not None else None


def _compare(
    entries: dict[str, Entry],
    digests: dict[str, str | None],
    members: Iterable[zipfile.ZipInfo],
    root: str,
    where: str,
) -> None:
    sizes = {member.filename.removeprefix(root): member.file_size for member in members}
    for path, entry in entries.items():
        if path not in sizes:
            check_missing(entry, where)
            continue
        wrong = entry.checksum is not None and digests[path] != entry.checksum.digest
        check_same(entry, size=sizes[path], wrong=wrong, where=where)


def _damaged(where: str) -> ServiceError:
    return ServiceError(f"{where}: expected a whole zip, found a damaged one; fetch it again")
