"""The Copernicus Data Space on this machine: tokens that end, quotas, archives, checksums."""

import hashlib
import json
import threading

import pytest

from unclouded.catalog import Credentials, Login, Secret, Service, Wanted, download, read_search
from unclouded.core.errors import OfflineError, ServiceError
from unclouded.testing.services import Answer, Fault, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NAME = "S2C_MSIL2A_20260527T014651_N0512_R017_T55WFR_20260527T042005"
L1C = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458"
LONG = "S2A_OPER_PRD_MSIL1C_PDMC_20160905T104813_R002_V20160905T005712_20160905T010424"
WORD, CODE = "correct-horse", "123456"


class Cdse:
    """STAC, OData, Keycloak and downloads, with an account `me`."""

    def __init__(self, service, *, lifetime_s=600, code=None):
        self.service = service
        self.tokens = []
        self.lifetime_s, self.code = lifetime_s, code
        self.refresh_works = True
        self.records = {}
        service.route("POST", "/token", self._token)
        service.route("GET", "/odata/Products", self._products)
        service.route("POST", "/stac/search", lambda _: json_answer({"features": []}))
        service.guard = self._guard

    def endpoints(self):
        url = self.service.url
        names = {
            "cdse": "/stac",
            "cdse-odata": "/odata",
            "cdse-download": "/download",
            "cdse-token": "/token",
        }
        return {name: f"{url}{path}" for name, path in names.items()}

    def end_tokens(self):
        self.tokens.append("nobody's")

    def _token(self, asked):
        form = asked.form
        if form["grant_type"] == "refresh_token":
            good = self.refresh_works and form["refresh_token"] == f"refresh-{len(self.tokens) - 1}"
        else:
            good = form["username"] == "me" and form["password"] == WORD and form.get("totp") == self.code
        if not good:
            said = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            return json_answer(said, 401)
        self.tokens.append(f"token-{len(self.tokens)}")
        return json_answer(
            {
                "access_token": self.tokens[-1],
                "expires_in": self.lifetime_s,
                "refresh_token": f"refresh-{len(self.tokens) - 1}",
                "refresh_expires_in": 3600,
            }
        )

    def _guard(self, asked):
        known = f"Bearer {self.tokens[-1]}" if self.tokens else ""
        if not asked.path.startswith("/download") or asked.headers.get("authorization") == known:
            return None
        return json_answer({"detail": "Expired signature!"}, 401)

    def _products(self, asked):
        name = asked.query["$filter"].split("'")[1]
        return json_answer({"value": self.records.get(name, [])})

    def keep_item(self, name, archive, **asset):
        """A product in the STAC catalogue, its zip behind a token."""
        url = self.service.keep("/download/Products(1)/$value", archive)
        whole = {
            "href": url,
            "file:size": len(archive),
            "file:checksum": "d50110" + hashlib.md5(archive).hexdigest(),
        }
        level = name[7:10].lower()
        item = {"id": name, "collection": f"sentinel-2-{level}", "assets": {"Product": {**whole, **asset}}}
        path = f"/stac/collections/sentinel-2-{level}/items/{name}"
        self.service.route("GET", path, lambda _: json_answer(item))
        return item

    def keep_record(self, name, archive, **record):
        """A product in the older catalogue alone."""
        self.service.keep("/download/Products(2)/$value", archive)
        sums = [
            {"Algorithm": "BLAKE3", "Value": "00" * 32},
            {"Algorithm": "MD5", "Value": hashlib.md5(archive).hexdigest()},
        ]
        row = {"Id": "2", "Name": f"{name}.SAFE", "ContentLength": 7, "Online": True, "Checksum": sums}
        self.records[f"{name}.SAFE"] = [{**row, **record}]


@pytest.fixture
def cdse(service):
    return Cdse(service)


@pytest.fixture
def archive(make_safe, make_zip):
    def build(name, **more):
        return make_zip(make_safe(name, **more), f"{name}.SAFE/")

    return build


def account(cdse, patience, *, word=WORD, code=None):
    one_time = Secret(code) if code else None
    login = Login(name="me", secret=Secret(word), one_time=one_time)
    return Service(
        provider="cdse",
        endpoints=cdse.endpoints(),
        credentials=Credentials(cdse=login),
        patience=patience,
    )


