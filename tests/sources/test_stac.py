"""STAC items: which asset is which band, whose offset counts, and what addresses are never opened."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from unclouded.core.bands import NAMES, band
from unclouded.core.errors import (
    OptionError,
    ProductError,
    RadiometryError,
    ServiceError,
    UnknownProductError,
)
from unclouded.core.windows import Window, whole
from unclouded.scene import open_scene, open_scenes
from unclouded.sources import (
    OpenOptions,
    _hrefs,
    _providers,
    list_granules,
    open_product,
    read_metadata,
    stac,
)
from unclouded.sources._hrefs import gdal_path
from unclouded.sources._offset_of_items import offset_in_pixels
from unclouded.testing.layouts import stac_item, write_cog, write_fake_cogs
from unclouded.testing.products import FakeSafe, ramp, write_fake_safe
from unclouded.testing.readers import check_product
from unclouded.testing.services import Fault, LoopbackService

SMALL = FakeSafe(level="L2A", size_60m=8, bands=("B02", "B04", "B8A"))
COGS = "https://sentinel-cogs.s3.us-west-2.amazonaws.com"
AZURE = "https://sentinel2l2a01.blob.core.windows.net"
HOMES = {
    "l2a": "s3://sentinel-cogs/sentinel-s2-l2a-cogs/32/T/QM/2024/3/x/x.json",
    "c1": "s3://e84-earth-search-sentinel-data/sentinel-2-c1-l2a/32/T/QM/2024/3/x/x.json",
    "aws": "s3://sentinel-s2-l1c/tiles/32/T/QM/2024/3/5/0/x.json",
    "pc": "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/32/T/QM/x.json",
    "cdse": "s3://eodata/Sentinel-2/MSI/L2A/2024/03/05/x.json",
}


def written(folder, fake=SMALL, *, dialect="earth-search-v1", home="c1", write=True, **how):
    """An item with its files beside it; the path of its JSON."""
    names = write_fake_cogs(folder, fake) if write else {name: f"{name}.tif" for name in fake.bands}
    item = stac_item(fake, names, dialect=dialect, home=HOMES.get(home), **how)
    (folder / "item.json").write_text(json.dumps(item))
    return folder / "item.json"


def opened(source, **options):
    return open_product(source, OpenOptions(**options))


def offset_of(source, **options):
    (value,) = set(opened(source, **options).radiometry.offset.values())
    return value


# --- identity and bands


@pytest.mark.parametrize("dialect", ["earth-search-v1", "earth-search-v0", "planetary-computer", "cdse"])
def test_every_dialect_names_the_same_bands(tmp_path, dialect):
    fake = replace(SMALL, bands=NAMES, level="L1C")
    names = write_fake_cogs(tmp_path, fake)
    item = stac_item(fake, names, dialect=dialect, home=HOMES["aws"])
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item))
    product = opened(path)
    assert tuple(product.bands) == NAMES
    for name, reader in product.bands.items():
        side = 8 * 60 // band(name).gsd
        np.testing.assert_array_equal(
            reader.read(whole((side, side))).dn, ramp(name, side, side), err_msg=name
        )
    identity = product.identity
    assert (identity.id, identity.satellite, identity.level) == (fake.name, "S2A", "L1C")
    assert (identity.baseline, identity.tile) == ("05.10", "32TQM")
    assert identity.sensing_time == datetime(2024, 3, 5, 10, 48, 19, 24000, UTC)
    assert (identity.sun_zenith, identity.sun_azimuth, identity.cloud_cover_stated) == (53.25, 158.5, 12.5)
    check_product(product)


def test_a_dict_needs_absolute_addresses(tmp_path):
    path = written(tmp_path, stated_offset=-0.1)
    with pytest.raises(ProductError, match=r"expected paths below|expected an address|expected absolute"):
        opened(json.loads(path.read_text()) | {"links": []})


def test_objects_of_a_stac_library(tmp_path):
    class Item:
        def __init__(self, content):
            self.content = content

        def to_dict(self):
            return self.content

    Item.__module__ = "pystac.item"
    content = json.loads(written(tmp_path, stated_offset=-0.1).read_text())
    assert stac.sniff(Item(content))
    assert read_metadata(Item(content)).identity.id == SMALL.name


def test_the_folder_stands_for_the_item(tmp_path):
    path = written(tmp_path / "a", stated_offset=-0.1)
    (tmp_path / "a" / "B04.tif").unlink()
    product = opened(tmp_path / "a")
    assert tuple(product.bands) == ("B02", "B8A")
    assert "B04" in product.missing_bands
    assert tuple(opened(path).bands) == ("B02", "B8A")


def test_files_beside_the_item_count_before_the_network(tmp_path):
    names = write_fake_cogs(tmp_path, SMALL)
    base = "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/x/"
    item = stac_item(
        SMALL, {k: base + v for k, v in names.items()}, dialect="earth-search-v1", stated_offset=-0.1
    )
    (tmp_path / "item.json").write_text(json.dumps(item))
    assert tuple(opened(tmp_path / "item.json").bands) == SMALL.bands


def test_what_is_on_disk_is_read_where_the_network_fails(tmp_path, monkeypatch):
    """An item with some of its files beside it: the rest is named, not waited for band by band."""
    path = written(tmp_path, home="c1", stated_offset=-0.1)
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        asset["href"] = f"{COGS.replace('sentinel-cogs', 'e84-earth-search-sentinel-data')}/{asset['href']}"
    path.write_text(json.dumps(item))
    (tmp_path / "B04.tif").unlink()
    asked = []

    def unreachable(*, where, **_how):
        asked.append(where)
        raise ServiceError(f"{where}: expected an answer, found none; try again later")

    monkeypatch.setattr("unclouded.sources._hrefs.remote_file", unreachable)
    product = opened(path)
    assert tuple(product.bands) == ("B02", "B8A")
    assert "B04" in product.missing_bands
    assert any(
        line.startswith("B04: on the network, left out (B04 (red): expected") for line in product.warnings
    )
    assert len(asked) == 1
    for name in ("B02", "B8A"):
        (tmp_path / f"{name}.tif").unlink()
    with pytest.raises(ServiceError, match="try again later"):
        opened(path)


@pytest.mark.parametrize("wrap", [lambda items: {"type": "FeatureCollection", "features": items}, list])
def test_documents_of_several_items(tmp_path, wrap):
    item = json.loads(written(tmp_path, stated_offset=-0.1).read_text())
    path = tmp_path / "item.json"
    path.write_text(json.dumps(wrap([item])))
    assert opened(path).identity.id == SMALL.name
    assert list_granules(path) == ()
    path.write_text(json.dumps(wrap([item, item | {"id": "other"}])))
    with pytest.raises(
        ProductError, match=r"expected one STAC item, found 2: .*other; choose one with granule="
    ):
        opened(path)
    assert opened(path, granule="other").identity.id == "other"
    assert [scene.id for scene in open_scenes(path)] == [SMALL.name, "other"]
    with pytest.raises(ProductError, match="found none of that id"):
        opened(path, granule="third")


def test_rasters_without_georeference_lie_where_the_item_says(tmp_path):
    path = written(tmp_path, stated_offset=-0.1)
    fake = replace(SMALL, georeferenced=False)
    from unclouded.testing.products import write_jp2

    write_jp2(tmp_path / "B04.tif", fake, "B04")  # JPEG 2000 under the name of a TIFF
    grid = opened(path).bands["B04"].grid
    assert (grid.crs, grid.pixel_size, grid.shape) == ("EPSG:32632", 10, (48, 48))


# --- the offset, by who keeps the pixels


@pytest.mark.parametrize(
    ("home", "baseline", "stated", "offset", "origin"),
    [
        ("c1", "05.00", -0.1, -1000, "raster:offset of Earth Search sentinel-2-c1-l2a"),
        ("c1", "03.01", 0, 0, "raster:offset of Earth Search sentinel-2-c1-l2a"),
        ("c1", "05.10", None, -1000, "processing baseline 05.10 (s2:processing_baseline)"),
        ("aws", "05.10", -0.1, -1000, "processing baseline 05.10 (s2:processing_baseline)"),
        ("aws", "02.09", 0, 0, "processing baseline 02.09 (s2:processing_baseline)"),
        ("pc", "05.10", None, -1000, "processing baseline 05.10 (s2:processing_baseline)"),
        ("pc", "02.12", None, 0, "processing baseline 02.12 (s2:processing_baseline)"),
        ("cdse", "05.11", -0.1, -1000, "raster:offset of CDSE"),
    ],
)
def test_each_provider_by_its_own_rule(tmp_path, home, baseline, stated, offset, origin):
    path = written(tmp_path, replace(SMALL, baseline=baseline), home=home, stated_offset=stated)
    radiometry = opened(path).radiometry
    assert set(radiometry.offset.values()) == {offset}
    assert set(radiometry.quantification.values()) == {10000}
    assert radiometry.origin == origin


def test_old_level_1c_items_say_0_and_the_pixels_are_esas(tmp_path):
    fake = replace(SMALL, level="L1C")
    product = opened(written(tmp_path, fake, home="aws", stated_offset=0))
    assert product.radiometry.offset["B04"] == -1000
    assert any("the item states offset 0, but ESA's pixels have -1000" in line for line in product.warnings)


@pytest.mark.parametrize(("baseline", "stated"), [("05.10", 0), ("03.01", -0.1), ("05.10", -0.2)])
@pytest.mark.parametrize("home", ["c1", "cdse", "nobody"])
def test_an_offset_that_contradicts_the_baseline_stops(tmp_path, home, baseline, stated):
    path = written(tmp_path, replace(SMALL, baseline=baseline), home=home, stated_offset=stated)
    with pytest.raises(RadiometryError, match=r"at processing baseline .* state the offset with --offset"):
        opened(path)
    assert offset_of(path, offset=-1000) == -1000


def test_an_unknown_provider_must_state_it(tmp_path):
    with pytest.raises(
        RadiometryError, match="expected raster:scale and raster:offset on each band of the item"
    ):
        opened(written(tmp_path / "a", home="nobody"))
    assert offset_of(written(tmp_path / "b", home="nobody", stated_offset=-0.1)) == -1000


def test_one_band_that_states_nothing_is_no_zero(tmp_path):
    path = written(tmp_path, stated_offset=-0.1)
    item = json.loads(path.read_text())
    del item["assets"]["red"]["raster:bands"]
    path.write_text(json.dumps(item))
    with pytest.raises(RadiometryError, match="found none on B04"):
        opened(path)


def test_stated_by_hand(tmp_path):
    path = written(tmp_path, home="nobody")
    radiometry = opened(path, offset=-500, quantification=20000).radiometry
    assert radiometry.describe() == "offset -500, quantification 20000 (--offset, --quantification)"


def reflectances(share_dark, low, high, *, offset, bright=False):
    """DN of a scene with so much dark ground in it."""

    def dn(name, height, width):
        rng = np.random.default_rng(band(name).band_id)
        values = rng.uniform(0.6 if bright else low, 0.9 if bright else high, (height, width))
        dark = rng.random((height, width)) < share_dark
        values[dark & (not bright)] = rng.uniform(0.005, 0.05)
        return np.asarray(np.round(values * 10000) - offset, np.uint16)

    return dn


TYPICAL = {"share_dark": 0.1, "low": 0.05, "high": 0.4}


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("truth", ["carried", "subtracted", "bright"])
def test_the_flag_of_earth_search_is_held_against_the_pixels(tmp_path, flag, truth):
    """True says that the offset was subtracted from the pixels. Both ways round it has been wrong."""
    dn = reflectances(**TYPICAL, offset=-1000 if truth == "carried" else 0, bright=truth == "bright")
    fake = replace(SMALL, size_60m=24, bands=("B02", "B04", "B11", "B12"), dn=dn)
    path = written(tmp_path, fake, home="l2a", flag=flag, stated_offset=-0.1)
    claim = "subtracted" if flag else "carried"
    if truth not in {claim, "bright"}:
        with pytest.raises(RadiometryError, match=f"found it {truth}.*state the offset with --offset"):
            opened(path)
        return
    product = opened(path)
    assert set(product.radiometry.offset.values()) == {0 if flag else -1000}, "never what raster:bands say"
    said = "the pixels do not tell" if truth == "bright" else "the pixels agree"
    assert product.radiometry.origin == f"boa_offset_applied {str(flag).lower()}, {said}"
    assert any("do not tell" in line for line in product.warnings) == (truth == "bright")


def test_no_flag_is_no_answer(tmp_path):
    with pytest.raises(RadiometryError, match="expected boa_offset_applied on an item of Earth Search"):
        opened(written(tmp_path / "a", home="l2a", stated_offset=-0.1))
    old = replace(SMALL, baseline="02.14", offset=None)
    assert offset_of(written(tmp_path / "b", old, home="l2a")) == 0
    assert offset_of(written(tmp_path / "c", old, home="l2a", dialect="earth-search-v0", flag=False)) == 0


def test_the_flag_of_items_that_are_only_looked_at_is_not_checked(tmp_path):
    found = read_metadata(written(tmp_path, home="l2a", flag=True))
    assert found.radiometry.origin == "boa_offset_applied true, not checked against the pixels"


def test_what_pixels_say_needs_some_pixels(tmp_path):
    product = opened(written(tmp_path, replace(SMALL, size_60m=1), stated_offset=-0.1))
    assert offset_in_pixels(product.bands).kind == "unclear"
    assert offset_in_pixels({}).kind == "unclear"


# --- addresses


@pytest.mark.parametrize(
    "href",
    [
        "/etc/passwd",
        "../outside.tif",
        "a/../../outside.tif",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/x.tif",
        "https://evil.example/x.tif",
        "ftp://sentinel-cogs.s3.us-west-2.amazonaws.com/x.tif",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com.evil.example/x.tif",
        "https://user:pass@sentinel-cogs.s3.us-west-2.amazonaws.com/x.tif",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/a b.tif",
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/x\n.tif",
        "https://storage.googleapis.com/other-bucket/x.tif",
        "s3://other-bucket/x.tif",
        "https://[::1/x.tif",
        "/vsicurl/https://evil.example/x.tif",
        "vsicurl://x/x.tif",
    ],
)
def test_hostile_addresses_are_not_opened(tmp_path, href):
    (tmp_path / "outside.tif").write_bytes(b"II*\x00")
    path = written(tmp_path / "item", stated_offset=-0.1)
    item = json.loads(path.read_text())
    item["assets"]["red"]["href"] = href
    path.write_text(json.dumps(item))
    with pytest.raises(ProductError) as error:
        opened(path)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert "pass@" not in message
    assert "do not trust this item" in message
    assert read_metadata(path).warnings


def test_inline_rasters_and_other_drivers_are_no_pixels(tmp_path):
    path = written(tmp_path, stated_offset=-0.1)
    (tmp_path / "B04.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>")
    product = opened(path)
    assert "B04" in product.missing_bands
    assert any("expected JPEG 2000 or TIFF" in line for line in product.warnings)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("s3://eodata/Sentinel-2/x.jp2", "/vsis3/eodata/Sentinel-2/x.jp2"),
        (f"{COGS}/a/B04.tif", f"/vsicurl/{COGS}/a/B04.tif"),
        (f"{AZURE}/a/B04.tif?sv=1&sig=abc", f"/vsicurl/{AZURE}/a/B04.tif?sv=1&sig=abc"),
    ],
)
def test_names_that_gdal_is_given(address, path):
    assert gdal_path(address) == path


def test_gdal_is_told_to_sign_what_needs_a_signature():
    path = gdal_path(f"{AZURE}/a/B04_10m.tif")
    assert path.startswith(
        "/vsicurl?pc_url_signing=yes&pc_collection=sentinel-2-l2a&url=https%3A%2F%2Fsentinel2"
    )


def test_cdse_by_its_object_store_or_with_a_token_by_https():
    assert _hrefs._remote("s3://eodata/x.jp2", None).environment["AWS_S3_ENDPOINT"] == (
        "eodata.dataspace.copernicus.eu"
    )
    remote = _hrefs._remote("https://download.dataspace.copernicus.eu/odata/v1/x.jp2)/$value", "secret-token")
    assert remote.environment == {"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": "secret-token"}
    assert "secret-token" not in repr(remote)
    other = _hrefs._remote("https://sentinel-cogs.s3.us-west-2.amazonaws.com/x.tif", "secret-token")
    assert other.environment == {}
    assert "secret-token" not in repr(OpenOptions(bearer="secret-token"))


# --- on the network


@pytest.fixture
def service(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with LoopbackService() as running:
        yield running


def served(service, tmp_path, fake=SMALL, *, folder="a", **how):
    """An item and its COGs on a service; the item's address."""
    names = write_fake_cogs(tmp_path, fake)
    for file in names.values():
        service.keep(f"/{folder}/{file}", (tmp_path / file).read_bytes())
    hrefs = {name: f"./{file}" for name, file in names.items()}
    item = stac_item(fake, hrefs, dialect="earth-search-v1", stated_offset=-0.1, **how)
    return service.keep(f"/{folder}/item.json", json.dumps(item).encode())


