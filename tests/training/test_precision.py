"""Files in fewer bits: they run, keep what they say of themselves, and differ by what is measured."""

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

from unclouded.core.errors import OptionError
from unclouded.core.spec import METADATA_KEY, ModelSpec

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from unclouded.models import patchcnn, unet  # noqa: E402 - after the skip
from unclouded.training import to_onnx  # noqa: E402 - after the skip
from unclouded.training.precision import change_of, in_precision  # noqa: E402 - after the skip

BANDS = ("B02", "B04", "B10")
SPEC = ModelSpec(
    name="x",
    version="1",
    bands=BANDS,
    levels=("L1C",),
    gsd_m=(10, 60),
    best_gsd_m=60,
    classes=(0, 1),
    halo_px=0,
)


def samples(count=3):
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 0.8, (3, 32, 32)).astype(np.float32) for _ in range(count)]


@pytest.fixture(params=["unet", "patchcnn"])
def content(request):
    torch.manual_seed(0)
    if request.param == "patchcnn":
        config = patchcnn.Config(bands=BANDS)
        spec = replace(SPEC, halo_px=8, margin_px=8)
        return to_onnx(patchcnn.build(config), spec)
    config = unet.Config(bands=BANDS, widths=(8, 16), depths=(1, 1), classes=(0, 1))
    network = unet.build(config).train()
    for _ in range(5):
        network(torch.rand(4, 3, 32, 32), torch.ones(4, 3))
    spec = replace(SPEC, halo_px=config.halo_px, stride_px=config.stride_px, optional_bands=("B10",))
    return to_onnx(network.eval(), spec)


@pytest.mark.parametrize(("precision", "most"), [("fp16", 0.02), ("int8", 0.2)])
def test_fewer_bits_change_little_and_the_spec_stays(content, precision, most):
    smaller = in_precision(content, precision, samples())
    found = ort.InferenceSession(smaller, providers=["CPUExecutionProvider"])
    whole = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    facts, expected = (item.get_modelmeta().custom_metadata_map for item in (found, whole))
    assert facts[METADATA_KEY] == expected[METADATA_KEY]
    assert [item.type for item in found.get_inputs()] == [item.type for item in whole.get_inputs()]
    change = change_of(content, smaller, samples())
    assert 0 < change.largest < most
    assert change.bytes_ == len(smaller) < len(content)
    assert change.pixels > 0


def test_the_same_file_does_not_differ(content):
    change = change_of(content, in_precision(content, "fp32", []), samples(1))
    assert (change.largest, change.mean, change.flipped) == (0, 0, 0)


def test_integers_need_something_to_be_calibrated_on(content):
    with pytest.raises(OptionError, match="--calibrate"):
        in_precision(content, "int8", [])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_runtimes_of_three_years_ago_can_run_it(precision):
    """Opset and IR of 2021; scales along an axis are read by one node alone, as 1.16.3 needs."""
    import onnx

    # as it is drawn: all its shifts are zero, one constant for all
    config = unet.Config(bands=BANDS, widths=(8, 16), depths=(1, 1), classes=(0, 1))
    spec = replace(SPEC, halo_px=config.halo_px, stride_px=config.stride_px, optional_bands=("B10",))
    content = to_onnx(unet.build(config).eval(), spec)
    model = onnx.load_from_string(in_precision(content, precision, samples()))
    assert model.ir_version <= 8
    assert {(item.domain, item.version) for item in model.opset_import} <= {("", 13), ("", 12)}
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    by_axis = [node.output[0] for node in nodes if node.attribute]
    read = [name for node in model.graph.node for name in node.input]
    assert all(read.count(name) == 1 for name in by_axis)
    assert bool(by_axis) == (precision == "int8")
