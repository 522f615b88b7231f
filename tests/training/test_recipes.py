"""The whole chain of recipes/tiny.toml: patches, train, mask, evaluate; as a user would call it."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("zarr")

from unclouded.catalog.datasets.baetens_hagolle import PRODUCTS
from unclouded.cli import app
from unclouded.synthetic import SKIES, SceneConfig, write_safe
from unclouded.training import read_config
from unclouded.training.run import make_network

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TINY = RECIPES / "tiny.toml"


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_from_nothing_to_scores(tmp_path):
    """In under three minutes on two cores; the scene that it is scored on has a seed of its own."""
    started = time.monotonic()
    run("patches", TINY, "-o", tmp_path / "patches", "--size", "192", "-q")
    printed = run("train", TINY, "-o", tmp_path / "model", "--store", tmp_path / "patches", "-q")
    model = Path(printed.splitlines()[-1])
    config = SceneConfig(seed=7, clouds=SKIES["mixed"], size_m=18_300.0)
    paths = write_safe(tmp_path / "product", config, size_px=1830, truth_gsd=60)
    run("mask", paths.product, "-o", tmp_path / "masks", "--model", model, "-q")
    scores = tmp_path / "scores"
    run("evaluate", "--prediction", tmp_path / "masks", "--reference", paths.truth.parent, "-o", scores)
    assert time.monotonic() - started < 180
    pooled = json.loads((scores / "metrics.json").read_text(encoding="utf-8"))["pooled"]
    assert pooled["tasks"]["cloud"]["metrics"]["f1"] > 0.75


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read(path):
    config = read_config(path)
    assert make_network(config).config.bands
    assert config.spec.name


def test_the_plan_is_told_before(tmp_path):
    told = run("train", TINY, "--dry-run")
    for words in ("train 16 of 16 sites", "validation 4 of 4 sites", "200 in 4 epochs", "ms a step", "GB"):
        assert words in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["paper", "paper-by-site", "cloudsen12plus"])
def test_a_plan_can_be_made_without_the_data(name):
    told = run("train", RECIPES / f"{name}.toml", "--dry-run")
    assert "scenes  not there: " in told
    assert "ms a step" in told


def test_the_study_s_split_is_16_and_21_of_its_37_scenes():
    for name, parts in (
        ("paper", {"train": 16, "validation": 21}),
        ("paper-by-site", {"train": 19, "validation": 8, "test": 10}),
    ):
        text = (RECIPES / f"{name}-split.csv").read_text(encoding="utf-8")
        rows = [line.split(",") for line in text.splitlines() if not line.startswith(("#", "id,"))]
        assert sorted(product for product, *_ in rows) == sorted(PRODUCTS)
        assert all(site == product.split("_")[5] for product, site, _ in rows)
        assert Counter(part for *_, part in rows) == parts
        if name == "paper-by-site":
            assert len({(site, part) for _, site, part in rows}) == len({site for _, site, _ in rows})