def sent(service, path):
    """Bytes of a file that were sent."""
    total = 0
    for asked in service.asked(path, "GET"):
        first, _, last = asked.headers["range"].removeprefix("bytes=").partition("-")
        total += int(last) - int(first) + 1
    return total


@pytest.mark.enable_socket
def test_an_item_and_its_pixels_by_address(service, tmp_path):
    product = opened(served(service, tmp_path, folder="plain"))
    assert tuple(product.bands) == SMALL.bands
    np.testing.assert_array_equal(product.bands["B04"].read(whole((48, 48))).dn, ramp("B04", 48, 48))


@pytest.mark.enable_socket
def test_only_the_windows_and_levels_needed_are_fetched(service, tmp_path):
    side = 2048
    rng = np.random.default_rng(0)
    write_cog(tmp_path / "B04.tif", rng.integers(1, 10000, (side, side)).astype(np.uint16), 10, block=256)
    size = (tmp_path / "B04.tif").stat().st_size
    service.keep("/big/B04.tif", (tmp_path / "B04.tif").read_bytes())
    fake = replace(SMALL, bands=("B04",))
    item = stac_item(fake, {"B04": "./B04.tif"}, dialect="earth-search-v1", stated_offset=-0.1)
    scene = open_scene(service.keep("/big/item.json", json.dumps(item).encode()))
    opening = sent(service, "/big/B04.tif")
    assert opening < 100_000 < size / 50
    scene.read(("B04",), Window(row_off=0, col_off=0, height=200, width=200))
    window = sent(service, "/big/B04.tif") - opening
    assert window < size / 20
    scene.at(80).read(("B04",))
    coarse = sent(service, "/big/B04.tif") - opening - window
    assert coarse < size / 15


