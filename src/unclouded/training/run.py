"""A training run from a configuration file to a folder with checkpoint, log and ONNX model."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TextIO, cast

import numpy as np
import torch

from unclouded.core.errors import OptionError, OutputError
from unclouded.core.grid import check_same_grid
from unclouded.core.spec import ModelSpec
from unclouded.labels import read_reference
from unclouded.models.patchcnn import Config, PatchCnn, build
from unclouded.patches import LabelledScene, batches, labelled
from unclouded.scene import open_scene
from unclouded.training.checkpoint import save_checkpoint
from unclouded.training.config import SceneFiles, TrainingConfig, record
from unclouded.training.export import Agreement, compare_with_torch, to_onnx
from unclouded.training.loop import Progress, fit

_LOG_FIELDS = tuple(item.name for item in fields(Progress))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a run left behind."""

    model: Path
    """ONNX, with its ModelSpec."""
    checkpoint: Path
    log: Path
    """CSV: step, loss, accuracy, seconds."""
    agreement: Agreement
    """Of the ONNX file with the torch network on noise."""


def train(config: TrainingConfig, folder: Path, report: Callable[[Progress], None] | None = None) -> Trained:
    """Train the network that the configuration describes and write it to a folder.

    The same configuration gives the same weights on the same machine.

    Raises:
        OptionError: a configuration that cannot be followed.
        InputError: a scene or mask that cannot be used; the folder cannot be written to.
    """
    options = _options(config)
    scenes = list(read_scenes(config, options.bands))
    with _folder(folder), torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = build(options)
        log = folder / "loss.csv"
        with log.open("w", encoding="utf-8", newline="") as file:
            source = batches(scenes, options.patch, config.sampling, np.random.default_rng(config.seed))
            fit(network, source, config.optimisation, _logger(file, report))
        checkpoint = folder / "checkpoint.pt"
        save_checkpoint(checkpoint, network)
        model, agreement = _write_model(folder, network, config)
    return Trained(model=model, checkpoint=checkpoint, log=log, agreement=agreement)


def read_scenes(config: TrainingConfig, bands: tuple[str, ...]) -> Iterator[LabelledScene]:
    """Every scene of a configuration with its labels.

    Raises:
        OptionError: a pattern that matches nothing.
        InputError: a stack or mask that cannot be used, or that do not share a grid.
    """
    for item in config.scenes:
        for stack in _matching(config.path.parent, item.stack):
            mask = config.path.parent / item.mask.replace("{name}", stack.stem)
            yield _read_pair(stack, mask, item, bands)


def spec_for(network: PatchCnn, config: TrainingConfig) -> ModelSpec:
    """The ModelSpec of a trained network."""
    given = config.spec
    if len(given.gsd_m) != 2:
        raise OptionError(f"{config.path}: [spec] gsd_m: expected finest and coarsest, found {given.gsd_m}")
    half = network.config.halo_px
    return ModelSpec(
        name=given.name,
        version=given.version,
        bands=network.config.bands,
        levels=given.levels,
        sensors=given.sensors,
        gsd_m=(given.gsd_m[0], given.gsd_m[1]),
        best_gsd_m=given.best_gsd_m,
        classes=(0, 1),
        class_titles={1: "cloud"},
        halo_px=half,
        margin_px=half,
        min_size_px=network.config.patch + 1,
        training_data=given.training_data,
        recommended=given.recommended,
        why=given.why,
    )


def _options(config: TrainingConfig) -> Config:
    if config.model != "patchcnn":
        raise OptionError(f"{config.path}: model: expected 'patchcnn', found '{config.model}'")
    return record(Config, config.options, f"{config.path}: [options]")


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Files that a pattern names, sorted; a path without wildcards is taken as it is."""
    if not set("*?[") & set(pattern):
        return [folder / pattern]
    start = Path(pattern)
    base, inner = (Path("/"), str(start.relative_to("/"))) if start.is_absolute() else (folder, pattern)
    found = sorted(base.glob(inner))
    if not found:
        raise OptionError(f"[[scenes]] stack: expected files that match {pattern}, found none in {folder}")
    return found


def _read_pair(stack: Path, mask: Path, item: SceneFiles, bands: tuple[str, ...]) -> LabelledScene:
    scene = open_scene(stack, offset=item.offset, quantification=item.quantification)
    reference = read_reference(mask, item.legend)
    check_same_grid(scene.grid, reference.grid, what=f"{mask} against {stack}")
    reading = scene.read(bands)
    sets = cast(np.ndarray[tuple[int, ...], np.dtype[np.uint8]], reference.values)
    found = labelled(stack.stem, reading.reflectance, reading.valid, sets)
    return replace(found, scales=item.scales, weight=item.weight)


def _logger(file: TextIO, report: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    writer = csv.writer(file)
    writer.writerow(_LOG_FIELDS)

    def write(progress: Progress) -> None:
        step, loss, accuracy, seconds = (getattr(progress, name) for name in _LOG_FIELDS)
        writer.writerow([step, f"{loss:.6f}", f"{accuracy:.4f}", f"{seconds:.1f}"])
        file.flush()
        if report is not None:
            report(progress)

    return write


def _write_model(folder: Path, network: PatchCnn, config: TrainingConfig) -> tuple[Path, Agreement]:
    """The ONNX file, written only when it repeats the network on noise over the range of reflectance."""
    side = 2 * network.config.patch + 5
    rng = np.random.default_rng(config.seed)
    noise = rng.uniform(0, 1, (2, len(network.config.bands), side, side)).astype(np.float32)
    content = to_onnx(network, spec_for(network, config))
    agreement = compare_with_torch(content, network, list(noise))
    path = folder / f"{config.spec.name}.onnx"
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
    return path, agreement


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """The folder exists; what goes wrong in writing to it is told as such."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as err:
        if isinstance(err, OutputError):
            raise
        raise OutputError(
            f"{folder}: cannot write the trained model: {err.strerror or err}; choose another folder"
        ) from err
