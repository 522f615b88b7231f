"""`unclouded download` as a user meets it: killed and resumed, streams, exit codes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode

import pytest

from unclouded.testing.services import Fault, LoopbackService, json_answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NAME = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNM_20170226T102458"
OTHER = "S2A_MSIL1C_20170226T102021_N0204_R065_T32TNN_20170226T102458"
WORD = "correct-horse"


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


class Google:
    """Products in a public bucket on this machine."""

    def __init__(self, service):
        self._service = service
        self.files = {}
        service.route("GET", "/storage/v1/b/gcp-public-data-sentinel-2/o", self._list)

    def keep(self, name, size=3_000_000):
        tile = name.split("_T")[1][:5]
        root = f"tiles/{tile[:2]}/{tile[2]}/{tile[3:]}/{name}.SAFE/"
        content = {
            "manifest.safe": b"<x/>",
            "MTD_MSIL1C.xml": b"<product/>",
            "GRANULE/L1C/IMG_DATA/B02.jp2": hashlib.shake_128(name.encode()).digest(size),
        }
        for path, data in content.items():
            self.files[root + path] = data
            self._service.keep(f"/gcp-public-data-sentinel-2/{root}{path}", data)
        return content

    def _list(self, asked):
        items = [
            {"name": name, "size": str(len(data)), "md5Hash": b64encode(hashlib.md5(data).digest()).decode()}
            for name, data in self.files.items()
            if name.startswith(asked.query["prefix"])
        ]
        return json_answer({"items": items})


@pytest.fixture
def google(service):
    return Google(service)


@pytest.fixture
def start(service, tmp_path):
    """`start(*words)`: the verb in a process of its own, in a home without anyone's credentials."""

    def call(*words, **environment):
        addresses = {"UNCLOUDED_GOOGLE_URL": service.url, "UNCLOUDED_ZENODO_URL": service.url}
        own = {name: value for name, value in os.environ.items() if not name.startswith(("EODAG", "AWS_"))}
        home = {"HOME": str(tmp_path / "home"), "NETRC": str(tmp_path / "netrc"), "no_proxy": "127.0.0.1"}
        return subprocess.Popen(
            [sys.executable, "-m", "unclouded", "download", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            env={**own, **addresses, **home, **environment},
        )

    return call


@pytest.fixture
def run(start):
    def call(*words, text=None, **environment):
        process = start(*words, **environment)
        out, err = process.communicate(text, timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return call


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_product_by_name_and_the_second_run(run, google, service, tmp_path):
    content = google.keep(NAME)
    done = run(NAME, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'out' / NAME}.SAFE  3.0 MB in ")
    assert done.stderr == ""  # no bar where nobody watches
    assert tree(tmp_path / "out" / f"{NAME}.SAFE") == content
    asked = len(service.asked())
    assert run(NAME, "-o", tmp_path / "out").stdout.endswith("3.0 MB (done before)\n")
    assert len(service.asked()) == asked


@pytest.mark.parametrize("kills", [1, 3])
def test_killed_at_any_moment_it_is_gone_on_with(start, run, google, service, tmp_path, kills):
    """SIGKILL while a file arrives: no final name before, the bytes that were there not fetched again."""
    content = google.keep(NAME)
    out = tmp_path / "out"
    part = out / f"{NAME}.SAFE.part" / "GRANULE/L1C/IMG_DATA/B02.jp2.part"
    path = next(asked for asked in google.files if asked.endswith("B02.jp2"))
    had = 0
    service.pause_s = 0.03
    for _ in range(kills):
        process = start(NAME, "-o", out)
        ends = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > had + 300_000) and time.monotonic() < ends:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (out / f"{NAME}.SAFE").exists()
        assert had < part.stat().st_size < 3_000_000
        had = part.stat().st_size
    service.pause_s = 0
    done = run(NAME, "-o", out)
    assert done.returncode == 0, done.stderr
    assert tree(out / f"{NAME}.SAFE") == content
    last = service.asked(f"/gcp-public-data-sentinel-2/{path}")[-1]
    assert last.headers["range"] == f"bytes={had}-"
    assert sorted(p.name for p in out.iterdir()) == [f"{NAME}.SAFE", "download.json"]


def test_interrupted_it_says_so_and_keeps_what_has_arrived(start, run, google, service, tmp_path):
    content = google.keep(NAME)
    service.pause_s = 0.03
    process = start(NAME, "-o", tmp_path / "out")
    part = tmp_path / "out" / f"{NAME}.SAFE.part" / "GRANULE/L1C/IMG_DATA/B02.jp2.part"
    ends = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 300_000) and time.monotonic() < ends:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "unclouded: interrupted")
    assert part.exists()
    service.pause_s = 0
    assert run(NAME, "-o", tmp_path / "out").returncode == 0
    assert tree(tmp_path / "out" / f"{NAME}.SAFE") == content


def test_two_runs_do_not_write_the_same_product(start, run, google, service, tmp_path):
    content = google.keep(NAME)
    service.pause_s = 0.03
    first = start(NAME, "-o", tmp_path / "out")
    part = tmp_path / "out" / f"{NAME}.SAFE.part" / "GRANULE/L1C/IMG_DATA/B02.jp2.part"
    ends = time.monotonic() + 30
    while not part.exists() and time.monotonic() < ends:
        time.sleep(0.005)
    second = run(NAME, "-o", tmp_path / "out")
    assert second.returncode == 3
    assert "another run is fetching this product" in second.stderr
    assert first.wait(30) == 0
    first.communicate()
    assert tree(tmp_path / "out" / f"{NAME}.SAFE") == content


