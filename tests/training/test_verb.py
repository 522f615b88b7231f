"""The command line from stacks to a mask: what `unclouded train` makes, `unclouded mask` runs."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from unclouded.cli import app


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_what_train_makes_mask_runs(data_set, tmp_path):
    import rasterio

    trained = run("train", data_set / "config.toml", "-o", tmp_path / "model", "-q")
    assert trained.exit_code == 0
    model = Path(trained.output.strip())
    assert model == tmp_path / "model" / "squares-v1.onnx"
    stack = data_set / "stacks" / "square0.tif"
    assert run("mask", stack, "-o", tmp_path / "masks", "--model", model, "-q").exit_code == 0
    (file,) = (tmp_path / "masks").glob("*_mask.tif")
    with rasterio.open(file) as found, rasterio.open(data_set / "masks" / "square0.tif") as truth:
        codes, expected = found.read(1), truth.read(1)
    assert (codes[:3] == 255).all()
    assert (codes[3:] == expected[3:]).mean() > 0.95
    assert set(np.unique(codes)) == {0, 1, 255}