@pytest.mark.enable_socket
def test_a_jpeg_2000_on_the_network_is_read_as_on_disk(service, tmp_path):
    """With its levels where they truly lie, what the wavelet mixed with nodata taken out, and by tiles."""
    rng = np.random.default_rng(0)
    dn = rng.integers(1100, 9000, (1200, 1200)).astype(np.uint16)
    dn[:, 700:] = 0
    fake = FakeSafe(bands=("B04",), size_60m=200, dn=lambda _, height, width: dn[:height, :width], block=256)
    safe = write_fake_safe(tmp_path, fake)
    content = next(safe.rglob("*_B04.jp2")).read_bytes()
    service.keep("/jp2/B04.jp2", content)
    item = stac_item(fake, {"B04": "./B04.jp2"}, dialect="earth-search-v1", stated_offset=-0.1)
    item["assets"]["red"]["type"] = "image/jp2"
    here = open_scene(safe)
    there = open_scene(service.keep("/jp2/item.json", json.dumps(item).encode()))
    window = Window(row_off=0, col_off=0, height=200, width=200)
    one, other = (scene.read(("B04",), window) for scene in (here, there))
    np.testing.assert_array_equal(one.reflectance, other.reflectance)
    assert sent(service, "/jp2/B04.jp2") < len(content) / 4
    for size in (20, 40, 60):
        one, other = (scene.at(size).read(("B04",)) for scene in (here, there))
        np.testing.assert_array_equal(one.valid, other.valid)
        np.testing.assert_array_equal(one.reflectance, other.reflectance)
        assert 0.4 < one.valid.mean() < 7 / 12


