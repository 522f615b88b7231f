"""The known ways to get reflectance wrong, a test each. The mask is the judge of the last ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from unclouded import mask, open_scene
from unclouded.core.bands import NAMES, band
from unclouded.core.errors import RadiometryError
from unclouded.synthetic import SceneConfig, write_safe
from unclouded.testing.layouts import stac_item, write_cog, write_fake_aws, write_fake_cogs
from unclouded.testing.options import patchwise
from unclouded.testing.products import FakeSafe, write_fake_safe

SMALL = FakeSafe(size_60m=8, bands=("B02", "B04", "B12"))
L2A_HOME = "s3://sentinel-cogs/sentinel-s2-l2a-cogs/32/T/QM/2024/3/x/x.json"
C1_HOME = "s3://e84-earth-search-sentinel-data/sentinel-2-c1-l2a/32/T/QM/2024/3/x/x.json"


def offset_of(source, **options):
    (value,) = set(open_scene(source, **options).radiometry.offset.values())
    return value


def item_of(folder, fake, **how):
    """An item with its COGs; how it writes down what it says is Earth Search's."""
    item = stac_item(fake, write_fake_cogs(folder, fake), dialect="earth-search-v1", **how)
    (folder / "item.json").write_text(json.dumps(item))
    return folder / "item.json"


def redated(root, day):
    """A product whose names and times say another day."""
    for path in root.rglob("*.xml"):
        path.write_text(
            path.read_text().replace("2024-03-05T", f"{day}T").replace("20240305T10", "20160305T10")
        )
    return root


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_reprocessed_old_scenes_carry_the_offset(tmp_path, level):
    """N0500 sensed in 2016: the date says nothing."""
    root = redated(write_fake_safe(tmp_path, replace(SMALL, level=level, baseline="05.00")), "2016-03-05")
    scene = open_scene(root)
    assert scene.sensing_time.year == 2016
    assert set(scene.radiometry.offset.values()) == {-1000}
    old = redated(
        write_fake_safe(tmp_path / "old", replace(SMALL, baseline="02.04", offset=None)), "2016-03-05"
    )
    assert offset_of(old) == 0


def test_reprocessed_old_scenes_on_aws(tmp_path):
    home = write_fake_aws(tmp_path, replace(SMALL, level="L2A", baseline="05.00", offset=None))
    for path in home.rglob("*.json"):
        path.write_text(path.read_text().replace("2024-03-05", "2016-03-05"))
    assert offset_of(home) == -1000


def test_two_collections_of_one_scene_at_earth_search(tmp_path):
    """`sentinel-2-l2a` has it subtracted from the pixels, `c1-l2a` has not; both items say -0.1."""
    rng = np.random.default_rng(0)
    reflectance = np.clip(rng.normal(0.15, 0.1, (480, 480)), 0.001, 1)

    def pixels(added):
        return lambda _, height, width: np.round(reflectance[:height, :width] * 10000 + added).astype(
            np.uint16
        )

    fake = replace(SMALL, level="L2A", size_60m=80)
    how = {"stated_offset": -0.1}
    shifted = item_of(tmp_path / "l2a", replace(fake, dn=pixels(0)), home=L2A_HOME, flag=True, **how)
    plain = item_of(tmp_path / "c1", replace(fake, dn=pixels(1000)), home=C1_HOME, **how)
    assert (offset_of(shifted), offset_of(plain)) == (0, -1000)
    one, other = (open_scene(path).read(("B02", "B04")) for path in (shifted, plain))
    both = one.valid & other.valid
    np.testing.assert_allclose(one.reflectance[:, both], other.reflectance[:, both], atol=1e-6)


