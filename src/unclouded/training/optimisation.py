"""How weights are found, and what is told of it: records only."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from unclouded.core.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How weights are found."""

    steps: int = 10_000
    """Batches in all."""
    epoch_steps: int = 0
    """Batches from one validation and checkpoint to the next; 0: all of them."""
    validation_steps: int = 100
    """Batches that a patch network is validated on; networks that label pixels see the whole part."""
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    """At its highest."""
    weight_decay: float = 0.0
    """Of adamw, decoupled; of adam, added to the gradient."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the rate stays, or falls to zero along half a cosine."""
    warmup_steps: int = 0
    """Batches over which the rate rises from zero first."""
    clip: float = 0.0
    """Largest norm of a gradient; 0: as it is."""
    ema: float = 0.0
    """Decay of the running mean of the weights, which is what is validated and exported; 0: none."""
    patience: int = 0
    """Epochs without a better validation loss after which the run ends; 0: it goes on."""
    precision: Literal["32", "bf16"] = "32"
    """Numbers of the forward pass: bf16 for accelerators and processors that compute with them."""
    devices: int = 1
    """Accelerators, or processes on a processor."""
    threads: int = 0
    """Of a processor; 0: torch decides."""
    compile: bool = False
    """Whether torch compiles the network: a fifth less of its time on a processor. Needs a C++ compiler."""
    freeze_norm: float = 1.0
    """Share of the steps after which batch normalisation keeps its running statistics and works with them."""
    log_every: int = 100
    """Steps that one line of the log sums up."""

    def __post_init__(self) -> None:
        if min(self.steps, self.log_every) < 1 or not self.learning_rate > 0:
            raise OptionError(
                "optimisation: expected steps and log_every of at least 1 and learning_rate above 0, found "
                f"{self.steps}, {self.log_every}, {self.learning_rate}"
            )
        if not 0 < self.freeze_norm <= 1:
            raise OptionError(
                f"optimisation freeze_norm: expected a share above 0 and up to 1, found {self.freeze_norm}"
            )
        counts = (self.epoch_steps, self.warmup_steps, self.patience, self.threads, self.clip)
        if min(counts) < 0 or self.weight_decay < 0 or not 0 <= self.ema < 1 or self.devices < 1:
            raise OptionError(
                "optimisation: expected epoch_steps, warmup_steps, patience, threads, clip and weight_decay "
                f"of at least 0, ema of 0 to below 1 and devices of at least 1, found {counts}, "
                f"{self.weight_decay}, {self.ema}, {self.devices}"
            )

    @property
    def epochs(self) -> int:
        """Stretches between checkpoints; the last may be shorter."""
        return -(-self.steps // self._stretch)

    @property
    def _stretch(self) -> int:
        return self.epoch_steps or self.steps

    def steps_of(self, epoch: int) -> int:
        """Batches of an epoch."""
        return min(self._stretch, self.steps - epoch * self._stretch)

    def rate(self, step: int) -> float:
        """Learning rate of a step relative to the highest."""
        rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.schedule == "constant":
            return rise
        return rise * (1 + math.cos(math.pi * step / self.steps)) / 2


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One line of the log: means over the steps since the line before."""

    step: int
    loss: float
    accuracy: float
    """Share of labels on the right side, with dropout at work."""
    seconds: float
    """Since the start."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a network does on the validation part."""

    loss: float
    confusion: npt.NDArray[np.int64]
    """(label, output) by channel: labels whose class is sure."""

    @property
    def f1(self) -> tuple[float, ...]:
        """2 TP / (2 TP + FP + FN) of each channel; NaN where it neither is nor is said to be."""
        true = np.diag(self.confusion).astype(np.float64)
        either = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return tuple(np.divide(2 * true, either, out=np.full(len(true), np.nan), where=either > 0).tolist())

    @property
    def accuracy(self) -> float:
        """Share of the labels that the network gives."""
        total = self.confusion.sum()
        return float(np.trace(self.confusion) / total) if total else float("nan")


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One line of the epochs' log."""

    epoch: int
    """Counted from 1."""
    step: int
    train_loss: float
    train_accuracy: float
    judgement: Judgement | None
    """Of the validation part; None where there is none."""
    seconds: float
    """Since the start."""
