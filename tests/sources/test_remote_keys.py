"""Rasters of CDSE's object store, with keys of their own: from a real S3 server on this machine."""

import json
import logging
import pickle
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from unclouded.core.errors import ServiceError
from unclouded.core.windows import whole
from unclouded.scene import open_scene
from unclouded.sources import _providers
from unclouded.sources._hrefs import _remote
from unclouded.testing.layouts import stac_item, write_fake_cogs
from unclouded.testing.products import FakeSafe, ramp, write_fake_geotiff
from unclouded.testing.s3 import S3Server
from unclouded.testing.services import Answer, LoopbackService

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

KEY, SECRET = "AKIA-of-somebody", "hush-hush-keep-it"
NAMES = ("UNCLOUDED_CDSE_S3_KEY", "UNCLOUDED_CDSE_S3_SECRET")
SMALL = FakeSafe(level="L2A", size_60m=8, bands=("B02", "B04"))


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No keys, and none in a file of the home folder."""
    for name in (*NAMES, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CPL_AWS_AUTODETECT_EC2", "NO")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def pointed(monkeypatch, url):
    """The table of providers with CDSE's store on this machine."""
    place = {"AWS_S3_ENDPOINT": url.removeprefix("http://"), "AWS_HTTPS": "NO", "GDAL_HTTP_MAX_RETRY": "0"}
    table = {item.name: item for item in _providers.PROVIDERS}
    table["CDSE"] = replace(table["CDSE"], environment={**table["CDSE"].environment, **place})
    moved = table.values()
    monkeypatch.setattr(_providers, "PROVIDERS", tuple(moved))


def item_for(tmp_path, put, *, prefix="x"):
    """A CDSE item whose rasters lie in the bucket."""
    names = write_fake_cogs(tmp_path, SMALL)
    for file in names.values():
        put(f"eodata/{prefix}/{file}", (tmp_path / file).read_bytes())
        (tmp_path / file).unlink()
    hrefs = {name: f"s3://eodata/{prefix}/{file}" for name, file in names.items()}
    item = stac_item(SMALL, hrefs, dialect="cdse", stated_offset=-0.1)
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item))
    return path


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("moto.server")
    with S3Server() as running:
        yield running


@pytest.fixture
def item(server, alone, monkeypatch, tmp_path):  # noqa: ARG001 - `alone` comes first
    pointed(monkeypatch, server.url)
    server.reset()
    server.make_bucket("eodata")
    return item_for(tmp_path, server.put)


def test_pixels_are_read_with_the_keys_of_the_environment(item, monkeypatch):
    monkeypatch.setenv(NAMES[0], KEY)
    monkeypatch.setenv(NAMES[1], SECRET)
    scene = open_scene(item)
    assert scene.bands == SMALL.bands
    dn = scene.product.bands["B04"].read(whole((48, 48))).dn
    np.testing.assert_array_equal(dn, ramp("B04", 48, 48))


def test_or_with_those_of_a_surrounding_environment_of_gdal(item):
    with rasterio.Env(**dict(zip(NAMES, (KEY, SECRET), strict=True))):
        assert open_scene(item).bands == SMALL.bands


@pytest.mark.parametrize("half", [(), (NAMES[0],), (NAMES[1],)])
def test_without_both_it_is_said_which_to_set(item, monkeypatch, half):
    for name in half:
        monkeypatch.setenv(name, SECRET)
    with pytest.raises(ServiceError) as error:
        open_scene(item)
    assert f"found none; set {NAMES[0]} and {NAMES[1]}" in str(error.value)
    assert SECRET not in str(error.value)


