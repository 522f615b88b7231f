"""Make the probabilities of trained networks true: a temperature and a bias for each class.

    python recipes/unet-v1/calibrate.py --data DIR --runs RUNS --model FILE -o OUT

RUNS holds `FOLD.onnx` of each of the five folds. Each network is asked about the labels, others' and our own,
that its training held out; temperature and biases are those that make the answers likeliest (Guo et al. 2017,
with biases). OUT gets each fold's network, corrected by what the *other* folds' held-out labels say, and FILE
corrected by all of them. They are folded into the last convolution: nothing is added to the network.

Classes weigh in the choice as the same labels ask for. Few images have labels, and on sites that a network
has not seen it calls much too little cloud: at a probability of a half it misses a quarter of it and gives
hardly a false alarm. Cloud weighs so that its balanced accuracy is highest, each source counting alike; and
true probabilities of a rare class seldom reach a half: the F1 of shadow is highest with a threshold of half
that F1 (Lipton et al. 2014). Images that are clear all over count as one more source: of false alarms.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from dataset import Example, examples
from torch import Tensor
from train import BEST_GSD_M

from unclouded.core import folds
from unclouded.core.classes import CLOUD, SHADOW, THICK, THIN, class_bits
from unclouded.core.folds import Fold
from unclouded.models.unet import UNet
from unclouded.patches import Sample
from unclouded.patches.augment import rescaled
from unclouded.predict import load_model
from unclouded.training.export import network_of, to_onnx, trimmed
from unclouded.training.losses import allowed, informative, partial_cross_entropy, set_table

PRIOR = 0.02
"""Nats that a bias costs, by its square: few chips have shadow, and none may decide alone."""
CLEAR_SKY = "clear"
"""Kind of the examples without any cloud: a source of false alarms alone."""
HOPELESS = 3.0
"""Nats a pixel from which on a chip is wrong all over."""
NEARLY = 0.005
"""Of accuracy, between weights of cloud that do as well as each other."""
PIXELS = 20_000
"""Labelled pixels of a chip that are asked about."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What is done to logits: divided by the temperature, then the biases added."""

    temperature: float
    biases: tuple[float, ...]
    """By output channel; that of the first is 0."""
    before: float
    """Mean loss as it was, nats a pixel."""
    after: float
    cloud_weight: float
    """What the probabilities of thick and thin cloud count when the class is chosen."""
    shadow_weight: float
    """What that of shadow counts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Logits of labelled pixels that a network had not seen."""

    fold: str
    source: str
    """Of the labels; `CLEAR_SKY` for images that are clear all over."""
    logits: Tensor
    """(pixel, class)."""
    sets: Tensor
    """(pixel,)."""


