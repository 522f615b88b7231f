"""The whole chain of recipes/tiny.toml: patches, train, mask, evaluate; as a user would call it."""

import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("zarr")

from unclouded.catalog.datasets.baetens_hagolle import OLD_NAMES, PRODUCTS
from unclouded.cli import app
from unclouded.core.bands import NAMES
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


def test_the_study_s_recipe_end_to_end_on_a_replica(tmp_path):
    """Three scenes in the layout and under the names of its data, an old long one among them; 48 px wide."""
    products = [product for product in PRODUCTS if product not in OLD_NAMES.values()][:2]
    (old, new), *_ = OLD_NAMES.items()
    folder = tmp_path / "baetens-hagolle"
    for number, (product, named) in enumerate([(p, p) for p in products] + [(new, old)]):
        replica(folder, product, named, number)
    text = (RECIPES / "paper.toml").read_text(encoding="utf-8").replace("../", "")
    for before, after in (
        ("300_000", "40"),
        ("steps = 10_000", "steps = 20"),
        ("log_every = 1_000", "log_every = 20"),
    ):
        text = text.replace(before, after)
    (tmp_path / "paper.toml").write_text(text, encoding="utf-8")
    rows = [f"{products[0]},A,train", f"{products[1]},B,validation", f"{new},C,train"]
    (tmp_path / "paper-split.csv").write_text("\n".join(["id,site,split", *rows]) + "\n", encoding="utf-8")
    printed = run("train", tmp_path / "paper.toml", "-o", tmp_path / "run", "-q")
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"paper-v1.onnx", "curves.png", "epochs.csv", "best.pt"} <= files
    assert len(list((tmp_path / "run" / "epochs").iterdir())) == 2
    epochs = (tmp_path / "run" / "epochs.csv").read_text(encoding="utf-8").splitlines()
    assert len(epochs) == 3
    model = printed.splitlines()[-1]
    image = folder / f"{products[1]}.tif"
    run("mask", image, "-o", tmp_path / "masks", "--model", model, "-q")
    assert list((tmp_path / "masks").glob("*_mask.tif"))


def replica(folder, product, named, seed):
    """A scene at 60 m and its mask, in the codes and folders of the set."""
    import rasterio
    from affine import Affine

    rng = np.random.default_rng(seed)
    cloud = np.kron(rng.random((6, 6)) < 0.4, np.ones((8, 8), bool))
    dn = (1200 + 4000 * cloud + rng.integers(0, 300, (13, 48, 48))).astype(np.uint16)
    codes = np.where(cloud, rng.choice([2, 3], cloud.shape), rng.choice([4, 5, 6, 7], cloud.shape))
    dn[:, :, :5], codes[:, :5] = 0, 0
    place = {
        "crs": "EPSG:32632",
        "transform": Affine(60, 0, 600_000, 0, -60, 5_300_040),
        "height": 48,
        "width": 48,
    }
    labels = folder / "baetens-hagolle-labels" / "Reference_dataset" / named / "Classification"
    labels.mkdir(parents=True)
    with rasterio.open(
        labels / "classification_map.tif", "w", driver="GTiff", count=1, dtype="uint8", **place
    ) as file:
        file.write(codes.astype(np.uint8), 1)
    image = folder / f"{product}.tif"
    with rasterio.open(image, "w", driver="GTiff", count=13, dtype="uint16", nodata=0, **place) as file:
        file.write(dn)
        file.descriptions = NAMES
        file.scales, file.offsets = [1e-4] * 13, [0.0] * 13
        file.update_tags(SENSOR="sentinel-2", LEVEL="L1C")