def test_a_product_is_a_checked_zip(cdse, archive, patience, service, tmp_path):
    content = archive(NAME)
    cdse.keep_item(NAME, content)
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert product.error is None
    assert product.path == tmp_path / f"{NAME}.SAFE.zip"
    assert product.path.read_bytes() == content
    assert len(service.asked("/token")) == 1
    assert service.asked("/token")[0].form["client_id"] == "cdse-public"
    assert download([NAME], tmp_path, account(cdse, patience)).products[0].state == "skipped"


def test_a_token_that_ends_midway_is_renewed_and_the_file_gone_on_with(
    cdse, archive, patience, service, tmp_path
):
    content = archive(NAME, size=400_000)
    cdse.keep_item(NAME, content)
    path = "/download/Products(1)/$value"
    service.fail(path, Fault(cut_after=100_000))
    service.pause_s = 0.02
    ended = threading.Event()

    def end(tick):
        if tick.received >= 60_000 and not ended.is_set():
            ended.set()
            cdse.end_tokens()

    (product,) = download([NAME], tmp_path, account(cdse, patience), progress=end).products
    assert product.error is None
    assert product.path.read_bytes() == content
    assert ended.is_set()
    ranges = [asked.headers.get("range") for asked in service.asked(path)]
    assert ranges == [None, "bytes=100000-", "bytes=100000-"]
    grants = [asked.form["grant_type"] for asked in service.asked("/token")]
    assert grants[0] == "password"
    assert len(grants) >= 2


def test_a_token_is_renewed_before_it_ends_by_its_refresh_token(service, archive, patience, tmp_path):
    cdse = Cdse(service, lifetime_s=10)  # shorter than the margin: every request renews it
    cdse.keep_item(NAME, archive(NAME, size=300_000))
    service.fail("/download/Products(1)/$value", *(Fault(cut_after=90_000) for _ in range(2)))
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert product.error is None
    grants = [asked.form["grant_type"] for asked in service.asked("/token")]
    assert grants == ["password", "refresh_token", "refresh_token"]
    assert all("password" not in asked.form for asked in service.asked("/token")[1:])


def test_a_session_ended_elsewhere_means_to_log_in_again(service, archive, patience, tmp_path):
    cdse = Cdse(service, lifetime_s=10)
    cdse.refresh_works = False
    cdse.keep_item(NAME, archive(NAME, size=300_000))
    service.fail("/download/Products(1)/$value", Fault(cut_after=90_000))
    assert download([NAME], tmp_path, account(cdse, patience)).products[0].error is None
    grants = [asked.form["grant_type"] for asked in service.asked("/token")]
    assert grants == ["password", "refresh_token", "password"]


def test_one_session_for_all_products(cdse, archive, patience, service, tmp_path):
    names = [NAME.replace("042005", f"04200{k}") for k in range(6)]
    for name in names:
        cdse.keep_record(name, archive(L1C))
    report = download(names, tmp_path, account(cdse, patience))
    assert [product.error for product in report.products] == [None] * 6
    assert len(service.asked("/token")) == 1


def test_no_more_transfers_at_a_time_than_the_account_may_have(cdse, archive, patience, service, tmp_path):
    names = [NAME.replace("042005", f"04200{k}") for k in range(8)]
    for name in names:
        cdse.keep_record(name, archive(L1C))
    lock, now, most = threading.Lock(), 0, 0
    guard = service.guard

    def count(asked):
        nonlocal now, most
        answer = guard(asked)
        if not asked.path.startswith("/download") or answer:
            return answer
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.05)
        with lock:
            now -= 1
        return None

    service.guard = count
    download(names, tmp_path, account(cdse, patience))
    assert 2 <= most <= 4


def test_a_wrong_password_is_said_with_the_second_factor(cdse, archive, patience, service, tmp_path):
    cdse.keep_item(NAME, archive(NAME))
    (product,) = download([NAME], tmp_path, account(cdse, patience, word="wrong-horse")).products
    said = str(product.error)
    assert "cdse login: " in said
    assert "Invalid user credentials" in said
    assert "two-factor authentication also needs its current code: UNCLOUDED_CDSE_TOTP or --totp" in said
    assert "wrong-horse" not in said
    assert len(service.asked("/token")) == 1  # a wrong password again and again bars the account


