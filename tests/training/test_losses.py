"""Losses against sums written out pixel by pixel, and against torch where it has the same."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.classes import CLEAR, SHADOW, SNOW, THICK, THIN
from unclouded.core.errors import OptionError

torch = pytest.importorskip("torch")

from unclouded.training import losses  # noqa: E402 - after the skip
from unclouded.training.losses import LossConfig  # noqa: E402 - after the skip

FOUR = (CLEAR, THICK, THIN, SHADOW)


def drawn(seed, *, bits=16, n=2, side=3, classes=FOUR):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 2, (n, len(classes), side, side + 1)).astype(np.float32))
    sets = torch.from_numpy(rng.integers(0, bits, (n, side, side + 1)).astype(np.uint8))
    weight = torch.from_numpy(rng.uniform(0.1, 2, n).astype(np.float32))
    return logits, sets, weight


def pixels(logits, sets):
    """Probabilities and set of each pixel, as Python numbers."""
    values = logits.double().numpy()
    for n, y, x in np.ndindex(sets.shape):
        powers = np.exp(values[n, :, y, x])
        yield n, powers / powers.sum(), {c for c in range(8) if int(sets[n, y, x]) >> c & 1}


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), smoothing=st.sampled_from([0.0, 0.1, 0.5]))
def test_partial_cross_entropy_is_its_definition(seed, smoothing):
    logits, sets, weight = drawn(seed)
    may_be = losses.allowed(sets, losses.set_table(FOUR))
    total = mass = 0.0
    for n, p, classes in pixels(logits, sets):
        if 0 < len(classes) < 4:
            hit = -math.log(sum(p[c] for c in classes))
            total += weight[n].item() * ((1 - smoothing) * hit - smoothing * np.log(p).mean())
            mass += weight[n].item()
    found = losses.pixel_loss(logits, may_be, weight, LossConfig(smoothing=smoothing))
    assert found.item() == pytest.approx(total / max(mass, 1e-6), rel=1e-4, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_soft_dice_is_its_definition(seed):
    logits, sets, weight = drawn(seed)
    may_be = losses.allowed(sets, losses.set_table(FOUR))
    both, either, there = np.zeros(4), np.zeros(4), set()
    for n, p, classes in pixels(logits, sets):
        if not 0 < len(classes) < 4:
            continue
        for c in range(4):
            if classes == {c}:
                both[c] += weight[n] * p[c]
                either[c] += weight[n] * (p[c] + 1)
                there.add(c)
            elif c not in classes:
                either[c] += weight[n] * p[c]
    expected = np.mean([1 - 2 * both[c] / either[c] for c in there]) if there else 0.0
    found = losses.soft_dice(logits, may_be, weight[:, None, None].expand(sets.shape))
    assert found.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_with_one_class_a_pixel_it_is_torchs_cross_entropy():
    logits, _, _ = drawn(1)
    target = torch.randint(
        0, 4, logits.shape[:1] + logits.shape[2:], generator=torch.Generator().manual_seed(1)
    )
    sets = (1 << target).to(torch.uint8)
    target[0, 0, 0], sets[0, 0, 0] = 255, 0
    may_be = losses.allowed(sets, losses.set_table(FOUR))
    for smoothing in (0.0, 0.2):
        expected = torch.nn.functional.cross_entropy(
            logits, target, ignore_index=255, label_smoothing=smoothing
        )
        found = losses.pixel_loss(logits, may_be, torch.ones(2), LossConfig(smoothing=smoothing))
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("config", [LossConfig(), LossConfig(smoothing=0.1, dice=1.0)])
def test_pixels_that_say_nothing_have_no_gradient(config):
    logits, sets, weight = drawn(3)
    sets[0], sets[1, 0] = 0, 0b11111
    logits.requires_grad_()
    losses.pixel_loss(logits, losses.allowed(sets, losses.set_table(FOUR)), weight, config).backward()
    assert not logits.grad[0].any()
    assert not logits.grad[1, :, 0].any()
    assert logits.grad[1, :, 1:].abs().sum() > 0
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("config", [LossConfig(), LossConfig(smoothing=0.1, dice=1.0)])
def test_a_batch_without_labels_costs_nothing(config):
    logits, sets, weight = drawn(4)
    logits.requires_grad_()
    may_be = losses.allowed(torch.zeros_like(sets), losses.set_table(FOUR))
    loss = losses.pixel_loss(logits, may_be, weight, config)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_an_ambiguous_pixel_may_go_either_way():
    """{thick, thin}: the loss is small for either, and its gradient moves nothing between the two."""
    table = losses.set_table(FOUR)
    sets = torch.full((1, 1, 1), (1 << THICK) | (1 << THIN), dtype=torch.uint8)
    for channel in (1, 2):
        logits = torch.zeros(1, 4, 1, 1)
        logits[0, channel] = 20
        assert losses.pixel_loss(logits, losses.allowed(sets, table), torch.ones(1), LossConfig()) < 1e-6


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ((0, 1), {CLEAR: 0, THICK: 1, THIN: 1, SHADOW: 0, SNOW: 0}),
        ((0, 1, 2, 3), {CLEAR: 0, THICK: 1, THIN: 2, SHADOW: 3, SNOW: 0}),
        ((4, 3, 2, 1, 0), {CLEAR: 4, THICK: 3, THIN: 2, SHADOW: 1, SNOW: 0}),
    ],
)
def test_classes_that_a_network_lacks_go_with_coarser_ones(classes, expected):
    assert losses.channels_of(classes) == expected
    table = losses.set_table(classes)
    for codes in itertools.chain.from_iterable(itertools.combinations(range(5), r) for r in range(6)):
        bits = sum(1 << code for code in codes)
        assert set(table[bits].nonzero().flatten().tolist()) == {expected[code] for code in codes}


def test_a_network_without_cloud_is_refused():
    with pytest.raises(OptionError, match="none for 1, 2"):
        losses.channels_of((CLEAR, SHADOW))


def test_a_teacher_is_followed_where_labels_say_nothing():
    logits, sets, weight = drawn(5)
    teacher = torch.softmax(torch.from_numpy(np.random.default_rng(6).normal(size=logits.shape)), 1).float()
    may_be = losses.allowed(torch.zeros_like(sets), losses.set_table(FOUR))
    found = losses.pixel_loss(logits, may_be, weight, LossConfig(teacher=0.25), teacher)
    p = torch.softmax(logits, 1)
    each = (teacher * (teacher.log() - p.log())).sum(1)
    expected = 0.25 * (each * weight[:, None, None]).sum() / (weight.sum() * each[0].numel())
    torch.testing.assert_close(found, expected)
    assert losses.distillation(teacher.log(), teacher).abs().max() < 1e-5


def test_class_weights_count_sure_pixels_more():
    logits, _, _ = drawn(7)
    sets = torch.full((2, 3, 4), 1 << CLEAR, dtype=torch.uint8)
    sets[:, 0] = 1 << SHADOW
    may_be = losses.allowed(sets, losses.set_table(FOUR))
    each = losses.partial_cross_entropy(logits, may_be)
    expected = (each[:, 0].sum() * 3 + each[:, 1:].sum()) / (8 * 3 + 16)
    config = LossConfig(class_weights=(1.0, 1.0, 1.0, 3.0))
    torch.testing.assert_close(losses.pixel_loss(logits, may_be, torch.ones(2), config), expected)
    with pytest.raises(OptionError, match="expected 4"):
        losses.pixel_loss(logits, may_be, torch.ones(2), LossConfig(class_weights=(1.0,)))


def test_binary_is_torchs_and_leaves_out_what_is_not_known():
    logits = torch.tensor([0.3, -2.0, 5.0, 1.0])
    cloud = torch.tensor([1.0, 0.0, 255.0, 0.0])
    weight = torch.tensor([1.0, 2.0, 9.0, 0.5])
    keep = torch.tensor([0, 1, 3])
    expected = (
        torch.nn.functional.binary_cross_entropy_with_logits(
            logits[keep], cloud[keep] * 0.8 + 0.1, weight=weight[keep], reduction="sum"
        )
        / weight[keep].sum()
    )
    torch.testing.assert_close(losses.binary_loss(logits, cloud, weight, smoothing=0.2), expected)


@pytest.mark.parametrize(
    "options", [{"smoothing": 1.0}, {"dice": -1.0}, {"teacher": 1.5}, {"class_weights": (1.0, 0.0)}]
)
def test_options_without_meaning_are_named(options):
    with pytest.raises(OptionError, match="loss"):
        LossConfig(**options)


def test_trust_is_what_a_pixel_counts_and_a_teacher_is_followed_where_told():
    torch.manual_seed(4)
    logits = torch.randn(1, 4, 3, 5)
    sets = torch.tensor([1, 2, 4, 8, 1], dtype=torch.uint8).expand(1, 3, 5)
    may_be = losses.allowed(sets, losses.set_table(FOUR))
    teacher = torch.softmax(torch.randn(1, 4, 3, 5), dim=1)
    one, config = torch.ones(1), LossConfig(teacher=0.4)
    left = torch.zeros(1, 3, 5)
    left[..., :2] = 1
    part = losses.pixel_loss(logits[..., :2], may_be[..., :2], one, config, teacher[..., :2])
    whole = losses.pixel_loss(logits, may_be, one, config, teacher, trust=left)
    torch.testing.assert_close(whole, part)
    labels = losses.pixel_loss(logits, may_be, one, LossConfig())
    follow = losses.pixel_loss(
        logits[..., :2], may_be[..., :2], one, LossConfig(teacher=1.0), teacher[..., :2]
    )
    found = losses.pixel_loss(logits, may_be, one, config, teacher, followed=left.bool())
    torch.testing.assert_close(found, 0.6 * labels + 0.4 * follow)
