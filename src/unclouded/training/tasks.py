"""What a network is shown and how it is judged: patches with one label, or squares with a label a pixel."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unclouded.core.classes import CLASSES
from unclouded.core.windows import tiled
from unclouded.models._patch_rows import row_logits
from unclouded.models.patchcnn import PatchCnn
from unclouded.patches import (
    Augmentation,
    LabelledScene,
    PixelSource,
    Plan,
    RowSource,
    Sample,
    Sampling,
    Squares,
    Store,
    draw,
    draw_plan,
)
from unclouded.patches.memory import cut, whole_items
from unclouded.training._loss_config import LossConfig
from unclouded.training.losses import (
    allowed,
    binary_loss,
    channels_of,
    informative,
    partial_cross_entropy,
    pixel_loss,
    set_table,
)
from unclouded.training.optimisation import Judgement

JUDGED_AT_ONCE = 1024
"""Side of the windows in which validation scenes are judged, px."""

Arrays = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one batch."""

    loss: Tensor
    """One number, with its gradient."""
    hits: float
    """Share of the labels on the right side."""
    items: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Where its samples come from."""
    losses: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """Mean loss of each."""


class Task(Protocol):
    """Data and loss of a run. `batch` runs in any process and depends on its arguments alone."""

    @property
    def workers(self) -> int:
        """Processes that make batches."""
        ...

    def plan(self, epoch: int, steps: int, losses: npt.NDArray[np.float64] | None) -> Plan | None:
        """What an epoch shows, where that is drawn beforehand."""
        ...

    def batch(self, step: int, position: int, plan: Plan | None) -> Arrays:
        """Batch number `step` of the run, number `position` of its epoch."""
        ...

    def outcome(self, network: nn.Module, batch: Arrays) -> Outcome:
        """Loss of a batch."""
        ...

    @property
    def count(self) -> int:
        """How many items losses are kept of."""
        ...

    def judge(self, network: nn.Module, device: torch.device) -> Judgement | None:
        """The network on the validation part; None where there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class PatchTask:
    """Patches of 16 x 16 or so, each with the label of one pixel."""

    source: PixelSource | RowSource
    judged: PixelSource | RowSource | None
    judged_steps: int
    """Batches of the validation part."""
    seed: int
    smoothing: float = 0.0
    count: int = 0
    workers: int = 0

    @classmethod
    def of(
        cls,
        train: Iterable[LabelledScene],
        validation: Iterable[LabelledScene] | None,
        patch: int,
        sampling: Sampling,
        *,
        seed: int,
        judged_steps: int,
        smoothing: float = 0.0,
    ) -> "PatchTask":
        """The task over scenes, which are taken one at a time and held once; `validation` may be None.

        Raises:
            LabelError: no scene has a label, or balance is asked for and a class is empty.
        """
        plain = Sampling(batch=sampling.batch, balanced=False, flips=False)
        return cls(
            source=_source(train, patch, sampling),
            judged=None
            if validation is None
            else _source(validation, patch, sampling if sampling.sampler == "rows" else plain),
            judged_steps=judged_steps,
            seed=seed,
            smoothing=smoothing,
        )

    def plan(self, epoch: int, steps: int, losses: npt.NDArray[np.float64] | None) -> None:
        """Nothing: each batch is drawn on its own."""

    def batch(self, step: int, position: int, plan: Plan | None) -> Arrays:  # noqa: ARG002 - Task
        """Batch number `step` of the run."""
        return _patches(self.source, np.random.default_rng([self.seed, 0, step]))

    def outcome(self, network: nn.Module, batch: Arrays) -> Outcome:
        """Binary cross-entropy of the known labels."""
        logits, cloud = patch_logits(network, batch["patches"]), batch["cloud"]
        loss = binary_loss(logits, cloud, torch.ones_like(cloud), smoothing=self.smoothing)
        known = cloud <= 1
        hits = ((logits > 0) == (cloud > 1 / 2))[known].float().mean().item() if known.any() else 0.0
        return Outcome(loss=loss, hits=hits)

    def judge(self, network: nn.Module, device: torch.device) -> Judgement | None:
        """Loss and counts over `judged_steps` batches, the same every time."""
        if self.judged is None:
            return None
        total, confusion = 0.0, np.zeros((2, 2), np.int64)
        for step in range(self.judged_steps):
            batch = _patches(self.judged, np.random.default_rng([self.seed, 1, step]))
            cloud = batch["cloud"].to(device)
            logits = patch_logits(network, batch["patches"].to(device))
            total += binary_loss(logits, cloud, torch.ones_like(cloud)).item()
            known = cloud <= 1
            confusion += _counted(cloud[known].long(), (logits[known] > 0).long(), 2)
        return Judgement(loss=total / self.judged_steps, confusion=confusion)


def _source(scenes: Iterable[LabelledScene], patch: int, sampling: Sampling) -> PixelSource | RowSource:
    return (
        RowSource.of(scenes, patch) if sampling.sampler == "rows" else PixelSource.of(scenes, patch, sampling)
    )


def _patches(source: PixelSource | RowSource, rng: np.random.Generator) -> Arrays:
    if isinstance(source, RowSource):
        row = source.strip(rng)
        return {"patches": torch.from_numpy(row.strip)[None], "cloud": torch.from_numpy(row.cloud)}
    drawn = source.batch(rng)
    return {"patches": torch.from_numpy(drawn.patches), "cloud": torch.from_numpy(drawn.cloud)}


def patch_logits(network: nn.Module, patches: Tensor) -> Tensor:
    """Logits of single patches (n, band, patch, patch), or of all in a strip (1, band, patch, x)."""
    if isinstance(network, PatchCnn) and patches.shape[-1] > network.config.patch:
        return row_logits(network, patches)[0]
    logits: Tensor = network(patches)
    return logits


