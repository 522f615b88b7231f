"""Every reader found keeps the contract of `unclouded.testing.readers`."""

import json
import os
import shutil
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from unclouded.core.errors import ProductError
from unclouded.core.registry import names
from unclouded.scene import open_scenes
from unclouded.sources import OpenOptions, find_sources, open_product, read_metadata
from unclouded.testing.layouts import stac_item, write_fake_aws, write_fake_cogs
from unclouded.testing.products import FakeSafe, write_fake_geotiff, write_fake_safe
from unclouded.testing.readers import check_product, check_sniff, hostile_paths

READERS = names("unclouded.sources")
SMALL = FakeSafe(size_60m=8, bands=("B02", "B04"))


@pytest.mark.parametrize("name", READERS)
def test_sniffing_never_raises_and_failing_to_open_is_one_line(name, tmp_path):
    reader = import_module(f"unclouded.sources.{name}")
    for path in hostile_paths(tmp_path / "hostile"):
        check_sniff(reader, path)


def test_no_path_is_claimed_by_two_readers(tmp_path):
    readers = [import_module(f"unclouded.sources.{name}") for name in READERS]
    for path in hostile_paths(tmp_path / "hostile"):
        if path.name != "hostile":  # that folder holds a bit of everything
            assert sum(reader.sniff(path) for reader in readers) <= 1, path.name


def test_products_of_every_kind_keep_the_contract(tmp_path):
    stack = np.arange(1, 3 * 40 * 50 + 1, dtype=np.uint16).reshape(3, 40, 50)
    small = FakeSafe(size_60m=24)
    names = write_fake_cogs(tmp_path / "item", small)
    item = stac_item(small, names, dialect="cdse", stated_offset=-0.1)
    (tmp_path / "item" / "item.json").write_text(json.dumps(item))
    write_fake_cogs(tmp_path / "bands", small)
    made = [
        write_fake_safe(tmp_path, small),
        write_fake_safe(tmp_path, replace(small, level="L2A")),
        write_fake_aws(tmp_path / "aws", small),
        write_fake_aws(tmp_path / "aws2", replace(small, level="L2A")),
        write_fake_geotiff(tmp_path / "a.tif", stack, ("red", "B02", "nir08"), scale=1e-4),
        tmp_path / "item",
        tmp_path / "item" / "item.json",
        tmp_path / "bands",
    ]
    readers = [import_module(f"unclouded.sources.{name}") for name in READERS]
    for path in made:
        assert sum(reader.sniff(path) for reader in readers) == 1, path.name
        check_product(open_product(path, OpenOptions(offset=-1000, quantification=10000)))
        assert read_metadata(path, OpenOptions(offset=-1000, quantification=10000)).bands


def test_no_real_path_is_claimed_by_two_readers(real_data):
    readers = [import_module(f"unclouded.sources.{name}") for name in READERS]
    for path in sorted((real_data / "products").rglob("*")):
        assert sum(reader.sniff(path) for reader in readers) <= 1, path.name


@pytest.mark.parametrize("source", ["ftp://x/y", 5, None, {"a": 1}])
def test_sources_of_no_kind_are_named(source):
    with pytest.raises(ProductError, match="expected a path"):
        open_product(source, OpenOptions())


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/product.SAFE",
        "s3://sentinel-s2-l1c/tiles/32/T/QM/2024/3/5/0/",
        "https://example.org/product.SAFE/",
        "https://example.org/product.zip?token=secret",
        "https://example.org/product.zarr.zip",
    ],
)
def test_products_of_many_files_elsewhere_are_to_be_fetched(address):
    with pytest.raises(
        ProductError, match=r"found its address; fetch it first \(unclouded download"
    ) as error:
        open_product(address, OpenOptions())
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda p: p, "nothing at that path"),
        (lambda p: p / ("x" * 300), "nothing at that path"),
        (lambda p: p.mkdir() or p, "a folder without any of them"),
        (lambda p: [(p / f"{n}.SAFE").mkdir(parents=True) for n in "ab"] and p, "a folder of 2: a.SAFE, b."),
        (lambda p: p.write_text("hello") and p, "a file of another kind"),
        (lambda p: p.write_bytes(bytes(range(255, 0, -1))) and p, "a file of another kind"),
        (lambda p: p.touch() or p, "an empty file"),
        (lambda p: os.mkfifo(p) or p, "neither a file nor a folder"),
    ],
)
def test_what_is_no_product_is_named(tmp_path, make, found):
    with pytest.raises(ProductError) as error:
        open_product(make(tmp_path / "thing"), OpenOptions())
    message = str(error.value)
    assert ": expected " in message
    assert found in message
    assert str(tmp_path) not in message
    assert len(message.splitlines()) == 1


# --- a folder that is none, with products in it


