"""The label rules of the bundled weights' recipe."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from unclouded.core.bands import NAMES

SCRIPT = Path(__file__).resolve().parents[2] / "recipes" / "patchcnn-v1" / "make_labels.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("make_labels", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["make_labels"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_labels"]


def test_smooth_is_the_mean_over_a_square_with_edges_repeated(recipe):
    values = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    padded = np.pad(values, 2, mode="edge")
    expected = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).mean(axis=(2, 3))
    np.testing.assert_allclose(recipe.smooth(values, 2), expected, rtol=1e-5)


def test_clear_keeps_a_pixel_s_distance_from_cloud(recipe):
    cloud = np.zeros((7, 7), bool)
    cloud[3, 3] = True
    codes = recipe.split(cloud=cloud, clear=np.ones((7, 7), bool))
    assert codes[3, 3] == 1
    assert (codes[2:5, 2:5] == 255).sum() == 8
    assert (codes == 0).sum() == 49 - 9


def test_what_is_held_out_is_not_learnt_from(recipe):
    example = recipe.all_of("a", np.ones((13, 4, 6), np.float32), 0)
    inside = recipe.cut(example, slice(4, None), keep_inside=True)
    outside = recipe.cut(example, slice(4, None), keep_inside=False)
    assert ((inside.codes == 255) != (outside.codes == 255)).all()
    assert (inside.codes[:, 4:] == 0).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("cumulus", (0.35, 0.35), (0.55, 0.55)), ("storm", (0.3, 0.1), (0.5, 0.25))],
)
def test_rules_split_the_real_images_as_the_eye_does(recipe, real_data, name, low, high):
    """Shares of clear and of cloud; the overlays were looked at."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", recipe.NotGeoreferencedWarning)
        examples = {item.name: item for item in recipe.cloudy_scenes(real_data)}
    codes = examples[f"cloudy-{name}"].codes
    for code, least, most in zip((0, 1), low, high, strict=True):
        assert least <= (codes == code).mean() <= most
    assert examples[f"cloudy-{name}"].reflectance.shape[0] == len(NAMES)