@pytest.mark.enable_socket
def test_a_band_that_is_gone_is_missing_and_a_refusal_is_said(service, tmp_path):
    address = served(service, tmp_path, folder="gone")
    service._files.pop("/gone/B04.tif")
    product = opened(address)
    assert "B04" in product.missing_bands
    assert any("B04 (red): expected a raster at 127.0.0.1" in line for line in product.warnings)
    address = served(service, tmp_path, folder="refused")
    service.guard = lambda asked: _refusal() if asked.path.endswith(".tif") else None
    with pytest.raises(ServiceError, match=r"found it refused \(HTTP 403\)"):
        opened(address)


def _refusal():
    from unclouded.testing.services import Answer

    return Answer(status=403)


@pytest.mark.enable_socket
def test_a_service_that_stumbles_is_asked_again(service, tmp_path):
    address = served(service, tmp_path, folder="stumble")
    service.fail("/stumble/B04.tif", Fault(status=503), Fault(status=503))
    assert tuple(opened(address).bands) == SMALL.bands


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("status", "kind"), [(404, UnknownProductError), (403, ServiceError), (500, ServiceError)]
)
def test_an_item_that_cannot_be_fetched(service, status, kind):
    address = service.keep("/x/item.json", b"{}")
    service.fail("/x/item.json", Fault(status=status))
    with pytest.raises(kind) as error:
        opened(f"{address}?token=secret")
    assert "secret" not in str(error.value)
    assert f"HTTP {status}" in str(error.value)


