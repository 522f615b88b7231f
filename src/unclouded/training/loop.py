"""The optimisation: a task and a network in, trained weights out, a checkpoint an epoch. Lightning drives it.

Everything random is a function of the seed and of the number of the step or epoch, so that a run that was
stopped and resumed ends with the weights of one that was not.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from unclouded.core.errors import ModelError, OptionError, OutputError
from unclouded.patches import Plan
from unclouded.training._memory import keep_freed_memory
from unclouded.training.checkpoint import Network, read_safely, save_checkpoint
from unclouded.training.optimisation import Epoch, Judgement, Optimisation, Progress
from unclouded.training.tasks import Arrays, Task

LAST, BEST, EPOCHS = "last.ckpt", "best.pt", "epochs"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a run writes, whom it tells, and what its chance depends on."""

    folder: Path
    """Checkpoints go there."""
    progress: Callable[[Progress], None]
    """Told every `log_every` steps and at the end of an epoch."""
    epoch: Callable[[Epoch], None]
    """Told at the end of an epoch."""
    seed: int
    spec: str = ""
    """The ModelSpec, as checkpoints carry it."""


def fit(
    network: Network, task: Task, optimisation: Optimisation, run: Run, *, resume: bool = False
) -> Network:
    """Train, and give the network with its best weights, or its last where nothing validates it.

    The folder gets `epochs/epoch-NNN.pt`, `best.pt` where there is a validation part, and `last.ckpt`, from
    which `resume` goes on.

    Raises:
        OptionError: the loss is no longer a number; the last good checkpoint stays.
        ModelError: resumed from a checkpoint that is damaged or of another network.
    """
    keep_freed_memory()
    (run.folder / EPOCHS).mkdir(exist_ok=True)
    module = _Fitting(network, task, optimisation, run=run)
    start = _start(run.folder / LAST, module) if resume else None
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = _trainer(optimisation, run.folder)
    with warnings.catch_warnings():
        # advice on the number of workers: the configuration states it
        warnings.simplefilter("ignore", PossibleUserWarning)
        # Lightning 2.6 asks torch 2.13 in a way that the next one will not know
        warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
        try:
            trainer.fit(module, ckpt_path=start, weights_only=True)
        except SystemExit as err:  # how Lightning passes on an interrupt
            raise KeyboardInterrupt from err
    module.finish()
    return network.eval()


def _trainer(optimisation: Optimisation, folder: Path) -> Trainer:
    return Trainer(
        accelerator="auto",
        devices=optimisation.devices,
        precision="bf16-mixed" if optimisation.precision == "bf16" else "32-true",
        max_epochs=optimisation.epochs,
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        log_every_n_steps=optimisation.log_every,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        gradient_clip_val=optimisation.clip or None,
    )


def _start(last: Path, module: "_Fitting") -> Path | None:
    """The checkpoint to go on from; None where the run had not come to one."""
    if not last.exists():
        return None
    body = read_safely(last)
    found = body.get("unclouded") if isinstance(body, dict) else None
    if not isinstance(found, dict) or found.get("network") != module.architecture:
        raise ModelError(
            f"{last}: expected a run of {module.architecture}, found {found and found.get('network')}; give "
            "the configuration that it was begun with, or another folder"
        )
    return last


def freeze_norm(network: torch.nn.Module) -> None:
    """Batch normalisation with its running statistics, as when predicting; its weights are still learnt."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()


class _Steps(Dataset[Arrays]):
    """An epoch's batches by number."""

    def __init__(self, task: Task, plan: Plan | None, first: int, count: int) -> None:
        self.task, self.plan, self.first, self.count = task, plan, first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> Arrays:
        if position >= self.count:
            raise IndexError(position)
        return self.task.batch(self.first + position, position, self.plan)


