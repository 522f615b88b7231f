"""The optimisation: batches in, a trained network out."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from unclouded.core.errors import OptionError
from unclouded.patches import Batch


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How weights are found: Adam on binary cross-entropy."""

    steps: int = 10_000
    """Batches."""
    learning_rate: float = 1e-3
    """Of Adam, at the start."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Whether the rate stays, or falls to zero along half a cosine."""
    log_every: int = 100
    """Steps that one line of the log sums up."""

    def __post_init__(self) -> None:
        if min(self.steps, self.log_every) < 1 or not self.learning_rate > 0:
            raise OptionError(
                "optimisation: expected steps and log_every of at least 1 and learning_rate above 0, found "
                f"{self.steps}, {self.log_every}, {self.learning_rate}"
            )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One line of the log: means over the steps since the line before."""

    step: int
    loss: float
    accuracy: float
    """Share of patches on the right side of p = 0.5, with dropout at work."""
    seconds: float
    """Since the start."""


def fit(
    network: nn.Module,
    batches: Iterator[Batch],
    optimisation: Optimisation,
    report: Callable[[Progress], None],
) -> None:
    """Train the network in place; `report` is called every `log_every` steps and at the end.

    Raises:
        OptionError: the loss is no longer a number.
    """
    adam = torch.optim.Adam(network.parameters(), lr=optimisation.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: _rate(optimisation, step))
    started, losses, hits = time.perf_counter(), [], []
    network.train()
    for step in range(1, optimisation.steps + 1):
        loss, hit = _step(network, next(batches), adam)
        schedule.step()
        losses.append(loss)
        hits.append(hit)
        if step % optimisation.log_every == 0 or step == optimisation.steps:
            _check_number(losses, step)
            report(
                Progress(
                    step=step,
                    loss=sum(losses) / len(losses),
                    accuracy=sum(hits) / len(hits),
                    seconds=time.perf_counter() - started,
                )
            )
            losses, hits = [], []
    network.eval()


def _step(network: nn.Module, batch: Batch, adam: torch.optim.Optimizer) -> tuple[float, float]:
    cloud = torch.from_numpy(batch.cloud)
    logits: Tensor = network(torch.from_numpy(batch.patches))
    loss = nn.functional.binary_cross_entropy_with_logits(logits, cloud)
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()
    return loss.item(), ((logits > 0) == (cloud > 0.5)).float().mean().item()


def _rate(optimisation: Optimisation, step: int) -> float:
    if optimisation.schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * step / optimisation.steps)) / 2


def _check_number(losses: list[float], step: int) -> None:
    if not all(map(math.isfinite, losses)):
        raise OptionError(
            f"training: the loss is not a number by step {step}; lower learning_rate, or look for "
            "reflectance that is not a number in the stacks"
        )
