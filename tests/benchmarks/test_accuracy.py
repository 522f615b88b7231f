"""The accuracy benchmark on sets made here, in the layouts that the real ones are published in."""

import csv
import hashlib
import json
import sys
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import accuracy
import numpy as np
import pytest
import rasterio
from _accuracy import diagram, pixbox, surfaces, systems, tables
from _accuracy.scores import answered, answers, score, sure, thin_found
from _accuracy.subjects import chips, cloudsen12plus
from _accuracy.systems import System, Verdict, _peer, coarsened, model_systems, peer_systems
from affine import Affine
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from real_images import ArrayBand, scene_of

from unclouded.core.bands import NAMES
from unclouded.core.classes import CLEAR, CLOUD, LEGENDS, NOT_CLOUD, SHADOW, THICK, THIN, class_bits, to_sets
from unclouded.core.counts import TASKS, count
from unclouded.core.errors import GridError
from unclouded.core.folds import Fold
from unclouded.core.grid import Grid
from unclouded.core.windows import Window
from unclouded.evaluate.peers import thresholds
from unclouded.labels import Points
from unclouded.predict import load_model, predict, to_codes
from unclouded.synthetic import SKIES, SceneConfig, write_safe

TASK = {task.name: task for task in TASKS}
GREY, GREEN = 4000, 800  # DN of a cloud, and of land
HEADER = (
    "file", "set", "sensor", "level", "gsd_m", "legend", "shadow_annotated", "thin_apart", "site", "train_ok",
    "origin",
)  # fmt: skip
BIOME = "0 fill, 64 shadow, 128 clear, 192 thin, 255 thick"


def scene(dn, *, gsd=10.0, bands=("B02", "B03", "B04", "B08")):
    """A scene whose bands all hold these DN (y, x)."""
    dn = np.asarray(dn, np.uint16)
    # spelt out: affine 2 multiplies with *, affine 3 with @
    grid = Grid(height=dn.shape[0], width=dn.shape[1], transform=Affine(gsd, 0, 0, 0, -gsd, 0), crs=None)
    held = {name: ArrayBand(dn=dn, valid=dn > 0, grid=grid) for name in bands}
    return scene_of(held, name="made", level="L1C", origin="made here")