class _Fitting(LightningModule):
    """Network, optimiser, logs and checkpoints of one run."""

    def __init__(self, network: Network, task: Task, optimisation: Optimisation, *, run: Run) -> None:
        super().__init__()
        self.network, self.task, self.optimisation = network, task, optimisation
        self.run = run
        mean = get_ema_multi_avg_fn(optimisation.ema)  # type: ignore[no-untyped-call]
        self.average = (
            AveragedModel(network, multi_avg_fn=mean, use_buffers=True) if optimisation.ema else None
        )
        if optimisation.compile:
            network.compile()
        self.lowest, self.stale = math.inf, 0
        self.item_losses = np.full(task.count, np.nan)
        self.seen: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = []
        self.since: list[tuple[float, float]] = []
        self.whole: list[tuple[float, float]] = []
        self.started, self.before = time.perf_counter(), 0.0

    @property
    def architecture(self) -> str:
        """What a checkpoint must be of."""
        return f"{type(self.network).__module__.rpartition('.')[2]} {self.network.config}"

    @property
    def seconds(self) -> float:
        """Of training, over all starts."""
        return self.before + time.perf_counter() - self.started

    # What Lightning asks for

    def configure_optimizers(self) -> Any:
        """The optimiser, and the rate by step."""
        options = self.optimisation
        kind = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
        # fused: one pass over each weight, a quarter of the time for networks this small
        optimiser = kind(
            self.network.parameters(),
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            # clipping under bf16 needs the gradients by themselves, which a fused step keeps
            fused=not options.clip,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, options.rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> DataLoader[Arrays]:
        """The epoch's batches."""
        steps = self.optimisation.steps_of(self.current_epoch)
        losses = self.item_losses if np.isfinite(self.item_losses).any() else None
        plan = self.task.plan(self.current_epoch, steps, losses)
        data = _Steps(self.task, plan, self.global_step, steps)
        return DataLoader(data, batch_size=None, num_workers=self.task.workers)

    def on_train_batch_start(self, batch: Arrays, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Dropout depends on the step, not on what was drawn before; normalisation is frozen in time."""
        if self.global_step >= self.optimisation.freeze_norm * self.optimisation.steps:
            freeze_norm(self.network)
        seed = self.run.seed * 1_000_003 + self.global_step
        # torch.manual_seed looks through every kind of accelerator, which takes a millisecond
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def training_step(self, batch: Arrays, batch_idx: int) -> Tensor:  # noqa: ARG002 - Lightning's
        """Loss of a batch."""
        outcome = self.task.outcome(self.network, batch)
        value = outcome.loss.item()
        if not math.isfinite(value):
            raise OptionError(
                f"training: the loss is not a number at step {self.global_step + 1}; lower learning_rate, or "
                "look for reflectance that is not a number; the last good checkpoint is kept"
            )
        self.since.append((value, outcome.hits))
        self.seen.append((outcome.items, outcome.losses))
        return outcome.loss

    def on_train_batch_end(self, outputs: Any, batch: Arrays, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Average the weights, write a line."""
        if self.average is not None:
            self.average.update_parameters(self.network)
        if self.global_step % self.optimisation.log_every == 0:
            self._tell()

    def on_train_epoch_end(self) -> None:
        """Judge, write, keep."""
        self._tell()
        self._keep_losses()
        judgement = self._judged()
        losses, hits = (float(np.mean(values)) for values in zip(*self.whole, strict=True))
        self.whole = []
        if judgement is not None:
            self.log("validation_loss", judgement.loss)
        self._save(judgement)
        line = Epoch(
            epoch=self.current_epoch + 1,
            step=self.global_step,
            train_loss=losses,
            train_accuracy=hits,
            judgement=judgement,
            seconds=self.seconds,
        )
        self.run.epoch(line)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What the next start needs to know."""
        checkpoint["unclouded"] = {
            "network": self.architecture,
            "lowest": self.lowest,
            "stale": self.stale,
            "seconds": self.seconds,
            "item_losses": torch.from_numpy(self.item_losses),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there."""
        kept = checkpoint["unclouded"]
        self.lowest, self.stale, self.before = kept["lowest"], kept["stale"], kept["seconds"]
        self.item_losses = kept["item_losses"].numpy().copy()

    # What a run does with it

    @property
    def exported(self) -> Network:
        """The network whose weights count: the running mean where there is one."""
        return self.network if self.average is None else cast(Network, self.average.module)

    def _tell(self) -> None:
        """A line of the log, of the steps since the one before."""
        if not self.since:
            return
        losses, hits = (float(np.mean(values)) for values in zip(*self.since, strict=True))
        self.whole += self.since
        self.since = []
        self.run.progress(Progress(step=self.global_step, loss=losses, accuracy=hits, seconds=self.seconds))
        if self.logger is not None:
            # not self.log: that is a millisecond a step
            self.logger.log_metrics({"loss": losses, "accuracy": hits}, self.global_step)

    def _keep_losses(self) -> None:
        """Mean loss of each item over the epoch; of those not shown, the one before."""
        items = np.concatenate([items for items, _ in self.seen])
        losses = np.concatenate([losses for _, losses in self.seen])
        self.seen = []
        if items.size:
            total = np.bincount(items, losses, minlength=len(self.item_losses))
            count = np.bincount(items, minlength=len(self.item_losses))
            self.item_losses = np.where(count > 0, total / np.maximum(count, 1), self.item_losses)

    def _judged(self) -> Judgement | None:
        network = self.exported
        training = network.training
        network.eval()
        with torch.no_grad():
            found = self.task.judge(network, self.device)
        network.train(training)
        return found

    def _save(self, judgement: Judgement | None) -> None:
        """The epoch's weights, the best, and where to go on from."""
        spec = self.run.spec
        name = f"epoch-{self.current_epoch + 1:03d}.pt"
        save_checkpoint(self.run.folder / EPOCHS / name, self.exported, spec)
        if judgement is not None:
            better = judgement.loss < self.lowest
            self.lowest, self.stale = (judgement.loss, 0) if better else (self.lowest, self.stale + 1)
            if better:
                save_checkpoint(self.run.folder / BEST, self.exported, spec)
            if self.optimisation.patience and self.stale >= self.optimisation.patience:
                self.trainer.should_stop = True
        beside = self.run.folder / f".{LAST}.part"
        try:
            self.trainer.save_checkpoint(beside)
            beside.replace(self.run.folder / LAST)
        except (OSError, RuntimeError) as err:  # torch reports a full disk as RuntimeError
            beside.unlink(missing_ok=True)
            raise OutputError(
                f"{self.run.folder / LAST}: cannot write the checkpoint: {err}; make room and --resume"
            ) from err

    def finish(self) -> None:
        """Leave the best weights in the network, or the last."""
        best = self.run.folder / BEST
        if best.exists():
            self.network.load_state_dict(read_safely(best)["weights"])
        elif self.average is not None:
            self.network.load_state_dict(self.average.module.state_dict())
