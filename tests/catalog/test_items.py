"""Earth Search and the Planetary Computer: genuine items, their files kept on this machine."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from unclouded.catalog import Service, Wanted, download, read_search
from unclouded.core.bands import NAMES
from unclouded.testing.services import Fault, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

C1 = "earth-search-v1-c1/S2B_T37MGP_20240710T073012_L2A_C1.json"
V1 = "earth-search-v1/S2B_31QGB_20200831_0_L2A.json"
PC = "planetary-computer/S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json"


@pytest.fixture
def genuine(real_data):
    return lambda name: json.loads((real_data / "products" / "stac" / name).read_text(encoding="utf-8"))


def moved(item, service, *, sized=True):
    """The item with its files on this machine, small ones in place of the real."""
    for key, asset in item["assets"].items():
        content = f"{item['id']} {key}".encode() * 500
        path = f"/files{urlsplit(asset['href']).path}"
        asset["href"] = service.keep(path, content)
        if "file:checksum" in asset:
            asset["file:checksum"] = "1220" + hashlib.sha256(content).hexdigest()
        if "file:size" in asset:
            asset["file:size"] = len(content)
        if not sized:
            asset.pop("file:size", None)
    return item


@pytest.fixture
def earth_search(service, patience):
    return Service(provider="earth-search", endpoints={"earth-search": service.url}, patience=patience)


@pytest.mark.parametrize("name", [C1, V1])
def test_an_item_is_a_folder_of_its_data(name, genuine, service, earth_search, tmp_path):
    item = moved(genuine(name), service)
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    assert product.error is None
    assert product.path == tmp_path / item["id"]
    names = {path.name for path in product.path.iterdir()}
    # twelve bands of L2A, the scene classification, metadata; no pictures, no twins in a bucket that bills
    assert {"red.tif", "nir08.tif", "coastal.tif", "scl.tif", "granule_metadata.xml"} <= names
    assert not {
        name for name in names if "jp2" in name or name.startswith(("visual", "thumbnail", "preview"))
    }
    assert len([name for name in names if name.endswith(".tif")]) >= len(NAMES)


def test_the_item_beside_its_files_points_at_them(genuine, service, earth_search, tmp_path):
    item = moved(genuine(C1), service)
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    written = json.loads((product.path / f"{item['id']}.json").read_text(encoding="utf-8"))
    assert written["properties"] == item["properties"]
    for key, asset in written["assets"].items():
        assert (product.path / asset["href"]).read_bytes().startswith(f"{item['id']} {key}".encode())
    assert all(link["rel"] == "via" for link in written["links"])
    assert "127.0.0.1" not in json.dumps(written["assets"])


def test_an_item_by_its_name(genuine, service, earth_search, tmp_path):
    item = moved(genuine(V1), service)
    path = f"/collections/sentinel-2-l2a/items/{item['id']}"
    service.route("GET", path, lambda _: json_answer(item))
    (product,) = download([item["id"]], tmp_path, earth_search).products
    assert product.error is None
    asked = [a.path for a in service.asked() if "/items/" in a.path]
    assert asked == [path.replace("sentinel-2-l2a", "sentinel-2-c1-l2a"), path]


def test_an_unknown_item_names_the_nearest(genuine, service, earth_search, tmp_path):
    item = genuine(V1)
    service.route("POST", "/search", lambda _: json_answer({"features": [item]}))
    (product,) = download(["S2A_31QGB_20200831_0_L2A"], tmp_path, earth_search).products
    assert "nearest: S2B_31QGB_20200831_0_L2A" in str(product.error)


def test_a_file_without_stated_checksum_meets_its_etag(genuine, service, earth_search, tmp_path):
    item = moved(genuine(V1), service)
    service.fail(urlsplit(item["assets"]["red"]["href"]).path, Fault(garble=True))
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    assert product.error is None
    assert (product.path / "red.tif").read_bytes().startswith(f"{item['id']} red".encode())


def test_the_real_addresses_are_not_this_machines(genuine, service, earth_search, tmp_path):
    item = genuine(C1)  # rewritten by others to a bucket of theirs
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    assert "expected a key of AWS, found none" in str(product.error)
    assert service.asked() == []


def test_assets_named_like_paths_are_refused(genuine, service, earth_search, tmp_path):
    item = moved(genuine(V1), service)
    item["assets"]["../../evil"] = item["assets"]["red"]
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    assert "will not be made into a path" in str(product.error)


def test_an_item_without_images(service, earth_search, tmp_path):
    item = {"id": "S2B_31QGB_20200831_0_L2A", "assets": {"thumbnail": {"href": f"{service.url}/t.jpg"}}}
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, earth_search).products
    assert "expected an item with images" in str(product.error)


class Storage:
    """A container that asks for the newest signature, which it also gives out."""

    def __init__(self, service):
        self.given = []
        self.lifetime = timedelta(minutes=45)
        service.route("GET", "/sas/token/sentinel-2-l2a", self._token)
        service.guard = self._guard

    def _token(self, _):
        self.given.append(f"sig=hush{len(self.given)}")
        expiry = (datetime.now(UTC) + self.lifetime).isoformat()
        return json_answer({"token": self.given[-1], "msft:expiry": expiry})

    def _guard(self, asked):
        signature = f"sig={asked.query.get('sig')}"
        if asked.path.startswith("/files") and signature not in self.given[-1:]:
            return json_answer({"message": "Signature not valid in the specified time frame"}, 403)
        return None


@pytest.fixture
def planetary(service, patience):
    names = {
        "planetary-computer": "/stac",
        "planetary-computer-sas": "/sas",
        "planetary-computer-storage": "",
    }
    endpoints = {name: f"{service.url}{path}" for name, path in names.items()}
    return Service(provider="planetary-computer", endpoints=endpoints, patience=patience)


def test_files_of_the_planetary_computer_are_signed_by_one_token(genuine, service, planetary, tmp_path):
    storage = Storage(service)
    item = moved(genuine(PC), service)
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, planetary).products
    assert product.error is None
    assert len(storage.given) == 1
    bands = {path.stem for path in product.path.glob("B*.tif")}
    assert bands == set(NAMES) - {"B10"}
    assert "hush" not in (product.path / f"{item['id']}.json").read_text(encoding="utf-8")


def test_a_signature_that_ends_is_renewed(genuine, service, planetary, tmp_path):
    storage = Storage(service)
    item = moved(genuine(PC), service)
    once = []

    def end(tick):
        if not once:
            once.append(tick)
            storage.given.append("sig=another")

    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, planetary, progress=end).products
    assert product.error is None
    assert 3 <= len(storage.given) <= 4


def test_a_storage_that_refuses_everything_is_said_without_the_signature(
    genuine, service, planetary, tmp_path, caplog
):
    caplog.set_level("DEBUG")
    Storage(service)
    service.guard = lambda asked: json_answer({}, 403) if asked.path.startswith("/files") else None
    item = moved(genuine(PC), service)
    (product,) = download([Wanted(id=item["id"], item=item)], tmp_path, planetary).products
    assert "answers 403 Forbidden; the storage refused a fresh signature" in str(product.error)
    assert "hush" not in str(product.error) + caplog.text


def test_every_genuine_item_of_the_planetary_computer_is_on_its_storage(real_data):
    from unclouded.catalog._endpoints import DEFAULTS
    from unclouded.catalog._records import Context
    from unclouded.catalog.providers.planetary_computer import open_provider

    provider = open_provider(Context(endpoints=dict(DEFAULTS)))
    for path in sorted((real_data / "products" / "stac" / "planetary-computer").glob("*.json")):
        for wanted in read_search(path.read_text(encoding="utf-8"), where=path.name).wanted:
            delivery = provider.deliver(wanted)
            assert {file.path.stem for file in delivery.files} >= set(NAMES) - {"B10"}


def test_every_genuine_item_of_earth_search_is_on_its_hosts(real_data):
    from unclouded.catalog._endpoints import DEFAULTS
    from unclouded.catalog._records import Context
    from unclouded.catalog.providers.earth_search import open_provider

    provider = open_provider(Context(endpoints=dict(DEFAULTS)))
    paths = sorted((real_data / "products" / "stac" / "earth-search-v1").glob("*.json"))
    served = 0
    for path in paths:
        item = json.loads(path.read_text(encoding="utf-8"))
        if item["assets"]["red"]["href"].startswith("https://"):
            assert len(provider.deliver(Wanted(id=item["id"], item=item)).files) >= len(NAMES)
            served += 1
    assert served >= 8
