"""One scene and many, end to end, on small fake products with the bundled model."""

import json
import shutil

import numpy as np
import pytest
import rasterio

import unclouded
from unclouded.core.errors import BandError, LevelError, ModelError, OptionError, OutputError, ProductError
from unclouded.jobs import MaskOptions, mask
from unclouded.testing.layouts import stac_item, write_fake_cogs
from unclouded.testing.options import patchwise
from unclouded.testing.products import FakeSafe, write_fake_safe


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """A fake 13-band product whose pixels are a ramp, with a strip that was not seen."""

    def dn(_name, height, width):
        values = 1100 + 40 * (np.arange(width) * 60 // width)[None, :] + np.zeros((height, 1), int)
        values[:, width * 3 // 4 :] = 0
        return values.astype(np.uint16)

    return write_fake_safe(tmp_path_factory.mktemp("product"), FakeSafe(dn=dn))


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_a_product_becomes_a_mask_on_its_own_grid(product, tmp_path):
    report = unclouded.mask(product, tmp_path, patchwise())
    (scene,) = report.scenes
    assert scene.state == "done"
    with rasterio.open(scene.masked.mask) as dataset, rasterio.open(next(product.rglob("*_B01.jp2"))) as band:
        assert dataset.transform == band.transform
        assert dataset.crs == band.crs
        assert dataset.shape == band.shape
        codes, dn = dataset.read(1), band.read(1)
        tags = dataset.tags()
    assert (codes[dn == 0] == 255).all()
    # what the wavelet mixed with nodata is given up too: at most two pixels of 60 m
    assert (codes[:, : 24 - 2] != 255).all()
    assert set(np.unique(codes)) <= {0, 1, 255}
    assert tags["UNCLOUDED_RADIOMETRY"] == "offset -1000, quantification 10000 (MTD_MSIL1C.xml)"
    assert tags["UNCLOUDED_BASELINE"] == "05.10"
    assert tags["UNCLOUDED_MODEL"].startswith("patchcnn-v1 ")
    assert scene.masked.valid_share == pytest.approx(0.75, abs=2 / 32)
    assert sum(scene.masked.shares.values()) == pytest.approx(1.0)
    assert {path.name for path in tmp_path.iterdir()} == {
        "run.json",
        f"{scene.masked.id}_mask.tif",
        f"{scene.masked.id}_mask.tif.aux.xml",
        f"{scene.masked.id}_mask.qml",
        f"{scene.masked.id}_preview.png",
        f"{scene.masked.id}.json",
    }


@pytest.mark.parametrize("window", [7, 16, 64])
@pytest.mark.parametrize("edge", ["reflect", "zero"])
def test_the_window_size_does_not_show(product, tmp_path, window, edge):
    reference = mask(product, tmp_path / "whole", patchwise(window=512, edge=edge))
    cut = mask(product, tmp_path / "cut", patchwise(window=window, edge=edge))
    np.testing.assert_array_equal(read(cut.scenes[0].masked.mask), read(reference.scenes[0].masked.mask))


def test_gsd_is_that_of_the_mask(product, tmp_path):
    report = mask(product, tmp_path, patchwise(gsd=20, preview=False))
    with rasterio.open(report.scenes[0].masked.mask) as dataset:
        assert dataset.res == (20, 20)
        assert dataset.shape == (96, 96)
    assert report.scenes[0].masked.preview is None


def test_a_coarser_source_keeps_its_spacing_and_says_so(product, tmp_path):
    report = mask(product, tmp_path, patchwise(gsd=5))
    with rasterio.open(report.scenes[0].masked.mask) as dataset:
        assert dataset.res == (10, 10)
    assert any("5 m asked for, the source has 10 m" in line for line in report.scenes[0].masked.warnings)


def test_progress_goes_from_nothing_to_all(product, tmp_path):
    told = []
    mask(product, tmp_path, patchwise(window=8), progress=lambda name, share: told.append((name, share)))
    shares = [share for _, share in told]
    assert {name for name, _ in told} == {product.stem}
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_second_run_makes_nothing_again(product, tmp_path):
    first = mask(product, tmp_path, patchwise())
    stamp = first.scenes[0].masked.mask.stat().st_mtime_ns
    second = mask(product, tmp_path, patchwise())
    assert second.scenes[0].state == "skipped"
    assert second.scenes[0].masked == first.scenes[0].masked
    assert first.scenes[0].masked.mask.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("change", ["options", "mask gone", "preview gone", "mask torn", "source touched"])
def test_what_is_no_longer_valid_is_made_again(product, tmp_path, change):
    source = shutil.copytree(product, tmp_path / product.name)
    masked = mask(source, tmp_path / "out", patchwise()).scenes[0].masked
    options = patchwise()
    match change:
        case "options":
            options = patchwise(edge="zero")
        case "mask gone":
            masked.mask.unlink()
        case "preview gone":
            masked.preview.unlink()
        case "mask torn":
            masked.mask.write_bytes(masked.mask.read_bytes()[:-1])
        case "source touched":
            next(source.rglob("*.jp2")).touch()
    again = mask(source, tmp_path / "out", options).scenes[0]
    assert again.state == "done"
    assert read(again.masked.mask).shape == (32, 32)


def test_one_bad_scene_does_not_stop_the_rest(product, tmp_path):
    bad = tmp_path / "not a product"
    bad.mkdir()
    report = mask([bad, product], tmp_path / "out", patchwise())
    assert [scene.state for scene in report.scenes] == ["failed", "done"]
    assert isinstance(report.scenes[0].error, ProductError)
    entries = json.loads((tmp_path / "out" / "run.json").read_text())["scenes"]
    assert entries[str(bad)]["state"] == "failed"
    assert entries[str(bad)]["error"] == str(report.scenes[0].error)
    assert entries[str(product)]["scene"]["valid_share"] == pytest.approx(0.75, abs=2 / 32)


def test_each_granule_of_a_product_of_many_is_a_scene(tmp_path):
    source = write_fake_safe(tmp_path, FakeSafe(tiles=("32TQM", "32TQL"), size_60m=16))
    report = mask(source, tmp_path / "out", patchwise())
    assert [scene.state for scene in report.scenes] == ["done", "done"]
    assert [scene.source for scene in report.scenes] == [f"{source} [32TQL]", f"{source} [32TQM]"]
    assert len(list((tmp_path / "out").glob("*_mask.tif"))) == 2


def test_two_sources_of_one_scene_do_not_overwrite_each_other(product, tmp_path):
    copy = shutil.copytree(product, tmp_path / "copy" / product.name)
    report = mask([product, copy], tmp_path / "out", patchwise())
    assert [scene.state for scene in report.scenes] == ["done", "failed"]
    assert "expected one source a scene" in str(report.scenes[1].error)


def test_earlier_scenes_stay_in_the_report(product, tmp_path):
    mask(product, tmp_path / "out", patchwise())
    with pytest.raises(ProductError):
        mask(tmp_path / "nothing.SAFE", tmp_path / "out", patchwise())
    entries = json.loads((tmp_path / "out" / "run.json").read_text())["scenes"]
    assert {entry["state"] for entry in entries.values()} == {"done", "failed"}


def test_a_missing_band_is_named_by_the_model_that_needs_it(tmp_path):
    names = tuple(f"B{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11))
    product = write_fake_safe(tmp_path, FakeSafe(bands=names))
    with pytest.raises(BandError, match=r"patchcnn-v1 needs 13 bands, missing B10, B12, B8A; .*--model"):
        mask(product, tmp_path / "out", patchwise())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"run.json"}


def test_a_truncated_band_leaves_no_mask(product, tmp_path):
    source = shutil.copytree(product, tmp_path / product.name)
    band = next(source.rglob("*_B04.jp2"))
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 3])
    with pytest.raises(unclouded.UncloudedError, match="B04"):
        mask(source, tmp_path / "out", patchwise())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"run.json"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (MaskOptions(model="patchcn-v1"), ModelError, "did you mean 'patchcnn-v1'"),
        (MaskOptions(model="gone.onnx"), ModelError, r"gone\.onnx: cannot read the model"),
        (patchwise(gsd=-3), OptionError, "expected a number of metres above 0"),
        (patchwise(window=0), OptionError, "window size"),
    ],
)
def test_options_that_cannot_be_honoured(product, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        mask(product, tmp_path / "out", options)


def test_a_file_where_the_folder_should_be(product, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"output folder .*taken"):
        mask(product, tmp_path / "taken", patchwise())
    with pytest.raises(OptionError, match="at least one source"):
        mask([], tmp_path, patchwise())


def test_the_wrong_level_is_refused_unless_insisted_on(stack, tmp_path):
    source = stack(level="L2A")
    with pytest.raises(LevelError, match=r"patchcnn-v1 needs L1C, found L2A; .*--allow-level-mismatch"):
        mask(source, tmp_path, patchwise())
    report = mask(source, tmp_path, patchwise(allow_level_mismatch=True))
    assert "patchcnn-v1 was made for L1C, this is L2A" in report.scenes[0].masked.warnings


def test_a_level_that_nobody_states_is_asked_for(stack, tmp_path):
    source = stack(level=None)
    with pytest.raises(LevelError, match="state it with --level"):
        mask(source, tmp_path, patchwise())
    assert mask(source, tmp_path, patchwise(level="L1C")).scenes[0].state == "done"


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        (patchwise(offset=0, quantification=10000), "input looks un-offset"),
        (patchwise(offset=-2000, quantification=10000), "input looks twice offset"),
        (patchwise(offset=0, quantification=1), "input looks unscaled"),
        (patchwise(), None),
    ],
    ids=["un-offset", "twice offset", "unscaled", "right"],
)
def test_numbers_in_the_wrong_unit_are_named(stack, tmp_path, options, warning):
    """The commonest silent failure of the field: a mask of numbers that are no reflectance."""
    source = stack(level="L1C")
    report = mask(source, tmp_path, options)
    looks = [line for line in report.scenes[0].masked.warnings if line.startswith("input looks")]
    assert (warning is None and not looks) or looks[0].startswith(warning)


