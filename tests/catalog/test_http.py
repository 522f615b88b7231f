"""Who may be asked, what follows a redirect, and what a message shows."""

import pytest

from unclouded.catalog._endpoints import DEFAULTS, check_url, merged, shown
from unclouded.catalog._http import Http
from unclouded.core.errors import OptionError, ServiceError
from unclouded.testing.services import Answer, Fault, LoopbackService

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def http(service, patience):
    return Http((service.url.removeprefix("http://"),), patience=patience)


class Token:
    """Credentials for one host."""

    def __init__(self, host):
        self.host = host

    def headers(self, url):
        return {"Authorization": "Bearer hush"} if self.host in url else {}

    def sign(self, url):
        return url

    def renew(self, *_):
        return False

    def advice(self, _):
        return "log in"


@pytest.mark.parametrize(
    "url",
    [
        "http://catalogue.example/x",
        "https://elsewhere.example/x",
        "https://catalogue.example.elsewhere.example/x",
        "https://catalogue.example@elsewhere.example/x",
        "https://name:word@catalogue.example/x",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8080/x",
        "https://catalogue.example:8443/x",
        "file:///etc/passwd",
        "ftp://catalogue.example/x",
        "/vsicurl/https://catalogue.example",
        "//catalogue.example/x",
        "https://[broken",
        "https://catalogue.example:port/x",
        "",
    ],
)
def test_links_elsewhere_are_not_followed(url):
    with pytest.raises(
        ServiceError, match=r"expected https on catalogue.example, found .* it is not followed"
    ):
        check_url(url, ["catalogue.example"], what="an item")


def test_the_hosts_of_a_provider_are_followed():
    url = "https://catalogue.example/a?b=c"
    assert check_url(url, ["catalogue.example"], what="x") == url
    assert check_url("https://a.store.example/x", [".store.example"], what="x")


def test_what_is_shown_of_an_address_keeps_no_secret():
    assert shown("https://me:word@host.example/a/b?sig=hush#x") == "https://host.example/a/b"
    assert "hush" not in shown("https://host.example/a\n?token=hush")


def test_addresses_put_elsewhere():
    assert merged({"cdse": "http://127.0.0.1:1/v1/"})["cdse"] == "http://127.0.0.1:1/v1"
    assert merged({}) == dict(DEFAULTS)
    assert all(url.startswith("https://") for url in DEFAULTS.values())


@pytest.mark.parametrize(
    "overrides", [{"nobody": "https://x.example"}, {"cdse": "http://x.example"}, {"cdse": "nonsense"}]
)
def test_addresses_that_cannot_be(overrides):
    with pytest.raises(OptionError, match=r"expected (one of|https)"):
        merged(overrides)


def test_a_redirect_is_followed_on_the_same_service(service, http):
    service.keep("/there", b'{"a": 1}')
    service.fail("/here", Fault(status=302, headers={"Location": "/there"}))
    assert http.get_json(f"{service.url}/here") == {"a": 1}


def test_a_redirect_to_another_host_is_not_followed(service, http):
    service.fail("/here", Fault(status=302, headers={"Location": "http://169.254.169.254/"}))
    with pytest.raises(ServiceError, match="not followed"):
        http.get_json(f"{service.url}/here")


def test_redirects_in_a_circle_end(service, http):
    service.route("GET", "/here", lambda _: Answer(status=302, headers={"Location": "/here"}))
    with pytest.raises(ServiceError, match="5 redirects in a row"):
        http.get_json(f"{service.url}/here")


def test_the_token_goes_to_its_own_host_only(service, patience):
    with LoopbackService() as other:
        other.keep("/there", b"{}")
        service.fail("/here", Fault(status=307, headers={"Location": f"{other.url}/there"}))
        hosts = tuple(running.url.removeprefix("http://") for running in (service, other))
        Http(hosts, auth=Token(hosts[0]), patience=patience).get_json(f"{service.url}/here")
        assert service.asked("/here")[0].headers["authorization"] == "Bearer hush"
        assert "authorization" not in other.asked("/there")[0].headers


def test_answers_that_are_no_json(service, http):
    service.keep("/page", b"<html>out of order</html>")
    with pytest.raises(ServiceError, match=r"expected JSON from http://127.0.0.1:\d+/page, found b'<html>"):
        http.get_json(f"{service.url}/page")


def test_a_cut_answer_is_asked_for_again(service, http):
    service.keep("/page", b'{"a": 1}')
    service.fail("/page", Fault(cut_after=3))
    assert http.get_json(f"{service.url}/page") == {"a": 1}


def test_an_answer_too_long_to_be_one_is_not_read(service, http):
    service.keep("/page", b"x" * 1001)
    with pytest.raises(ServiceError, match="expected at most 1000 bytes"):
        http.get_bytes(f"{service.url}/page", limit=1000)


def test_we_say_who_we_are(service, http):
    service.keep("/page", b"{}")
    http.get_json(f"{service.url}/page")
    assert service.asked("/page")[0].headers["user-agent"].startswith("unclouded/")
