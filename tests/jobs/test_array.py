"""Arrays: the codes of `mask`, from named bands and a stated radiometry, and nothing guessed."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

import unclouded
from unclouded.core.bands import NAMES
from unclouded.core.errors import BandError, GridError, LevelError, OptionError, RadiometryError, RasterError
from unclouded.jobs import MaskOptions, mask, mask_array
from unclouded.jobs._wording import in_python
from unclouded.refine import Refinement, rules
from unclouded.testing.products import write_fake_geotiff

DN = {"offset": -1000, "quantification": 10000}
PATCH = {"model": "patchcnn-v1", "level": "L1C"}


@pytest.fixture(scope="module")
def small_unet(tmp_path_factory):
    pytest.importorskip("torch")
    from unclouded.testing.models import write_small_unet

    return write_small_unet(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="module")
def dn():
    """Clouds over land with gaps that were not seen, DN uint16 (13, y, x)."""
    rng = np.random.default_rng(4)
    coarse = rng.uniform(0, 0.9, (13, 12, 14)).repeat(10, axis=1).repeat(10, axis=2)[:, :113, :131]
    values = np.round((coarse + rng.normal(0, 0.01, coarse.shape)) * 10000 + 1000).astype(np.uint16)
    values[:, 40:50, 60:75] = 0
    values[3, 100, 20:30] = 0
    return values


def written(dn, folder, options, *, nodata=0):
    path = write_fake_geotiff(
        folder / "stack.tif",
        dn,
        NAMES,
        scale=1e-4,
        offset=-0.1,
        tags={"SENSOR": "sentinel-2", "LEVEL": "L1C"},
        nodata=nodata,
    )
    report = mask(path, folder / "out", options)
    with rasterio.open(report.scenes[0].masked.mask) as dataset:
        return dataset.read(1), report.scenes[0].masked


@pytest.mark.parametrize("which", ["patchcnn-v1", "small_unet"])
@pytest.mark.parametrize("edge", ["reflect", "zero"])
def test_codes_are_those_that_mask_writes(dn, which, edge, request, tmp_path):
    model = request.getfixturevalue(which) if which == "small_unet" else which
    expected, masked = written(dn, tmp_path, MaskOptions(model=model, edge=edge, gsd=20, window=64))
    found = mask_array(dn, bands=NAMES, level="L1C", model=model, edge=edge, gsd=20, window=64, **DN)
    np.testing.assert_array_equal(found.codes, expected)
    assert len(np.unique(expected)) > 2
    assert found.shares == pytest.approx(masked.shares)
    assert found.valid_share == masked.valid_share
    assert found.warnings == tuple(map(in_python, masked.warnings))
    assert found.radiometry == "offset -1000, quantification 10000 (offset=, quantification=)"


def test_refined_as_mask_refines(dn, small_unet):
    grown = Refinement(buffer=rules({"cloud": 45.0}, what="buffer"))
    plain = mask_array(dn, bands=NAMES, level="L2A", model=small_unet, gsd=20, **DN)
    found = mask_array(dn, bands=NAMES, level="L2A", model=small_unet, gsd=20, refinement=grown, **DN)
    assert np.isin(found.codes, (1, 2)).sum() > np.isin(plain.codes, (1, 2)).sum()
    np.testing.assert_array_equal(found.codes == 255, plain.codes == 255)
    assert found.shares["clear"] == (found.codes == 0).sum() / (found.codes != 255).sum()
    with pytest.raises(OptionError, match="shadow=30m cannot be met"):
        mask_array(
            dn, bands=NAMES, **PATCH, **DN, refinement=Refinement(buffer=rules({"shadow": 30.0}, what="b"))
        )


def test_probabilities_are_those_behind_the_codes(dn, small_unet):
    found = mask_array(dn, bands=NAMES, level="L1C", model=small_unet, probabilities=True, **DN)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    seen = found.codes != 255
    by_code = dict(zip(found.classes, found.probabilities, strict=True))
    cloud = by_code[1] + by_code[2] > np.maximum(by_code[0], by_code[3])
    np.testing.assert_array_equal(np.isin(found.codes, (1, 2))[seen], cloud[seen])
    assert mask_array(dn, bands=NAMES, level="L1C", model=small_unet, **DN).probabilities is None


def test_reflectance_and_dn_say_the_same(dn):
    said = mask_array(dn, bands=NAMES, **PATCH, **DN)
    reflectance = np.where(dn == 0, np.nan, (dn - 1000.0) / 10000)
    found = mask_array(reflectance, bands=NAMES, **PATCH, reflectance=True)
    np.testing.assert_array_equal(found.codes, said.codes)
    assert found.radiometry == "offset 0, quantification 1 (reflectance=True)"


@given(order=st.permutations(range(13)))
@settings(max_examples=5)
def test_bands_go_by_name_whatever_their_order(dn, order):
    expected = mask_array(dn[:, :40, :40], bands=NAMES, **PATCH, **DN).codes
    found = mask_array(dn[order, :40, :40], bands=[NAMES[i].lower() for i in order], **PATCH, **DN)
    np.testing.assert_array_equal(found.codes, expected)


def test_optional_bands_may_be_absent(dn, small_unet):
    index = [NAMES.index(name) for name in ("B04", "B03", "B02", "B08")]
    found = mask_array(dn[index], bands=("red", "green", "blue", "nir"), level="L2A", model=small_unet, **DN)
    full = mask_array(dn, bands=NAMES, level="L2A", model=small_unet, **DN)
    assert (found.codes != full.codes).any()
    with pytest.raises(BandError, match="small needs 3 bands, missing B03"):
        mask_array(dn[index[::2]], bands=("B04", "B02"), level="L2A", model=small_unet, **DN)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_number_was_not_seen(dn, bad, small_unet):
    """Its pixel is nodata, and its neighbours are what they are beside nodata."""
    reflectance = ((dn + 1.0) / 10000)[:, :60, :50]
    broken = reflectance.copy()
    broken[5, 20, 30] = bad
    hidden = np.ones((60, 50), bool)
    hidden[20, 30] = False
    options = {"bands": NAMES, "level": "L1C", "model": small_unet, "reflectance": True}
    found = mask_array(broken, **options, probabilities=True)
    expected = mask_array(reflectance, **options, valid=hidden, probabilities=True)
    assert found.codes[20, 30] == 255
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert np.isfinite(found.probabilities).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 5)])
@pytest.mark.parametrize("which", ["patchcnn-v1", "small_unet"])
def test_scenes_smaller_than_a_window(dn, shape, which, request):
    model = request.getfixturevalue(which) if which == "small_unet" else which
    small = dn[:, : shape[0], : shape[1]]
    found = mask_array(small, bands=NAMES, level="L1C", model=model, **DN)
    assert found.codes.shape == shape
    assert found.valid_share == 1
    assert sum(found.shares.values()) == pytest.approx(1)


def test_nothing_seen_and_all_saturated(dn):
    empty = mask_array(np.zeros_like(dn), bands=NAMES, **PATCH, **DN)
    assert (empty.codes == 255).all()
    assert (empty.shares, empty.valid_share) == ({}, 0)
    assert "nothing to mask: no valid pixel" in empty.warnings
    saturated = mask_array(np.full_like(dn, 65535), bands=NAMES, **PATCH, **DN)
    assert saturated.valid_share == 1
    assert any(
        "input looks unscaled" in line and "state quantification=" in line for line in saturated.warnings
    )


def test_zero_is_nodata_of_dn_and_a_number_of_reflectance(dn):
    dark = dn[:, :20, :20].copy()
    dark[:, 5, 5] = 0
    assert mask_array(dark, bands=NAMES, **PATCH, offset=0, quantification=10000).codes[5, 5] == 255
    assert mask_array(dark.astype(np.float32), bands=NAMES, **PATCH, **DN).codes[5, 5] == 255
    found = mask_array(dark / 10000, bands=NAMES, **PATCH, reflectance=True)
    assert found.codes[5, 5] != 255


def test_what_must_be_stated_is_asked_for(dn):
    for stated in ({}, {"offset": 0}, {"quantification": 1}, {"reflectance": True, **DN}):
        with pytest.raises(
            RadiometryError, match=r"state reflectance=True, or offset= and quantification="
        ) as refused:
            mask_array(dn, bands=NAMES, **PATCH, **stated)
        assert "\n" not in str(refused.value)
    with pytest.raises(LevelError, match=r"state it with level=$"):
        mask_array(dn, bands=NAMES, model="patchcnn-v1", **DN)
    assert mask_array(
        dn[:, :9, :9], bands=NAMES, model="patchcnn-v1", allow_level_mismatch=True, **DN
    ).warnings


def test_what_is_said_of_options_is_said_of_arguments():
    assert in_python("state --offset 0 --quantification 1 if") == "state offset=0 quantification=1 if"
    assert in_python("insist with --allow-level-mismatch") == "insist with allow_level_mismatch="
    assert in_python("state --offset and -1000 of it") == "state offset= and -1000 of it"


def test_bad_arrays_are_refused_in_a_line(dn):
    options = {**PATCH, **DN}
    with pytest.raises(BandError, match="expected a name for each of 13 bands, found 12"):
        mask_array(dn, bands=NAMES[:12], **options)
    with pytest.raises(BandError, match="expected a name for each of 13 bands, found 1"):
        mask_array(dn, bands="B02", **options)
    with pytest.raises(BandError, match="B02 named twice"):
        mask_array(dn, bands=("B02", *NAMES[1:]), **options)
    with pytest.raises(BandError, match="band '7'"):
        mask_array(dn[:1], bands=("7",), **options)
    for wrong in (dn[0], dn.astype(complex), dn[:, :0], dn.astype(object)):
        with pytest.raises(RasterError, match=r"expected numbers \(band, y, x\)"):
            mask_array(wrong, bands=NAMES, **options)
    for wrong in (np.ones((3, 3), bool), np.ones(dn.shape[1:], int)):
        with pytest.raises(GridError, match=r"expected valid as bool of \(113, 131\)"):
            mask_array(dn, bands=NAMES, valid=wrong, **options)
    with pytest.raises(OptionError, match="expected a number above 0"):
        mask_array(dn, bands=NAMES, **PATCH, offset=0, quantification=0)
    with pytest.raises(OptionError, match="gsd: expected a number above 0"):
        mask_array(dn, bands=NAMES, gsd=-5, **options)


def test_it_is_public():
    assert unclouded.mask_array is mask_array
