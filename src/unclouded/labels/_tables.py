"""Comma-separated tables that label sets ship."""

import csv
from pathlib import Path

from unclouded.core.errors import LabelError


def read_table(path: Path, columns: tuple[str, ...], *, delimiters: str = ",") -> list[dict[str, str]]:
    """Rows of a table as name -> text.

    Args:
        columns: names that must be in the header.
        delimiters: which may separate; the one that gives all the columns is taken.

    Raises:
        LabelError: the file cannot be read, or lacks a column.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise LabelError(f"{path}: expected a table of labels, found: {reason}; check the folder") from err
    missing: list[str] = list(columns)
    for delimiter in delimiters:
        reader = csv.DictReader(lines, delimiter=delimiter)
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if not absent:
            return list(reader)
        missing = min(missing, absent, key=len)
    raise LabelError(
        f"{path}: expected columns {', '.join(columns)}, found none named {', '.join(missing)}; "
        "give the table that the set ships"
    )


def whole_number(row: dict[str, str], column: str, where: str) -> int:
    """The integer in a cell.

    Raises:
        LabelError: it is none.
    """
    text = row[column] or ""
    try:
        return int(text)
    except ValueError as err:
        raise LabelError(
            f"{where}: column {column}: expected a whole number, found '{text}'; repair the table"
        ) from err
