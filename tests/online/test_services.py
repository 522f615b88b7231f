"""The real services: searches and small files. Runs only with UNCLOUDED_ONLINE=1."""

import os
from pathlib import Path

import pytest

from unclouded.catalog import (
    Query,
    Service,
    Wanted,
    download_dataset,
    find_credentials,
    parse_area,
    parse_time,
    search,
)
from unclouded.catalog._endpoints import DEFAULTS
from unclouded.catalog._records import Context
from unclouded.catalog._transfer import Transfer, fetch
from unclouded.catalog.datasets import baetens_hagolle
from unclouded.core.errors import UnknownProductError
from unclouded.core.registry import find

pytestmark = [
    pytest.mark.online,
    pytest.mark.enable_socket,
    pytest.mark.skipif(os.environ.get("UNCLOUDED_ONLINE") != "1", reason="needs UNCLOUDED_ONLINE=1"),
]

OLD = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458"


def context():
    return Context(endpoints=dict(DEFAULTS), credentials=find_credentials(os.environ))


def provider(name):
    return find("unclouded.catalog.providers", name).open_provider(context())


def fetch_small(service, delivery, folder, name):
    """The one file of a delivery whose path ends so."""
    (file,) = [file for file in delivery.files if str(file.path).endswith(name)]
    asked = context()
    transfer = Transfer(
        opener=service.opener, patience=asked.patience, stop=asked.stop, received=lambda _: None
    )
    return fetch(file, folder / file.path, transfer).read_bytes()


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("earth-search", "L1C"),
        ("earth-search", "L2A"),
        ("cdse", "L1C"),
        ("cdse", "L2A"),
        ("planetary-computer", "L2A"),
    ],
)
def test_a_tile_and_a_fortnight(name, level):
    query = Query(
        area=parse_area("32TQM"),
        start=parse_time("2024-06-01"),
        end=parse_time("2024-06-14", end=True),
        level=level,
    )
    found = search(query, Service(provider=name))
    assert 2 <= len(found) <= 20
    assert {item.tile for item in found} == {"32TQM"}
    assert all(item.level == level and item.product.startswith("S2") for item in found)


def test_a_product_of_googles_bucket(tmp_path):
    google = provider("google")
    delivery = google.deliver(Wanted(id=OLD))
    assert b"PROCESSING_BASELINE" in fetch_small(google, delivery, tmp_path, "/MTD_TL.xml") + fetch_small(
        google, delivery, tmp_path, "MTD_MSIL1C.xml"
    )


@pytest.mark.parametrize("name", baetens_hagolle.PRODUCTS)
def test_googles_bucket_has_the_products_of_the_masks(name):
    files = provider("google").deliver(Wanted(id=name)).files
    assert len([file for file in files if "/IMG_DATA/" in str(file.path)]) >= 13


def test_an_unknown_product_of_googles_bucket_names_the_nearest():
    with pytest.raises(UnknownProductError, match=f"nearest: .*{OLD}"):
        provider("google").deliver(Wanted(id=OLD.replace("102458", "102459")))


def test_a_product_of_the_copernicus_data_space_has_a_checksum():
    (file,) = provider("cdse").deliver(Wanted(id=OLD)).files
    assert file.checksum is not None


@pytest.mark.parametrize("name", ["earth-search", "planetary-computer"])
def test_metadata_of_an_item(name, tmp_path):
    query = Query(
        area=parse_area("32TQM"), start=parse_time("2024-06-01"), end=parse_time("2024-06-14"), level="L2A"
    )
    found = search(query, Service(provider=name))[0]
    service = provider(name)
    delivery = service.deliver(Wanted(id=found.id, item=found.item))
    key = "granule_metadata.xml" if name == "earth-search" else "granule-metadata.xml"
    assert b"Tile_ID" in fetch_small(service, delivery, tmp_path, key)


def test_the_reference_masks(tmp_path):
    (report,) = download_dataset("baetens-hagolle", tmp_path, Service(), products=False).products
    assert report.error is None
    assert list(Path(report.path).rglob("classification_map.tif"))
