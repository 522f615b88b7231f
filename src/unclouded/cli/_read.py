"""What people type, as what the library takes."""

import re
from typing import TYPE_CHECKING

from unclouded.core.errors import OptionError

if TYPE_CHECKING:
    from unclouded.core.windows import Window

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}


def window(text: str) -> "Window":
    """`ROW,COL,HEIGHT,WIDTH` in pixels.

    Raises:
        OptionError: not four whole numbers.
    """
    from unclouded.core.windows import Window

    try:
        row, col, height, width = (int(part) for part in text.split(","))
    except ValueError as err:
        raise OptionError(f"--window '{text}': expected four whole numbers ROW,COL,HEIGHT,WIDTH") from err
    return Window(row_off=row, col_off=col, height=height, width=width)


def size_in_bytes(text: str) -> int:
    """`512MB`, `2GB`, `1.5 GiB` or plain bytes.

    Raises:
        OptionError: not a size.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?|)b?\s*", text.lower())
    if found is None:
        raise OptionError(f"--max-memory '{text}': expected a size such as 512MB or 2GB")
    return int(float(found[1]) * _UNITS[found[2]])


def lengths(text: str | None, option: str) -> dict[str, float]:
    """`cloud=100m,shadow=50m` as names and metres; nothing where the option is not given.

    Raises:
        OptionError: not of that form.
    """
    from unclouded.refine import lengths

    return {} if text is None else lengths(text, what=option)
