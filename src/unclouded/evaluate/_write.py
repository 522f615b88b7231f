"""Texts written whole or not at all. `outputs` does the same for rasters; neither room knows the other."""

import os
import tempfile
from pathlib import Path

from unclouded.core.errors import OutputError


def prepare_folder(folder: Path) -> None:
    """The folder exists and can be written.

    Raises:
        OutputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as err:
        raise _refused(folder, err) from err


def write_text(path: Path, text: str) -> None:
    """The text under that name, replacing what was there in one step.

    Raises:
        OutputError: it cannot be written; what was there before is untouched.
    """
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as err:
        raise _refused(path, err) from err
    finally:
        part.unlink(missing_ok=True)


def _refused(path: Path, err: OSError) -> OutputError:
    return OutputError(
        f"{path}: expected a place that can be written, found: {err.strerror or err}; "
        "name another with -o or check its permissions and free space"
    )
