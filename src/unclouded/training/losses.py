"""What networks are trained to make small. Labels are sets of classes: a pixel may carry several.

Sets come as bit masks uint8 (bit c is class c, 0 is ignore; core.classes), as the label readers give them.
A network with fewer classes than the table lumps them (`channels_of`): thin goes with thick, shadow and snow
with clear. A pixel that may be of any of its channels says nothing and counts nowhere.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unclouded.core.classes import CLEAR, EVERY_CLASS, SHADOW, SNOW, THICK, THIN
from unclouded.core.errors import OptionError
from unclouded.training._loss_config import LossConfig

_COARSER = {THIN: THICK, SNOW: CLEAR, SHADOW: CLEAR}
_SMALLEST = 1e-6


def channels_of(classes: Sequence[int]) -> dict[int, int]:
    """Class code -> output channel of a network with these classes, coarser ones standing in.

    Raises:
        OptionError: a class has no channel, e.g. thick cloud in a network of clear and shadow.
    """
    found = {code: _channel(code, classes) for code in sorted(EVERY_CLASS)}
    absent = [str(code) for code, channel in found.items() if channel is None]
    if absent:
        raise OptionError(
            f"network classes {tuple(classes)}: expected a channel for every class, found none for "
            f"{', '.join(absent)}; give it at least clear (0) and thick cloud (1)"
        )
    return {code: channel for code, channel in found.items() if channel is not None}


def _channel(code: int, classes: Sequence[int]) -> int | None:
    if code in classes:
        return classes.index(code)
    return _channel(_COARSER[code], classes) if code in _COARSER else None


def set_table(classes: Sequence[int]) -> Tensor:
    """Bit mask of a set -> which channels it allows, bool (256, channel)."""
    table = torch.zeros(256, len(classes), dtype=torch.bool)
    sets = torch.arange(256)
    for code, channel in channels_of(classes).items():
        table[:, channel] |= (sets >> code & 1).bool()
    return table


def allowed(sets: Tensor, table: Tensor) -> Tensor:
    """Sets uint8 (n, y, x) -> which channels a pixel may be, bool (n, channel, y, x)."""
    return table.to(sets.device)[sets.long()].permute(0, 3, 1, 2)


def informative(may_be: Tensor) -> Tensor:
    """Which pixels say anything: bool (n, channel, y, x) -> bool (n, y, x)."""
    return may_be.any(1) & ~may_be.all(1)


def partial_cross_entropy(logits: Tensor, may_be: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """-log of the summed probability of the classes that a pixel may be: (n, c, y, x) twice -> (n, y, x).

    0 where a pixel says nothing. With one class a pixel it is cross-entropy; with smoothing s it is that of
    the target (1 - s) [class] + s / c.
    Source: Francis et al. 2024 (SEnSeIv2) train on sets this way; smoothing: Szegedy et al. 2016, section 7.
    """
    logs = functional.log_softmax(logits.float(), dim=1)
    speaks = informative(may_be)
    # pixels that say nothing are shown all classes: no infinity, whose gradient would not be a number
    shown = may_be | ~speaks[:, None]
    loss = -torch.logsumexp(logs.masked_fill(~shown, -torch.inf), dim=1)
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * logs.mean(dim=1)
    return loss * speaks


def soft_dice(logits: Tensor, may_be: Tensor, weight: Tensor) -> Tensor:
    """1 - mean over classes of 2 sum(p g) / sum(p + g): (n, c, y, x) twice and (n, y, x) -> one number.

    A pixel counts for a class where it surely is it or surely is not. Classes that no pixel surely is are
    left out; 0 where all are.
    """
    probabilities = functional.softmax(logits.float(), dim=1)
    sure = may_be & (may_be.sum(1, keepdim=True) == 1)
    counts = (sure | ~may_be) & informative(may_be)[:, None]
    share = counts * weight[:, None]
    both = (probabilities * sure * share).sum(dim=(0, 2, 3))
    either = ((probabilities + sure) * share).sum(dim=(0, 2, 3))
    there = (sure * share).sum(dim=(0, 2, 3)) > 0
    ratio = 2 * both / either.clamp_min(_SMALLEST)
    return torch.where(there, 1 - ratio, 0).sum() / there.sum().clamp_min(1)


def distillation(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy with a teacher's probabilities, less its own entropy: (n, c, y, x) twice -> (n, y, x)."""
    logs = functional.log_softmax(logits.float(), dim=1)
    return functional.kl_div(logs, teacher.float(), reduction="none").sum(dim=1)


def pixel_loss(
    logits: Tensor,
    may_be: Tensor,
    weight: Tensor,
    config: LossConfig,
    teacher: Tensor | None = None,
    *,
    trust: Tensor | None = None,
    followed: Tensor | None = None,
) -> Tensor:
    """The configured sum over a batch, one number; 0 where no pixel says anything.

    Args:
        logits: (n, channel, y, x).
        may_be: bool (n, channel, y, x), from `allowed`.
        weight: (n,), what a sample's source is worth.
        teacher: probabilities (n, channel, y, x) to follow; None: none.
        trust: (n, y, x), what each pixel counts; None: 1.
        followed: bool (n, y, x), where the teacher is followed; None: on every pixel.
    """
    pixel = weight[:, None, None] if trust is None else weight[:, None, None] * trust
    here = pixel * _class_weight(may_be, config)
    known = here * informative(may_be)
    loss = _mean(partial_cross_entropy(logits, may_be, smoothing=config.smoothing), known)
    if config.dice:
        loss = loss + config.dice * soft_dice(logits, may_be, here)
    if teacher is not None and config.teacher:
        among = pixel if followed is None else pixel * followed
        follow = _mean(distillation(logits, teacher), among.expand_as(known))
        loss = (1 - config.teacher) * loss + config.teacher * follow
    return loss


def binary_loss(logits: Tensor, cloud: Tensor, weight: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy of logits (n,) with cloud (n,), 1 or 0; other values are left out."""
    known = ((cloud == 0) | (cloud == 1)).float() * weight
    target = cloud.clamp(0, 1) * (1 - smoothing) + smoothing / 2
    return _mean(functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none"), known)


def _class_weight(may_be: Tensor, config: LossConfig) -> Tensor:
    """Weight by class where it is sure, else 1: (n, c, y, x) -> (n, y, x)."""
    if not config.class_weights:
        return torch.ones((), device=may_be.device)
    weights = torch.tensor(config.class_weights, device=may_be.device)
    if len(weights) != may_be.shape[1]:
        raise OptionError(
            f"loss class_weights: expected {may_be.shape[1]}, one for each class, found {len(weights)}"
        )
    sure = may_be.sum(1) == 1
    return torch.where(sure, (may_be * weights[:, None, None]).sum(1), 1)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp_min(_SMALLEST)