def main() -> None:
    options = arguments()
    torch.manual_seed(0)
    every = folds.from_json(options.folds.read_text(encoding="utf-8"), where=str(options.folds))
    by_site = [fold for fold in every if (options.runs / f"{fold.name}.onnx").exists()]
    found = [one for one in examples(options.data) if one.kind in {"human", "own", CLEAR_SKY}]
    answers = [answer for fold in by_site for answer in asked(options.runs, fold, found)]
    options.output.mkdir(parents=True, exist_ok=True)
    told = {}
    for fold in by_site:
        others = [answer for answer in answers if answer.fold != fold.name]
        told[fold.name] = write(options.runs / f"{fold.name}.onnx", options.output, fitted(others))
    if options.model:
        told[options.model.stem] = write(options.model, options.output, fitted(answers))
    text = json.dumps(told, indent=1) + "\n"
    (options.output / "calibration.json").write_text(text, encoding="utf-8")
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--folds", type=Path, default=Path(__file__).parent / "folds.json", metavar="FILE")
    parser.add_argument("--runs", type=Path, required=True, metavar="RUNS")
    parser.add_argument("--model", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    return parser.parse_args()


def asked(runs: Path, fold: Fold, found: Sequence[Example]) -> list[Answers]:
    """The fold's network on every chip that it held out."""
    file = runs / f"{fold.name}.onnx"
    network = network_of(file.read_bytes(), where=str(file)).eval()
    held_out = [one for one in found if one.member.site in fold.held_out]
    return [answered(network, one, fold.name) for one in held_out]


@torch.no_grad()
def answered(network: UNet, example: Example, fold: str) -> Answers:
    """Logits of some of the chip's labelled pixels."""
    sample = as_masked(example.sample)
    values = trimmed(sample.reflectance, network.config.stride_px)
    height, width = values.shape[-2:]
    presence = torch.from_numpy(sample.presence.astype(np.float32))[None]
    logits = network(torch.from_numpy(values)[None], presence)[0].flatten(1).T
    sets = sample.sets[:height, :width].ravel()
    chosen = some(np.flatnonzero(sets))
    return Answers(
        fold=fold,
        source=CLEAR_SKY if example.kind == CLEAR_SKY else example.member.source,
        logits=logits[chosen],
        sets=torch.from_numpy(sets[chosen]),
    )


def as_masked(sample: Sample) -> Sample:
    """The sample at the spacing of a mask, where it is finer."""
    if sample.gsd_m >= BEST_GSD_M:
        return sample
    return rescaled(sample, BEST_GSD_M, math.ceil(max(sample.valid.shape) * sample.gsd_m / BEST_GSD_M))


def some(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most `PIXELS` of them, evenly spread."""
    return places[:: max(1, len(places) // PIXELS)]


def fitted(answers: Sequence[Answers]) -> Correction:
    """The temperature and biases under which the labels are likeliest; each chip weighs as much as any.

    Chips that are wrong all over are left out: they say nothing of how sure to be elsewhere, and one sheet of
    ice among sixty doubled the temperature.
    """
    every, labelled = answers, [one for one in answers if one.source != CLEAR_SKY]
    answers = [one for one in labelled if own_loss(one) < HOPELESS] or labelled
    classes = answers[0].logits.shape[1]
    logits = torch.cat([one.logits for one in answers])
    # the loss takes maps: pixels become columns of one row
    may_be = allowed(torch.cat([one.sets for one in answers])[None, None], CLASSES_TABLE)
    weight = torch.cat([torch.full((len(one.sets),), 1 / max(len(one.sets), 1)) for one in answers])
    weight = weight * informative(may_be)[0, 0]
    heat, free = torch.zeros(1, requires_grad=True), torch.zeros(classes - 1, requires_grad=True)

    def loss() -> Tensor:
        biases = torch.cat([torch.zeros(1), free])
        corrected = (logits * torch.exp(-heat) + biases).T[None, :, None]
        told = (partial_cross_entropy(corrected, may_be)[0, 0] * weight).sum() / weight.sum()
        return told + PRIOR * (free**2).sum()

    optimiser = torch.optim.LBFGS([heat, free], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    before = loss().item()
    optimiser.step(closure)
    biases = torch.cat([torch.zeros(1), free]).detach()
    everything = torch.cat([one.logits for one in every])
    cloud, shadow = best_weights(every, everything * torch.exp(-heat.detach()) + biases)
    return Correction(
        temperature=torch.exp(heat).item(),
        biases=tuple(biases.tolist()),
        before=before,
        after=loss().item(),
        cloud_weight=cloud,
        shadow_weight=shadow,
    )


def own_loss(answer: Answers) -> float:
    """Mean loss of a chip as the network is, nats a pixel."""
    may_be = allowed(answer.sets[None, None], CLASSES_TABLE)
    speaks = informative(may_be)
    return float(partial_cross_entropy(answer.logits.T[None, :, None], may_be)[speaks].mean())


def best_weights(answers: Sequence[Answers], logits: Tensor) -> tuple[float, float]:
    """The weights of cloud and of shadow that find them best, sources alike, and the chips of each alike.

    Args:
        logits: (pixel, class), corrected, of all answers in turn.
    """
    pieces = [
        (one.source, one.sets.int(), torch.softmax(part, dim=1))
        for one, part in zip(answers, logits.split([len(one.sets) for one in answers]), strict=True)
    ]

    def by_source(bits: int, call: Callable[..., Tensor]) -> list[Tensor]:
        """`shares` of each source, summed over its chips."""
        found: dict[str, list[Tensor]] = {}
        for source, sets, probabilities in pieces:
            found.setdefault(source, []).append(shares(call(*probabilities.T), sets, bits))
        return [torch.stack(chips).sum(0) for chips in found.values()]

    def cloud_accuracy(weight: float) -> float:
        totals = by_source(
            CLOUD_BITS,
            lambda clear, thick, thin, shadow: weight * (thick + thin) > torch.maximum(clear, shadow),
        )
        return float(torch.stack([balanced(total) for total in totals]).mean())

    def shadow_f1(weight: float) -> float:
        totals = by_source(
            1 << SHADOW,
            lambda clear, thick, thin, shadow: weight * shadow > torch.maximum(clear, cloud * (thick + thin)),
        )
        # where nothing is shadow: the share that is rightly left
        found = [f1(total) if total[0] + total[1] > 0 else balanced(total) for total in totals]
        return float(torch.stack(found).mean())

    cloud = lightest(CLOUD_WEIGHTS, cloud_accuracy)
    return cloud, max(SHADOW_WEIGHTS, key=shadow_f1)


def lightest(weights: Sequence[float], score: Callable[[float], float]) -> float:
    """The least of the weights that does nearly as well as any: less is called for the same."""
    scores = {weight: score(weight) for weight in weights}
    return min(weight for weight, value in scores.items() if value >= max(scores.values()) - NEARLY)


def shares(called: Tensor, sets: Tensor, bits: int) -> Tensor:
    """Hits, misses, false alarms and rightly left, as shares of a chip's pixels that are or are not of it."""
    true, other = (sets & ~bits) == 0, (sets & bits) == 0
    counts = [called & true, ~called & true, called & other, ~called & other]
    return torch.stack([which.sum() for which in counts]) / max(int((true | other).sum()), 1)


def f1(counts: Tensor) -> Tensor:
    """F1 of hits, misses, false alarms and rightly left."""
    hits, missed, false, _ = counts
    return 2 * hits / (2 * hits + missed + false)


def balanced(counts: Tensor) -> Tensor:
    """Balanced accuracy, of what there is."""
    hits, missed, false, left = counts
    rates = [part / (part + rest) for part, rest in ((hits, missed), (left, false)) if part + rest > 0]
    return torch.stack(rates).mean()


CLASSES_TABLE = set_table((0, 1, 2, 3))
CLOUD_BITS = class_bits(CLOUD)
CLOUD_WEIGHTS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0)
SHADOW_WEIGHTS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""To choose from."""


def write(file: Path, output: Path, correction: Correction) -> dict[str, object]:
    """The corrected network, under the same name."""
    network = network_of(file.read_bytes(), where=str(file)).eval()
    weights = {
        THICK: correction.cloud_weight,
        THIN: correction.cloud_weight,
        SHADOW: correction.shadow_weight,
    }
    spec = replace(load_model(file).spec, class_weights=weights)
    corrected(network, correction)
    (output / file.name).write_bytes(to_onnx(network, spec))
    return asdict(correction)


@torch.no_grad()
def corrected(network: UNet, correction: Correction) -> None:
    """The network with the correction in its last convolution."""
    head = network.head
    biases = torch.tensor(correction.biases)
    if head.bias is not None:
        each = head.out_channels // len(biases)  # a class has one channel for each pixel of a coarse one
        head.weight /= correction.temperature
        head.bias.copy_(head.bias / correction.temperature + biases.repeat_interleave(each))


if __name__ == "__main__":
    main()
