"""However the work is shared out, a mask is the same to the bit; whatever the windows, to rounding."""

import threading
import weakref
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unclouded.core.classes import NODATA
from unclouded.core.errors import RasterError
from unclouded.core.windows import Window
from unclouded.predict import Model, Windowing, _predict, _slabs, predict, predict_strips
from unclouded.predict._predict import codes_of


def shown(scene, model, windowing, region=None):
    """Codes and probabilities out of strips, which must adjoin."""
    strips = list(predict_strips(scene, model, windowing, region=region, probabilities=True))
    assert strips[0].row_off == 0
    assert [strip.row_off for strip in strips[1:]] == [strip.row_end for strip in strips[:-1]]
    return (
        np.concatenate([strip.codes for strip in strips]),
        np.concatenate([strip.probabilities for strip in strips], axis=1),
    )


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=st.integers(1, 30),
    wide=st.integers(1, 3),
    halo=st.integers(0, 7),
    threads=st.integers(1, 4),
    alone=st.booleans(),
    overlap=st.booleans(),
    block_rows=st.integers(1, 40),
    ahead=st.integers(0, 4),
)
def test_how_the_work_is_shared_out_does_not_show(
    array_scene, box_model, shape, size, wide, halo, threads, alone, overlap, block_rows, ahead
):
    scene, model = array_scene(*shape), box_model(halo)
    plain = Windowing(size=size, wide=wide)
    shared = replace(plain, threads=threads, alone=alone, overlap=overlap, block_rows=block_rows, ahead=ahead)
    for one, other in zip(shown(scene, model, plain), shown(scene, model, shared), strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    extent=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    size=st.integers(1, 20),
    wide=st.integers(1, 3),
    halo=st.integers(0, 6),
)
def test_a_region_is_cut_out_of_the_whole(array_scene, box_model, shape, corner, extent, size, wide, halo):
    scene, model, windowing = array_scene(*shape), box_model(halo), Windowing(size=size, wide=wide)
    top, left = (int(share * side) for share, side in zip(corner, shape, strict=True))
    height = 1 + int(extent[0] * (shape[0] - top - 1))
    width = 1 + int(extent[1] * (shape[1] - left - 1))
    region = Window(row_off=top, col_off=left, height=height, width=width)
    codes, probabilities = shown(scene, model, windowing)
    own_codes, own_probabilities = shown(scene, model, windowing, region)
    np.testing.assert_array_equal(own_codes, codes[region.slices])
    np.testing.assert_array_equal(own_probabilities, probabilities[(slice(None), *region.slices)])


@pytest.fixture(scope="module")
def unet_model(extra, tmp_path_factory):
    """A small U-Net of random weights, through the file that `mask` reads."""
    extra("torch")
    import torch

    from unclouded.core.spec import ModelSpec
    from unclouded.models.unet import Config, build
    from unclouded.predict import load_model
    from unclouded.training import to_onnx

    torch.manual_seed(0)
    config = Config(bands=("B04", "B03", "B02"), widths=(16, 16, 16), depths=(1, 1, 1))
    network = build(config).eval()
    with torch.no_grad():
        network.head.weight *= 20  # probabilities that differ
    spec = ModelSpec(
        name="small", version="0", task="classes", bands=config.bands, optional_bands=("B03",),
        levels=("L1C",), gsd_m=(10, 60), best_gsd_m=20, classes=config.classes, halo_px=config.halo_px,
        stride_px=config.stride_px, min_size_px=config.stride_px,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    path.write_bytes(to_onnx(network, spec))
    return load_model(path)


@pytest.fixture(scope="module")
def with_bands(array_scene):
    def build(height, width, seed=0):
        return Named(inner=array_scene(height, width, seed))

    return build


@dataclass(frozen=True, kw_only=True)
class Named:
    inner: object
    bands: tuple[str, ...] = ("B04", "B03", "B02")

    @property
    def grid(self):
        return self.inner.grid

    def read(self, bands, window, *, threads):
        return self.inner.read(bands, window, threads=threads)


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 20)),
    wide=st.integers(1, 3),
    edge=st.sampled_from(["reflect", "zero"]),
)
def test_windows_of_a_real_network_differ_by_rounding_alone(with_bands, unet_model, shape, sizes, wide, edge):
    """Equal codes where the two best probabilities differ by more than 1e-4, probabilities within 1e-4."""
    stride = unet_model.spec.stride_px
    scene = with_bands(*shape)
    first = Windowing(size=sizes[0] * stride, wide=wide, edge=edge)
    second = Windowing(size=sizes[1] * stride, edge=edge, threads=2)
    (codes, probabilities), (other_codes, other) = (
        shown(scene, unet_model, windowing) for windowing in (first, second)
    )
    np.testing.assert_allclose(probabilities, other, atol=1e-4)
    sure = lead(probabilities, unet_model.spec.classes) > 1e-4
    np.testing.assert_array_equal(codes[sure], other_codes[sure])
    assert set(np.unique(codes)) <= {*unet_model.spec.classes, NODATA}


