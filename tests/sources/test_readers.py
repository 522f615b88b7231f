"""Every reader found keeps the contract of `unclouded.testing.readers`."""

import json
import os
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from unclouded.core.errors import ProductError
from unclouded.core.registry import names
from unclouded.sources import OpenOptions, open_product, read_metadata
from unclouded.testing.layouts import stac_item, write_fake_aws, write_fake_cogs
from unclouded.testing.products import FakeSafe, write_fake_geotiff, write_fake_safe
from unclouded.testing.readers import check_product, check_sniff, hostile_paths

READERS = names("unclouded.sources")


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


@pytest.mark.parametrize("source", ["ftp://x/y", "s3://bucket/product.SAFE", 5, None, {"a": 1}])
def test_sources_of_no_kind_are_named(source):
    with pytest.raises(ProductError, match="expected a path"):
        open_product(source, OpenOptions())


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda p: p, "nothing at that path"),
        (lambda p: p / ("x" * 300), "nothing at that path"),
        (lambda p: p.mkdir() or p, "a folder without MTD_MSIL1C.xml"),
        (lambda p: [(p / f"{n}.SAFE").mkdir(parents=True) for n in "ab"] and p, "a folder of 2 that may be"),
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
    assert ": expected a" in message
    assert found in message
    assert str(tmp_path) not in message
    assert len(message.splitlines()) == 1
