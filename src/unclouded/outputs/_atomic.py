"""A file appears under its final name only when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unclouded.core.errors import OutputError, UncloudedError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there takes its place when the block succeeds.

    The suffix is kept, since drivers look at it. Whatever happens, nothing half-written stays behind.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    part = path.with_name(f".{path.stem}.part-{os.getpid()}{path.suffix}")
    try:
        yield part
        _sync(part)
        part.replace(path)
    except UncloudedError:  # some are OSErrors too: a band that cannot be read is no trouble of ours
        raise
    except OSError as err:
        reason = err.strerror or err
        raise OutputError(f"{path}: cannot be written: {reason}; check permissions and free space") from err
    finally:
        part.unlink(missing_ok=True)


def prepare_folder(folder: Path) -> Path:
    """The folder, made where it was missing, and proven writable.

    Raises:
        OutputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".unclouded-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as err:
        raise OutputError(
            f"output folder {folder}: expected a folder that can be written, found: {err.strerror or err}; "
            "name another with -o"
        ) from err
    return folder


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
