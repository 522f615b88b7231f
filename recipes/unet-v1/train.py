"""Train unet-v1, or a fold's model of its cross-validation.

    python recipes/unet-v1/train.py --data DIR --teachers TAUGHT -o RUNS --steps 9000
    python recipes/unet-v1/train.py --data DIR --teachers TAUGHT -o RUNS --steps 6000 --fold fold0

Processor and GPU alike; a checkpoint every 500 steps, from which `--resume` goes on. RUNS gets `NAME.onnx`,
and its folder `NAME` the checkpoints.
Without a fold, nothing is held out: such a model is judged on images that are not in DIR.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from dataset import Example, examples
from samples import SHARES, Pool, Shown
from torch import Tensor, nn
from torch.nn import functional

from unclouded.core import folds
from unclouded.core.bands import NAMES
from unclouded.core.folds import Fold
from unclouded.core.spec import ModelSpec
from unclouded.models.unet import Config, build
from unclouded.patches import Plan
from unclouded.training.export import to_onnx
from unclouded.training.loop import Run, fit
from unclouded.training.losses import LossConfig, allowed, informative, pixel_loss, set_table
from unclouded.training.optimisation import Judgement, Optimisation, Progress
from unclouded.training.tasks import Arrays, Outcome

VERSION = "0.96"
SENSORS = ("sentinel-2", "landsat-8", "landsat-9")
LOSS = LossConfig(dice=0.3, smoothing=0.01, class_weights=(1.0, 1.0, 1.0, 2.0))
"""Shadow is rare and was missed without a weight; calibration takes the bias out again."""
TEACHER = 1.0
"""Weight of the teacher's part of the loss beside the labels' 1."""
NETWORK = Config(widths=(16, 32, 64, 128, 192), depths=(1, 1, 1, 1, 1), head="bilinear")
"""Narrow where the pixels are many, wide where a pixel sees far: a context of 128 pixels at 8 to 10 times the
speed of ukis-csmask. Interpolated logits: four from each coarse pixel left a checkerboard where in doubt."""
LEARNING_RATE, WEIGHT_DECAY, EMA = 2e-3, 1e-2, 0.999
BEST_GSD_M = 20.0
"""What a mask has unless asked for otherwise."""
CHECKPOINT_STEPS = 500


@dataclass(frozen=True, kw_only=True)
class CloudTask:
    """What the network is shown, and its loss."""

    pool: Pool
    classes: tuple[int, ...]
    workers: int = 0
    count: int = 0

    def plan(self, epoch: int, steps: int, losses: npt.NDArray[np.float64] | None) -> None:
        """Nothing: a batch is a function of its number."""

    def batch(self, step: int, position: int, plan: Plan | None) -> Arrays:  # noqa: ARG002 - Task
        """The samples of a step, stacked."""
        return stacked(self.pool.step(step))

    def outcome(self, network: nn.Module, batch: Arrays) -> Outcome:
        """Labels as sets of classes, and the teacher's three classes where it is trusted."""
        logits = network(batch["reflectance"], batch["presence"]).float()
        may_be = allowed(batch["sets"], set_table(self.classes))
        loss = pixel_loss(logits, may_be, batch["weight"], LOSS)
        loss = loss + TEACHER * taught_loss(logits, batch["teacher"], batch["trust"])
        with torch.no_grad():
            speaks = informative(may_be)
            right = may_be.gather(1, logits.argmax(1, keepdim=True))[:, 0] & speaks
            hits = (right.sum() / speaks.sum().clamp_min(1)).item()
        return Outcome(loss=loss, hits=hits)

    def judge(self, network: nn.Module, device: torch.device) -> Judgement | None:
        """Nothing: `benchmarks/accuracy.py` judges, on sites held out."""


def taught_loss(logits: Tensor, teacher: Tensor, trust: Tensor) -> Tensor:
    """Cross-entropy with probabilities of clear, cloud and shadow, over all pixels of the batch."""
    logs = functional.log_softmax(logits, dim=1)
    cloud = torch.logsumexp(logs[:, 1:3], dim=1)
    grouped = torch.stack([logs[:, 0], cloud, logs[:, 3]], dim=1)
    return -((teacher * grouped).sum(1) * trust).sum() / trust.numel()


