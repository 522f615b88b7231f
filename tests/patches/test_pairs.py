"""From a list of files to scenes with labels: found, joined on one grid, refused where they do not fit."""

import json

import numpy as np
import pytest

from unclouded.core.classes import CLOUD, NOT_CLOUD, THIN, class_bits
from unclouded.core.errors import GridError, LabelError, OptionError, PairError
from unclouded.patches.pairs import LabelFiles, SceneFiles, find_pairs, read_pair, shape_of
from unclouded.testing.products import CORNER, CRS, FakeSafe, write_fake_safe

STACKS = SceneFiles(stack="stacks/*.tif", mask="masks/{name}.tif")


def test_stack_and_mask_come_as_one(tmp_path, write_pair):
    dn, codes = write_pair(tmp_path, "a")
    (pair,) = find_pairs([STACKS], tmp_path)
    sample = read_pair(pair, ("B04", "B02", "B8A"))
    assert (pair.id, pair.site, pair.split) == ("a", "a", "")
    assert shape_of(pair) == codes.shape
    seen = (dn != 0).all(axis=0)
    np.testing.assert_array_equal(sample.valid, seen)
    np.testing.assert_allclose(sample.reflectance[:2, seen], dn[[1, 0]][:, seen] / 1e4, atol=1e-6)
    assert sample.presence.tolist() == [True, True, False]
    assert not sample.reflectance[2].any()
    expected = np.where(codes == 255, 0, np.left_shift(1, np.minimum(codes, 7))) * seen
    np.testing.assert_array_equal(sample.sets, expected)


def test_the_site_is_the_tile_in_the_name(tmp_path, write_pair):
    for name in ("S2A_MSIL1C_20170101T101010_N0204_R051_T31TCJ_20170101T101010", "plain_T1_name"):
        write_pair(tmp_path, name)
    assert {pair.site for pair in find_pairs([STACKS], tmp_path)} == {"T31TCJ", "plain_T1_name"}


def test_a_label_set_is_paired_by_its_layout(tmp_path, write_pair):
    write_pair(tmp_path / "set", "x")
    (tmp_path / "set" / "stacks").rename(tmp_path / "set" / "images")
    (pair,) = find_pairs([LabelFiles(set="unclouded", folder="set", weight=0.5)], tmp_path)
    sample = read_pair(pair, ("B02",))
    assert sample.weight == 0.5
    assert sample.sets.any()


def test_stated_bands_serve_images_that_name_none(tmp_path, write_pair):
    import rasterio

    dn, _ = write_pair(tmp_path / "set", "x")
    (tmp_path / "set" / "stacks").rename(tmp_path / "set" / "images")
    image = tmp_path / "set" / "images" / "x.tif"
    with rasterio.open(image) as source:
        profile = source.profile
    image.unlink()
    with rasterio.open(image, "w", **{**profile, "nodata": None}) as file:
        file.write(dn)
    files = LabelFiles(
        set="unclouded",
        folder="set",
        bands=("B04", "B02", "B10"),
        quantification=10_000.0,
        offset=-100.0,
        gsd=10.0,
    )
    (pair,) = find_pairs([files], tmp_path)
    assert shape_of(pair) == dn.shape[1:]
    sample = read_pair(pair, ("B02", "B03"))
    seen = sample.valid
    np.testing.assert_array_equal(seen, (dn != 0).any(axis=0))
    np.testing.assert_allclose(sample.reflectance[0, seen], (dn[1, seen] - 100.0) / 1e4, atol=1e-6)
    assert sample.presence.tolist() == [True, False]
    assert sample.gsd_m == 10.0


def test_the_study_s_way_with_missing_data(tmp_path, write_pair):
    """Pixels without data are clear and count as seen: what its masks show."""
    write_pair(tmp_path / "set", "x")
    (tmp_path / "set" / "stacks").rename(tmp_path / "set" / "images")
    files = LabelFiles(set="unclouded", folder="set", unseen_is_clear=True)
    sample = read_pair(find_pairs([files], tmp_path)[0], ("B02",))
    assert sample.valid.all()
    assert (sample.sets != 0).all()
    assert (sample.sets == class_bits(NOT_CLOUD)).sum() > 100


def test_grids_that_differ_are_an_error(tmp_path, write_pair):
    write_pair(tmp_path, "a")
    write_pair(tmp_path / "other", "a", shape=(30, 50))
    files = SceneFiles(stack="stacks/a.tif", mask="other/masks/a.tif")
    with pytest.raises(GridError, match="40 x 50"):
        read_pair(find_pairs([files], tmp_path)[0], ("B02",))


