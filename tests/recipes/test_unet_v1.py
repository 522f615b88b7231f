"""What unet-v1 may learn from: nothing for comparison alone, nothing of a held-out site."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from affine import Affine

from unclouded.core import folds
from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, CLOUD, NOT_CLOUD, SHADOW, THICK, class_bits
from unclouded.core.folds import Fold
from unclouded.evaluate.peers import Answer

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "unet-v1"
IMAGE = "images/sen12mscr/ROIs1158_spring_15_p30_clear.tif"


def load(name):
    spec = importlib.util.spec_from_file_location(f"unet_v1_{name}", RECIPE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dataset():
    module = load("dataset")
    module.SYNTHETIC_COUNT = 0  # that is half a minute's work; a test of its own asks for some
    return module


@pytest.fixture(scope="module")
def teacher_labels():
    return load("teacher_labels")


def write(path, values, names, **tags):
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"transform": Affine(10, 0, 600_000, 0, -10, 5_100_000), "crs": "EPSG:32632"}
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", driver="GTiff", dtype=values.dtype, **shape, **place) as out:
        out.write(values)
        out.descriptions = names
        out.scales, out.offsets = (1e-4,) * len(values), (0.0,) * len(values)
        out.update_tags(**tags)


@pytest.fixture
def data(tmp_path):
    """Two chips that may be learnt from, one that may not, and one clear image."""
    header = (
        "file,set,sensor,level,gsd_m,legend,shadow_annotated,thin_apart,site,train_ok,origin\n"
        'oncloudn/a,oncloudn,sentinel-2,L2A,10,"0 not cloud, 1 cloud",no,no,A,yes,x\n'
        'oncloudn/b,oncloudn,sentinel-2,L2A,10,"0 not cloud, 1 cloud",no,no,B,yes,x\n'
        '38cloud/c,38cloud,landsat-8,L1T,30,"0 not cloud, 255 cloud",no,no,C,compare-only,x\n'
    )
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "labels.csv").write_text(header)
    image = np.full((4, 12, 12), 900, np.uint16)
    image[:, :, :6] = 4000
    image[:, 0, 0] = 0
    for name in ("oncloudn/a", "oncloudn/b", "38cloud/c"):
        sensor = "landsat-8" if name.startswith("38") else "sentinel-2"
        write(
            labels / f"{name}_img.tif", image, ("blue", "green", "red", "nir08"), SENSOR=sensor, LEVEL="L2A"
        )
        write(labels / f"{name}_lab.tif", (image[:1] > 3000).astype(np.uint8), (None,))
    write(tmp_path / IMAGE, np.full((13, 12, 12), 800, np.uint16), NAMES)
    return tmp_path


def test_samples_hold_all_bands_and_what_their_pixels_may_be(dataset, data):
    found = {example.member.id: example for example in dataset.examples(data)}
    assert set(found) == {"oncloudn/a", "oncloudn/b", "hills"}
    sample = found["oncloudn/a"].sample
    assert sample.bands == NAMES
    there = [name for name, present in zip(NAMES, sample.presence, strict=True) if present]
    assert there == ["B02", "B03", "B04", "B8A"]
    assert not sample.reflectance[~sample.presence].any()
    assert sample.sets[5, 0] == class_bits(CLOUD)
    assert sample.sets[5, 9] & (1 << CLEAR)
    assert sample.sets[5, 9] & (1 << SHADOW)
    assert (sample.sets[0, 0], sample.valid[0, 0]) == (0, False)
    assert sample.gsd_m == 10
    clear = found["hills"]
    assert clear.kind == "clear"
    assert set(clear.sample.sets.ravel().tolist()) == {1 << CLEAR}


def test_synthetic_land_is_clear_in_every_band_and_never_held_out(dataset, data, monkeypatch):
    monkeypatch.setattr(dataset, "SYNTHETIC_COUNT", 3)
    monkeypatch.setattr(dataset, "SYNTHETIC_PX", 60)
    fold = Fold(name="fold0", judged=("oncloudn/a",), held_out=("A", "B", "ROIs1158_15"))
    drawn = list(dataset.examples(data, fold=fold))
    assert [one.kind for one in drawn] == ["synthetic"] * 3
    for one in drawn:
        assert one.sample.presence.all()
        assert set(one.sample.sets.ravel().tolist()) == {1 << CLEAR}
        assert (one.sample.reflectance > 0).mean() > 0.99
    assert not np.array_equal(drawn[0].sample.reflectance, drawn[1].sample.reflectance)
    assert {one.sample.gsd_m for one in drawn} == {10.0, 20.0}


def test_a_held_out_site_is_absent(dataset, data):
    fold = Fold(name="fold0", judged=("oncloudn/a",), held_out=("A",))
    assert {one.member.id for one in dataset.examples(data, fold=fold)} == {"oncloudn/b", "hills"}
    fold = Fold(name="fold1", judged=("hills",), held_out=("ROIs1158_15",))
    assert {one.member.id for one in dataset.examples(data, fold=fold)} == {"oncloudn/a", "oncloudn/b"}


def test_thick_and_thin_can_be_laid_together(dataset):
    sets = np.array([[1 << THICK, 1 << CLEAR, class_bits(CLOUD | {CLEAR}), 0]], np.uint8)
    assert dataset.without_split(sets).tolist() == [
        [class_bits(CLOUD), 1 << CLEAR, class_bits(CLOUD | {CLEAR}), 0]
    ]


@pytest.fixture
def taught(teacher_labels, data, tmp_path, monkeypatch):
    """Labels of a teacher that knows bright from dark, and is unsure of itself when upside down."""
    calls = []

    def open_peer(variant, *, level, **_):
        def run(bands):
            first = next(iter(bands.values()))
            calls.append((variant, level, first.shape))
            cloud = np.where(first > 0.2, 0.9, 0.05).astype(np.float32)
            if len(calls) % 4 == 3:
                cloud[:] = 0.05
            return Answer(
                codes=(cloud > 0.5).astype(np.uint8),
                probabilities={0: 0.95 - cloud, 1: cloud, 2: cloud * 0 + 0.05},
            )

        return run

    monkeypatch.setattr(teacher_labels.ukis_csmask, "open_peer", open_peer)
    monkeypatch.setattr(teacher_labels.ukis_csmask, "version", lambda: "1.0.0")
    monkeypatch.setattr(teacher_labels, "_CACHE", {})
    out = tmp_path / "taught"
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(data), "-o", str(out)])
    teacher_labels.main()
    return SimpleNamespace(folder=out, calls=calls, listing=json.loads((out / "teachers.json").read_text()))


def test_a_teacher_is_asked_at_its_own_spacing_and_from_all_sides(taught):
    listing = taught.listing
    assert {row["id"] for row in listing["labels"]} == {"oncloudn/a", "oncloudn/b", "hills"}
    assert (listing["teacher"], listing["licence"]) == ("ukis-csmask", "Apache-2.0")
    assert {shape for _, _, shape in taught.calls} == {(4, 4)}
    # four flips of the four-band chips, and of both networks on the image of 13 bands
    assert len(taught.calls) == 4 + 4 + 8
    row = next(row for row in listing["labels"] if row["id"] == "oncloudn/a")
    assert (row["gsd_m"], row["own_gsd"], row["native"], row["native_gsd_m"]) == (30, True, [12, 12], 10)
    assert row["variants"] == ["4-band"]


def test_a_teachers_doubt_takes_its_weight(dataset, data, taught):
    found = {
        one.member.id: one for one in dataset.examples(data, teachers=taught.folder) if one.kind == "taught"
    }
    example = found["oncloudn/a"]
    np.testing.assert_allclose(example.teacher.sum(axis=0), 1, atol=2e-3)
    assert example.sample.gsd_m == 30
    # one run in four saw no cloud: three quarters agree, which is just enough
    assert example.trust[3, 0] == pytest.approx(0.75)
    assert example.trust[3, 3] == pytest.approx(1)
    assert example.teacher[1, 3, 0] == pytest.approx((3 * 0.9 + 0.05) / 4, abs=2e-3)
    # its labels came along, and a pixel that a person called clear is not taught to be cloud
    assert example.sample.sets[3].tolist() == [class_bits(CLOUD)] * 2 + [class_bits(NOT_CLOUD)] * 2
    assert "hills" not in found


def test_a_label_overrules_the_teacher(dataset, data, taught):
    with rasterio.open(data / "labels" / "oncloudn" / "a_lab.tif", "r+") as file:
        file.write(np.zeros((1, 12, 12), np.uint8))
    found = {
        one.member.id: one for one in dataset.examples(data, teachers=taught.folder) if one.kind == "taught"
    }
    assert not found["oncloudn/a"].trust[:, :2].any()
    assert found["oncloudn/a"].trust[:, 2:].all()
    assert found["oncloudn/b"].trust[2:, :2].all()


def test_teacher_labels_of_a_held_out_site_are_absent_too(dataset, data, taught):
    fold = Fold(name="fold0", judged=("oncloudn/a",), held_out=("A",))
    kinds = {(one.member.id, one.kind) for one in dataset.examples(data, teachers=taught.folder, fold=fold)}
    assert kinds == {("oncloudn/b", "human"), ("hills", "clear"), ("oncloudn/b", "taught")}


@pytest.mark.slow
def test_real_data_give_samples_of_every_kind_and_none_for_comparison_alone(dataset, real_data):
    found = dataset.examples(real_data)
    assert {one.kind for one in found} == {"human", "own", "clear", "overcast", "cirrus"}
    assert not {one.member.source for one in found} & {"38cloud", "cloudsen12-dense"}
    every = sorted({one.member for one in found}, key=lambda member: member.id)
    for fold in folds.site_folds(every):
        held_out = set(fold.held_out)
        kept = folds.training(every, fold)
        assert not held_out & {member.site for member in kept}
        assert len(kept) + len(fold.judged) == len(every)