def test_the_code_of_an_authenticator_is_sent_once(service, archive, patience, tmp_path):
    cdse = Cdse(service, code=CODE, lifetime_s=10)
    cdse.keep_item(NAME, archive(NAME, size=300_000))
    assert download([NAME], tmp_path / "a", account(cdse, patience, code=CODE)).products[0].error is None
    assert service.asked("/token")[0].form["totp"] == CODE
    cdse.refresh_works = False
    service.fail("/download/Products(1)/$value", Fault(cut_after=90_000))
    (product,) = download([NAME], tmp_path / "b", account(cdse, patience, code=CODE)).products
    assert "run the same command with a fresh code, what is done stays" in str(product.error)


def test_no_account_says_how_to_give_one(cdse, archive, patience, tmp_path):
    cdse.keep_item(NAME, archive(NAME))
    asked = Service(provider="cdse", endpoints=cdse.endpoints(), patience=patience)
    (product,) = download([NAME], tmp_path, asked).products
    assert "found none; set UNCLOUDED_CDSE_USERNAME and UNCLOUDED_CDSE_PASSWORD" in str(product.error)


def test_a_quota_that_is_used_up_is_said(cdse, archive, patience, service, tmp_path):
    cdse.keep_item(NAME, archive(NAME))
    service.fail("/download/Products(1)/$value", Fault(status=429, headers={"Retry-After": "600"}))
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert "the quota of this service is used up for now; run the same command later" in str(product.error)


def test_a_product_in_the_archive_is_ordered_once_and_said(cdse, archive, patience, service, tmp_path):
    cdse.keep_record(L1C, archive(L1C), Online=False)
    service.route("POST", "/odata/Products(2)/OData.CSC.Order", lambda _: json_answer({"Status": "queued"}))
    (product,) = download([L1C], tmp_path, account(cdse, patience)).products
    assert product.state == "ordered"
    assert isinstance(product.error, OfflineError)
    assert "is in the long-term archive and was ordered; run the same command again later" in str(
        product.error
    )
    (order,) = service.asked("/odata/Products(2)/OData.CSC.Order")
    assert order.headers["authorization"] == "Bearer token-0"
    # later it is there
    cdse.keep_record(L1C, archive(L1C))
    assert download([L1C], tmp_path, account(cdse, patience)).products[0].state == "downloaded"


def test_waiting_for_the_archive(cdse, archive, patience, service, tmp_path, monkeypatch):
    from unclouded.catalog import _batch

    monkeypatch.setattr(_batch, "POLL_S", 0.05)
    cdse.keep_record(L1C, archive(L1C), Online=False)

    def order(_):
        threading.Timer(0.2, lambda: cdse.keep_record(L1C, archive(L1C))).start()
        return json_answer({})

    service.route("POST", "/odata/Products(2)/OData.CSC.Order", order)
    (product,) = download([L1C], tmp_path, account(cdse, patience), wait_s=20).products
    assert product.state == "downloaded"
    assert len(service.asked("/odata/Products(2)/OData.CSC.Order")) == 1


def test_an_archive_that_takes_no_order_says_where_to_go(cdse, archive, patience, tmp_path):
    cdse.keep_record(L1C, archive(L1C), Online=False)
    (product,) = download([L1C], tmp_path, account(cdse, patience)).products
    assert product.state == "ordered"
    assert "could not be ordered" in str(product.error)
    assert "Data Workspace" in str(product.error)


def test_what_only_the_older_catalogue_knows(cdse, archive, patience, tmp_path):
    cdse.keep_record(LONG, archive(L1C))
    (product,) = download([LONG], tmp_path, account(cdse, patience)).products
    assert product.error is None
    assert product.path.name == f"{LONG}.SAFE.zip"


def test_an_unknown_product_names_the_nearest(cdse, patience, service, tmp_path):
    near = L1C.replace("102458", "102459")
    item = {"id": near, "properties": {"datetime": "2017-02-26T10:24:59Z"}}
    service.route("POST", "/stac/search", lambda _: json_answer({"features": [item]}))
    (product,) = download([L1C], tmp_path, account(cdse, patience)).products
    assert f"found none named {L1C}; nearest: {near}" in str(product.error)


