"""Buckets behind a real S3 server (moto) on this machine."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from unclouded.catalog import Credentials, Login, Secret, Service, Wanted, download
from unclouded.catalog._s3 import S3, Bucket
from unclouded.catalog._transfer import RemoteFile, Transfer, fetch
from unclouded.core.errors import OptionError, ServiceError
from unclouded.testing.services import Fault, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NAME = "S2B_MSIL1C_20201011T000249_N0209_R030_T55HFA_20201011T011446"
TILE = "tiles/55/H/FA/2020/10/11/0"
PRODUCT = f"products/2020/10/11/{NAME}"
L2A = "S2C_MSIL2A_20260527T014651_N0512_R017_T55WFR_20260527T042005"
SAFE = f"Sentinel-2/MSI/L2A/2026/05/27/{L2A}.SAFE"


class Store:
    """Moto's server: buckets and objects by plain PUT."""

    def __init__(self, url):
        self.url = url

    def put(self, path, data=b""):
        kind = {"Content-Type": "application/octet-stream"}
        asked = urllib.request.Request(f"{self.url}/{path}", data=data, method="PUT", headers=kind)
        urllib.request.urlopen(asked, timeout=10).close()


@pytest.fixture(scope="module")
def moto_url():
    pytest.importorskip("obstore")
    pytest.importorskip("moto.server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    running.terminate()
    running.wait()


@pytest.fixture
def store(moto_url):
    reset = urllib.request.Request(f"{moto_url}/moto-api/reset", data=b"", method="POST")
    urllib.request.urlopen(reset, timeout=10).close()
    started = Store(moto_url)
    for bucket in ("sentinel-s2-l1c", "sentinel-s2-l2a", "eodata"):
        started.put(bucket)
    return started


@pytest.fixture
def aws(store, patience):
    login = Login(name="key", secret=Secret("hush-hush"))
    return Service(
        provider="aws",
        endpoints={"aws": store.url},
        credentials=Credentials(aws=login),
        patience=patience,
    )


def put_tile(store, *, info=None, tile=TILE):
    files = {
        "B01.jp2": b"1" * 5000,
        "B10.jp2": b"10" * 5000,
        "metadata.xml": b"<tile/>",
        "qi/MSK_CLOUDS_B00.gml": b"<mask/>",
        "preview.jpg": b"picture",
        "preview/B01.jp2": b"picture",
        "tileInfo.json": json.dumps(info or {"productName": NAME, "productPath": PRODUCT}).encode(),
    }
    for name, data in files.items():
        store.put(f"sentinel-s2-l1c/{tile}/{name}", data)
    store.put(f"sentinel-s2-l1c/{PRODUCT}/metadata.xml", b"<product/>")
    store.put(f"sentinel-s2-l1c/{PRODUCT}/productInfo.json", b"{}")


def test_a_tile_by_product_name_with_the_metadata_of_its_product(store, aws, tmp_path):
    put_tile(store)
    (product,) = download([NAME], tmp_path, aws).products
    assert product.error is None
    found = {str(p.relative_to(product.path)) for p in product.path.rglob("*") if p.is_file()}
    assert found == {
        "B01.jp2",
        "B10.jp2",
        "metadata.xml",
        "product_metadata.xml",
        "productInfo.json",
        "qi/MSK_CLOUDS_B00.gml",
        "tileInfo.json",
    }
    assert (product.path / "product_metadata.xml").read_bytes() == b"<product/>"
    assert (product.path / "B10.jp2").read_bytes() == b"10" * 5000


def test_an_old_tile_names_its_product_by_path_alone(store, aws, tmp_path):
    put_tile(store, info={"path": TILE, "productPath": PRODUCT})
    assert download([NAME], tmp_path, aws).products[0].error is None


def test_of_two_tiles_of_a_day_the_one_of_that_name(store, aws, tmp_path):
    put_tile(store, tile=TILE[:-1] + "1")
    store.put(f"sentinel-s2-l1c/{TILE}/tileInfo.json", json.dumps({"productName": "other"}).encode())
    store.put(f"sentinel-s2-l1c/{TILE}/B01.jp2", b"other")
    (product,) = download([NAME], tmp_path, aws).products
    assert (product.path / "B01.jp2").read_bytes() == b"1" * 5000


def test_an_unknown_product_names_the_nearest(store, aws, tmp_path):
    put_tile(store)
    (product,) = download([NAME.replace("011446", "011447")], tmp_path, aws).products
    assert f"nearest: {NAME}" in str(product.error)


def test_a_part_of_an_object_is_gone_on_with(store, aws, tmp_path):
    put_tile(store)
    folder = tmp_path / f"{NAME}.part"
    folder.mkdir()
    (folder / "B10.jp2.part").write_bytes(b"10" * 2000)
    (product,) = download([NAME], tmp_path, aws).products
    assert (product.path / "B10.jp2").read_bytes() == b"10" * 5000


def test_a_part_of_another_object_is_found_out(store, aws, tmp_path):
    put_tile(store)
    folder = tmp_path / f"{NAME}.part"
    folder.mkdir()
    (folder / "B10.jp2.part").write_bytes(b"zz" * 2000)
    (product,) = download([NAME], tmp_path, aws).products
    assert (product.path / "B10.jp2").read_bytes() == b"10" * 5000


def test_without_a_key_nothing_is_asked(tmp_path):
    with pytest.raises(ServiceError, match="these buckets bill the reader: set AWS_ACCESS_KEY_ID"):
        download([NAME], tmp_path, Service(provider="aws"))


def test_a_store_that_is_not_there(aws, store, tmp_path):
    away = replace(aws, endpoints={"aws": "http://127.0.0.1:9"})
    (product,) = download([NAME], tmp_path, away).products
    assert "the object store does not answer" in str(product.error)
    assert "hush-hush" not in str(product.error) + repr(away)
    assert store.url


def test_without_obstore_the_extra_is_named(aws, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(OptionError, match=r"needs obstore: pip install 'unclouded\[cloud\]'"):
        download([NAME], tmp_path, aws)


def test_l1c_of_earth_search_lies_in_the_bucket_that_bills(store, aws, service, tmp_path):
    put_tile(store)
    bucket = f"s3://sentinel-s2-l1c/{TILE}"
    assets = {"cirrus": {"href": f"{bucket}/B10.jp2"}, "granule_metadata": {"href": f"{bucket}/metadata.xml"}}
    item = {"id": "S2B_55HFA_20201011_0_L1C", "assets": assets}
    both = {"aws": store.url, "earth-search": service.url}
    asked = replace(aws, provider="earth-search", endpoints=both)
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, asked).products
    assert product.error is None
    assert (product.path / "cirrus.jp2").read_bytes() == b"10" * 5000


def test_a_cut_connection_to_a_store_is_gone_on_with(service, patience, tmp_path):
    content = bytes(range(256)) * 40_000
    service.keep("/eodata/B02.jp2", content, {"Last-Modified": "Tue, 24 Nov 2026 00:00:00 GMT"})
    service.fail("/eodata/B02.jp2", *(Fault(cut_after=cut) for cut in (0, 5_000_000, 100_000)))
    login = Login(name="key", secret=Secret("hush-hush"))
    bucket = Bucket(name="eodata", endpoint=service.url, region="default", payer=False, login=login)
    store = S3((bucket,), patience=patience)
    transfer = Transfer(opener=store.open, patience=patience, stop=threading.Event(), received=lambda _: None)
    file = RemoteFile(path=PurePosixPath("B02.jp2"), url="s3://eodata/B02.jp2", etag_is_md5=True)
    assert fetch(file, tmp_path / "B02.jp2", transfer).read_bytes() == content
    assert any(asked.headers.get("range") for asked in service.asked("/eodata/B02.jp2"))
    assert "hush-hush" not in repr(store) + repr(bucket)


def test_links_into_other_buckets_are_not_followed(service, patience):
    login = Login(name="key", secret=Secret("hush-hush"))
    bucket = Bucket(name="eodata", endpoint=service.url, region="default", payer=False, login=login)
    store = S3((bucket,), patience=patience)
    for url in ("s3://other/x", "s3://eodata/", "s3://eodata", "https://x.example/y"):
        with pytest.raises(ServiceError, match="it is not followed"), store.open(url, 0, None):
            pass


@pytest.fixture
def object_store(store, service, patience):
    """The Copernicus object store by its key alone; its catalogue on this machine."""
    login = Login(name="key", secret=Secret("hush-hush"))
    names = {"cdse": "/stac", "cdse-odata": "/odata", "cdse-download": "/download", "cdse-token": "/token"}
    endpoints = {name: f"{service.url}{path}" for name, path in names.items()} | {"cdse-s3": store.url}
    return Service(
        provider="cdse", endpoints=endpoints, credentials=Credentials(cdse_s3=login), patience=patience
    )


def keep_item(service, enclosure):
    item = {"id": L2A, "assets": {}, "links": [{"rel": "enclosure", "href": enclosure}]}
    path = f"/stac/collections/sentinel-2-l2a/items/{L2A}"
    service.route("GET", path, lambda _: json_answer(item))


def test_a_safe_folder_from_the_copernicus_object_store(store, object_store, service, make_safe, tmp_path):
    files = make_safe(L2A)
    for name, data in files.items():
        store.put(f"eodata/{SAFE}/{name}", data)
    keep_item(service, f"s3://eodata/{SAFE}/")
    (product,) = download([L2A], tmp_path, object_store).products
    assert product.error is None
    found = {str(p.relative_to(product.path)): p.read_bytes() for p in product.path.rglob("*") if p.is_file()}
    assert found == files
    assert product.path.name == f"{L2A}.SAFE"


@pytest.mark.parametrize("enclosure", ["s3://eodata/other/", "s3://eodata/", "", "https://x.example/y"])
def test_an_enclosure_of_something_else(object_store, service, tmp_path, enclosure):
    keep_item(service, enclosure)
    (product,) = download([L2A], tmp_path, object_store).products
    assert "expected a folder of" in str(product.error)


def test_an_empty_folder_of_the_object_store(object_store, service, tmp_path):
    keep_item(service, f"s3://eodata/{SAFE}/")
    (product,) = download([L2A], tmp_path, object_store).products
    assert "expected files of" in str(product.error)
