"""`unclouded models`: cards, exports that run, and imports."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from unclouded.cli import app
from unclouded.core.errors import ModelError, OptionError
from unclouded.core.spec import ModelSpec
from unclouded.predict import bundled_models, load_model


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_bundled_model_is_listed_and_has_a_card():
    listed = run("models", "show")
    for name in bundled_models():
        assert name in listed
        card = run("models", "show", name)
        spec = load_model(name).spec
        assert all(text in card for text in (name, spec.why[:40], *spec.bands, spec.training_data[0][:30]))
        assert json.loads(run("models", "show", name, "--json"))["name"] == name


def test_a_model_that_is_not_there_is_named():
    result = CliRunner().invoke(app, ["models", "show", "patchcn-v1"])
    assert isinstance(result.exception, ModelError)
    assert "did you mean 'patchcnn-v1'" in str(result.exception)


@pytest.fixture
def checkpoint(tmp_path):
    pytest.importorskip("lightning")
    torch = pytest.importorskip("torch")
    from unclouded.models.unet import Config, build
    from unclouded.training import save_checkpoint

    torch.manual_seed(0)
    config = Config(bands=("B02", "B04"), widths=(4, 8), depths=(1, 1), classes=(0, 1))
    spec = ModelSpec(
        name="mine-v1", version="1", bands=config.bands, optional_bands=("B04",), levels=("L1C",),
        gsd_m=(10, 60), best_gsd_m=20, classes=(0, 1), halo_px=config.halo_px, stride_px=config.stride_px,
        min_size_px=config.stride_px,
    )  # fmt: skip
    save_checkpoint(tmp_path / "c.pt", build(config), spec.to_json())
    save_checkpoint(tmp_path / "bare.pt", build(config))
    return tmp_path / "c.pt"


def test_a_checkpoint_becomes_a_model_and_an_item(checkpoint, tmp_path):
    said = run("models", "export", checkpoint, "-o", tmp_path / "m.onnx")
    assert "from torch" in said
    model = load_model(tmp_path / "m.onnx")
    assert model.spec.name == "mine-v1"
    item = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert item["assets"]["model"]["file:checksum"] == f"1220{model.sha256}"
    assert item["assets"]["model"]["href"] == "./m.onnx"


def test_what_half_precision_changes_is_told(checkpoint, tmp_path):
    told = json.loads(
        run("models", "export", checkpoint, "-o", tmp_path / "h.onnx", "--precision", "fp16", "--json")
    )
    assert 0 < told["largest"] < 0.05
    assert told["torch"] < 1e-5
    assert load_model(tmp_path / "h.onnx").spec.name == "mine-v1"


def test_integers_are_calibrated_on_scenes(checkpoint, tmp_path):
    from unclouded.synthetic import SceneConfig, write_stack

    stack = write_stack(tmp_path / "s.tif", SceneConfig(size_m=1280.0), gsd=20.0, size_px=64).image
    said = run(
        "models", "export", checkpoint, "-o", tmp_path / "i.onnx", "--precision", "int8", "--calibrate", stack
    )
    assert "int8 on 1 scenes" in said
    values = np.random.default_rng(0).uniform(0, 1, (1, 2, 16, 16)).astype(np.float32)
    assert load_model(tmp_path / "i.onnx").session.run(values, np.ones((1, 2), np.float32)).shape == (
        1,
        2,
        16,
        16,
    )


def test_a_checkpoint_without_a_spec_is_refused(checkpoint, tmp_path):
    result = CliRunner().invoke(
        app, ["models", "export", str(checkpoint.with_name("bare.pt")), "-o", str(tmp_path / "x.onnx")]
    )
    assert isinstance(result.exception, OptionError)
    assert "carries its spec" in str(result.exception)