@dataclass(frozen=True, kw_only=True)
class PixelTask:
    """Squares with a label a pixel, for networks that take reflectance and presence."""

    store: Store
    judged: Store | None
    squares: Squares
    augmentation: Augmentation
    loss: LossConfig
    classes: tuple[int, ...]
    stride: int
    """Squares are made of whole strides, px."""
    seed: int

    @property
    def workers(self) -> int:
        """Processes that cut and augment squares."""
        return self.squares.workers

    @property
    def count(self) -> int:
        """Items in the store."""
        return len(self.store.items.labelled)

    def plan(self, epoch: int, steps: int, losses: npt.NDArray[np.float64] | None) -> Plan:
        """The epoch's squares."""
        squares = self.squares
        seed = (self.seed, epoch)
        return draw_plan(self.store.items, steps * squares.batch, squares.sampler, seed=seed, losses=losses)

    def batch(self, step: int, position: int, plan: Plan | None) -> Arrays:  # noqa: ARG002 - Task
        """Squares `position` batch … of the epoch's plan."""
        if plan is None:
            plan = self.plan(0, 1, None)
        first = position * self.squares.batch
        numbers = range(first, first + self.squares.batch)
        size = self.squares.size
        samples = [draw(self.store, plan, number, size, self.augmentation) for number in numbers]
        return {**_stacked(samples), "items": torch.from_numpy(plan.item[first : first + len(samples)])}

    def outcome(self, network: nn.Module, batch: Arrays) -> Outcome:
        """The configured loss, and the mean cross-entropy of each sample."""
        logits = network(batch["reflectance"], batch["presence"])
        may_be = allowed(batch["sets"], set_table(self.classes))
        loss = pixel_loss(logits, may_be, batch["weight"], self.loss, **self._guides(batch))
        with torch.no_grad():
            speaks = informative(may_be)
            each = partial_cross_entropy(logits, may_be).sum((1, 2)) / speaks.sum((1, 2)).clamp_min(1)
            right = may_be.gather(1, logits.argmax(1, keepdim=True))[:, 0] & speaks
            hits = (right.sum() / speaks.sum().clamp_min(1)).item()
        return Outcome(
            loss=loss,
            hits=hits,
            items=batch["items"].cpu().numpy(),
            losses=each.double().cpu().numpy(),
        )

    def _guides(self, batch: Arrays) -> dict[str, Any]:
        """What the batch says of teacher and trust, as `pixel_loss` takes it."""
        found: dict[str, Any] = {"trust": batch["trust"]} if "trust" in batch else {}
        if "teacher" not in batch:
            return found
        by_code = batch["teacher"]
        channels = channels_of(self.classes)
        teacher = by_code.new_zeros(len(by_code), len(self.classes), *by_code.shape[2:])
        for code, channel in channels.items():
            teacher[:, channel] += by_code[:, code]
        return {**found, "teacher": teacher, "followed": by_code.sum(1) > 1 / 2}

    def judge(self, network: nn.Module, device: torch.device) -> Judgement | None:
        """Loss and counts over every validation scene, in windows."""
        if self.judged is None:
            return None
        table, total, pixels = set_table(self.classes), 0.0, 0
        confusion = np.zeros((len(self.classes),) * 2, np.int64)
        for sample in self._windows(self.judged):
            batch = {name: values.to(device) for name, values in _stacked([sample]).items()}
            logits = network(batch["reflectance"], batch["presence"])
            may_be = allowed(batch["sets"], table)
            total += partial_cross_entropy(logits, may_be).sum().item()
            pixels += int(informative(may_be).sum())
            sure = may_be.sum(1) == 1
            confusion += _counted(may_be.long().argmax(1)[sure], logits.argmax(1)[sure], len(self.classes))
        return Judgement(loss=total / max(pixels, 1), confusion=confusion)

    def _windows(self, store: Store) -> Iterator[Sample]:
        """Validation scenes in windows of whole strides; last rows and columns that fill none are left."""
        for sample in whole_items(store, range(len(store.items.labelled))):
            height, width = (side // self.stride * self.stride for side in sample.valid.shape)
            side = JUDGED_AT_ONCE // self.stride * self.stride
            for window in tiled((height, width), side):
                yield cut(sample, window)


def _stacked(samples: Sequence[Sample]) -> Arrays:
    shape = samples[0].valid.shape
    guides = {
        "teacher": ([sample.teacher for sample in samples], np.zeros((len(CLASSES), *shape), np.float32)),
        "trust": ([sample.trust for sample in samples], np.ones(shape, np.float32)),
    }
    there = {
        name: torch.from_numpy(np.stack([usual if item is None else item for item in items]))
        for name, (items, usual) in guides.items()
        if any(item is not None for item in items)
    }
    return {
        **there,
        "reflectance": torch.from_numpy(np.stack([sample.reflectance for sample in samples])),
        "presence": torch.from_numpy(np.stack([sample.presence for sample in samples]).astype(np.float32)),
        "sets": torch.from_numpy(np.stack([sample.sets for sample in samples])),
        "weight": torch.tensor([sample.weight for sample in samples], dtype=torch.float32),
    }


def _counted(labels: Tensor, outputs: Tensor, channels: int) -> npt.NDArray[np.int64]:
    """(label, output) counts of two tensors of channels."""
    pairs = (labels * channels + outputs).cpu()
    return np.asarray(
        torch.bincount(pairs, minlength=channels**2).reshape(channels, channels).numpy(), np.int64
    )