@pytest.mark.parametrize(("flag", "added"), [(False, 0), (True, 1000)])
def test_a_wrong_flag_stops(tmp_path, flag, added):
    rng = np.random.default_rng(0)
    dn = np.round(np.clip(rng.normal(0.12, 0.1, (480, 480)), 0.001, 1) * 10000 + added).astype(np.uint16)
    fake = replace(SMALL, level="L2A", size_60m=80, dn=lambda _, height, width: dn[:height, :width])
    path = item_of(tmp_path, fake, home=L2A_HOME, flag=flag, stated_offset=-0.1)
    with pytest.raises(RadiometryError, match=r"boa_offset_applied (true|false) says.*--offset"):
        open_scene(path)
    assert offset_of(path, offset=-added) == -added


@pytest.mark.parametrize("offset", [-1000, None])
def test_n9999_is_what_its_own_metadata_say(tmp_path, offset):
    """Made by others than ESA: with a list of offsets it is read, without one it is refused."""
    root = write_fake_safe(tmp_path, replace(SMALL, level="L2A", baseline="99.99", offset=offset))
    if offset is None:
        with pytest.raises(RadiometryError, match=r"99\.99, found none; .*--offset"):
            open_scene(root)
        assert offset_of(root, offset=0) == 0
        return
    scene = open_scene(root)
    assert set(scene.radiometry.offset.values()) == {-1000}
    assert any("99.99: unknown" in line for line in scene.warnings)


def test_n9999_without_its_own_metadata_is_refused(tmp_path):
    home = write_fake_aws(tmp_path / "aws", replace(SMALL, level="L2A", baseline="99.99"))
    item = item_of(tmp_path / "item", replace(SMALL, level="L2A", baseline="99.99"), home=L2A_HOME, flag=True)
    for source in (home, item):
        with pytest.raises(RadiometryError, match="--offset"):
            open_scene(source)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_an_offset_of_minus_7000_edited_into_a_product_is_applied_and_said(tmp_path, level):
    scene = open_scene(write_fake_safe(tmp_path, replace(SMALL, level=level, offset=-7000)))
    assert set(scene.radiometry.offset.values()) == {-7000}
    assert any("expected offset -1000 in all bands" in line and "-7000" in line for line in scene.warnings)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_by_hand_overrules_and_is_said(tmp_path, level):
    root = write_fake_safe(tmp_path, replace(SMALL, level=level))
    radiometry = open_scene(root, offset=-500, quantification=5000).radiometry
    assert radiometry.describe() == "offset -500, quantification 5000 (--offset, --quantification)"
    assert open_scene(root, offset=-500).radiometry.origin == f"--offset, MTD_MSI{level}.xml"


def test_scale_and_offset_of_a_file_are_not_applied_to_an_items_numbers_twice(tmp_path):
    """A COG whose header carries scale and offset, as some readers would apply by themselves."""
    path = item_of(tmp_path, replace(SMALL, level="L2A"), home=C1_HOME, stated_offset=-0.1)
    before = open_scene(path).read(("B04",)).reflectance
    with rasterio.open(tmp_path / "B04.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.scales, dataset.offsets = (0.0001,), (-0.1,)
    np.testing.assert_array_equal(open_scene(path).read(("B04",)).reflectance, before)


# --- the same scene, delivered in every way: one mask

CONFIG = SceneConfig(seed=11, unseen=0.1)
SIZE = 720


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory):
    """Name -> source and what must be stated of it: one synthetic scene before, at and after 04.00."""
    folder = tmp_path_factory.mktemp("deliveries")
    made = {
        baseline: write_safe(
            folder / baseline, CONFIG, size_px=SIZE, baseline=baseline, true_colour=False
        ).product
        for baseline in ("02.14", "04.00", "05.11")
    }
    made["with"] = _as_item(made["05.11"], folder / "with", added=0, home=C1_HOME)
    made["without"] = _as_item(made["05.11"], folder / "without", added=-1000, home=L2A_HOME, flag=True)
    made["lying"] = _as_item(made["05.11"], folder / "lying", added=-1000, home=L2A_HOME, flag=False)
    return made