def test_products_of_a_search_from_another_provider_by_esas_name(run, google, tmp_path):
    google.keep(NAME, 1000)
    google.keep(OTHER, 1000)
    rows = [
        {"id": "S2A_32TNM_20170226_0_L1C", "provider": "earth-search", "product": name}
        for name in (NAME, OTHER)
    ]
    done = run("--from-search", "-", "--provider", "google", "-o", tmp_path / "out", text=json.dumps(rows))
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        f"{NAME}.SAFE",
        f"{OTHER}.SAFE",
        "download.json",
    }


def test_some_failed_is_code_4_and_the_rest_is_done(run, google, tmp_path):
    google.keep(NAME, 1000)
    done = run(NAME, OTHER, "-o", tmp_path / "out")
    assert done.returncode == 4
    assert f"{OTHER}: failed: google: expected {OTHER}, found none of that name" in done.stderr
    assert "1 of 2 products are not there: 1 failed, 0 ordered from an archive" in done.stderr
    assert NAME in done.stdout


def test_one_product_that_failed_is_its_own_error_and_code_5(run, google, tmp_path):
    assert google.files == {}
    done = run(NAME, "-o", tmp_path / "out", "--json")
    assert done.returncode == 5
    (report,) = json.loads(done.stdout)
    assert report["state"] == "failed"
    assert report["error"] in done.stderr
    assert run(NAME, OTHER, "-o", tmp_path / "out").returncode == 5


def test_a_quota_is_one_line(run, google, service, tmp_path):
    google.keep(NAME, 1000)
    path = next(name for name in google.files if name.endswith("B02.jp2"))
    service.fail(f"/gcp-public-data-sentinel-2/{path}", Fault(status=429, headers={"Retry-After": "7200"}))
    done = run(NAME, "-o", tmp_path / "out")
    assert done.returncode == 5
    assert "asks to come back in 7200 s; the quota of this service is used up for now" in done.stderr


def test_the_account_comes_from_the_environment_or_netrc_and_never_shows(run, service, tmp_path):
    said = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
    service.route("POST", "/token", lambda _: json_answer(said, 401))
    asset = {"href": f"{service.url}/download/x"}
    item = {"id": NAME, "assets": {"Product": asset}}
    service.route("GET", f"/stac/collections/sentinel-2-l1c/items/{NAME}", lambda _: json_answer(item))
    names = {"CDSE": "/stac", "CDSE_DOWNLOAD": "/download", "CDSE_ODATA": "/odata", "CDSE_TOKEN": "/token"}
    addresses = {f"UNCLOUDED_{name}_URL": f"{service.url}{path}" for name, path in names.items()}
    words = (NAME, "-o", tmp_path / "out", "--provider", "cdse")
    assert "expected an account of the Copernicus Data Space, found none" in run(*words, **addresses).stderr
    account = {"UNCLOUDED_CDSE_USERNAME": "me", "UNCLOUDED_CDSE_PASSWORD": WORD}
    done = run(*words, "--totp", "123456", **addresses, **account)
    form = service.asked("/token")[-1].form
    assert (form["username"], form["password"], form["totp"]) == ("me", WORD, "123456")
    assert done.returncode == 5
    assert "check name and password" in done.stderr
    assert WORD not in done.stderr + done.stdout
    (tmp_path / "netrc").write_text(f"machine identity.dataspace.copernicus.eu login you password {WORD}\n")
    (tmp_path / "netrc").chmod(0o600)
    assert run(*words, **addresses).returncode == 5
    assert service.asked("/token")[-1].form["username"] == "you"


def test_the_labels_of_a_data_set(run, service, tmp_path):
    content = b"masks"
    entry = {
        "key": "masks.bin",
        "size": len(content),
        "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
        "links": {"self": service.keep("/files/masks.bin", content)},
    }
    service.route("GET", "/records/1460961", lambda _: json_answer({"files": [entry]}))
    done = run("--dataset", "baetens-hagolle", "--labels-only", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "baetens-hagolle-labels" / "masks.bin").read_bytes() == content


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give product names, --from-search FILE or --dataset NAME"),
        ((NAME, "--dataset", "baetens-hagolle"), "give product names, --from-search FILE or --dataset NAME"),
        ((NAME, "--labels-only"), "--labels-only goes with --dataset"),
        (("../../x",), "will not be made into a path"),
        ((NAME, "--provider", "nobody"), "providers 'nobody': expected one of aws, cdse, "),
        (("--dataset", "baetens"), "datasets 'baetens': expected one of baetens_hagolle"),
    ],
)
def test_what_cannot_be_is_code_2(run, tmp_path, words, said):
    done = run(*words, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_file_without_provider_is_asked_for_one(run, tmp_path):
    done = run("--from-search", "-", "-o", tmp_path / "out", text='[{"id": "x"}]')
    assert done.returncode == 2
    assert "name one with --provider" in done.stderr
    assert run("--from-search", tmp_path / "none.json", "-o", tmp_path).returncode == 3


def test_bars_show_each_product_and_all_of_them():
    import io

    from rich.console import Console

    from unclouded.catalog import Tick
    from unclouded.cli import _show

    shown = io.StringIO()
    consoles = [Console(file=shown, force_terminal=True, width=200, color_system=None)]
    original, _show.Console = _show.Console, lambda **_: consoles[0]
    try:
        with _show.transfer_progress(quiet=False) as tell:
            tell(Tick(product="one", file="a", received=5_000_000, size=10_000_000, done=False))
            tell(Tick(product="two", file="b", received=1_000_000, size=2_000_000, done=False))
            tell(Tick(product="one", file="", received=10_000_000, size=10_000_000, done=True))
    finally:
        _show.Console = original
    last = shown.getvalue().split("\x1b")[-1] + shown.getvalue()
    assert "11.0/12.0 MB" in last
    assert "two" in last
