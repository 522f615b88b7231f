"""The recipe of the bundled weights is the one that they say they were made with."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from unclouded.core.bands import NAMES
from unclouded.predict import bundled_models, load_model
from unclouded.training import read_config
from unclouded.training.run import make_network

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "patchcnn-v1" / "config.toml"

# Reflectance at the top of the atmosphere of the bands in the order of core.bands.NAMES: typical values
# of the literature, none of them in the training data.
TYPICAL = {
    "low cloud": (0.56, 0.55, 0.53, 0.55, 0.56, 0.57, 0.58, 0.57, 0.58, 0.38, 0.003, 0.45, 0.33),
    "high cloud": (0.62, 0.62, 0.61, 0.63, 0.64, 0.635, 0.655, 0.65, 0.66, 0.55, 0.25, 0.28, 0.20),
    "fresh snow": (0.85, 0.85, 0.83, 0.84, 0.85, 0.84, 0.83, 0.80, 0.79, 0.45, 0.003, 0.10, 0.08),
    "bright sand": (0.26, 0.27, 0.33, 0.43, 0.46, 0.48, 0.50, 0.50, 0.52, 0.25, 0.002, 0.60, 0.55),
    "vegetation": (0.12, 0.090, 0.080, 0.055, 0.10, 0.25, 0.31, 0.30, 0.33, 0.12, 0.0015, 0.17, 0.08),
    "deep water": (0.115, 0.085, 0.055, 0.030, 0.025, 0.020, 0.018, 0.016, 0.014, 0.006, 0.001, 0.005, 0.003),
}
CLOUDS = {"low cloud", "high cloud"}


def test_the_bundled_spec_is_the_recipe_s():
    assert "patchcnn-v1" in bundled_models()
    spec, config = load_model("patchcnn-v1").spec, read_config(RECIPE)
    assert spec.name == config.spec.name
    assert spec.version == config.spec.version
    assert (spec.levels, spec.gsd_m, spec.best_gsd_m) == (("L1C",), (10, 60), 60)
    assert (config.spec.levels, config.spec.gsd_m, config.spec.best_gsd_m) == (("L1C",), (10, 60), 60)
    assert spec.bands == make_network(config).config.bands
    assert spec.training_data == config.spec.training_data
    assert (spec.recommended, spec.why) == (False, config.spec.why)
    assert spec.classes == (0, 1)
    assert spec.title_of(1) == "cloud"
    assert all("held_out" in name for name in spec.figures)
    assert spec.figures


@pytest.mark.parametrize("name", TYPICAL)
def test_the_bundled_weights_know_what_typical_surfaces_are(name):
    model = load_model("patchcnn-v1")
    values = np.array([TYPICAL[name][NAMES.index(band)] for band in model.spec.bands], np.float32)
    rng = np.random.default_rng(0)
    scene = values[:, None, None] * rng.normal(1, 0.03, (1, 1, 40, 40)) + rng.normal(
        0, 0.002, (1, 13, 40, 40)
    )
    cloud = model.session.run(scene.astype(np.float32))[0, 1]
    assert (cloud > 0.5).mean() == pytest.approx(float(name in CLOUDS), abs=0.05)


def test_a_scene_s_edge_is_no_cloud():
    """Zeros beyond the edge of a dark scene, as the study padded it, and the scene mirrored."""
    model = load_model("patchcnn-v1")
    values = np.array([TYPICAL["vegetation"][NAMES.index(band)] for band in model.spec.bands], np.float32)
    rng = np.random.default_rng(1)
    scene = values[:, None, None] + rng.normal(0, 0.004, (13, 32, 32)).astype(np.float32)
    for mode in ("constant", "reflect"):
        padded = np.pad(scene, [(0, 0), (8, 8), (8, 8)], mode=mode)[None]
        assert not (model.session.run(padded.astype(np.float32))[0, 1] > 0.5).any(), mode