def test_the_one_product_in_a_folder_is_meant(tmp_path):
    safe = write_fake_safe(tmp_path / "delivery/unpacked", SMALL)
    (tmp_path / "delivery/.cache").mkdir()
    (tmp_path / "delivery/readme.txt").write_text("hello")
    for folder in (safe, safe.parent, safe.parent.parent, tmp_path / "delivery"):
        assert open_product(folder, OpenOptions()).identity.id == SMALL.name
        assert read_metadata(folder).identity.id == SMALL.name


def test_a_tile_at_the_end_of_a_copied_bucket(tmp_path):
    home = write_fake_aws(tmp_path / "sentinel-s2-l1c", SMALL)
    assert len(home.relative_to(tmp_path).parts) > 6
    assert find_sources(tmp_path) == (home,)
    assert tuple(open_product(tmp_path, OpenOptions()).bands) == SMALL.bands


def test_of_several_products_each_is_found_and_none_is_picked(tmp_path):
    fakes = [replace(SMALL, tiles=(tile,)) for tile in ("32TQM", "32TQL")]
    paths = sorted(write_fake_safe(tmp_path, fake) for fake in fakes)
    shutil.make_archive(str(tmp_path / "third"), "zip", write_fake_safe(tmp_path / "aside", SMALL).parent)
    shutil.rmtree(tmp_path / "aside")
    (tmp_path / "found.json").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    assert find_sources(tmp_path) == (*paths, tmp_path / "third.zip")
    with pytest.raises(ProductError, match=r"expected one product, found a folder of 3: S2A_.*third\.zip; "):
        open_product(tmp_path, OpenOptions())
    assert [scene.tile for scene in open_scenes(tmp_path)] == ["32TQL", "32TQM", "32TQM"]


def test_documents_come_before_geotiffs_and_after_products(tmp_path):
    write_fake_geotiff(tmp_path / "a.tif", np.ones((1, 4, 4), np.uint16), ("B04",), scale=1e-4)
    write_fake_geotiff(tmp_path / "b.tif", np.ones((1, 4, 4), np.uint16), ("B04",), scale=1e-4)
    assert find_sources(tmp_path) == (tmp_path / "a.tif", tmp_path / "b.tif")
    for name in ("x", "y"):
        item = stac_item(SMALL, {"B04": "./B04.tif"}, dialect="earth-search-v1")
        (tmp_path / f"{name}.json").write_text(json.dumps(item))
    assert find_sources(tmp_path) == (tmp_path / "x.json", tmp_path / "y.json")
    write_fake_aws(tmp_path / "tile", SMALL)
    assert find_sources(tmp_path)[-1].name == "y.json"  # the tile is further down than the items
    (tmp_path / "z").mkdir()
    (tmp_path / "z/tileInfo.json").write_text("{}")
    assert find_sources(tmp_path) == (tmp_path / "z",)


def test_what_is_not_whole_or_is_our_own_is_left_out(tmp_path):
    """Downloads that go on, masks of an earlier run: `mask products -o products/masks`, twice."""
    safes = [write_fake_safe(tmp_path, replace(SMALL, tiles=(tile,))) for tile in ("32TQL", "32TQM")]
    shutil.copytree(safes[0], tmp_path / "S2A_MSIL1C_20240305T104819.part")
    write_fake_aws(tmp_path / "masks", SMALL)
    home = tmp_path / "masks/tiles/32/T/QM/2024/3/5/0"
    shutil.copytree(home, tmp_path / "results")
    (tmp_path / "results/run.json").write_text("{}")
    assert find_sources(tmp_path) == tuple(sorted(safes))
    chips = tmp_path / "chips"
    chips.mkdir()
    for name in ("a.tif", "b.tif", "a_mask.tif", "a_probabilities.tif"):
        write_fake_geotiff(chips / name, np.ones((1, 4, 4), np.uint16), ("B04",), scale=1e-4)
    assert find_sources(chips) == (chips / "a.tif", chips / "b.tif")


def test_what_is_known_is_not_searched(tmp_path):
    safe = write_fake_safe(tmp_path, SMALL)
    for source in (safe, safe / "MTD_MSIL1C.xml", tmp_path / "gone", "https://example.org/x.tif", {}, 5):
        assert find_sources(source) == (source,)
    (tmp_path / "empty").mkdir()
    assert find_sources(tmp_path / "empty") == (tmp_path / "empty",)


@pytest.mark.parametrize("pattern", ["p0[1-9]_*", "p1[0-5]_*"])
def test_folders_of_real_products_stand_for_them(real_data, pattern):
    folders = sorted((real_data / "products").glob(pattern))
    assert folders
    for folder in folders:
        assert len(find_sources(folder)) == 1, folder.name
        assert read_metadata(folder).identity.id


def test_two_real_documents_of_two_tiles_are_two(real_data):
    folder = real_data / "products/metadata/aws_l1c_sat-stac"
    assert len(find_sources(folder)) == 2
    with pytest.raises(ProductError, match="found a folder of 2"):
        read_metadata(folder)
