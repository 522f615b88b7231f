"""A training run from a configuration file to a folder with checkpoints, logs, curves and ONNX model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from unclouded.core import registry
from unclouded.core.bands import missing
from unclouded.core.classes import CLASSES
from unclouded.core.errors import BandError, InputError, LabelError, OptionError, OutputError
from unclouded.core.spec import ModelSpec
from unclouded.models import patchcnn, smp, unet
from unclouded.patches import (
    LabelledScene,
    MemoryStore,
    Pair,
    SceneFiles,
    Store,
    labelled,
    open_store,
    read_pair,
    write_list,
)
from unclouded.patches.guides import teacher_classes
from unclouded.training._files import write_whole
from unclouded.training._logs import Logs, write_environment
from unclouded.training.checkpoint import (
    Network,
    load_checkpoint,
    read_safely,
    save_checkpoint,
    start_from,
)
from unclouded.training.config import TrainingConfig, find_settled, record
from unclouded.training.export import Agreement, compare_with_torch, network_of, noise_for, to_onnx
from unclouded.training.loop import LAST, Run, fit
from unclouded.training.mlm import write_item
from unclouded.training.optimisation import Progress
from unclouded.training.tasks import PatchTask, PixelTask, Task


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


def train(
    config: TrainingConfig,
    folder: Path,
    report: Callable[[Progress], None] | None = None,
    *,
    resume: bool = False,
    bundled: bytes | None = None,
) -> Trained:
    """Train the network that the configuration describes and write it to a folder.

    The same configuration gives the same weights on the same machine, stopped and resumed or not. The test
    part is not opened.

    Args:
        resume: go on from the folder's last checkpoint, where there is one.
        bundled: content of the model that `init` names, where that is no checkpoint.

    Raises:
        OptionError: a configuration that cannot be followed.
        InputError: a scene or mask that cannot be used; the folder cannot be written to.
    """
    with _folder(folder), torch.random.fork_rng(devices=[]), threads(config.optimisation.threads):
        torch.manual_seed(config.seed)
        network = make_network(config)
        spec = spec_for(network, config)
        pairs = find_settled(config)
        write_list(folder / "splits.csv", pairs)
        write_environment(folder, config)
        _begin(network, config, bundled)
        task = make_task(network, config, pairs)
        logs = Logs.begin(folder, class_names(network), _last_step(folder) if resume else 0, report=report)
        run = Run(
            folder=folder, progress=logs.progress, epoch=logs.epoch, seed=config.seed, spec=spec.to_json()
        )
        fit(network, task, config.optimisation, run, resume=resume)
        logs.draw()
        checkpoint = folder / "checkpoint.pt"
        save_checkpoint(checkpoint, network, spec.to_json())
        model, agreement = _write_model(folder, network, spec, config.seed)
    return Trained(model=model, checkpoint=checkpoint, log=logs.losses, agreement=agreement)


def make_network(config: TrainingConfig) -> Network:
    """A new network as the configuration has it.

    Raises:
        OptionError: no such network, or an option that has no meaning.
    """
    module = registry.find("unclouded.models", config.model)
    options = record(module.Config, config.options, f"{config.path}: [options]")
    network: Network = module.build(options)
    return network


def read_scenes(config: TrainingConfig, bands: tuple[str, ...]) -> Iterator[LabelledScene]:
    """Every scene that a patch network learns from, with its labels.

    Raises:
        OptionError: a pattern that matches nothing.
        InputError: a stack or mask that cannot be used, or that do not share a grid.
    """
    pairs = find_settled(config)
    yield from (_labelled(pair, bands) for pair in pairs if pair.split == "train")


def make_task(network: Network, config: TrainingConfig, pairs: Sequence[Pair]) -> Task:
    """Data and loss of a run; of the test part nothing is read.

    Raises:
        InputError: a stack or mask that cannot be used.
    """
    parts = {part: [pair for pair in pairs if pair.split == part] for part in ("train", "validation")}
    _check_guides(network, config, parts["train"])
    if isinstance(network, patchcnn.PatchCnn):
        if config.store:
            raise OptionError(
                f"{config.path}: expected scenes in memory, from which patchcnn takes its patches, found "
                f"store {config.store}; leave it away"
            )
        bands = network.config.bands
        return PatchTask.of(
            (_labelled(pair, bands) for pair in parts["train"]),
            (_labelled(pair, bands) for pair in parts["validation"]) if parts["validation"] else None,
            network.config.patch,
            config.sampling,
            seed=config.seed,
            judged_steps=config.optimisation.validation_steps,
            smoothing=config.loss.smoothing,
        )
    if config.squares.size % network.config.stride_px:
        raise OptionError(
            f"{config.path}: [squares] size: expected a multiple of {network.config.stride_px} px, found "
            f"{config.squares.size}"
        )
    train, validation = (_store(config, network.config.bands, part, parts[part]) for part in parts)
    if train is None:
        raise LabelError(f"{config.path}: expected scenes to learn from, found none; add some")
    return PixelTask(
        store=train,
        judged=validation,
        squares=config.squares,
        augmentation=config.augmentation,
        loss=config.loss,
        classes=network.config.classes,
        stride=network.config.stride_px,
        seed=config.seed,
    )


def _check_guides(network: Network, config: TrainingConfig, pairs: Sequence[Pair]) -> None:
    """Teachers are followed, and tell apart the classes of the network; nothing that is named is ignored."""
    teachers = [pair.teacher for pair in pairs if pair.teacher is not None]
    named = [pair for pair in pairs if pair.teacher is not None or pair.trust is not None]
    if named and (config.store or isinstance(network, patchcnn.PatchCnn)):
        raise OptionError(
            f"{config.path}: expected teacher and trust of scenes in memory, of a network that labels "
            f"pixels, found {'a store' if config.store else 'patchcnn'}; leave them or that away"
        )
    if bool(teachers) != (config.loss.teacher > 0):
        found = f"{len(teachers)} scenes with a teacher and a share of {config.loss.teacher}"
        raise OptionError(
            f"{config.path}: [loss] teacher: expected a share above 0 and scenes with a `teacher`, or "
            f"neither, found {found}"
        )
    for path in teachers:
        lacks = sorted(set(network.config.classes) - teacher_classes(path))  # type: ignore[union-attr]
        if lacks:
            raise OptionError(
                f"{path}: expected a teacher of all the network's classes, found none for "
                f"{', '.join(map(str, lacks))}; set [options] classes to what it tells apart"
            )


def class_names(network: Network) -> tuple[str, ...]:
    """Names of the output channels, for logs and curves."""
    if isinstance(network, patchcnn.PatchCnn):
        return ("clear", "cloud")
    table = {item.code: item.name for item in CLASSES}
    return tuple(table[code] for code in network.config.classes)


def spec_for(network: Network, config: TrainingConfig) -> ModelSpec:
    """The ModelSpec of a trained network."""
    given = config.spec
    if len(given.gsd_m) != 2:
        raise OptionError(f"{config.path}: [spec] gsd_m: expected finest and coarsest, found {given.gsd_m}")
    own = _patchcnn_facts(network.config) if isinstance(network, patchcnn.PatchCnn) else _unet_facts(network)
    return ModelSpec(
        name=given.name,
        version=given.version,
        bands=network.config.bands,
        optional_bands=given.optional_bands,
        levels=given.levels,
        sensors=given.sensors,
        gsd_m=(given.gsd_m[0], given.gsd_m[1]),
        best_gsd_m=given.best_gsd_m,
        training_data=given.training_data,
        recommended=given.recommended,
        why=given.why,
        **own,
    )


def _patchcnn_facts(config: patchcnn.Config) -> dict[str, Any]:
    half = config.halo_px
    return {
        "classes": (0, 1),
        "class_titles": {1: "cloud"},
        "halo_px": half,
        "margin_px": half,
        "min_size_px": config.patch + 1,
    }


def _unet_facts(network: unet.UNet | smp.SmpNet) -> dict[str, Any]:
    config = network.config
    binary = len(config.classes) == 2
    return {
        "task": "cloud" if binary else "classes",
        "classes": config.classes,
        "class_titles": {1: "cloud"} if binary else {},
        "halo_px": config.halo_px,
        "stride_px": config.stride_px,
        "min_size_px": config.stride_px,
    }


def _labelled(pair: Pair, bands: tuple[str, ...]) -> LabelledScene:
    sample = read_pair(pair, bands)
    there = [name for name, present in zip(bands, sample.presence, strict=True) if present]
    if len(there) < len(bands):
        raise BandError(
            f"{pair.id}: expected {', '.join(missing(bands, there))}, found {', '.join(there)}; patchcnn "
            "needs all its bands"
        )
    scales = pair.files.scales if isinstance(pair.files, SceneFiles) else (1,)
    scene = labelled(pair.id, sample.reflectance, sample.valid, sample.sets)
    return replace(scene, scales=scales, weight=sample.weight)


def _store(config: TrainingConfig, bands: tuple[str, ...], part: str, pairs: Sequence[Pair]) -> Store | None:
    """Where a part's squares come from; None where it is empty."""
    if not pairs:
        return None
    if config.store:
        # an absolute path stays as it is
        return open_store(config.path.parent / config.store, part, bands)
    return MemoryStore(scenes=tuple(read_pair(pair, bands) for pair in pairs))


