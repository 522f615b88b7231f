"""From a configuration to a model that knows what it was taught, the same for the same seed."""

import csv
import json
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

pytest.importorskip("torch")

from unclouded.core.errors import BandError, GridError, LabelError, OptionError, OutputError
from unclouded.core.spec import METADATA_KEY, ModelSpec
from unclouded.training import load_checkpoint, read_config, train
from unclouded.training.export import patchwise
from unclouded.training.run import read_scenes


@pytest.fixture
def trained(data_set, tmp_path):
    return train(read_config(data_set / "config.toml"), tmp_path / "out")


def test_it_learns_what_it_is_shown(trained):
    rows = list(csv.DictReader(trained.log.read_text(encoding="utf-8").splitlines()))
    assert [int(row["step"]) for row in rows] == [50, 100, 120]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"]) / 2
    assert float(rows[-1]["accuracy"]) > 0.9


def test_the_model_carries_its_spec_and_repeats_the_checkpoint(trained):
    session = ort.InferenceSession(trained.model.read_bytes(), providers=["CPUExecutionProvider"])
    text = session.get_modelmeta().custom_metadata_map[METADATA_KEY]
    spec = ModelSpec.from_json(text, where="test")
    assert (spec.name, spec.bands, spec.gsd_m) == ("squares-v1", ("B02", "B04", "B11"), (10, 60))
    assert (spec.halo_px, spec.margin_px, spec.classes, spec.min_size_px) == (4, 4, (0, 1), 9)
    assert spec.title_of(1) == "cloud"
    assert not spec.recommended
    network = load_checkpoint(trained.checkpoint)
    scene = np.random.default_rng(2).uniform(0, 0.6, (3, 25, 31)).astype(np.float32)
    found = session.run(None, {"reflectance": scene[None]})[0][0, 1]
    np.testing.assert_allclose(found, patchwise(network, scene), atol=1e-5)
    assert trained.agreement.largest <= 1e-5
    assert trained.agreement.pixels > 0


def test_same_seed_same_weights_other_seed_others(data_set, tmp_path):
    config = data_set / "config.toml"
    files = [train(read_config(config), tmp_path / name).model.read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]
    config.write_text(config.read_text(encoding="utf-8").replace("seed = 5", "seed = 6"), encoding="utf-8")
    assert train(read_config(config), tmp_path / "c").model.read_bytes() != files[0]


def test_training_leaves_torch_s_own_generator_alone(data_set, tmp_path):
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    train(read_config(data_set / "config.toml"), tmp_path / "out")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_but_the_results_is_left_behind(trained):
    names = {path.name for path in trained.model.parent.iterdir()}
    assert names == {
        "squares-v1.onnx",
        "squares-v1.json",
        "checkpoint.pt",
        "config.json",
        "curves.png",
        "environment.json",
        "epochs",
        "epochs.csv",
        "last.ckpt",
        "loss.csv",
        "splits.csv",
        "tensorboard",
    }
    assert [path.name for path in (trained.model.parent / "epochs").iterdir()] == ["epoch-001.pt"]


def test_the_folder_says_how_it_was_made(trained):
    folder = trained.model.parent
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["optimisation"]["learning_rate"] == 0.01
    assert config["optimisation"]["schedule"] == "constant"
    assert config["scenes"][0]["stack"] == "stacks/*.tif"
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert environment["packages"]["torch"]
    assert (folder / "splits.csv").read_text(encoding="utf-8").splitlines() == [
        "id,site,split",
        "square0,square0,train",
        "square1,square1,train",
    ]


def test_unseen_pixels_teach_nothing(data_set):
    scenes = list(read_scenes(read_config(data_set / "config.toml"), ("B02", "B04", "B11")))
    assert [scene.name for scene in scenes] == ["square0", "square1"]
    for scene in scenes:
        assert (scene.cloud[:3] == 255).all()
        assert not scene.reflectance[:, :3].any()
        assert set(np.unique(scene.cloud[3:])) == {0, 1}
        assert scene.scales == (1, 2)


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ('stack = "stacks/*.tif"', 'stack = "none/*.tif"', OptionError, ("none/*.tif", "match")),
        ('"B11"]', '"B12"]', BandError, ("B12", "square0")),
        ('model = "patchcnn"', 'model = "unit"', OptionError, ("patchcnn", "unet", "unit")),
        ('model = "patchcnn"', 'model = "unet"', OptionError, ("[options]", "unknown key", "patch")),
        ("gsd_m = [10, 60]", "gsd_m = [10]", OptionError, ("gsd_m",)),
        ("learning_rate = 0.01", "learning_rate = 1e30", OptionError, ("loss", "learning_rate")),
    ],
)
def test_what_cannot_be_followed_is_named(data_set, tmp_path, old, new, error, words):
    config = data_set / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(error) as caught:
        train(read_config(config), tmp_path / "out")
    assert all(word in str(caught.value) for word in words)
    assert not (tmp_path / "out" / "squares-v1.onnx").exists()


def test_a_mask_of_another_scene_is_refused(data_set, tmp_path):
    import rasterio
    from affine import Affine

    with rasterio.open(data_set / "masks" / "square1.tif", "r+") as file:
        file.transform = Affine(60, 0, 0, 0, -60, 60)
    with pytest.raises(GridError, match="square1"):
        train(read_config(data_set / "config.toml"), tmp_path / "out")


def test_a_code_that_the_legend_does_not_know_is_refused(data_set, tmp_path):
    import rasterio

    with rasterio.open(data_set / "masks" / "square0.tif", "r+") as file:
        file.write(np.full((1, file.height, file.width), 77, np.uint8))
    with pytest.raises(LabelError, match="77"):
        train(read_config(data_set / "config.toml"), tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_named(data_set, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(OutputError, match="file/out"):
        train(read_config(data_set / "config.toml"), tmp_path / "file" / "out")


def test_a_patch_network_takes_no_store(data_set, tmp_path):
    config = replace(read_config(data_set / "config.toml"), store="somewhere")
    with pytest.raises(OptionError, match="found store somewhere"):
        train(config, tmp_path / "out")
