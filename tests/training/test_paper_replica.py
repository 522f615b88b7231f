"""The study's recipe from its data set to its scores, on a replica: true layout, names and sizes."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("lightning")

from pathlib import Path

from unclouded.catalog.datasets.baetens_hagolle import LABELS, OLD_NAMES, PRODUCTS
from unclouded.cli import app
from unclouded.core.bands import NAMES
from unclouded.testing.products import CORNER, CRS, FakeSafe, write_fake_safe

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "paper.toml"
COMPACT = [product for product in PRODUCTS if product not in OLD_NAMES.values()][:1]
OLD = list(OLD_NAMES.items())[:2]
SCENES = [(COMPACT[0], COMPACT[0]), (OLD[0][1], OLD[0][0]), (OLD[1][1], OLD[1][0])]
"""Product of today and the folder's name in the archive, which two have from before December 2016."""


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def clouds(seed, side):
    """Blocks of cloud, and a strip that was not seen. bool (side, side), twice."""
    count = 4 if side <= 400 else 30
    blocks = np.random.default_rng(seed).random((count, count)) < 0.4
    index = np.arange(side) * count // side
    unseen = np.zeros((side, side), np.bool_)
    unseen[:, : side // 20] = True
    return blocks[np.ix_(index, index)], unseen


def write_scene(folder, product, named, seed, side_60m):
    """A product under the name that the archive gives it, and its classification map."""

    def dn(band, *shape):
        assert band in NAMES
        cloud, unseen = clouds(seed, shape[0])
        return np.where(unseen, 0, np.where(cloud, 5200, 1300)).astype(np.uint16)

    tile = product.split("_")[5]
    # an old delivery holds the granules of a whole orbit; the one that was labelled is found by its tile
    others = ("01CCV",) if named != product and side_60m < 1830 else ()
    fake = FakeSafe(
        baseline="02.04",
        offset=None,
        tiles=(*others, tile.removeprefix("T")),
        long_names=named != product,
        size_60m=side_60m,
        dn=dn,
        block=min(1024, side_60m * 6),
    )
    written = write_fake_safe(folder / named, fake)
    written.rename(folder / f"{named}.SAFE")
    (folder / named).rmdir()
    cloud, unseen = clouds(seed, side_60m)
    codes = np.where(unseen, 0, np.where(cloud, 2 + np.arange(side_60m) % 2, 5)).astype(np.uint8)
    place = {"crs": CRS, "transform": Affine(60, 0, CORNER[0], 0, -60, CORNER[1])}
    maps = folder / LABELS / "Reference_dataset" / named / "Classification"
    maps.mkdir(parents=True)
    size = {"height": side_60m, "width": side_60m, "count": 1, "dtype": "uint8"}
    with rasterio.open(maps / "classification_map.tif", "w", driver="GTiff", **size, **place) as file:
        file.write(codes, 1)


def configuration(folder, steps):
    """The recipe with fewer steps, in two epochs, and a list of which scene is what."""
    text = RECIPE.read_text(encoding="utf-8").replace("../", "")
    for before, after in (
        ("300_000", f"{steps}"),
        ("epoch_steps = 10_000", f"epoch_steps = {steps // 2}"),
        ("validation_steps = 10_000", "validation_steps = 10"),
        ("log_every = 1_000", f"log_every = {steps // 2}"),
    ):
        assert before in text
        text = text.replace(before, after)
    parts = ("train", "train", "validation")
    rows = [
        f"{product},{product.split('_')[5]},{part}" for (product, _), part in zip(SCENES, parts, strict=True)
    ]
    (folder / "paper-split.csv").write_text("\n".join(["id,site,split", *rows]) + "\n", encoding="utf-8")
    path = folder / "paper.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("side_60m", [64, pytest.param(1830, marks=pytest.mark.slow)])
def test_from_products_and_maps_to_scores(tmp_path, side_60m):
    data = tmp_path / "baetens-hagolle"
    for seed, (product, named) in enumerate(SCENES):
        write_scene(data, product, named, seed, side_60m)
    checked = json.loads(
        run("labels", "check", "baetens-hagolle", "--data", data / LABELS, "--images", data, "--json")
    )
    assert (checked["scenes"], checked["grids_compared"], checked["problems"]) == (3, 3, [])
    config = configuration(tmp_path, steps=120 if side_60m == 1830 else 800)
    told = run("train", config, "--dry-run")
    assert "not there" not in told
    assert f"{3 * side_60m**2 / 1e6:.1f} million" in told, told
    printed = run("train", config, "-o", tmp_path / "run", "-q")
    assert len(list((tmp_path / "run" / "epochs").iterdir())) == 2
    assert {"curves.png", "best.pt", "splits.csv"} <= {path.name for path in (tmp_path / "run").iterdir()}
    judged, named = SCENES[2]
    tile = judged.split("_")[5]
    masks, truth = tmp_path / "masks", tmp_path / "truth"
    words = ("mask", data / f"{named}.SAFE", "-o", masks, "--edge", "zero", "-q")
    run(*words, "--model", printed.splitlines()[-1])
    codes = data / LABELS / "Reference_dataset" / named / "Classification" / "classification_map.tif"
    run("stack", codes, "-o", truth, "--codes", "--legend", "baetens-hagolle", "--to", "original", "-q")
    (made,) = truth.glob("*.tif")
    mask = next(path for path in masks.glob("*_mask.tif") if tile in path.name)
    words = ("evaluate", "--prediction", mask, "--reference", made, "--legend", "original")
    run(*words, "-o", tmp_path / "scores", "-q")
    scores = json.loads((tmp_path / "scores" / "metrics.json").read_text(encoding="utf-8"))
    # blocks of two colours are learnt in a minute; what was not seen counts nowhere in the mask
    assert scores["pooled"]["tasks"]["cloud"]["metrics"]["f1"] > 0.9
