"""The Baetens-Hagolle set: the table against the archive's own, and its download on this machine."""

import hashlib
import json
import re

import pytest

from unclouded.catalog import Service, dataset_names, download_dataset, provider_names
from unclouded.catalog._names import parse_product
from unclouded.catalog.datasets import baetens_hagolle
from unclouded.core.errors import OptionError, ServiceError
from unclouded.testing.services import json_answer

RECORD = "/records/1460961"


def test_the_table_is_that_of_the_reference(real_data):
    text = (real_data / "reference" / "baetens_hagolle_products.yaml").read_text(encoding="utf-8")
    rows = re.findall(r"^(S2\w+): (S2\w+)$", text, re.MULTILINE)
    assert {product for _, product in rows} == set(baetens_hagolle.PRODUCTS)
    assert {name: product for name, product in rows if name != product} == baetens_hagolle.OLD_NAMES


def test_38_scenes_of_which_one_is_in_both_parts():
    assert (len(baetens_hagolle.REFERENCE), len(baetens_hagolle.HOLLSTEIN)) == (31, 7)
    assert len(baetens_hagolle.PRODUCTS) == 37
    parsed = [parse_product(name) for name in baetens_hagolle.PRODUCTS]
    assert all(product is not None and product.level == "L1C" for product in parsed)


def test_the_registries():
    assert dataset_names() == ("baetens-hagolle",)
    assert set(provider_names()) == {"aws", "cdse", "earth-search", "google", "planetary-computer"}
    with pytest.raises(OptionError, match="did you mean 'baetens_hagolle'"):
        download_dataset("baetens-hagole", None, Service())


@pytest.fixture
def labels(service, make_zip):
    """The record of the masks, with a small archive of the same layout."""
    scene = "Reference_dataset/Arles_20171002/Classification"
    content = make_zip({f"{scene}/classification_map.tif": b"map" * 100, "README.txt": b"read me"})
    entry = {
        "key": "masks.zip",
        "size": len(content),
        "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
        "links": {"self": service.keep(f"{RECORD}/files/masks.zip/content", content)},
    }
    record = {"files": [entry]}
    service.route("GET", RECORD, lambda _: json_answer(record))
    return entry


@pytest.fixture
def asked(service, patience):
    return Service(endpoints={"zenodo": service.url, "google": service.url}, patience=patience)


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.usefixtures("labels")
def test_the_labels_are_checked_and_unpacked(service, asked, tmp_path):
    report = download_dataset("baetens-hagolle", tmp_path, asked, products=False)
    (product,) = report.products
    assert product.error is None
    assert product.path == tmp_path / "baetens-hagolle-labels"
    map_ = "masks/Reference_dataset/Arles_20171002/Classification/classification_map.tif"
    assert (product.path / map_).read_bytes() == b"map" * 100
    scenes = json.loads((tmp_path / "baetens-hagolle.json").read_text(encoding="utf-8"))
    assert len(scenes) == 37 + len(baetens_hagolle.OLD_NAMES)
    before = len(service.asked())
    (again,) = download_dataset("baetens-hagolle", tmp_path, asked, products=False).products
    assert again.state == "skipped"
    assert len(service.asked()) == before


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.usefixtures("labels")
def test_the_products_come_with_them(asked, service, tmp_path):
    service.route("GET", "/storage/v1/b/gcp-public-data-sentinel-2/o", lambda _: json_answer({}))
    report = download_dataset("baetens-hagolle", tmp_path, asked)
    assert [product.state for product in report.products] == ["downloaded", *["failed"] * 37]
    assert {product.id for product in report.products[1:]} == set(baetens_hagolle.PRODUCTS)


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"checksum": "md5:" + "0" * 32},
        {"checksum": None},
        {"checksum": "crc:12"},
        {"links": {"self": "https://elsewhere.example/x"}},
        {"key": "../../evil.zip"},
    ],
)
def test_a_record_that_does_not_fit_is_not_taken(labels, asked, tmp_path, wrong):
    labels.update(wrong)
    (product,) = download_dataset("baetens-hagolle", tmp_path, asked, products=False).products
    assert isinstance(product.error, ServiceError | OptionError)
    assert not (tmp_path / "baetens-hagolle-labels").exists()
    assert not list(tmp_path.parent.rglob("evil.zip"))


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("record", [{}, {"files": []}, []])
def test_an_empty_record(service, asked, tmp_path, record):
    service.route("GET", RECORD, lambda _: json_answer(record))
    (product,) = download_dataset("baetens-hagolle", tmp_path, asked, products=False).products
    assert "expected files" in str(product.error)