@pytest.mark.enable_socket
def test_signatures_are_asked_for_kept_and_renewed(service, tmp_path, monkeypatch):
    """GDAL does it for the Planetary Computer; here with the table pointed at this machine."""
    tokens = []

    def token(_):
        from datetime import timedelta

        from unclouded.testing.services import json_answer

        life = timedelta(seconds=1) if len(tokens) < 2 else timedelta(hours=1)
        tokens.append(f"sig=secret{len(tokens)}")
        ends = (datetime.now(UTC) + life).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json_answer({"msft:expiry": ends, "token": tokens[-1]})

    service.route("GET", "/token/made-up", token)
    monkeypatch.setenv("VSICURL_PC_SAS_TOKEN_URL", f"{service.url}/token/")
    signed = _providers.Provider(name="Here", hosts=("127.0.0.1",), rule="baseline", signed="made-up")
    monkeypatch.setattr(_providers, "PROVIDERS", (signed,))
    address = served(service, tmp_path, folder="signed")
    product = opened(address)
    for reader in product.bands.values():
        reader.read(whole(reader.grid.shape))
    asked = [one for one in service.asked() if one.path.endswith(".tif")]
    assert {one.query["sig"] for one in asked} <= {one.removeprefix("sig=") for one in tokens}
    assert all("sig" in one.query for one in asked)
    assert 3 <= len(tokens) < len(asked), "expired ones renewed, the long one kept"
    assert "secret" not in repr(product)


