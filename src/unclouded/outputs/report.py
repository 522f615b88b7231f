"""`run.json` and its kin: what became of every scene of a run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unclouded.core.errors import OutputError
from unclouded.outputs._atomic import replacing

NAME = "run.json"
REPORT_VERSION = 1


def write_report(
    folder: Path, run: Mapping[str, Any], scenes: Mapping[str, Mapping[str, Any]], name: str = NAME
) -> None:
    """Write the report into the folder: the run's own facts, and one entry a source.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(folder / name) as part:
        part.write_text(report_text(run, scenes), encoding="utf-8")


def report_text(run: Mapping[str, Any], scenes: Mapping[str, Mapping[str, Any]]) -> str:
    """The report as JSON."""
    body = {"report_version": REPORT_VERSION, **run, "scenes": scenes}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def read_scenes(folder: Path, name: str = NAME) -> dict[str, dict[str, Any]]:
    """Entries of the folder's last run by source; empty where there was none.

    Raises:
        OutputError: a report is there that unclouded did not write.
    """
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    except OSError as err:
        raise OutputError(f"{path}: expected a report of unclouded, found: {err}; move it away") from err
    return parse_scenes(text, str(path))


def parse_scenes(text: str, where: str) -> dict[str, dict[str, Any]]:
    """Entries of a report by source.

    Raises:
        OutputError: it is a report that unclouded did not write.
    """
    try:
        body = json.loads(text)
    except ValueError as err:
        raise OutputError(f"{where}: expected a report of unclouded, found: {err}; move it away") from err
    if not isinstance(body, dict) or body.get("report_version") != REPORT_VERSION:
        raise OutputError(
            f"{where}: expected a report of unclouded, version {REPORT_VERSION}; found another; move it away"
        )
    scenes: dict[str, dict[str, Any]] = body["scenes"]
    return scenes
