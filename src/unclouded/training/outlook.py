"""What a run will take, before it is begun: data, time and memory."""

import time
from dataclasses import dataclass

import torch

from unclouded.core.errors import UncloudedError
from unclouded.models import patchcnn
from unclouded.patches import Pair
from unclouded.patches.pairs import shape_of
from unclouded.training._loss_config import LossConfig
from unclouded.training.checkpoint import Network
from unclouded.training.config import TrainingConfig, find_settled
from unclouded.training.losses import allowed, binary_loss, pixel_loss, set_table
from unclouded.training.run import make_network, threads
from unclouded.training.tasks import Arrays, patch_logits

_TIMED_STEPS = 3
_SQUARES_TIMED = 2
_ROW_PX = 1830  # a tile at 60 m: what a row of a scene not there is taken for


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The plan of a run."""

    network: str
    parameters: int
    scenes: dict[str, int]
    """Scenes by part; empty where the data are not there."""
    sites: dict[str, int]
    """Sites by part."""
    missing: str
    """Why the data cannot be counted; empty where they are there."""
    pixels: int
    """Of the parts that training opens."""
    memory_bytes: int
    """Scenes in memory, and about what a step takes."""
    steps: int
    epochs: int
    seconds_per_step: float
    """Forward and backward on this machine, measured; without reading and augmentation."""

    @property
    def hours(self) -> float:
        """All steps."""
        return self.steps * self.seconds_per_step / 3600


def look_ahead(config: TrainingConfig) -> Outlook:
    """The plan of a run. Headers of the scenes are read, and a few steps are timed on noise.

    Raises:
        OptionError: a configuration that cannot be followed.
    """
    network = make_network(config)
    pairs, reason = _found(config)
    pixels = sum(height * width for height, width in map(shape_of, _opened(pairs)))
    bands = len(network.config.bands)
    held = 0 if config.store else pixels * (4 * bands + 2)
    with threads(config.optimisation.threads):
        seconds, working = _step(network, config)
    return Outlook(
        network=f"{config.model}: {network.config}",
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        scenes={part: sum(pair.split == part for pair in pairs) for part in _parts(pairs)},
        sites={part: len({pair.site for pair in pairs if pair.split == part}) for part in _parts(pairs)},
        missing=reason,
        pixels=pixels,
        memory_bytes=held + working,
        steps=config.optimisation.steps,
        epochs=config.optimisation.epochs,
        seconds_per_step=seconds,
    )


def _found(config: TrainingConfig) -> tuple[tuple[Pair, ...], str]:
    """The scenes, or why they are not there: a plan can be made without data."""
    try:
        return find_settled(config), ""
    except UncloudedError as err:
        return (), str(err)


def _opened(pairs: tuple[Pair, ...]) -> list[Pair]:
    there = (pair for pair in pairs if pair.synthetic is not None or pair.image.exists())
    return [pair for pair in there if pair.split in {"train", "validation"}]


def _parts(pairs: tuple[Pair, ...]) -> list[str]:
    return [part for part in ("train", "validation", "test") if any(pair.split == part for pair in pairs)]


def _step(network: Network, config: TrainingConfig) -> tuple[float, int]:
    """Seconds of a step, and about how many bytes it works with: the input thirty times over."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    whole = config.squares.batch
    # a processor takes n squares n times as long as one; an accelerator does not
    count = whole if device.type == "cuda" else min(whole, _SQUARES_TIMED)
    batch = _noise(network, config, count)
    share = 1.0 if isinstance(network, patchcnn.PatchCnn) else whole / count
    size = share * sum(values.numel() * values.element_size() for values in batch.values())
    network.to(device)
    batch = {name: values.to(device) for name, values in batch.items()}
    best = float("inf")
    for _ in range(_TIMED_STEPS):
        started = time.perf_counter()
        network.zero_grad()
        _loss(network, batch).backward()  # type: ignore[no-untyped-call]
        best = min(best, time.perf_counter() - started)
    network.cpu()
    return best * share, round(30 * size)


def _noise(network: Network, config: TrainingConfig, squares: int) -> Arrays:
    bands = len(network.config.bands)
    if isinstance(network, patchcnn.PatchCnn):
        side = network.config.patch
        if config.sampling.sampler == "rows":
            strip = torch.rand(1, bands, side, _ROW_PX + side - 1)
            return {"patches": strip, "cloud": torch.zeros(_ROW_PX)}
        count = config.sampling.batch
        return {"patches": torch.rand(count, bands, side, side), "cloud": torch.zeros(count)}
    count, size = squares, config.squares.size
    return {
        "reflectance": torch.rand(count, bands, size, size),
        "presence": torch.ones(count, bands),
        "sets": torch.ones(count, size, size, dtype=torch.uint8),
        "weight": torch.ones(count),
    }


def _loss(network: Network, batch: Arrays) -> torch.Tensor:
    if isinstance(network, patchcnn.PatchCnn):
        cloud = batch["cloud"]
        return binary_loss(patch_logits(network, batch["patches"]), cloud, torch.ones_like(cloud))
    logits = network(batch["reflectance"], batch["presence"])
    may_be = allowed(batch["sets"], set_table(network.config.classes))
    return pixel_loss(logits, may_be, batch["weight"], LossConfig())