def _begin(network: Network, config: TrainingConfig, bundled: bytes | None) -> None:
    """Weights to start from, where some are named."""
    if bundled is not None:
        start_from(network, network_of(bundled, where=f"model {config.init}"), where=config.init)
    elif config.init:
        path = config.path.parent / config.init
        start_from(network, load_checkpoint(path), where=str(path))


def _last_step(folder: Path) -> int:
    """Step of the last checkpoint, 0 where there is none."""
    last = folder / LAST
    body = read_safely(last) if last.exists() else {}
    return int(body.get("global_step", 0)) if isinstance(body, dict) else 0


def _write_model(folder: Path, network: Network, spec: ModelSpec, seed: int) -> tuple[Path, Agreement]:
    """The ONNX file and its item, written only when it repeats the network on noise like reflectance."""
    content = to_onnx(network, spec)
    agreement = compare_with_torch(content, network, noise_for(network, seed=seed))
    path = folder / f"{spec.name}.onnx"
    write_whole(path, content)
    write_item(path, content, spec, parameters=sum(item.numel() for item in network.parameters()))
    return path, agreement


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set how many threads torch has, and put it back afterwards."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """The folder exists; what goes wrong in writing to it is told as such."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as err:
        if isinstance(err, InputError):
            raise
        raise OutputError(
            f"{folder}: cannot write the trained model: {err.strerror or err}; choose another folder"
        ) from err
