"""`unclouded patches`: a store without torch; who needs none."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from unclouded.cli import app
from unclouded.core.errors import OptionError

pytest.importorskip("zarr")

CONFIG = """
model = "unet"
[[synthetic]]
seed = 3
count = 2
size_px = 64
split = "train"
[spec]
name = "x"
version = "1"
levels = ["L1C"]
gsd_m = [20, 20]
best_gsd_m = 20
"""
WITHOUT_TORCH = """
import sys
for name in ("torch", "lightning", "onnx"):
    sys.modules[name] = None
from unclouded.cli import app
app(sys.argv[1:])
"""


@pytest.fixture
def config(tmp_path):
    """`config(options)`: a configuration with these lines under [options]."""

    def write(options="", model="unet"):
        path = tmp_path / "config.toml"
        text = CONFIG.replace('"unet"', f'"{model}"').replace(
            "[[synthetic]]", f"[options]\n{options}\n[[synthetic]]"
        )
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_store_is_written_where_there_is_no_torch(config, tmp_path):
    path = config('bands = ["B02", "B8A"]')
    words = ["patches", str(path), "-o", str(tmp_path / "store"), "--size", "64", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    from unclouded.patches import open_store

    store = open_store(tmp_path / "store", "train", ("B02", "B8A"))
    assert store.sets(1).shape == (64, 64)


@pytest.mark.parametrize(
    ("options", "model", "words"),
    [("", "patchcnn", "from scenes in memory"), ('bands = "B02"', "unet", "a list of names")],
)
def test_who_needs_no_store_or_names_no_bands(config, tmp_path, options, model, words):
    words_given = ["patches", str(config(options, model)), "-o", str(tmp_path / "store")]
    done = CliRunner().invoke(app, words_given)
    assert isinstance(done.exception, OptionError)
    assert words in str(done.exception)