def test_plain_http_is_for_this_machine_only():
    with pytest.raises(ProductError, match="expected an address of"):
        opened("http://earth-search.aws.element84.com/v1/collections/x/items/y")


def test_sniffing(tmp_path):
    path = written(tmp_path / "a", stated_offset=-0.1)
    assert stac.sniff(path)
    assert stac.sniff(path.parent)
    assert stac.sniff("https://earth-search.aws.element84.com/v1/collections/sentinel-2-c1-l2a/items/x")
    assert not stac.sniff("x/items/y")
    assert not stac.sniff({"type": "Feature"})
    assert not stac.sniff(tmp_path)
    (path.parent / "second.json").write_text(path.read_text())
    assert not stac.sniff(path.parent)
    assert not stac.sniff(5)


def test_options_that_do_not_exist_are_no_options():
    with pytest.raises(OptionError):
        OpenOptions(offset=float("nan"))


# --- real items


REAL = [
    # file, satellite, baseline, tile, sensing time, offset, sun zenith, bands
    ("cdse/*", "S2C", "05.12", "55WFR", "2026-05-27T01:46:51.025", -1000, 46.714, 12),
    ("earth-search-v0/S2A_17SPR*", "S2A", "04.00", "17SPR", "2022-11-06T16:04:25.000", 0, None, 12),
    ("earth-search-v0/S2A_28QCH*", "S2A", "02.14", "28QCH", "2020-07-14T11:55:52.000", 0, None, 12),
    ("earth-search-v0/S2A_31NBJ*", "S2A", "02.12", "31NBJ", "2019-05-24T10:28:59.000", 0, None, 12),
    ("earth-search-v1/S2A_32TMS*", "S2A", "05.09", "32TMS", "2022-12-07T10:28:04.015", 0, 69.996, 12),
    ("earth-search-v1/*20161202*", "S2A", "00.01", "33TWN", "2016-12-02T10:03:56.457", 0, 69.958, 12),
    ("earth-search-v1/*20180521*", "S2B", "02.07", "33TWN", "2018-05-21T10:07:22.966", 0, 28.714, 12),
    ("earth-search-v1/*20210629*", "S2A", "03.00", "33TWN", "2021-06-29T10:07:35.757", 0, 26.381, 12),
    ("earth-search-v1/*20220130*", "S2B", "04.00", "33TWN", "2022-01-30T10:07:28.006", 0, 66.483, 12),
    ("earth-search-v1/S2B_31QGB*", "S2B", "02.14", "31QGB", "2020-08-31T10:25:34.438", 0, 20.797, 12),
    ("earth-search-v1-c1/*", "S2B", "05.10", "37MGP", "2024-07-10T07:41:33.657", -1000, 37.038, 12),
    ("eox-sentinel-s2-l2a/*", "S2B", "05.09", "60VXH", "2023-01-15T23:30:24.973", -1000, 77.840, 12),
    ("planetary-computer/S2B*", "S2B", "02.12", "06VVN", "2019-06-29T21:25:29.024", 0, 37.913, 12),
    ("planetary-computer/*list*", "S2B", "05.10", "47XML", "2024-04-19T09:55:49.024", -1000, 75.164, 12),
]