def test_keys_are_the_services_own_and_nobody_sees_them(alone, monkeypatch, tmp_path, caplog):  # noqa: ARG001
    """What is sent carries the one key, not that of AWS; no log, message, record or pickle has the other."""
    monkeypatch.setenv(NAMES[0], KEY)
    monkeypatch.setenv(NAMES[1], SECRET)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-of-aws")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-of-aws")
    caplog.set_level(logging.DEBUG)
    with LoopbackService() as service:
        pointed(monkeypatch, service.url)
        scene = open_scene(item_for(tmp_path, lambda path, data: service.keep(f"/{path}", data)))
        asked = service.asked("/eodata/x/B04.tif", "GET")
        assert asked
        for request in asked:
            assert f"Credential={KEY}/" in request.headers["authorization"]
            assert "x-amz-security-token" not in request.headers
        shown = [caplog.text, repr(scene), *map(repr, vars(scene.product.bands["B04"].file).values())]
        assert not any(SECRET in text or KEY in text for text in shown)
        assert SECRET.encode() not in pickle.dumps(scene)
        # under another name: GDAL keeps what it has read
        other = item_for(tmp_path, lambda path, data: service.keep(f"/{path}", data), prefix="y")
        service.guard = lambda _: _refusal()
        for path in ("/eodata", "/eodata/"):  # GDAL 3.12 looks there once more
            service.route("GET", path, lambda _: _refusal())
        with pytest.raises(ServiceError, match=rf"refused \(HTTP 403\); check .*{NAMES[0]}") as error:
            open_scene(other)
        assert SECRET not in str(error.value)


def _refusal(code="AccessDenied", said="Access Denied"):
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{said}</Message></Error>'
    return Answer(status=403, body=body.encode())


@pytest.mark.parametrize(
    "said",
    [
        "Access Denied",
        "The AWS Access Key Id you provided does not exist in our records.",
        "The request signature we calculated does not match the signature you provided.",
    ],
)
def test_a_refusal_is_known_by_gdals_status_or_by_the_stores_words(said):
    for words in ("HTTP response code: 403", said):
        failure = _remote("s3://eodata/x.jp2", None).failure("B02", words)
        assert isinstance(failure, ServiceError)
        assert f"refused (HTTP 403); check the credentials for this service ({NAMES[0]}" in str(failure)


@pytest.mark.parametrize("token", [None, "token-of-somebody"])
def test_a_token_of_the_environment_opens_the_files_over_https(alone, monkeypatch, tmp_path, token):  # noqa: ARG001
    """Items of CDSE name each file twice: with a token it is the https address that is taken."""
    if token:
        monkeypatch.setenv("UNCLOUDED_CDSE_TOKEN", token)
    item = stac_item(SMALL, {"B02": "s3://eodata/x/B02.jp2", "B04": "s3://eodata/x/B04.jp2"}, dialect="cdse")
    for asset in item["assets"].values():
        https = asset["href"].replace("s3://eodata", "https://download.dataspace.copernicus.eu")
        asset["alternate"] = {"https": {"href": https}}
    taken = []

    def spied(*, path, remote, **_how):
        taken.append((path, remote.environment.get("GDAL_HTTP_BEARER")))
        raise ServiceError("expected an answer, found none; try again later")

    monkeypatch.setattr("unclouded.sources._hrefs.remote_file", spied)
    with pytest.raises(ServiceError, match="try again"):
        open_scene(item)
    address = (
        "/vsicurl/https://download.dataspace.copernicus.eu/x/B02.jp2" if token else "/vsis3/eodata/x/B02.jp2"
    )
    assert taken == [(address, token)]


def test_other_buckets_are_read_as_gdal_is_told():
    assert _remote("s3://sentinel-s2-l1c/x.jp2", None).session() is None
    assert _remote("https://download.dataspace.copernicus.eu/x.jp2", None).keys == {}


def test_a_geotiff_in_a_bucket_with_gdals_own_settings(server, alone, monkeypatch, tmp_path):  # noqa: ARG001
    server.reset()
    server.make_bucket("mine")
    values = np.arange(64, dtype=np.uint16).reshape(1, 8, 8) + 1
    path = write_fake_geotiff(tmp_path / "a.tif", values, ("B04",), scale=1e-4)
    server.put("mine/a.tif", path.read_bytes())
    place = {"AWS_S3_ENDPOINT": server.url.removeprefix("http://"), "AWS_HTTPS": "NO"}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_VIRTUAL_HOSTING": "FALSE"}
    for name, value in (place | keys).items():
        monkeypatch.setenv(name, value)
    reading = open_scene("s3://mine/a.tif").read(("B04",))
    np.testing.assert_allclose(reading.reflectance[0], values[0] / 1e4, rtol=1e-6)