def lead(probabilities, classes):
    """By how much the choice is the likelier one: cloud or not first, then which cloud. (y, x)."""
    cloudy = np.isin(classes, (1, 2))
    kinds = probabilities[cloudy]
    ahead = kinds.sum(axis=0) - probabilities[~cloudy].max(axis=0)
    within = [np.sort(group, axis=0) for group in (kinds, probabilities[~cloudy])]
    rivals = [group[-1] - group[-2] for group in within]
    return np.minimum(np.abs(ahead), np.where(ahead > 0, *rivals))


def test_a_halo_too_small_would_show(with_bands, unet_model):
    """The test above can fail: with half the halo the cut is seen."""
    narrow = replace(unet_model, spec=replace(unet_model.spec, halo_px=unet_model.spec.stride_px))
    scene, stride = with_bands(120, 120), unet_model.spec.stride_px
    whole = shown(scene, narrow, Windowing(size=120 // stride * stride + stride))
    cut = shown(scene, narrow, Windowing(size=2 * stride))
    assert np.abs(whole[1] - cut[1]).max() > 1e-3


@dataclass(frozen=True, kw_only=True)
class WatchedScene:
    """Notes who reads what, and fails from a row on."""

    inner: object
    fails_from: int = 10**9
    inside: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def grid(self):
        return self.inner.grid

    def read(self, bands, window, *, threads):
        (name,) = bands
        with self.lock:
            assert name not in self.inside, "two callers read one band: its blocks are decoded twice"
            self.inside.append(name)
            self.seen.append((name, window))
        try:
            if window.row_end > self.fails_from:
                raise RasterError("B04.jp2: expected a readable raster, found damaged data; get it again")
            return self.inner.read(bands, window, threads=threads)
        finally:
            with self.lock:
                self.inside.remove(name)


def test_each_row_of_a_band_is_read_once_in_order_by_one_caller(array_scene, box_model):
    scene = WatchedScene(inner=array_scene(90, 30))
    list(predict(scene, box_model(5), Windowing(size=16, threads=4, block_rows=7)))
    for name in ("B04", "B03", "B02"):
        rows = [(w.row_off, w.row_end) for band, w in scene.seen if band == name]
        assert rows[0][0] == 0
        assert rows[-1][1] == 90
        assert [first for first, _ in rows[1:]] == [end for _, end in rows[:-1]]


def test_decoding_goes_no_farther_ahead_than_told(array_scene, box_model):
    scene = WatchedScene(inner=array_scene(200, 8))
    parts = predict(scene, box_model(2), Windowing(size=10, threads=3, block_rows=5, ahead=2))
    next(parts)
    # the first strip is handed out when the rows of the second, its halo and two blocks are on their way
    assert max(window.row_end for _, window in scene.seen) <= 20 + 2 + 5 + 3 * 5
    parts.close()
    before = len(scene.seen)
    assert before < 3 * 200 / 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("decode", "predict"))]


def test_what_fails_in_a_thread_is_raised(array_scene, box_model):
    scene = WatchedScene(inner=array_scene(90, 30), fails_from=50)
    with pytest.raises(RasterError, match="damaged data"):
        list(predict(scene, box_model(3), Windowing(size=16, threads=3, block_rows=8)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("decode", "predict"))]