@pytest.mark.parametrize("row", REAL, ids=[row[0] for row in REAL])
def test_real_items_say_what_their_list_says(real_data, row):
    pattern, satellite, baseline, tile, time, offset, sun_zenith, bands = row
    (path,) = (real_data / "products" / "stac").glob(pattern)
    ids = list_granules(path)
    found = read_metadata(path, OpenOptions(granule=ids[0] if ids else None))
    identity = found.identity
    assert (identity.satellite, identity.level, identity.baseline) == (satellite, "L2A", baseline)
    assert identity.tile == tile
    assert identity.sensing_time.isoformat(timespec="milliseconds").removesuffix("+00:00") == time
    assert set(found.radiometry.offset.values()) == {offset}
    assert set(found.radiometry.quantification.values()) == {10000}
    assert identity.sun_zenith == (None if sun_zenith is None else pytest.approx(sun_zenith, abs=1e-3))
    assert len(found.bands) == bands
    assert "B10" not in found.bands
    assert found.missing_bands == ()
    assert found.grid.shape == (10980, 10980)


def test_an_item_made_by_stactools_whose_files_are_elsewhere(real_data):
    (path,) = (real_data / "products/stac/stactools-made").iterdir()
    found = read_metadata(path)
    assert (found.identity.level, found.bands, found.absent_bands) == ("L1C", (), NAMES)
    assert set(found.radiometry.offset.values()) == {0}
    assert "which leads out" in found.warnings[-1]


