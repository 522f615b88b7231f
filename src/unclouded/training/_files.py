"""Files that appear when they are whole."""

from pathlib import Path

from unclouded.core.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """A file that appears under its name when it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as err:
        raise OutputError(f"{path}: cannot write: {err.strerror or err}; choose another folder") from err
