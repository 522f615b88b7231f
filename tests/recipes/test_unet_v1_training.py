"""How unet-v1 is trained: its samples, its blends, its calibration, and a run from end to end."""

import importlib
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, CLOUD, SHADOW, THICK, THIN, class_bits
from unclouded.core.folds import Member
from unclouded.patches import Sample

torch = pytest.importorskip("torch")

from unclouded.models.unet import Config, build  # noqa: E402 - after the skip
from unclouded.predict import load_model  # noqa: E402 - after the skip
from unclouded.training.export import network_of  # noqa: E402 - after the skip

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "unet-v1"


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules by name; they import each other as scripts in one folder do."""
    sys.path.insert(0, str(RECIPE))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(RECIPE))
        for name in MODULES:
            del sys.modules[name]


MODULES = ("dataset", "samples", "train", "blend_labels", "calibrate")


def image(side=160, *, gsd=10.0, level="L1C", kind="human", seed=0, dataset=None):
    """An example of left half ground, right half cloud, whose teacher knows it."""
    rng = np.random.default_rng(seed)
    cloud = np.arange(side)[None, :] >= side // 2
    reflectance = np.where(cloud, 0.6, 0.1) + rng.normal(0, 0.01, (len(NAMES), side, side))
    sets = np.broadcast_to(np.where(cloud, 1 << THICK, 1 << CLEAR), (side, side))
    shares = np.broadcast_to(np.stack([~cloud, cloud, cloud & False]), (3, side, side)).astype(np.float32)
    return dataset.Example(
        member=Member(id=f"{kind}{seed}", site=f"{kind}{seed}", source="l8biome"),
        kind=kind,
        sample=Sample(
            reflectance=reflectance.astype(np.float32),
            valid=np.ones((side, side), np.bool_),
            sets=sets.astype(np.uint8),
            bands=NAMES,
            presence=np.ones(len(NAMES), np.bool_),
            gsd_m=gsd,
        ),
        teacher=shares if kind == "taught" else None,
        trust=np.ones((side, side), np.float32) if kind == "taught" else None,
        level=level,
    )


@pytest.fixture
def examples(recipe):
    make = {"dataset": recipe["dataset"]}
    return (image(**make), image(seed=1, kind="taught", **make), image(seed=2, kind="overcast", **make))


def test_a_step_is_a_function_of_its_number(recipe, examples):
    pool = {"examples": examples, "seed": 3, "batch": 2, "stretch": 4, "echo": 2}
    one, other = recipe["samples"].Pool(**pool), recipe["samples"].Pool(**pool)
    forth = [one.step(number) for number in range(6)]
    back = [other.step(number) for number in reversed(range(6))]
    for first, second in zip(forth, reversed(back), strict=True):
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.sample.reflectance, b.sample.reflectance)
            np.testing.assert_array_equal(a.sample.sets, b.sample.sets)
            np.testing.assert_array_equal(a.teacher, b.teacher)
    shown = np.stack([item.sample.reflectance for step in forth for item in step])
    assert len(np.unique(shown.reshape(len(shown), -1), axis=0)) == len(shown)


def test_kinds_are_drawn_by_their_shares(recipe, examples):
    pool = recipe["samples"].Pool(examples=examples, seed=1)
    shares = recipe["samples"].SHARES
    wanted = np.array([shares["human"], shares["taught"], shares["overcast"]])
    np.testing.assert_allclose(pool._chance, wanted / wanted.sum())


@pytest.mark.parametrize("seed", range(8))
def test_the_teacher_is_turned_along(recipe, examples, seed):
    rng = np.random.default_rng(seed)
    shown = recipe["samples"].retouched(recipe["samples"].drawn(examples[1], rng), rng)
    known = (shown.trust > 0.99) & (shown.sample.sets > 0)
    cloud = shown.sample.sets == 1 << THICK
    sure = np.abs(shown.teacher[1] - 0.5) > 0.45
    assert (known & sure).any()
    np.testing.assert_array_equal(shown.teacher[1][known & sure] > 0.5, cloud[known & sure])


@pytest.mark.parametrize(("level", "sign"), [("L1C", -1), ("L2A", 1), (None, -1)])
def test_air_is_taken_from_the_top_of_the_atmosphere_and_given_to_the_surface(recipe, examples, level, sign):
    sample = examples[0].sample
    after = recipe["samples"].with_other_air(sample, level, np.random.default_rng(1))
    change = (after.reflectance - sample.reflectance)[:, :, -1].mean(axis=1)
    assert (np.sign(change) == sign).all()
    blue, red, swir = (abs(change[NAMES.index(name)]) for name in ("B02", "B04", "B11"))
    assert blue > 2 * red > 20 * swir


@pytest.mark.parametrize("seed", range(4))
def test_two_samples_laid_together_keep_their_labels_and_fill_what_is_empty(recipe, examples, seed):
    samples = recipe["samples"]
    shape = examples[0].sample.valid.shape
    half = np.zeros(shape, bool)
    half[:, 40:] = True

    def shown(value, bit, valid, bands):
        presence = np.isin(NAMES, bands)
        sample = replace(
            examples[0].sample,
            reflectance=np.where(valid & presence[:, None, None], np.float32(value), np.float32(0)),
            valid=valid,
            sets=np.where(valid, np.uint8(bit), np.uint8(0)),
            presence=presence,
            weight=value,
        )
        trust = np.where(valid, np.float32(value), np.float32(0))
        return samples.Shown(sample=sample, teacher=np.stack([trust] * 3), trust=trust)

    first = shown(0.2, 1, half, ["B02", "B03", "B04", "B08"])
    second = shown(0.6, 2, np.ones(shape, bool), ["B02", "B03", "B04", "B11"])
    both = samples.mixed(first, second, np.random.default_rng(seed))
    blue = both.sample.reflectance[NAMES.index("B02")]
    assert both.sample.valid.all()
    assert (both.sample.sets[:, :40] == 2).all()
    np.testing.assert_array_equal(both.sample.sets, np.where(blue == np.float32(0.6), 2, 1))
    np.testing.assert_array_equal(both.trust, blue)
    assert [name for name, there in zip(NAMES, both.sample.presence, strict=True) if there] == [
        "B02",
        "B03",
        "B04",
    ]
    assert not both.sample.reflectance[~both.sample.presence].any()
    share = (both.sample.sets == 2).mean()
    assert 1 / 3 < share < 0.9
    assert both.sample.weight == pytest.approx((1 - share) * 0.2 + share * 0.6)
    apart = shown(0.6, 2, half, ["B11", "B12", "B04"])
    assert samples.mixed(first, apart, np.random.default_rng(seed)) is first


def test_images_finer_than_a_mask_are_asked_about_at_its_spacing(recipe, examples):
    calibrate = recipe["calibrate"]
    fine = examples[0].sample
    brought = calibrate.as_masked(fine)
    assert (fine.gsd_m, brought.gsd_m) == (10, 20)
    assert brought.valid.shape == (80, 80)
    assert calibrate.as_masked(brought) is brought


@pytest.mark.parametrize("seed", range(6))
def test_brighter_ground_keeps_its_texture_and_stays_below_white(recipe, examples, seed):
    samples = recipe["samples"]
    whole = examples[0].sample
    dark = replace(
        whole,
        reflectance=whole.reflectance[:, :, :80],
        valid=whole.valid[:, :80],
        sets=whole.sets[:, :80],
    )
    after = samples.with_brighter_ground(dark, np.random.default_rng(seed))
    ratio = after.reflectance / dark.reflectance
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1], ratio.shape), rtol=1e-4)
    gains = ratio[:, 0, 0]
    assert gains.min() >= 1
    assert gains[NAMES.index("B11")] <= gains[NAMES.index("B04")]
    assert np.quantile(after.reflectance, 0.99) <= samples.BRIGHTEST * 1.01
    np.testing.assert_array_equal(after.sets, dark.sets)


def test_coarser_bands_keep_their_means_and_the_visible_ones_their_detail(recipe, examples):
    sample = examples[0].sample
    after = recipe["samples"].with_coarser_bands(sample, np.random.default_rng(0))
    np.testing.assert_allclose(
        after.reflectance.mean(axis=(1, 2)), sample.reflectance.mean(axis=(1, 2)), rtol=1e-4
    )
    for name in ("B02", "B03", "B04"):
        at = NAMES.index(name)
        np.testing.assert_array_equal(after.reflectance[at], sample.reflectance[at])
    assert not np.array_equal(after.reflectance, sample.reflectance)


def test_blends_show_either_image_and_nothing_that_neither_saw(recipe):
    blend = recipe["blend_labels"]
    first, second = (image(blend.SIZE, seed=seed, dataset=recipe["dataset"]).sample for seed in (1, 2))
    first.valid[:50], second.valid[:20] = False, False
    share = blend.seam(np.random.default_rng(0))
    assert ((share >= 0) & (share <= 1)).all()
    presence = np.array([name in {"B02", "B03", "B04", "B08"} for name in NAMES])
    found = blend.blended(first, second, presence, share)
    assert not found.valid[:20].any()
    assert found.valid[20:].all()
    assert not found.reflectance[~presence].any()
    np.testing.assert_allclose(
        found.reflectance[presence, 20:50], second.reflectance[presence, 20:50], rtol=1e-6
    )
    low = np.minimum(first.reflectance, second.reflectance)[presence, 50:] - 1e-6
    high = np.maximum(first.reflectance, second.reflectance)[presence, 50:] + 1e-6
    assert ((found.reflectance[presence, 50:] >= low) & (found.reflectance[presence, 50:] <= high)).all()


def test_calibration_finds_the_temperature_and_biases_that_were_applied(recipe, monkeypatch):
    monkeypatch.setattr(recipe["calibrate"], "PRIOR", 0.0)
    rng = np.random.default_rng(0)
    true = torch.from_numpy(rng.normal(0, 2, (40_000, 4)).astype(np.float32))
    labels = torch.distributions.Categorical(logits=true).sample()
    biases = torch.tensor([0.0, 0.5, -0.3, 0.8])
    answers = recipe["calibrate"].Answers(
        fold="fold0", source="x", logits=(true - biases) * 3, sets=(1 << labels).to(torch.uint8)
    )
    found = recipe["calibrate"].fitted([answers])
    assert found.temperature == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(found.biases, biases, atol=0.06)
    assert found.after < found.before


def test_a_rare_shadow_gets_a_weight_and_a_common_one_none(recipe):
    """Calibrated answers: what the likeliest class misses of something rare, a lower threshold finds."""
    rng = np.random.default_rng(0)
    evidence = torch.from_numpy(rng.normal(0, 1.5, 60_000).astype(np.float32))
    weights = {}
    for name, rarity in (("rare", -3.0), ("common", 1.0)):
        none, never = torch.zeros_like(evidence), torch.full_like(evidence, -9)
        logits = torch.stack([none, never, never, evidence + rarity])
        labels = torch.distributions.Categorical(logits=logits.T).sample()
        answers = recipe["calibrate"].Answers(
            fold="fold0", source="x", logits=logits.T, sets=(1 << labels).to(torch.uint8)
        )
        _, weights[name] = recipe["calibrate"].best_weights([answers], logits.T)
    assert weights["rare"] >= 1.75
    assert weights["common"] <= 1.5


def test_cloud_that_is_called_too_seldom_weighs_more(recipe):
    """Of two sources the smaller counts as much as the larger, and it is the one that is missed."""
    rng = np.random.default_rng(0)

    def answers(source, count, shift):
        truth = torch.from_numpy(rng.random(count) < 1 / 2)
        evidence = torch.from_numpy(rng.normal(0, 0.5, count).astype(np.float32)) + torch.where(
            truth, 1.0, -1.0
        )
        low = torch.full((count,), -9.0)
        logits = torch.stack([torch.zeros(count), evidence - shift, low, low], dim=1)
        sets = torch.where(truth, class_bits(CLOUD), 1 << CLEAR).to(torch.uint8)
        return recipe["calibrate"].Answers(fold="fold0", source=source, logits=logits, sets=sets)

    def weight(*parts):
        return recipe["calibrate"].best_weights(parts, torch.cat([part.logits for part in parts]))[0]

    assert weight(answers("a", 9_000, 0.0)) == 1.0
    assert weight(answers("a", 9_000, 1.0)) == pytest.approx(np.e, abs=0.6)
    assert weight(answers("a", 9_000, 0.0), answers("b", 500, 1.5)) > 1.25


def test_a_correction_lies_in_the_last_convolution(recipe):
    torch.manual_seed(0)
    network = build(Config(widths=(8, 16), depths=(1, 1))).eval()
    values, presence = torch.rand(1, 13, 16, 16), torch.ones(1, 13)
    with torch.no_grad():
        before = network(values, presence)
        biases = (0.0, 0.2, -0.1, 0.4)
        correction = recipe["calibrate"].Correction(
            temperature=1.7, biases=biases, before=1.0, after=0.5, cloud_weight=1.0, shadow_weight=1.0
        )
        recipe["calibrate"].corrected(network, correction)
        after = network(values, presence)
    torch.testing.assert_close(after, before / 1.7 + torch.tensor(biases)[:, None, None])


def test_a_run_ends_in_a_model_that_opens_and_can_be_calibrated(recipe, examples, tmp_path):
    options = Namespace(
        seed=1, batch=2, echo=2, steps=3, precision="32", threads=1, workers=0, resume=False, compile=False,
        output=tmp_path, fold="fold0", without=[],
    )  # fmt: skip
    recipe["train"].train(examples, options)
    file = tmp_path / "fold0.onnx"
    spec = load_model(file).spec
    assert spec.bands == NAMES
    assert set(NAMES) - set(spec.optional_bands) == {"B02", "B03", "B04"}
    network = network_of(file.read_bytes(), where="x").eval()
    answers = recipe["calibrate"].answered(network, examples[0], "fold0")
    assert len(answers.sets) == len(answers.logits) > 0
    assert set(answers.sets.tolist()) <= {1 << CLEAR, *(1 << c for c in CLOUD), class_bits(CLOUD)}
    told = recipe["calibrate"].write(file, tmp_path, recipe["calibrate"].fitted([answers]))
    assert told["after"] <= told["before"]
    cloud, shadow = told["cloud_weight"], told["shadow_weight"]
    assert load_model(file).spec == replace(spec, class_weights={THICK: cloud, THIN: cloud, SHADOW: shadow})