def test_without_georeference_a_mask_is_made_and_it_is_said(stack, tmp_path):
    source = stack(level="L1C", pixel_size=None)
    report = mask(source, tmp_path, patchwise())
    with rasterio.open(report.scenes[0].masked.mask) as dataset:
        assert dataset.crs is None
        assert dataset.shape == (50, 40)
    assert any("georeference" in line for line in report.scenes[0].masked.warnings)
    with pytest.raises(OptionError, match="state its own spacing with --pixel-size"):
        mask(source, tmp_path, patchwise(gsd=60))
    coarse = mask(source, tmp_path, patchwise(gsd=60, pixel_size=20))
    with rasterio.open(coarse.scenes[0].masked.mask) as dataset:
        assert dataset.shape == (17, 13)


def test_a_mask_names_its_own_legend(stack, tmp_path):
    """The network tells cloud from clear and no more: evaluation must not take its 1 for thick cloud."""
    masked = mask(stack(level="L1C"), tmp_path, patchwise()).scenes[0].masked
    result = unclouded.evaluate(masked.mask, masked.mask, legend="binary")
    assert result.prediction_legend == "binary"
    assert result.pooled("cloud")["f1"] == 1.0
    assert result.pooled("thick_cloud")["f1"] is None


def test_every_item_of_a_document_is_masked_by_its_id(tmp_path):
    """A search's result, as it is: one mask an item."""
    fake = FakeSafe(size_60m=16)
    names = write_fake_cogs(tmp_path, fake)
    items = []
    for name in ("first", "second"):
        item = stac_item(fake, names, dialect="cdse", home="s3://eodata/x/x.json", stated_offset=-0.1)
        items.append(item | {"id": name})
    source = tmp_path / "found.json"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    report = mask(source, tmp_path / "out", patchwise(preview=False))
    assert [(scene.state, scene.masked.id) for scene in report.scenes] == [
        ("done", "first"),
        ("done", "second"),
    ]
    assert {path.name for path in (tmp_path / "out").glob("*_mask.tif")} == {
        "first_mask.tif",
        "second_mask.tif",
    }
    assert [scene.source for scene in report.scenes] == [f"{source} [first]", f"{source} [second]"]


def test_every_product_of_a_folder_is_masked(tmp_path):
    for tile in ("32TQM", "32TQL"):
        write_fake_safe(tmp_path / "in", FakeSafe(tiles=(tile,), size_60m=16))
    report = mask(tmp_path / "in", tmp_path / "out", patchwise(preview=False))
    assert [scene.state for scene in report.scenes] == ["done", "done"]
    assert len({scene.masked.mask for scene in report.scenes}) == 2
