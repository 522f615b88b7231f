"""JSON that may come from anyone: bounded size and depth, numbers that are numbers, fields by path."""

import json
from typing import Any

from unclouded.core.errors import ProductError
from unclouded.sources._text import shown

MAX_BYTES = 20_000_000
"""The largest STAC item seen has 0.1 MB, the largest dump of a Zarr hierarchy 0.5 MB."""


def parse(data: bytes, *, where: str) -> Any:
    """The content of a JSON document.

    Raises:
        ProductError: empty, too big or malformed.
    """
    if not data:
        raise ProductError(f"{where}: expected JSON, found an empty file; get it again")
    if len(data) > MAX_BYTES:
        raise ProductError(
            f"{where}: expected at most {MAX_BYTES // 1_000_000} MB of JSON, found more; "
            "give the metadata of one product"
        )
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise ProductError(f"{where}: expected JSON, found {shown(err)}; get the file again") from err


def _no_number(text: str) -> float:
    raise ValueError(f"{text}, which is no number of JSON")


def dig(content: Any, *path: str | int) -> Any:
    """The value at a path of keys and positions; None where there is none."""
    for step in path:
        if isinstance(step, int):
            content = (
                content[step] if isinstance(content, list) and -len(content) <= step < len(content) else None
            )
        else:
            content = content.get(step) if isinstance(content, dict) else None
    return content


def text(content: Any, *path: str | int) -> str | None:
    """The text at a path, stripped; None where there is none."""
    found = dig(content, *path)
    return found.strip() or None if isinstance(found, str) else None


def number(content: Any, *path: str | int) -> float | None:
    """The finite number at a path; None where there is none."""
    found = dig(content, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if abs(value) < float("inf") else None