@contextmanager
def unplaced():
    """No word of a raster that lies nowhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def says(sets):
    """A system that says the same of every pixel."""

    def run(scene, _):
        return Verdict(sets=np.full(scene.grid.shape, class_bits(sets), np.uint8), probability={})

    return System(name="always", version="0", run=run)


@pytest.fixture
def chip_folder(tmp_path, replicas):
    """Three chips: half cloud with and without marked shadow, and one without cloud."""
    folder = tmp_path / "labels"
    biome = ("l8biome", "landsat-8", "L1T", 30, BIOME)
    binary = ("38cloud", "landsat-8", "L1T", 30, "0 not cloud, 255 cloud")
    rows = [
        ("l8biome/Snow_00_1", *biome, "yes", "yes", "LC80160502014041", "yes"),
        ("l8biome/Snow_01_1", *biome, "no", "yes", "LC80160512014041", "yes"),
        ("38cloud/p1", *binary, "no", "no", "x", "compare-only"),
    ]
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *[(*row, "made here") for row in rows]])
    half = np.full((8, 8), 128, np.uint8)
    half[:, :4], half[:, 4] = 255, 64
    labels = {
        rows[0][0]: half,
        rows[1][0]: np.where(half == 64, 128, half),
        rows[2][0]: np.zeros((8, 8), np.uint8),
    }
    for name, codes in labels.items():
        replicas.write_tif(folder / f"{name}_lab.tif", codes.astype(np.uint8), gsd=30, place=False)
        image = np.where(codes == 255, GREY, GREEN).astype(np.uint16)
        image = np.stack([image] * 4)
        image[3][codes == 64] = GREEN + 100
        path = replicas.write_tif(folder / f"{name}_img.tif", image, gsd=30, place=False)
        with unplaced(), rasterio.open(path, "r+") as out:
            out.descriptions = ("blue", "green", "red", "nir08")
            out.scales, out.offsets = (1e-4,) * 4, (0.0,) * 4
            out.update_tags(SENSOR="landsat-8", LEVEL="L1T")
    return tmp_path


@pytest.mark.parametrize(
    ("legend", "expected"),
    [
        ("cloudsen12", {"cloud", "cloud_shadow", "thin_cloud", "cloud_or_shadow"}),
        ("l8-biome-shadow", {"cloud", "cloud_shadow", "thin_cloud", "cloud_or_shadow"}),
        ("l8-biome", {"cloud", "thin_cloud"}),
        ("on-cloud-n", {"cloud"}),
        ("ukis-csmask", {"cloud", "cloud_shadow", "cloud_or_shadow"}),
    ],
)
def test_a_set_is_asked_only_what_it_marks(legend, expected):
    asked = ("cloud", "cloud_shadow", "thin_cloud", "cloud_or_shadow")
    assert {name for name in asked if answers(LEGENDS[legend], TASK[name])} == expected


def test_a_system_that_says_may_be_and_never_yes_does_not_answer(chip_folder):
    subject = next(one for one in chips(chip_folder) if one.id == "l8biome/Snow_00_1")
    (floor,) = peer_systems("thresholds")
    assert answered([score(floor, subject)]) == ("cloud", "cloud_shadow", "cloud_or_shadow")
    # one that tells thin cloud, and sees none here, answers with no
    assert "thin_cloud" in answered([score(says(frozenset({CLEAR})), subject)])
    assert "thin_cloud" not in answered([score(says(CLOUD), subject)])


def test_a_system_that_knows_no_thin_cloud_is_not_asked_for_it():
    thin, cloud = class_bits(frozenset({THIN})), class_bits(CLOUD)
    counts = count(np.full((4, 4), thin, np.uint8), np.full((4, 4), cloud, np.uint8))
    assert not sure(counts, TASK["thin_cloud"])
    assert sure(counts, TASK["cloud"])
    assert thin_found(counts) == 1.0


def test_thin_cloud_is_found_where_it_is_called_cloud_of_either_kind():
    bits = [class_bits(frozenset({code})) for code in (THIN, THICK, CLEAR, SHADOW)]
    reference = np.full((1, 4), bits[0], np.uint8)
    assert thin_found(count(reference, np.array([bits], np.uint8))) == 0.5
    assert thin_found(count(np.full((1, 4), bits[2], np.uint8), reference)) is None


def test_a_coarser_answer_lands_on_the_pixels_it_covers():
    """Each pixel of the image takes the class of the coarse pixel that its centre lies in."""
    dn = np.full((7, 9), GREEN)
    dn[3:6, 3:6] = GREY  # one pixel of 30 m
    asked = []

    def run(bands):
        asked.append(bands["B03"].shape)
        return thresholds.classify(bands)

    module = SimpleNamespace(
        LEGEND=thresholds.LEGEND,
        version=lambda: "1",
        choose=lambda *_: ("B03", "B04", "B08"),
        open_peer=lambda *_, **__: run,
    )
    verdict = _peer("made", module, "only", 30.0, threads=1, known={}).run(scene(dn), "a")
    assert asked == [(2, 3)]
    expected = np.zeros((7, 9), bool)
    expected[3:, 3:6] = True  # the last row lies past the coarse grid, and takes the nearest
    np.testing.assert_array_equal(verdict.sets == class_bits(CLOUD), expected)


def test_what_is_not_seen_is_not_judged():
    dn = np.full((4, 4), GREY)
    dn[0] = 0
    (system,) = peer_systems("thresholds")
    verdict = system.run(scene(dn), "a")
    assert (verdict.sets[0] == 0).all()
    assert (verdict.sets[1:] == class_bits(CLOUD)).all()


def test_an_image_is_not_made_finer_for_a_system():
    coarse = scene(np.full((4, 4), GREEN), gsd=60.0)
    assert coarsened(coarse, 30.0) is coarse
    assert coarsened(scene(np.full((6, 6), GREEN)), 30.0).grid.shape == (2, 2)


def test_a_model_of_ours_goes_through_the_path_that_users_take():
    rng = np.random.default_rng(0)
    image = scene(rng.integers(500, 6000, (36, 48)), bands=NAMES)
    native, coarse = model_systems("patchcnn-v1", gsds=(None, 60.0))
    model = load_model("patchcnn-v1")
    (part,) = predict(image, model)
    verdict = native.run(image, "a")
    np.testing.assert_array_equal(verdict.sets, to_sets(to_codes(part, model.spec), LEGENDS["binary"]))
    np.testing.assert_array_equal(verdict.probability["cloud"], part.probabilities[1])
    assert set(verdict.probability) == {"cloud"}
    blocks = coarse.run(image, "a").sets.reshape(6, 6, 8, 6)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert model.sha256 in native.version


def test_bands_but_the_visible_can_be_read_coarser():
    rng = np.random.default_rng(0)
    image = scene(rng.integers(500, 6000, (24, 30)), bands=NAMES)
    values = image.read(NAMES).reflectance
    coarse = systems.CoarserBands(inner=image, times=4)
    found = coarse.read(NAMES, Window(row_off=4, col_off=8, height=12, width=16)).reflectance
    for name, own, layer in zip(NAMES, values, found, strict=True):
        if name in {"B02", "B03", "B04"}:
            np.testing.assert_array_equal(layer, own[4:16, 8:24])
        else:
            assert layer.std() < 0.4 * own.std()
            # between two blocks lies their mean
            middle = own[4:12, 8:16].reshape(2, 4, 2, 4).mean(axis=(1, 3))
            assert layer[2:6, 2:6].mean() == pytest.approx(middle.mean(), rel=0.03)
    native, coarser = model_systems("patchcnn-v1", coarse=(2,))
    assert coarser.name == "patchcnn-v1 native, others 2 x coarser"
    assert (coarser.run(image, "a").probability["cloud"] != native.run(image, "a").probability["cloud"]).any()


def test_a_model_is_not_judged_on_what_it_was_not_made_for():
    (system,) = model_systems("patchcnn-v1")
    assert system.run(scene(np.full((8, 8), GREEN)), "a") is None
    fine = scene(np.full((8, 8), GREEN), bands=NAMES, gsd=3.0)
    assert system.run(fine, "a") is None


def test_each_image_is_judged_by_the_model_of_its_own_fold(monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        return load_model("patchcnn-v1")

    monkeypatch.setattr(systems, "load_model", load)
    folds = [Fold(name=f"fold{at}", judged=(name,), held_out=(name,)) for at, name in enumerate("ab")]
    folds.append(Fold(name="without-x", judged=("a", "b"), held_out=("a", "b")))  # one of those by source
    (system,) = model_systems("runs/{fold}.onnx", folds=tuple(folds))
    image = scene(np.full((8, 8), GREEN), bands=NAMES)
    assert system.run(image, "b") is not None
    assert system.run(image, "a") is not None
    assert system.run(image, "c") is None
    assert asked == ["runs/fold1.onnx", "runs/fold0.onnx"]


def test_chips_are_judged_with_their_own_legend(chip_folder):
    found = {subject.id: subject for subject in chips(chip_folder)}
    (system,) = peer_systems("thresholds")
    marked, unmarked = (score(system, found[f"l8biome/Snow_0{at}_1"]) for at in (0, 1))
    shadow = marked.counts.confusion(TASK["cloud_shadow"])
    assert (shadow.tp, shadow.fp, shadow.fn, shadow.tn) == (8, 0, 0, 56)
    # "clear" may be shadow here: nothing is said of it either way
    assert unmarked.counts.confusion(TASK["cloud_shadow"]).scored == 32
    assert unmarked.counts.confusion(TASK["cloud"]).tp == 32
    assert [found[name].stratum for name in sorted(found)] == ["", "Snow", "Snow"]
    assert not found["38cloud/p1"].train_ok
    # folds spread the few chips with annotated shadow before biomes
    assert [found[name].member.stratum for name in sorted(found)] == ["", "shadow annotated", "Snow"]


def test_pixels_beside_another_class_can_be_left_out(chip_folder):
    subject = next(one for one in chips(chip_folder) if one.id == "l8biome/Snow_01_1")
    (system,) = peer_systems("thresholds")
    assert score(system, subject).counts.scored == 64
    assert score(system, subject, tolerance_px=1).counts.scored == 48


def test_a_label_of_another_image_is_an_error(chip_folder):
    subject = next(iter(chips(chip_folder)))
    system = System(
        name="odd", version="0", run=lambda *_: Verdict(sets=np.ones((3, 3), np.uint8), probability={})
    )
    with pytest.raises(GridError, match=r"expected a label of \(3, 3\) px as the image, found \(8, 8\)"):
        score(system, subject)


def test_the_report_holds_every_figure_and_where_the_data_come_from(
    chip_folder, tmp_path, monkeypatch, capsys
):
    report = tmp_path / "accuracy.json"
    arguments = ["accuracy.py", "--data", str(chip_folder), "--peer", "thresholds", "-o", str(report)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert accuracy.main() == 0
    found = json.loads(report.read_text())
    groups = found["labelled"]["thresholds braaten native"]["groups"]
    assert set(groups) == {
        "all", "all but compare-only", "38cloud (compare-only)", "l8biome", "l8biome: Snow",
    }  # fmt: skip
    assert groups["all"]["cloud"]["scenes"] == 3
    assert groups["all but compare-only"]["cloud"]["counts"]["tp"] == 64
    assert groups["l8biome"]["cloud_shadow"]["scenes"] == 1
    assert groups["38cloud (compare-only)"]["cloud_shadow"] is None
    assert [row["id"] for row in found["surfaces"]] == ["38cloud/p1"]
    hashes = {row["file"]: row["sha256"] for row in found["data"]}
    image = chip_folder / "labels" / "38cloud" / "p1_img.tif"
    assert hashes["labels/38cloud/p1_img.tif"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert str(chip_folder) not in json.dumps(found)
    shown = capsys.readouterr().out
    assert "### Cloud-free images: % called cloud" in shown
    assert "| l8biome: Snow" in shown


def test_folds_hold_every_chip_out_once_and_judge_it_alone(chip_folder, tmp_path, monkeypatch, capsys):
    folds = tmp_path / "folds.json"
    monkeypatch.setattr(accuracy, "members", lambda data: [one.member for one in chips(data)] * 2)
    monkeypatch.setattr(
        accuracy.folds,
        "site_folds",
        lambda every, site_folds=accuracy.folds.site_folds: site_folds(every, folds=3),
    )
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(chip_folder), "--write-folds", str(folds)])
    assert accuracy.main() == 0
    names = [one["name"] for one in json.loads(folds.read_text())["folds"]]
    assert names == ["fold0", "fold1", "fold2", "without-38cloud", "without-l8biome"]
    report = tmp_path / "a.json"
    monkeypatch.setattr(sys, "argv", [
        "x", "--data", str(chip_folder), "--folds", str(folds), "--fold", "without-38cloud",
        "--peer", "thresholds", "-o", str(report),
    ])  # fmt: skip
    assert accuracy.main() == 0
    scenes = json.loads(report.read_text())["labelled"]["thresholds braaten native"]["scenes"]
    assert set(scenes) == {"38cloud/p1"}
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(chip_folder), "--folds", str(folds), "--fold", "no"])
    assert accuracy.main() == 2
    assert "--fold 'no': expected one of --folds: fold0" in capsys.readouterr().err


def test_overcast_skies_are_cut_every_way_and_counted():
    sizes = []

    def run(scene, _):
        sizes.append((round(scene.pixel_size), scene.grid.shape))
        sets = np.full(scene.grid.shape, class_bits(CLOUD), np.uint8)
        sets[: len(sets) // 2] = class_bits(frozenset({CLEAR}))
        return Verdict(sets=sets, probability={})

    ground = surfaces.Ground(
        id="a", surface="", source="s", train_ok=True, open=lambda: scene(np.full((150, 200), GREY))
    )
    rows = surfaces.overcast([ground], [System(name="half", version="0", run=run)])
    assert sizes == [
        (10, (150, 200)), (10, (128, 128)), (10, (64, 64)), (10, (32, 32)),
        (20, (75, 100)), (20, (64, 64)), (20, (32, 32)), (60, (25, 33)),
    ]  # fmt: skip
    assert [row["systems"]["half"] for row in rows][1:4] == [0.5, 0.5, 0.5]
    assert "50.0" in "\n".join(tables.overcast(rows, ["half"]))


def test_a_window_holds_the_pixels_of_the_middle():
    dn = np.arange(1, 101, dtype=np.uint16).reshape(10, 10)
    part = surfaces._middle(scene(dn), 4)
    np.testing.assert_allclose(part.read(["B02"]).reflectance[0] * 10_000, dn[3:7, 3:7], rtol=1e-6)


def test_false_clouds_and_shadows_are_shares_of_what_was_seen():
    dn = np.full((10, 10), GREEN)
    dn[:5] = 0
    ground = surfaces.Ground(id="a", surface="sand", source="s", train_ok=True, open=lambda: scene(dn))
    (row,) = surfaces.hard_surfaces([ground], peer_systems("thresholds"))
    assert row["systems"]["thresholds braaten native"] == {"cloud": 0.0, "shadow": 0.0, "pixels": 50.0}
    (row,) = surfaces.hard_surfaces([ground], [says(CLOUD)])
    assert row["systems"]["always"]["cloud"] == 1.0
    # of two classes: what is no cloud may be shadow
    (row,) = surfaces.hard_surfaces([ground], [says(NOT_CLOUD)])
    assert (row["systems"]["always"]["cloud"], row["systems"]["always"]["shadow"]) == (0.0, None)


def test_a_diagram_shows_each_bin_where_it_was_found(tmp_path):
    bins = [{"pixels": 50, "predicted": 0.25, "found": 0.5}, {"pixels": 50, "predicted": 0.75, "found": 1.0}]
    task = {"calibration": {"ece": 0.25, "bins": bins}}
    groups = {"all but compare-only": {"cloud": task, "cloud_shadow": None}}
    path = tmp_path / "a.png"
    assert diagram.write(path, {"one": {"groups": groups}, "none": {"groups": {}}}) == 1
    with Image.open(path) as picture:
        assert picture.size == (332, 332)
        left, side = diagram.MARGIN, diagram.SIDE
        for predicted, found in ((0.25, 0.5), (0.75, 1.0)):
            at = round(left + predicted * side), round(left + (1 - found) * side)
            assert picture.getpixel(at) == (0x00, 0x72, 0xB2)
    assert diagram.write(tmp_path / "b.png", {}) == 0
    assert not (tmp_path / "b.png").exists()


# --- public sets, in the layout that they are published in -------------------------------------------------


def test_cloudsen12plus_is_judged_without_its_padding(extra, replicas, tmp_path, monkeypatch, capsys):
    extra("pyarrow")
    replicas.make("cloudsen12", tmp_path)
    (subject,) = cloudsen12plus(tmp_path)
    opened = subject.open()
    assert (subject.site, opened.level, len(opened.bands), opened.pixel_size) == ("ROI_0004", "L1C", 13, 10.0)
    found = score(says(CLOUD), subject)
    # 12 x 12 px of thick cloud, padded to 15
    assert (found.counts.pixels, found.counts.scored) == (225, 144)
    assert found.counts.confusion(TASK["cloud"]).tp == 144
    monkeypatch.setattr(
        sys, "argv", ["x", "--set", "cloudsen12plus", "--data", str(tmp_path), "--peer", "thresholds"]
    )
    assert accuracy.main() == 0
    assert "bar: OmniCloudMask 1.7.0, test split" in capsys.readouterr().out


@pytest.fixture(scope="module")
def pixbox_product(tmp_path_factory):
    """A small product under the name of one of the set, and its truth."""
    folder = tmp_path_factory.mktemp("pixbox")
    paths = write_safe(
        folder, SceneConfig(seed=3, clouds=SKIES["broken"]), size_px=300, baseline="02.05", truth_gsd=20
    )
    name = "S2A_MSIL1C_20170629T103021_N0205_R108_T31TFJ_20170629T103020"
    product = paths.product.rename(folder / f"{name}.SAFE")
    with rasterio.open(paths.truth) as file:
        return product, file.read(1)


def test_pixbox_pixels_are_found_where_the_set_says(pixbox_product, replicas, monkeypatch, capsys):
    """A system that knows the truth is right at every point, whatever block the point lies in."""
    product, truth = pixbox_product
    cloud = np.isin(truth, list(CLOUD))
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 300, (2, 200))
    kinds = np.where(cloud[rows // 2, columns // 2], 2, 1)
    points = [(at, 623596858, columns[at], rows[at], kinds[at], 0) for at in range(len(rows))]
    replicas.pixbox_s2(product.parent, [*points, (999, 5472572, 1, 1, 8, 0)])
    monkeypatch.setattr(pixbox, "BLOCK_PX", 40)
    monkeypatch.setattr(pixbox, "CONTEXT_PX", 8)

    def run(scene, _):
        t = scene.grid.transform
        top, left = round((origin.f - t.f) / 20), round((t.c - origin.c) / 20)
        part = cloud[top : top + scene.grid.height, left : left + scene.grid.width]
        sets = np.where(part, class_bits(CLOUD), class_bits(frozenset({CLEAR})))
        return Verdict(sets=sets.astype(np.uint8), probability={})

    from unclouded.scene import open_scene

    origin = open_scene(product).grid.transform
    report = pixbox.judge(product.parent, [System(name="truth", version="0", run=run)])
    figures = report.systems["truth"]["mixed pixels ignored"]
    assert figures["cloud"]["counts"]["tp"] == (kinds == 2).sum() > 0
    assert figures["cloud"]["counts"]["tn"] == (kinds == 1).sum() > 0
    assert figures["cloud"]["balanced_accuracy"] == figures["clear"]["balanced_accuracy"] == 1.0
    assert report.missing == ("S2A_MSIL1C_20171205T143751_N0206_R096_T19KEU_20171205T180316",)
    monkeypatch.setattr(
        sys, "argv", ["x", "--set", "pixbox-s2", "--data", str(product.parent), "--peer", "thresholds"]
    )
    assert accuracy.main() == 0
    shown = capsys.readouterr().out
    assert "clear 92.35, cloud 91.60, shadow 82.07" in shown
    assert "1 products; missing: S2A_MSIL1C_20171205T143751" in shown


def test_mixed_pixels_count_as_the_published_figures_count_them():
    mixed = class_bits(CLOUD | {CLEAR})
    sets = np.array([mixed, class_bits(CLOUD), class_bits(frozenset({SHADOW})), 0], np.uint8)
    assert pixbox.as_cloud(sets).tolist() == [class_bits(CLOUD), class_bits(CLOUD), 1 << SHADOW, 0]


def test_a_point_is_read_in_the_pixel_that_holds_it():
    dn = np.full((30, 30), GREEN)
    dn[10:12, 20:22] = GREY
    points = Points(
        product="p", site=None, gsd_m=10, rows=np.array([10, 11, 12, 9], np.int32),
        columns=np.array([21, 20, 20, 20], np.int32), sets=np.ones(4, np.uint8),
    )  # fmt: skip
    (system,) = peer_systems("thresholds")
    found = pixbox.at_points(system, scene(dn).at(20), points)
    assert (found == class_bits(CLOUD)).tolist() == [True, True, False, False]
