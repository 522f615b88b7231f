"""Runtimes: what auto comes to, what fails rather than falls back, and that all give one mask."""

import sys

import numpy as np
import onnxruntime as ort
import pytest

from unclouded.core.classes import NODATA
from unclouded.core.errors import ModelError, OptionError, UncloudedError
from unclouded.predict import Running, Windowing, load_model, predict_strips
from unclouded.predict.runtimes import DeviceMemoryError, Wanted, cuda
from unclouded.predict.runtimes.ort import OrtSession
from unclouded.scene import open_scene

HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


def test_auto_says_what_it_got_and_why_no_better():
    device = load_model("patchcnn-v1").session.device
    assert device.startswith(("CPU, onnxruntime", "CUDA, onnxruntime"))
    if not HAS_CUDA:
        assert "(no CUDA: onnxruntime" in device
        assert "pip install 'unclouded[gpu]'" in device
    assert "no CUDA" not in load_model("patchcnn-v1", Running(device="cpu")).session.device


@pytest.mark.skipif(HAS_CUDA, reason="this machine may have a card")
def test_cuda_fails_rather_than_falls_back():
    with pytest.raises(
        OptionError, match="device cuda: expected a card that onnxruntime can use, found none"
    ):
        load_model("patchcnn-v1", Running(device="cuda"))


def test_a_provider_that_does_not_start_is_no_card(monkeypatch):
    """onnxruntime takes the CPU without a word where the driver is missing."""
    offered = [cuda.PROVIDER, "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: offered)
    fallen = OrtSession(session=_OnCpu(), input_names=("reflectance",))
    monkeypatch.setattr(cuda, "session_on", lambda *_: fallen)
    with pytest.raises(OptionError, match="could not start CUDA; check the driver"):
        load_model("patchcnn-v1", Running(device="cuda"))
    device = load_model("patchcnn-v1").session.device
    assert device.startswith("CPU, onnxruntime")
    assert "could not start CUDA" in device


class _OnCpu:
    def get_providers(self):
        return ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    "said",
    [
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer of size",
        "CUDA failure 2: out of memory ; GPU=0",
        "std::bad_alloc",
    ],
)
def test_a_full_device_is_told_apart(said):
    class Full:
        def run(self, *_):
            raise RuntimeError(said)

    with pytest.raises(DeviceMemoryError):
        OrtSession(session=Full(), input_names=("reflectance",)).run(np.zeros((1, 1, 1, 1), np.float32))


def test_other_failures_are_not():
    class Broken:
        def run(self, *_):
            raise RuntimeError("Invalid rank for input")

    with pytest.raises(RuntimeError, match="Invalid rank"):
        OrtSession(session=Broken(), input_names=("reflectance",)).run(np.zeros((1, 1, 1, 1), np.float32))


def test_bf16_is_not_for_onnxruntime():
    with pytest.raises(
        OptionError, match="expected fp32 with onnxruntime, found bf16; take --runtime openvino"
    ):
        load_model("patchcnn-v1", Running(precision="bf16"))


def test_openvino_on_a_card_is_refused():
    with pytest.raises(OptionError, match="runtime openvino: expected --device cpu or auto, found cuda"):
        Running(runtime="openvino", device="cuda")


def test_openvino_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(OptionError, match=r"pip install 'unclouded\[openvino\]'"):
        load_model("patchcnn-v1", Running(runtime="openvino"))


def test_openvino_refuses_what_is_no_model(extra):
    extra("openvino")
    from unclouded.predict.runtimes import openvino

    with pytest.raises(ModelError, match="here: expected an ONNX model"):
        openvino.open_session(b"nothing", Wanted(where="here"))


REAL = ("p01_l1c_s2a_T56JMM_N0206_zip", "p04_l1c_s2b_T55HFA_N0209_aws")


@pytest.mark.parametrize(("precision", "share"), [("fp32", 0.999), ("bf16", 0.999)])
def test_openvino_gives_the_same_mask_on_real_scenes(real_data, extra, precision, share):
    """patchcnn-v1 on products of 13 bands; the models that are larger are compared by make bench."""
    extra("openvino")
    usual = load_model("patchcnn-v1", Running(device="cpu"))
    try:
        other = load_model("patchcnn-v1", Running(runtime="openvino", precision=precision))
    except OptionError as err:  # a processor without bf16
        pytest.skip(str(err))
    same = []
    for name in REAL:
        scene = open_real(real_data / "products" / name).at(60)
        ours, theirs = (masked(scene, model) for model in (usual, other))
        seen = ours != NODATA
        same.append((ours == theirs)[seen])
    same = np.concatenate(same)
    assert same.size > 100_000
    assert same.mean() >= share


def masked(scene, model):
    strips = predict_strips(scene, model, Windowing(size=256, threads=2))
    return np.concatenate([strip.codes for strip in strips])


def open_real(folder):
    """The product in a folder of the real data: itself, or what lies in it."""
    for path in (folder, *sorted(folder.iterdir())):
        try:
            return open_scene(path)
        except UncloudedError:
            continue
    raise AssertionError(f"no product in {folder.name}")