@pytest.mark.parametrize("where", ["item", "record"])
def test_a_wrong_checksum_of_the_catalogue(cdse, archive, patience, tmp_path, where):
    wrong = "0" * 32
    if where == "item":
        cdse.keep_item(NAME, archive(NAME), **{"file:checksum": f"d50110{wrong}"})
    else:
        cdse.keep_record(NAME, archive(NAME), Checksum=[{"Algorithm": "MD5", "Value": wrong}])
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert "expected md5 0000000000000000… (catalogue), found another twice" in str(product.error)
    assert sorted(path.name for path in tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("truncated", "expected a whole zip, found a damaged one"),
        ("traversal", "leads out of it"),
        ("bomb", "to shrink by at most 200 : 1"),
        ("other band", "as the manifest lists it"),
        ("missing band", "as the manifest lists it"),
    ],
)
def test_archives_that_are_not_to_be_trusted(cdse, make_safe, make_zip, patience, tmp_path, fault, said):
    files = make_safe(NAME)
    band = next(path for path in files if path.endswith("B02.jp2"))
    if fault == "traversal":
        files["../../evil.sh"] = b"x"
    if fault == "bomb":
        files["zeros.bin"] = b"\0" * 5_000_000
    if fault == "other band":
        files[band] = files[band][::-1]
    if fault == "missing band":
        del files[band]
    content = make_zip(files, f"{NAME}.SAFE/")
    cdse.keep_item(NAME, content[:-200] if fault == "truncated" else content)
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert product.state == "failed"
    assert said in str(product.error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "href",
    ["https://elsewhere.example/x.zip", "file:///etc/passwd", "http://169.254.169.254/", "s3://eodata/x"],
)
def test_links_of_an_item_to_elsewhere_are_not_followed(cdse, archive, patience, service, tmp_path, href):
    cdse.keep_item(NAME, archive(NAME), href=href)
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert "it is not followed" in str(product.error)
    assert service.asked("/token") == []


def test_the_genuine_item_says_where_its_zip_is(cdse, patience, real_data, service, tmp_path):
    """The real address is refused here, since it is not this machine's: nothing else may be asked."""
    path = next((real_data / "products" / "stac" / "cdse").glob("*.json"))
    (wanted,) = read_search(path.read_text(encoding="utf-8"), where=path.name).wanted
    from unclouded.catalog._endpoints import DEFAULTS
    from unclouded.catalog._records import Context
    from unclouded.catalog.providers.cdse import open_provider

    delivery = open_provider(Context(endpoints=dict(DEFAULTS))).deliver(wanted)
    (file,) = delivery.files
    assert file.url == (
        "https://download.dataspace.copernicus.eu/odata/v1/Products(28ca37fe-0847-4601-a50a-6cdf1fb4be6e)/$value"
    )
    assert (file.size, file.checksum.digest) == (1_186_276_262, "19fcd46fe84e3d0cc99eb47bbaa79e4b")
    assert delivery.name == f"{NAME}.SAFE.zip"
    assert service.asked() == []
    assert tmp_path.is_dir()
    assert cdse.tokens == []
    assert patience.tries == 4


def test_no_secret_is_ever_written_down(cdse, archive, patience, service, tmp_path, caplog):
    caplog.set_level("DEBUG")
    cdse.keep_item(NAME, archive(NAME))
    service.fail("/download/Products(1)/$value", Fault(status=503), Fault(status=403))
    asked = account(cdse, patience, code=CODE)
    cdse.code = CODE
    report = download([NAME], tmp_path, asked)
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    texts = [repr(asked), repr(report), str(report.products[0].error), caplog.text, *written]
    secrets = [WORD, CODE, "token-", "refresh-"]
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_an_error_page_of_the_login_service(cdse, archive, patience, service, tmp_path):
    cdse.keep_item(NAME, archive(NAME))
    service.route("POST", "/token", lambda _: Answer(body=b"<html>"))
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert isinstance(product.error, ServiceError)
    service.route("POST", "/token", lambda _: json_answer({"no": "token"}))
    (product,) = download([NAME], tmp_path, account(cdse, patience)).products
    assert "expected a token from the login service, found none" in str(product.error)


def test_an_item_in_hand_is_not_asked_for_again(cdse, archive, patience, service, tmp_path):
    item = cdse.keep_item(NAME, archive(NAME))
    report = download([Wanted(id=NAME, item=item)], tmp_path, account(cdse, patience))
    assert report.products[0].error is None
    assert not [asked for asked in service.asked() if "/items/" in asked.path]
    assert (
        json.loads((tmp_path / "download.json").read_text(encoding="utf-8"))["products"][0]["provider"]
        == "cdse"
    )
