"""The adapter against the package's own class where it is installed, and against a stand-in of its layout."""

import json
import sys
import types

import numpy as np
import pytest

from unclouded.core.classes import CLOUD, SHADOW, bits_classes, to_sets
from unclouded.core.errors import OptionError
from unclouded.evaluate.peers import ukis_csmask

SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
TILE = 8


@pytest.fixture
def stand_in(extra, tmp_path, monkeypatch):
    """A package of the same layout whose networks only weigh bands: cloud is blue, shadow the last band."""
    extra("onnx")
    folder = tmp_path / "ukis_csmask"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for bands in (4, 6):
        for level in ("l1c", "l2a"):
            name = folder / f"model_{bands}b_{level}"
            name.with_suffix(".onnx").write_bytes(network(bands, gain=1.0 if level == "l1c" else -1.0))
            statistics = {"img": [[0.1] * bands, [0.5] * bands], "band_names": []}
            data = {"dataset_statistics": statistics, "target_size": [TILE, TILE]}
            name.with_suffix(".json").write_text(json.dumps({"data": data}))
    utils = types.ModuleType("ukis_csmask.utils")
    utils.tile_array, utils.untile_array = tiles, untiled
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ukis_csmask", raising=False)
    monkeypatch.setitem(sys.modules, "ukis_csmask.utils", utils)


def network(bands, *, gain):
    """ONNX of logits (clear 0, cloud = first band, shadow = last band) times a gain."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((3, bands, 1, 1), np.float32)
    weights[1, 0], weights[2, -1] = gain, gain
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", bands, "y", "x"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3, "y", "x"])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["logits"])],
        "peer",
        [image],
        [logits],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def tiles(array, *, xsize, ysize, overlap):
    """One tile, padded: what the real one does with an image smaller than a tile."""
    assert (xsize, ysize, overlap) == (TILE, TILE, 0.2)
    rows, columns = (TILE - side for side in array.shape[:2])
    return np.pad(array, ((0, rows), (0, columns), (0, 0)))[None]


def untiled(tiled, shape, *, overlap, smooth_blending):
    assert smooth_blending
    assert overlap == 0.2
    return tiled[0, : shape[0], : shape[1]]


def bands(names, **values):
    """Reflectance (2, 3) of each band; 0.1, the stand-in's mean, where nothing is said."""
    found = {name: np.full((2, 3), 0.1, np.float32) for name in names}
    for name, value in values.items():
        found[name][:, 1] = value
    return found


@pytest.mark.parametrize(
    ("variant", "present", "expected"),
    [
        ("best", {*SIX, "B8A", "B01"}, SIX),
        ("best", {*SIX} - {"B08"} | {"B8A"}, ("B02", "B03", "B04", "B8A", "B11", "B12")),
        ("best", {*SIX} - {"B12"}, SIX[:4]),
        ("best", {"B02", "B03", "B04"}, None),
        ("4-band", SIX, SIX[:4]),
    ],
)
def test_bands_are_chosen_in_the_networks_order(variant, present, expected):
    assert ukis_csmask.choose(variant, present) == expected


@pytest.mark.usefixtures("stand_in")
def test_bands_are_scaled_ordered_and_their_classes_are_ours():
    run = ukis_csmask.open_peer("best", level="L1C", threads=1)
    blue, last = run(bands(SIX, B02=0.9)), run(bands(SIX, B12=0.9))
    assert blue.codes.tolist() == [[0, 1, 0]] * 2
    assert last.codes.tolist() == [[0, 2, 0]] * 2
    sets = to_sets(np.array([[1, 2]], np.uint8), ukis_csmask.LEGEND)
    assert [bits_classes(int(one)) for one in sets[0]] == [CLOUD, {SHADOW}]
    # logits 0, (0.9 - 0.1) / 0.5, 0
    expected = np.exp(1.6) / (np.exp(1.6) + 2)
    np.testing.assert_allclose(blue.probabilities[1][0, 1], expected, rtol=1e-5)


@pytest.mark.usefixtures("stand_in")
def test_levels_have_their_own_networks():
    surface = ukis_csmask.open_peer("4-band", level="L2A", threads=1)
    assert surface(bands(SIX, B02=0.9)).codes.tolist() == [[0, 0, 0]] * 2
    landsat = ukis_csmask.open_peer("4-band", level="L1T", threads=1)
    assert landsat(bands(SIX, B02=0.9)).codes.tolist() == [[0, 1, 0]] * 2


@pytest.mark.usefixtures("stand_in")
def test_what_it_cannot_do_is_an_error():
    with pytest.raises(OptionError, match="'13-band': expected one of best, 4-band"):
        ukis_csmask.open_peer("13-band", level="L1C")
    with pytest.raises(OptionError, match="expected at least blue, green, red, nir, found B02"):
        ukis_csmask.open_peer("best", level="L1C")(bands(["B02"]))


def test_its_absence_is_one_line(monkeypatch):
    monkeypatch.setattr(ukis_csmask, "find_spec", lambda _: None)
    with pytest.raises(OptionError, match=r"needs its package: pip install 'unclouded\[peers\]'"):
        ukis_csmask.open_peer("best", level="L1C")


@pytest.mark.slow
@pytest.mark.parametrize(("level", "variant", "names"), [("L1C", "best", SIX), ("L2A", "4-band", SIX[:4])])
def test_classes_are_those_of_the_packages_own_class(level, variant, names):
    # 145 MB that nothing else needs: not among the packages of the tests
    mask = pytest.importorskip("ukis_csmask.mask", reason="needs the package ukis-csmask (extra peers)")
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 0.8, (len(names), 20, 24)).astype(np.float32)
    image = coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :300, :370]
    image += rng.normal(0, 0.02, image.shape).astype(np.float32)
    order = ["blue", "green", "red", "nir", "swir16", "swir22"][: len(names)]
    theirs = mask.CSmask(np.moveaxis(image, 0, -1).copy(), order, product_level=level.lower()).csm[..., 0]
    ours = ukis_csmask.open_peer(variant, level=level)(dict(zip(names, image, strict=True))).codes
    assert set(np.unique(theirs)) == {0, 1, 2} or len(np.unique(theirs)) > 1
    np.testing.assert_array_equal(ours, theirs)
