"""Legends of one's own, written down in TOML."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from unclouded.core.classes import CLASSES, CLOUD, IGNORE, NODATA, NOT_CLOUD, Legend
from unclouded.core.errors import LabelError

WORDS: dict[str, frozenset[int]] = {
    **{item.name: frozenset({item.code}) for item in CLASSES},
    "cloud": CLOUD,
    "not_cloud": NOT_CLOUD,
    "ignore": IGNORE,
}
"""What a code may be said to mean: a class, or one of three short words for several or none."""


def read_legend(path: Path) -> Legend:
    """The legend in a TOML file.

    Example::

        name = "interpreter-2024"
        note = "thin cloud only where it hides the ground"
        [codes]
        0 = "ignore"
        1 = ["clear", "snow"]
        2 = "cloud"
        3 = "cloud_shadow"

    Raises:
        LabelError: no such file, not TOML, a code that is no whole number from 0 to 255, or an unknown class.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        raise LabelError(
            f"{path}: expected a legend in TOML, found: {reason}; see docs/reference/label-sets.md"
        ) from err
    codes = content.get("codes")
    unknown = sorted(content.keys() - {"name", "note", "codes"})
    if unknown or not isinstance(codes, dict) or not codes:
        raise LabelError(
            f"{path}: expected name, note and a table [codes], found "
            f"{', '.join(sorted(content)) or 'nothing'}; see docs/reference/label-sets.md"
        )
    table = {_code(text, path): classes_of(means, f"{path}: code {text}") for text, means in codes.items()}
    ignored = [code for code, classes in table.items() if not classes]
    return Legend(
        name=_text(content, "name", path) or path.stem,
        table=table,
        note=_text(content, "note", path),
        fill=ignored[0] if len(ignored) == 1 else None,
    )


def classes_of(means: object, where: str) -> frozenset[int]:
    """The set of classes that a word or a list of words stands for.

    Raises:
        LabelError: a word that is none of `WORDS`.
    """
    words = [means] if isinstance(means, str) else means
    if not isinstance(words, Iterable):
        words = [means]
    found: set[int] = set()
    for word in words:
        if word not in WORDS:
            raise LabelError(f"{where}: expected some of {', '.join(WORDS)}, found {word!r}; name the class")
        found |= WORDS[str(word)]
    return frozenset(found)


def _code(text: str, path: Path) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > NODATA:
        raise LabelError(f"{path}: expected codes from 0 to 255, found '{text}'; number the classes")
    return int(text)


def _text(content: dict[str, object], name: str, path: Path) -> str:
    value = content.get(name, "")
    if not isinstance(value, str):
        raise LabelError(f"{path}: {name}: expected text, found {value!r}; put it in quotes")
    return value
