"""The memory limit is kept: measured as the most that a process of its own ever had resident."""

import json
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from unclouded.core.bands import NAMES
from unclouded.core.errors import OptionError
from unclouded.jobs import MaskOptions, mask
from unclouded.testing.products import write_fake_geotiff

# As wide as a tile at 20 m: what is held are rows.
HEIGHT, WIDTH = 1400, 5490
CHILD = """
import json, re, sys
from pathlib import Path
from unclouded.jobs import MaskOptions, mask
source, folder, model, limit = sys.argv[1:]
mask(source, folder, MaskOptions(model=model, max_memory=int(limit)))
# not ru_maxrss: that of a child starts at what its parent had
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps(1024 * int(peak)))
"""


@pytest.fixture(scope="module")
def model(extra, tmp_path_factory):
    """A U-Net as large as our own, its weights drawn by chance."""
    extra("torch")
    import torch

    from unclouded.core.spec import ModelSpec
    from unclouded.models.unet import Config, build
    from unclouded.training import to_onnx

    torch.manual_seed(0)
    config = Config()
    spec = ModelSpec(
        name="random", version="0", task="classes", bands=config.bands, optional_bands=("B01", "B09"),
        levels=("L1C",), gsd_m=(10, 60), best_gsd_m=20, classes=config.classes, halo_px=config.halo_px,
        stride_px=config.stride_px, min_size_px=config.stride_px,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "random.onnx"
    path.write_bytes(to_onnx(build(config).eval(), spec))
    return path


def a_scene(folder, height, width):
    dn = np.random.default_rng(0).integers(1100, 6000, (13, height, width), np.uint16)
    tags = {"SENSOR": "sentinel-2", "LEVEL": "L1C"}
    return write_fake_geotiff(
        folder / "wide.tif", dn, NAMES, scale=1e-4, offset=-0.1, tags=tags, pixel_size=20.0, nodata=0
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_wide_scene_stays_within_512_mb_and_within_2_gb(model, tmp_path):
    source = a_scene(tmp_path, HEIGHT, WIDTH)
    codes = []
    for limit in (512_000_000, 2_000_000_000):
        folder = tmp_path / str(limit)
        arguments = [sys.executable, "-c", CHILD, str(source), str(folder), str(model), str(limit)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) <= limit
        with rasterio.open(folder / "wide_mask.tif") as dataset:
            codes.append(dataset.read(1))
    # other windows, other sums: equal but where two classes are within a rounding error
    assert (codes[0] == codes[1]).mean() > 0.9999


def test_below_the_least_the_error_says_it(model, tmp_path):
    source = a_scene(tmp_path, 64, 64)
    with pytest.raises(OptionError, match=r"expected at least (\d+) MB for random on 64 x 64 px") as caught:
        mask(source, tmp_path / "out", MaskOptions(model=model, max_memory=200_000_000))
    least = int(str(caught.value).split("at least ")[1].split(" MB")[0])
    assert 200 < least < 512
    mask(source, tmp_path / "out", MaskOptions(model=model, max_memory=least * 10**6))
