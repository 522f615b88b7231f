"""Google's bucket, as a listing and files on this machine: whole runs of `download`."""

import json
import shutil
from base64 import b64encode
from hashlib import md5

import pytest

from unclouded.catalog import Service, download
from unclouded.core.errors import OptionError, OutputError
from unclouded.testing.services import Fault, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

BUCKET = "gcp-public-data-sentinel-2"
LIST = f"/storage/v1/b/{BUCKET}/o"
NAME = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458"
OTHER = "S2B_MSIL2A_20200914T231559_N0500_R087_T01VCG_20230315T224658"


class Bucket:
    """Objects and their listing, two entries a page."""

    def __init__(self, service):
        self._service = service
        self._objects = {}
        service.route("GET", LIST, self.list_objects)

    def keep(self, root, files):
        for path, data in files.items():
            self._objects[f"{root}{path}"] = data
            self._service.keep(f"/{BUCKET}/{root}{path}", data)

    def list_objects(self, asked):
        prefix, delimiter = asked.query["prefix"], asked.query.get("delimiter")
        names = sorted(name for name in self._objects if name.startswith(prefix))
        if delimiter:
            cut = {name[: name.index("/", len(prefix)) + 1] for name in names}
            return json_answer({"prefixes": sorted(cut)})
        start = int(asked.query.get("pageToken", 0))
        page = {"items": [self._entry(name) for name in names[start : start + 2]]}
        return json_answer(page | ({"nextPageToken": str(start + 2)} if start + 2 < len(names) else {}))

    def _entry(self, name):
        data = self._objects[name]
        return {"name": name, "size": str(len(data)), "md5Hash": b64encode(md5(data).digest()).decode()}


@pytest.fixture
def bucket(service):
    return Bucket(service)


@pytest.fixture
def google(service, patience):
    return Service(provider="google", endpoints={"google": service.url}, patience=patience)


@pytest.mark.parametrize(
    ("name", "root"),
    [(NAME, f"tiles/32/T/NM/{NAME}.SAFE/"), (OTHER, f"L2/tiles/01/V/CG/{OTHER}.SAFE/")],
)
def test_a_product_by_name_is_its_safe_folder(bucket, google, make_safe, tmp_path, name, root):
    files = make_safe(name)
    bucket.keep(root, {**files, "GRANULE_$folder$": b""})
    ticks = []
    report = download([f"{name}.SAFE"], tmp_path, google, progress=ticks.append)
    (product,) = report.products
    assert (product.id, product.state, product.error) == (name, "downloaded", None)
    assert product.path == tmp_path / f"{name}.SAFE"
    found = {str(p.relative_to(product.path)): p.read_bytes() for p in product.path.rglob("*") if p.is_file()}
    assert found == files
    assert product.bytes == sum(map(len, files.values())) == ticks[-1].received == ticks[-1].size
    assert ticks[-1].done
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.SAFE", "download.json"]


def test_the_second_run_asks_for_nothing(bucket, google, make_safe, service, tmp_path):
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", make_safe(NAME))
    download([NAME], tmp_path, google)
    asked = len(service.asked())
    (product,) = download([NAME, f"{NAME}.SAFE.zip"], tmp_path, google).products
    assert product.state == "skipped"
    assert len(service.asked()) == asked
    # a folder without our own record of it is as good: another program may have fetched it
    (tmp_path / "download.json").unlink()
    assert download([NAME], tmp_path, google).products[0].state == "skipped"
    assert len(service.asked()) == asked


def test_what_changed_on_disk_since_is_said_and_not_overwritten(bucket, google, make_safe, tmp_path):
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", make_safe(NAME))
    download([NAME], tmp_path, google)
    (tmp_path / f"{NAME}.SAFE" / "INSPIRE.xml").unlink()
    (product,) = download([NAME], tmp_path, google).products
    assert product.state == "failed"
    assert isinstance(product.error, OutputError)
    assert "as fetched, found" in str(product.error)
    shutil.rmtree(tmp_path / f"{NAME}.SAFE")
    assert download([NAME], tmp_path, google).products[0].state == "downloaded"


def test_a_run_that_failed_goes_on_with_what_is_there(bucket, google, make_safe, service, tmp_path):
    files = make_safe(NAME)
    root = f"tiles/32/T/NM/{NAME}.SAFE/"
    bucket.keep(root, files)
    bad = f"/{BUCKET}/{root}{next(path for path in files if path.endswith('B02.jp2'))}"
    service.fail(bad, Fault(cut_after=5000), *(Fault(status=503) for _ in range(9)))
    (product,) = download([NAME], tmp_path, google).products
    assert product.state == "failed"
    assert "503" in str(product.error)
    assert not (tmp_path / f"{NAME}.SAFE").exists()
    service._faults.clear()
    before = len(service.asked())
    assert download([NAME], tmp_path, google).products[0].state == "downloaded"
    files_asked = [asked for asked in service.asked()[before:] if asked.path.startswith(f"/{BUCKET}")]
    ranges = {asked.path: asked.headers.get("range") for asked in files_asked}
    assert ranges[bad] == "bytes=5000-"
    assert len(ranges) < len(files)


