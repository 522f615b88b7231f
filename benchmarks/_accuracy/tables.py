"""Results as text, for a terminal and for Markdown alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

TITLES = {
    "cloud": "Cloud",
    "cloud_shadow": "Cloud shadow (sets that mark it)",
    "thin_cloud": "Thin cloud (sets that tell it apart)",
    "cloud_or_shadow": "Invalid: cloud or shadow (sets that mark both)",
}
COLUMNS = {
    "BOA": "balanced_accuracy",
    "F1": "f1",
    "IoU": "iou",
    "PA": "recall",
    "UA": "precision",
}


_MORE = ("false alarms", "thin found", "BOA mean", "BOA median", "F1 mean", "ECE")
_LEAST_SITES = 5
"""Fewer say nothing of how figures vary: no interval is shown."""


def labelled(results: Mapping[str, Any]) -> Iterable[str]:
    """A table a task: a line for each group of scenes and system."""
    systems = {name: body for name, body in results.items() if body["groups"]}
    groups = dict.fromkeys(group for body in systems.values() for group in body["groups"])
    for task, title in TITLES.items():
        yield f"### {title}"
        header = ["scenes of", "n", "system", *COLUMNS, *_MORE]
        rows = [
            row
            for group in groups
            for name, body in systems.items()
            if (row := _row(group, name, body["groups"].get(group, {}).get(task)))
        ]
        yield from markdown(header, rows)
        yield ""


def _row(group: str, system: str, found: Mapping[str, Any] | None) -> list[str] | None:
    if found is None:
        return None
    shown = _interval if found["sites"] >= _LEAST_SITES else _value
    pooled = [shown(found["pooled"][name]) for name in COLUMNS.values()]
    averages = [
        _number(found[statistic][name]["value"])
        for statistic, name in (
            ("mean", "balanced_accuracy"),
            ("median", "balanced_accuracy"),
            ("mean", "f1"),
        )
    ]
    ece = _number(found.get("calibration", {}).get("ece"))
    rates = [_number(found.get(name)) for name in ("false_alarm_rate", "thin_found")]
    return [group, str(found["scenes"]), system, *pooled, *rates, *averages, ece]


def grounds(rows: Sequence[Mapping[str, Any]], names: Sequence[str], *, what: str) -> Iterable[str]:
    """Cloud-free images: per cent called `cloud` (or `shadow`), a column a system."""
    shares = [[(row["systems"][name] or {}).get(what) for name in names] for row in rows]
    lines = [
        [row["id"], row["surface"], row["level"] or "", str(row["bands"]), *map(_percent, values)]
        for row, values in zip(rows, shares, strict=True)
    ]
    for title, of in (("mean of images", fmean), ("worst", max)):
        lines.append([title, "", "", "", *_over(shares, len(names), of)])
    yield from markdown(["image", "surface", "level", "bands", *names], lines)


def overcast(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterable[str]:
    """Overcast images: per cent called cloud."""
    shares = [[row["systems"][name] for name in names] for row in rows]
    lines = [
        [row["id"], f"{row['gsd_m']:g}", str(row["window"]), *map(_percent, values)]
        for row, values in zip(rows, shares, strict=True)
    ]
    for title, of in (("mean of rows", fmean), ("least", min)):
        lines.append([title, "", "", *_over(shares, len(names), of)])
    yield from markdown(["image", "m", "window", *names], lines)


def _over(
    shares: Sequence[Sequence[float | None]], systems: int, of: Callable[[Sequence[float]], float]
) -> Iterable[str]:
    """One figure a system over the rows that it could do."""
    for at in range(systems):
        able = [row[at] for row in shares if row[at] is not None]
        yield _percent(of(able) if able else None)


def points(report: Mapping[str, Any]) -> Iterable[str]:
    """Single pixels: BOA of clear, cloud and shadow."""
    rows = [
        [system, way]
        + [_percent(figures[task]["balanced_accuracy"]) for task in ("clear", "cloud", "cloud_shadow")]
        for system, ways in report.items()
        for way, figures in ways.items()
    ]
    yield from markdown(["system", "counted", "clear BOA %", "cloud BOA %", "shadow BOA %"], rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    if not rows:
        yield "(nothing)"
        return
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]
    for line in (header, ["-" * width for width in widths], *rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"


def _interval(found: Mapping[str, float | None]) -> str:
    if found["value"] is None:
        return ""
    bounds = f" ({_number(found['low'])}-{_number(found['high'])})" if found["low"] is not None else ""
    return _number(found["value"]) + bounds


def _value(found: Mapping[str, float | None]) -> str:
    return _number(found["value"])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