def _as_item(safe, folder, *, added, **how):
    """The bands of a product as COGs with an item, a number added to their DN."""
    folder.mkdir()
    for name in NAMES:
        (path,) = Path(safe).rglob(f"*_{name}.jp2")
        with rasterio.open(path) as dataset:
            dn = dataset.read(1).astype(np.int32)
        shifted = np.where(dn == 0, 0, np.maximum(dn + added, 1)).astype(np.uint16)
        write_cog(folder / f"{name}.tif", shifted, band(name).gsd)
    fake = FakeSafe(baseline="05.11", level="L1C", size_60m=SIZE // 6)
    hrefs = {name: f"{name}.tif" for name in NAMES}
    item = stac_item(fake, hrefs, dialect="earth-search-v1", stated_offset=-0.1, **how)
    (folder / "item.json").write_text(json.dumps(item))
    return folder / "item.json"


def masked(source, folder, **options):
    mask(source, folder, patchwise(preview=False, **options))
    (path,) = Path(folder).glob("*_mask.tif")
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.tags()


def agreement(one, other):
    both = (one != 255) & (other != 255)
    assert both.mean() > 0.8
    return (one == other)[both].mean()


@pytest.fixture(scope="module")
def masks(deliveries, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    return {name: masked(source, folder / name) for name, source in deliveries.items() if name != "lying"}


def test_one_scene_in_every_delivery_gives_one_mask(masks):
    """N0214, N0400, N0511; COG with the offset and without: masks agree on 99.9 % of the pixels."""
    reference, tags = masks["05.11"]
    assert {0, 1} <= set(np.unique(reference).tolist()), "a scene of cloud and clear"
    assert any("-1000" in value for value in tags.values())
    assert agreement(masks["02.14"][0], reference) >= 0.999
    assert agreement(masks["04.00"][0], reference) >= 0.999
    assert agreement(masks["with"][0], masks["without"][0]) >= 0.999


@pytest.mark.parametrize("gsd", [20, 60])
def test_read_in_full_products_and_cogs_give_one_mask(deliveries, tmp_path, gsd):
    """The promise of `--exact`: whatever the delivery, seen and unseen pixels alike."""
    made = {
        name: masked(source, tmp_path / name, exact=True, gsd=gsd)
        for name, source in deliveries.items()
        if name != "lying"
    }
    reference, tags = made["05.11"]
    assert tags["UNCLOUDED_READING"] == "full resolution"
    for codes, _ in made.values():
        assert agreement(codes, reference) >= 0.999
        assert (codes == reference).mean() >= 0.999


def test_reflectance_of_cogs_is_that_of_the_product_read_in_full(deliveries):
    """At a reduced level a JPEG 2000 gives the wavelet's samples in place of means: one in a hundred of a
    mask's pixels at 60 m, along edges, differ by that. Read in full, nothing does."""
    safe = open_scene(deliveries["05.11"]).at(60, exact=True).read(NAMES)
    for name in ("with", "without"):
        cog = open_scene(deliveries[name]).at(60).read(NAMES)
        np.testing.assert_array_equal(cog.valid, safe.valid)
        difference = np.abs(cog.reflectance - safe.reflectance)
        assert np.quantile(difference, 0.999) < 2e-4
        assert difference.max() < 0.05


def test_masks_of_cogs_and_of_the_product_agree_but_for_edges(masks):
    """By default; docs/decisions/0010 has the figures."""
    assert masks["with"][1]["UNCLOUDED_READING"] == "coarsest level that is fine enough"
    assert agreement(masks["with"][0], masks["05.11"][0]) >= 0.98


def test_a_double_subtraction_raises(deliveries):
    """The pixels have it subtracted, the item says otherwise: applied again, all would be 0.1 too dark."""
    with pytest.raises(RadiometryError, match="found it subtracted"):
        open_scene(deliveries["lying"])