def test_an_unknown_product_names_the_nearest(bucket, google, make_safe, tmp_path):
    near = NAME.replace("102458", "102459")
    bucket.keep(f"tiles/32/T/NM/{near}.SAFE/", make_safe(near))
    (product,) = download([NAME], tmp_path, google).products
    assert product.state == "failed"
    assert str(product.error) == f"google: expected {NAME}, found none of that name; nearest: {near}"


@pytest.mark.usefixtures("bucket")
def test_an_unknown_product_without_neighbours(google, tmp_path):
    (product,) = download([NAME], tmp_path, google).products
    assert "try cdse" in str(product.error)


def test_one_that_fails_stops_no_other(bucket, google, make_safe, tmp_path):
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", make_safe(NAME))
    report = download([OTHER, NAME], tmp_path, google)
    assert [product.state for product in report.products] == ["failed", "downloaded"]
    assert [product.id for product in report.of("failed")] == [OTHER]
    ledger = json.loads((tmp_path / "download.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in ledger["products"]] == [NAME]


def test_a_copy_without_manifest_is_incomplete(bucket, google, make_safe, tmp_path):
    files = make_safe(NAME)
    del files["manifest.safe"]
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", files)
    (product,) = download([NAME], tmp_path, google).products
    assert "without its manifest.safe; take another --provider" in str(product.error)


@pytest.mark.parametrize("algorithm", ["SHA3-256", "MD5"])
@pytest.mark.parametrize("fault", ["missing", "other"])
def test_a_copy_that_is_not_what_its_manifest_says(bucket, google, make_safe, tmp_path, fault, algorithm):
    files = make_safe(NAME, algorithm=algorithm)
    band = next(path for path in files if path.endswith("B02.jp2"))
    if fault == "missing":
        del files[band]
    else:
        files[band] = files[band][::-1]
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", files)
    (product,) = download([NAME], tmp_path, google).products
    assert "as the manifest lists it" in str(product.error)
    assert not (tmp_path / f"{NAME}.SAFE").exists()


def test_pages_and_reports_around_a_product_may_be_missing(bucket, google, make_safe, tmp_path, caplog):
    files = make_safe(NAME)
    files["INSPIRE.xml"] = b"another"
    del files[next(path for path in files if path.endswith(".gml"))]
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", files)
    assert download([NAME], tmp_path, google).products[0].state == "downloaded"
    assert "INSPIRE.xml is another than the manifest lists" in caplog.text


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "do not trust it"),
        (b'<x><byteStream><fileLocation href="../../evil"/></byteStream></x>', "leads out of it"),
    ],
)
def test_a_manifest_that_attacks_is_refused(bucket, google, make_safe, tmp_path, manifest, said):
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", {**make_safe(NAME), "manifest.safe": manifest})
    (product,) = download([NAME], tmp_path, google).products
    assert said in str(product.error)


def test_a_malformed_manifest_of_2018_is_left_unused(bucket, google, make_safe, tmp_path, caplog):
    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", {**make_safe(NAME), "manifest.safe": b"<x>PHOEBUS & <"})
    assert download([NAME], tmp_path, google).products[0].state == "downloaded"
    assert "its checksums are not used" in caplog.text


def test_a_listing_that_leads_out_is_refused(bucket, google, make_safe, tmp_path):
    root = f"tiles/32/T/NM/{NAME}.SAFE/"
    bucket.keep(root, {**make_safe(NAME), "../../../evil": b"x"})
    (product,) = download([NAME], tmp_path, google).products
    assert "leads out of it" in str(product.error)
    assert not list(tmp_path.parent.glob("evil"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "S2A MSIL1C", "", "a/b"])
def test_names_that_are_paths_are_refused_before_anything(google, service, tmp_path, name):
    with pytest.raises(OptionError, match="will not be made into a path"):
        download([name], tmp_path, google)
    assert service.asked() == []


def test_no_product_at_all(google, tmp_path):
    with pytest.raises(OptionError, match="at least one product"):
        download([], tmp_path, google)


def test_an_item_of_another_catalogue_is_no_product_name(google, tmp_path):
    (product,) = download(["S2B_31QGB_20200831_0_L2A"], tmp_path, google).products
    assert "expected the name of a Sentinel-2 product as google keeps it" in str(product.error)


def test_a_folder_that_cannot_be_written(google, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="name another with -o"):
        download([NAME], tmp_path / "file", google)


def test_too_little_room_is_said_before_the_first_byte(
    bucket, google, make_safe, service, tmp_path, monkeypatch
):
    from unclouded.catalog import _batch

    bucket.keep(f"tiles/32/T/NM/{NAME}.SAFE/", make_safe(NAME))
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(_batch.shutil, "disk_usage", lambda _: usage)
    (product,) = download([NAME], tmp_path, google).products
    assert "GB free" in str(product.error)
    assert not [asked for asked in service.asked() if asked.path.startswith(f"/{BUCKET}")]