def test_a_label_that_says_nothing_is_an_error(tmp_path, write_pair):
    import rasterio

    write_pair(tmp_path, "a")
    with rasterio.open(tmp_path / "masks" / "a.tif", "r+") as file:
        file.write(np.full((40, 50), 255, np.uint8), 1)
    with pytest.raises(LabelError, match="a: expected pixels that are labelled"):
        read_pair(find_pairs([STACKS], tmp_path)[0], ("B02",))


def test_what_cannot_be_found_is_named(tmp_path, write_pair):
    with pytest.raises(OptionError, match=r"stacks/\*\.tif"):
        find_pairs([STACKS], tmp_path)
    write_pair(tmp_path, "a")
    with pytest.raises(PairError, match="a twice"):
        find_pairs([STACKS, STACKS], tmp_path)


def test_sets_without_images_look_for_products(tmp_path):
    scene = (
        tmp_path
        / "set"
        / "Reference_dataset"
        / "S2A_MSIL1C_20170101T101010_N0204_R051_T31TCJ_20170101T101010"
    )
    (scene / "Classification").mkdir(parents=True)
    (scene / "Classification" / "classification_map.tif").write_bytes(b"II*\0")
    plain = LabelFiles(set="baetens_hagolle", folder="set")
    with pytest.raises(PairError, match="`images`"):
        find_pairs([plain], tmp_path)
    named = LabelFiles(set="baetens_hagolle", folder="set", images="products")
    with pytest.raises(PairError, match=r"T31TCJ.*download"):
        find_pairs([named], tmp_path)
    product = tmp_path / "products" / f"{scene.name}.SAFE"
    product.mkdir(parents=True)
    (pair,) = find_pairs([named], tmp_path)
    assert (pair.image, pair.site, pair.granule) == (product, "T31TCJ", None)


def test_a_legend_of_one_s_own_lies_beside_the_configuration(tmp_path, write_pair, monkeypatch):
    write_pair(tmp_path / "config", "a")
    (tmp_path / "config" / "mine.toml").write_text(
        '[codes]\n0 = "clear"\n1 = "cloud"\n2 = "cloud"\n3 = "ignore"\n255 = "ignore"\n', encoding="utf-8"
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    files = SceneFiles(stack="stacks/*.tif", mask="masks/{name}.tif", legend="mine.toml")
    sample = read_pair(find_pairs([files], tmp_path / "config")[0], ("B02",))
    assert set(np.unique(sample.sets)) == {0, 1, class_bits(CLOUD)}
    (tmp_path / "config" / "stacks").rename(tmp_path / "config" / "images")
    labels = LabelFiles(set="mine.toml", folder=".")
    again = read_pair(find_pairs([labels], tmp_path / "config")[0], ("B02",))
    np.testing.assert_array_equal(again.sets, sample.sets)


@pytest.fixture
def polygons(tmp_path):
    """`polygons(x, y)`: a fake product, and a polygon `kind` = 7 of 600 m a side from this corner on."""

    def write(x=CORNER[0] + 240, y=CORNER[1] - 360):
        product = write_fake_safe(tmp_path / "products", FakeSafe(size_60m=32))
        ring = [[x, y], [x + 600, y], [x + 600, y - 600], [x, y - 600], [x, y]]
        feature = {
            "type": "Feature",
            "properties": {"kind": 7},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        crs = {"type": "name", "properties": {"name": CRS}}
        content = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
        (tmp_path / "drawn").mkdir()
        (tmp_path / "drawn" / f"{product.stem}.geojson").write_text(json.dumps(content), encoding="utf-8")
        (tmp_path / "seven.toml").write_text('[codes]\n7 = "thin_cloud"\n', encoding="utf-8")
        return product

    return write


DRAWN = LabelFiles(
    set="vector", folder="drawn", images="products", column="kind", legend="seven.toml", gsd=60.0
)


def test_polygons_are_drawn_on_the_product_s_pixels(tmp_path, polygons):
    product = polygons()
    (pair,) = find_pairs([DRAWN], tmp_path)
    assert pair.image == product
    sets = read_pair(pair, ("B02",)).sets
    expected = np.zeros((32, 32), np.uint8)
    expected[6:16, 4:14] = 1 << THIN
    np.testing.assert_array_equal(sets, expected)


def test_polygons_beside_the_product_are_an_error(tmp_path, polygons):
    polygons(x=CORNER[0] + 10_000)
    (pair,) = find_pairs([DRAWN], tmp_path)
    with pytest.raises(LabelError, match="none on its pixels"):
        read_pair(pair, ("B02",))