@dataclass(frozen=True, kw_only=True)
class FailingSession:
    metadata: dict = field(default_factory=dict)
    device: str = "here"
    batch: int = 1

    def run(self, _reflectance):
        raise AssertionError("nothing was seen: the network need not be asked")


def test_windows_without_a_valid_pixel_are_left_out(array_scene, box_model):
    scene = array_scene(20, 20)
    empty = replace(scene, valid=np.zeros((20, 20), bool), reflectance=np.zeros((3, 20, 20), np.float32))
    model = Model(spec=box_model(2).spec, sha256="0" * 64, session=FailingSession())
    codes, probabilities = shown(empty, model, Windowing(size=8))
    assert (codes == NODATA).all()
    assert (probabilities == 0.5).all()


def test_codes_are_the_likeliest_class_the_first_of_equals(box_model):
    rng = np.random.default_rng(0)
    probabilities = rng.integers(0, 4, (3, 40, 50)).astype(np.float32)
    valid = rng.random((40, 50)) > 0.2
    spec = replace(box_model(0).spec, classes=(0, 3, 1))
    expected = np.where(valid, np.array(spec.classes)[probabilities.argmax(axis=0)], NODATA)
    np.testing.assert_array_equal(codes_of(probabilities, valid, spec), expected)


def test_thick_and_thin_count_together_before_either_is_chosen(box_model):
    spec = replace(box_model(0).spec, classes=(0, 1, 2, 3))
    told = np.array(
        [[0.4, 0.35, 0.25, 0.0], [0.4, 0.1, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.25, 0]]
    )
    codes = codes_of(told.T[:, None].astype(np.float32), np.ones((1, 4), bool), spec)
    assert codes.tolist() == [[1, 0, 2, 0]]


@given(parts=st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_cloud_is_what_is_likelier_than_anything_else(box_model, parts):
    spec = replace(box_model(0).spec, classes=(0, 1, 2, 3))
    clear, thick, thin, shadow = parts
    (code,) = codes_of(np.array(parts, np.float32)[:, None, None], np.ones((1, 1), bool), spec).ravel()
    assert (code in {1, 2}) == (thick + thin > max(clear, shadow))
    assert (code == 2) == (code in {1, 2} and thin > thick)


def test_a_class_counts_by_its_weight(box_model):
    spec = replace(box_model(0).spec, classes=(0, 1, 2, 3), class_weights={3: 2.0})
    told = np.array([[0.5, 0.1, 0.1, 0.3], [0.7, 0.0, 0.0, 0.3], [0.0, 0.35, 0.35, 0.3]], np.float32)
    codes = codes_of(told.T[:, None], np.ones((1, 3), bool), spec)
    assert codes.tolist() == [[3, 0, 1]]


def test_nothing_of_a_strip_is_held_while_the_next_is_made(array_scene, box_model, monkeypatch):
    seen = []
    run, load = _predict._run, _slabs._load

    def above(row):
        """Strips above a row whose reflectance is still there."""
        return [own for own, there in seen if own < row and there() is not None]

    def run_alone(runner, windows, *others):
        assert above(windows[0].row_off) == []
        return run(runner, windows, *others)

    def load_alone(decoding, name, slab, position, part, **others):
        # rows below the halo of the strip above are asked for when that is done
        assert part.row_off < slab.place.row_off + 2 or above(slab.place.row_off) == []
        load(decoding, name, slab, position, part, **others)

    def watch(prediction):
        seen.append((prediction.window.row_off, weakref.ref(prediction.reading.reflectance.base)))

    monkeypatch.setattr(_predict, "_run", run_alone)
    monkeypatch.setattr(_slabs, "_load", load_alone)
    windowing = Windowing(size=8, wide=2, threads=2, overlap=False, block_rows=2, ahead=0)
    strips = list(predict_strips(array_scene(40, 40), box_model(2), windowing, watch=watch))
    assert len(strips) == 5
    assert len(seen) == 15
