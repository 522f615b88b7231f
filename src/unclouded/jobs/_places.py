"""Folders and stores by what users call them."""

from pathlib import Path

from unclouded.core.errors import OptionError
from unclouded.jobs._bucket import SCHEME, Bucket, parse_address
from unclouded.jobs._store import Folder

Place = Folder | Bucket
"""Where masks go."""


def open_place(output: str | Path, report: str, *, scratch: Path | None = None) -> Place:
    """The place of that path or address; nothing is touched.

    Args:
        scratch: where files for a store are made; None: in the temporary folder of this machine.

    Raises:
        OptionError: an address of another kind.
    """
    text = str(output)
    if isinstance(output, str) and "://" in text:
        if not text.startswith(SCHEME):
            raise OptionError(
                f"output: expected a folder or s3://BUCKET/PREFIX, found {text.partition('://')[0]}://"
            )
        return Bucket(address=parse_address(text), report=report, scratch=scratch)
    return Folder(path=Path(output), report=report)


def from_anywhere(place: str | Path) -> str | Path:
    """A path that means the same in every folder; an address as it is."""
    return place if "://" in str(place) else Path(place).absolute()


def is_text(area: str | Path) -> bool:
    """Whether an area is GeoJSON itself, and no path of it."""
    return isinstance(area, str) and area.lstrip().startswith("{")
