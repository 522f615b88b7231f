"""What a run writes down of itself: losses, epochs, curves, its configuration and its environment."""

import csv
import json
import math
import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from unclouded._version import __version__
from unclouded.training.config import TrainingConfig
from unclouded.training.curves import Panel, write_curves
from unclouded.training.optimisation import Epoch, Progress

_PACKAGES = ("torch", "lightning", "numpy", "onnx", "onnxruntime", "rasterio", "zarr")
_LOSS_FIELDS = tuple(item.name for item in fields(Progress))


@dataclass(frozen=True, kw_only=True)
class Logs:
    """The CSV files of a run, and who else is told."""

    losses: Path
    """step, loss, accuracy, seconds."""
    epochs: Path
    """A line an epoch, with validation and F1 by class."""
    curves: Path
    """Drawn from `epochs` at the end."""
    classes: tuple[str, ...]
    report: Callable[[Progress], None] | None

    @classmethod
    def begin(
        cls,
        folder: Path,
        classes: tuple[str, ...],
        step: int,
        *,
        report: Callable[[Progress], None] | None,
    ) -> "Logs":
        """Logs of a run that goes on after this step; what was logged beyond it is taken off."""
        found = cls(
            losses=folder / "loss.csv",
            epochs=folder / "epochs.csv",
            curves=folder / "curves.png",
            classes=classes,
            report=report,
        )
        _restart(found.losses, _LOSS_FIELDS, step)
        _restart(found.epochs, found.epoch_fields, step)
        return found

    @property
    def epoch_fields(self) -> tuple[str, ...]:
        """Columns of `epochs`."""
        scores = tuple(f"f1_{name}" for name in self.classes)
        losses = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
        return ("epoch", "step", *losses, *scores, "seconds")

    def progress(self, progress: Progress) -> None:
        """A line of losses."""
        step, loss, accuracy, seconds = (getattr(progress, name) for name in _LOSS_FIELDS)
        _append(self.losses, [step, f"{loss:.6f}", f"{accuracy:.4f}", f"{seconds:.1f}"])
        if self.report is not None:
            self.report(progress)

    def epoch(self, epoch: Epoch) -> None:
        """A line of epochs; what is undefined is empty."""
        judged = epoch.judgement
        scores = [math.nan] * len(self.classes) if judged is None else judged.f1
        losses = [math.nan, math.nan] if judged is None else [judged.loss, judged.accuracy]
        values = [epoch.train_loss, epoch.train_accuracy, *losses, *scores]
        numbers = [f"{value:.6f}" if math.isfinite(value) else "" for value in values]
        _append(self.epochs, [epoch.epoch, epoch.step, *numbers, f"{epoch.seconds:.1f}"])

    def draw(self) -> None:
        """The curves of all epochs so far."""
        rows = _rows(self.epochs)
        if not rows:
            return
        columns = {name: [_number(row[name]) for row in rows] for name in self.epoch_fields}
        accuracy = Panel(
            title="accuracy",
            lines={
                "training": columns["train_accuracy"],
                "validation": columns["validation_accuracy"],
            },
            unit_range=True,
        )
        loss = Panel(
            title="loss",
            lines={"training": columns["train_loss"], "validation": columns["validation_loss"]},
        )
        scores = Panel(
            title="F1 of the validation part",
            lines={name: columns[f"f1_{name}"] for name in self.classes},
            unit_range=True,
        )
        write_curves(self.curves, [int(row["epoch"]) for row in rows], [accuracy, loss, scores])


def write_environment(folder: Path, config: TrainingConfig) -> None:
    """`config.json`, every option as it was, and `environment.json`, where it ran."""
    _write_json(folder / "config.json", config.as_json())
    body = {
        "unclouded": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "packages": dict(_versions()),
    }
    _write_json(folder / "environment.json", body)


def _versions() -> Iterable[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _write_json(path: Path, body: object) -> None:
    path.write_text(json.dumps(body, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")


def _restart(path: Path, columns: tuple[str, ...], step: int) -> None:
    """A file with its head and the lines up to a step."""
    kept = [row for row in _rows(path) if int(row["step"]) <= step] if step else []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(kept)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _append(path: Path, values: list[object]) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(values)


def _number(text: str) -> float:
    return float(text) if text else math.nan