def stacked(shown: list[Shown]) -> Arrays:
    """Samples (n, …) as the network takes them."""
    samples = [item.sample for item in shown]
    return {
        "reflectance": torch.from_numpy(np.stack([item.reflectance for item in samples])),
        "presence": torch.from_numpy(np.stack([item.presence for item in samples]).astype(np.float32)),
        "sets": torch.from_numpy(np.stack([item.sets for item in samples])),
        "weight": torch.tensor([item.weight for item in samples], dtype=torch.float32),
        "teacher": torch.from_numpy(np.stack([item.teacher for item in shown])),
        "trust": torch.from_numpy(np.stack([item.trust for item in shown])),
    }


def spec_of(name: str, config: Config) -> ModelSpec:
    """What a model of this recipe takes and gives."""
    needed = ("B02", "B03", "B04")
    return ModelSpec(
        name=name,
        version=VERSION,
        task="classes",
        bands=NAMES,
        optional_bands=tuple(band for band in NAMES if band not in needed),
        levels=("L1C", "L2A"),
        sensors=SENSORS,
        gsd_m=(9.0, 170.0),
        best_gsd_m=BEST_GSD_M,
        classes=config.classes,
        halo_px=config.halo_px,
        stride_px=config.stride_px,
        min_size_px=config.stride_px,
    )


def train(found: tuple[Example, ...], options: argparse.Namespace) -> None:
    """Fit, and write the model."""
    torch.manual_seed(options.seed)
    network = build(NETWORK).to(memory_format=torch.channels_last)
    pool = Pool(
        examples=found, seed=options.seed, batch=options.batch, echo=options.echo, shares=shares_of(options)
    )
    optimisation = Optimisation(
        steps=options.steps,
        epoch_steps=min(CHECKPOINT_STEPS, options.steps),
        optimizer="adamw",
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        schedule="cosine",
        warmup_steps=min(200, options.steps // 10),
        clip=1.0,
        ema=EMA if options.steps >= 5000 else 0.995,
        precision=options.precision,
        threads=options.threads,
        compile=options.compile,
        log_every=100,
    )
    name = options.fold or "unet-v1"
    folder = options.output / name
    folder.mkdir(parents=True, exist_ok=True)
    spec = spec_of(name, network.config)
    run = Run(folder=folder, progress=told, epoch=lambda _: None, seed=options.seed, spec=spec.to_json())
    task = CloudTask(pool=pool, classes=network.config.classes, workers=options.workers)
    fit(network, task, optimisation, run, resume=options.resume)
    (options.output / f"{name}.onnx").write_bytes(to_onnx(network, spec))


def shares_of(options: argparse.Namespace) -> dict[str, float]:
    """Shares of the kinds, without those that an ablation leaves out."""
    return {kind: share for kind, share in SHARES.items() if kind not in options.without}


def told(line: Progress) -> None:
    """A line of the log."""
    print(f"step {line.step} loss {line.loss:.4f} right {line.accuracy:.4f} {line.seconds:.0f} s", flush=True)


def main() -> None:
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    chosen = held_out(options)
    found = tuple(
        example
        for example in examples(options.data, teachers=options.teachers, fold=chosen)
        if example.kind not in options.without
    )
    print(dict(Counter(example.kind for example in found)), flush=True)
    train(found, options)


def held_out(options: argparse.Namespace) -> Fold | None:
    """The fold that is asked for."""
    if not options.fold:
        return None
    every = folds.from_json(options.folds.read_text(encoding="utf-8"), where=str(options.folds))
    return next(fold for fold in every if fold.name == options.fold)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--teachers", type=Path, metavar="TAUGHT")
    parser.add_argument("--folds", type=Path, default=Path(__file__).parent / "folds.json", metavar="FILE")
    parser.add_argument("--fold", default="", help="hold out the sites of this fold")
    parser.add_argument(
        "--without", action="append", default=[], choices=list(SHARES), help="leave out a kind"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RUNS")
    parser.add_argument("--steps", type=int, default=9_000)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--echo", type=int, default=3, help="times that a sample is shown")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", choices=["32", "bf16"], default="bf16")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="faster; needs a C++ compiler")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