@pytest.mark.parametrize("pattern", ["eodag-l1c/*", "earth-search-legacy-l1c/*"])
def test_items_without_bands_are_metadata(real_data, pattern):
    (path,) = (real_data / "products" / "stac").glob(pattern)
    ids = list_granules(path)
    options = OpenOptions(granule=ids[0] if ids else None)
    found = read_metadata(path, options)
    assert found.identity.level == "L1C"
    assert set(found.radiometry.offset.values()) == {0}  # by the baselines in their names, 02.05 and 02.06
    with pytest.raises(
        ProductError, match="expected bands of Sentinel-2 among the item's assets, found none"
    ):
        open_product(path, options)


def test_the_real_folder_whose_pixels_have_no_offset_any_more(real_data):
    """`raster:bands` say -0.1, the flag says subtracted, and the pixels agree with the flag."""
    (folder,) = (real_data / "products/p10_l2a_s2a_T33TWL_N0509_earthsearch_v1").iterdir()
    product = opened(folder)
    assert product.radiometry.describe() == (
        "offset 0, quantification 10000 (boa_offset_applied true, the pixels agree)"
    )
    assert tuple(product.bands) == ("B02", "B03", "B04", "B08")
    assert offset_in_pixels(product.bands).below > 0.4
    grid = product.bands["B04"].grid
    import rasterio

    with rasterio.open(folder / "B04.tif") as plain:  # with its .aux.xml, which we never read
        assert grid.transform.almost_equals(plain.transform, 1e-3)
        assert grid.crs == f"EPSG:{plain.crs.to_epsg()}"
    item = json.loads((folder / f"{folder.name}.json").read_text())
    item["properties"]["earthsearch:boa_offset_applied"] = False
    raw = stac._stac.parse(item)
    from unclouded.sources._offset_of_items import of_item

    with pytest.raises(RadiometryError, match=r"expected the offset carried, .* found it subtracted"):
        of_item(
            raw, {a.band: a for a in raw.assets}, stac._provider(raw), OpenOptions(), readers=product.bands
        )


def test_the_real_folder_of_cogs_with_its_item(real_data):
    folder = real_data / "products/p09_l2a_s2a_T29RKH_earthsearch_v0_cog/sentinel-s2-l2a-cogs/29/R/KH/2020/2"
    (folder,) = folder.iterdir()
    product = opened(folder)
    assert tuple(product.bands) == tuple(name for name in NAMES if name != "B10")
    assert product.missing_bands == ()
    assert product.grid.shape == (1098, 1098)
    assert opened(folder / f"{folder.name}.json").identity == product.identity
