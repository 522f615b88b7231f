"""`unclouded mask` within limits: memory, a part of the scene, a device that is not there."""

import onnxruntime as ort
import pytest
import rasterio

from unclouded.testing.commands import PATCHWISE, unclouded


def run(*words):
    return unclouded("mask", *words)


def refused(*words):
    """What is said of options that cannot be honoured: one line, code 2."""
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def test_too_little_memory_says_how_much_is_enough(product, tmp_path):
    line = refused(product, "-o", tmp_path, "--max-memory", "100MB")
    assert "memory limit: expected at least " in line
    assert "found 100 MB; raise --max-memory" in line


def test_a_part_and_the_device_it_was_made_on(product, tmp_path):
    done = run(product, "-o", tmp_path, "--window", "4,5,6,7", "--max-memory", "1GB", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "network on CPU, onnxruntime" in done.stderr
    with rasterio.open(tmp_path / f"{product.stem}_mask.tif") as dataset:
        assert dataset.shape == (6, 7)
        assert dataset.tags()["UNCLOUDED_RUNTIME"].startswith("CPU, onnxruntime")


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="there may be a card")
def test_cuda_does_not_fall_back(product, tmp_path):
    assert "device cuda: expected a card" in refused(product, "-o", tmp_path, "--device", "cuda")
    assert not list(tmp_path.glob("*_mask.tif"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-memory", "much"], "expected a size such as 512MB or 2GB"),
        (["--window", "1,2,3"], "expected four whole numbers ROW,COL,HEIGHT,WIDTH"),
        (["--window", "0,0,999,1", *PATCHWISE], "expected a window inside 32 x 32 px"),
        (["--window", "0,0,4,4", "--area", "x.geojson"], "expected --window or --area, found both"),
        (["--precision", "bf16"], "take --runtime openvino"),
        (["--runtime", "openvino", "--device", "cuda"], "expected --device cpu or auto, found cuda"),
        (["--fast", *PATCHWISE], "--fast: expected a model that states how, found patchcnn-v1"),
        (["--fast", "--exact"], "expected --fast or --exact, found both"),
    ],
)
def test_what_cannot_be_honoured_is_one_line(product, tmp_path, words, said):
    assert said in refused(product, "-o", tmp_path, *words)
