"""EOPF products as Zarr, formats 2 and 3: masked and scaled by ourselves, whatever the library does."""

import http.server
import json
import threading
import zipfile
from functools import partial

import numpy as np
import pytest
import zarr

from unclouded.core.bands import NAMES, expected_at
from unclouded.core.errors import OptionError, ProductError, RadiometryError, RasterError, ServiceError
from unclouded.core.windows import Window, whole
from unclouded.scene import open_scene
from unclouded.sources import OpenOptions, eopf_zarr, open_product, read_metadata
from unclouded.testing.others import write_fake_eopf as written
from unclouded.testing.products import ramp
from unclouded.testing.readers import check_product

NAME = "S2B_MSIL1C_20240305T104819_N0511_R051_T32TQM_20240305T125410"


def opened(path, **options):
    return open_product(path, OpenOptions(**options))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_a_product(tmp_path, zarr_format, level):
    product = opened(written(tmp_path, level=level, zarr_format=zarr_format))
    identity = product.identity
    assert identity.id == NAME.replace("L1C", level)
    assert (identity.satellite, identity.level, identity.baseline) == ("S2B", level, "05.11")
    assert (identity.tile, identity.sun_zenith, identity.cloud_cover_stated) == ("32TQM", 53.25, 12.5)
    assert identity.sensing_time.isoformat() == "2024-03-05T10:48:19.024000+00:00"
    assert tuple(product.bands) == expected_at(level)
    assert product.missing_bands == product.warnings == ()
    assert product.radiometry.describe() == ("offset -1000, quantification 10000 (add_offset, scale_factor)")
    check_product(product)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_reflectance_and_nodata_are_those_of_the_safe(tmp_path, zarr_format):
    """0 is nodata in both formats, 65535 stays: xarray would give -0.1 and 6.45."""
    path = written(tmp_path, zarr_format=zarr_format)
    zarr.open_group(path, mode="r+")["measurements/reflectance/r60m/b01"][4, 4] = 65535
    reading = open_scene(path).at(60).read(("B01",))
    assert not reading.valid[:2].any()
    assert reading.valid[2:].all()
    assert reading.reflectance[0, 4, 4] == pytest.approx(6.4535, abs=1e-4)
    dn = ramp("B01", 8, 8).astype(np.float64)
    np.testing.assert_allclose(reading.reflectance[0, 2:4], (dn[2:4] - 1000) / 10000, rtol=1e-5)


@pytest.mark.parametrize("root", ["", "product.zarr/"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zip_is_read_in_place(tmp_path, zarr_format, root):
    store = written(tmp_path / "plain", zarr_format=zarr_format)
    path = tmp_path / f"{store.name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(store.rglob("*")):
            if file.is_file():
                archive.write(file, f"{root}{file.relative_to(store)}")
    whole_store, zipped = opened(store), opened(path)
    assert zipped.identity == whole_store.identity
    assert zipped.radiometry == whole_store.radiometry
    for name in ("B02", "B09"):
        one, other = (product.bands[name].read(whole((8, 8))) for product in (whole_store, zipped))
        np.testing.assert_array_equal(one.dn, other.dn)
    assert read_metadata(path).bands == tuple(whole_store.bands)
    check_product(zipped)


def test_a_zip_that_is_not_to_be_trusted_or_no_store_is_refused(tmp_path):
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../zarr.json", "{}")
    with pytest.raises(ProductError, match="leads out of it"):
        opened(path)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ProductError, match="expected a whole zip"):
        opened(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ProductError, match="expected a Zarr group"):
        opened(path)


def test_windows_give_the_whole(tmp_path):
    product = opened(written(tmp_path))
    reader = product.bands["B04"]
    found = reader.read(Window(row_off=10, col_off=5, height=20, width=30))
    np.testing.assert_array_equal(found.dn, reader.read(whole((48, 48))).dn[10:30, 5:35])


def test_the_place_comes_from_attributes_or_from_coordinates(tmp_path):
    stated = opened(written(tmp_path / "a"))
    spaced = opened(written(tmp_path / "b", transform=False))
    for name in ("B02", "B05", "B09"):
        assert stated.bands[name].grid == spaced.bands[name].grid
    assert spaced.grid.crs == "EPSG:32632"


def test_scaling_that_is_not_stated_is_not_guessed(tmp_path):
    path = written(tmp_path, attributes=False, bands=("B02",))
    with pytest.raises(RadiometryError, match="state --offset and --quantification"):
        opened(path)
    assert opened(path, offset=-1000, quantification=10000).radiometry.offset["B02"] == -1000


def test_an_offset_that_contradicts_the_baseline_stops(tmp_path):
    path = written(tmp_path, offset=0.0, bands=("B02",))
    with pytest.raises(
        RadiometryError, match=r"expected offset -1000 at processing baseline 05\.11, found 0"
    ):
        opened(path)


def test_a_group_below_the_root(tmp_path):
    path = written(tmp_path)
    product = opened(path / "measurements" / "reflectance")
    assert tuple(product.bands) == NAMES


def test_a_store_that_is_no_product(tmp_path):
    zarr.open_group(tmp_path / "x.zarr", mode="w")
    with pytest.raises(ProductError, match="expected bands below measurements/reflectance"):
        opened(tmp_path / "x.zarr")
    (tmp_path / "y.zarr").mkdir()
    (tmp_path / "y.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ProductError, match="expected a Zarr group, found none that can be opened"):
        opened(tmp_path / "y.zarr")


def test_a_damaged_chunk_is_named(tmp_path):
    path = written(tmp_path, zarr_format=3, bands=("B01", "B02"))
    product = opened(path)
    chunk = next((path / "measurements/reflectance/r10m/b02/c").rglob("0"))
    chunk = chunk if chunk.is_file() else next(file for file in chunk.rglob("*") if file.is_file())
    chunk.write_bytes(b"no chunk at all")
    with pytest.raises(RasterError, match="expected readable chunks"):
        product.bands["B02"].read(whole((48, 48)))


def test_without_the_package_it_is_said(tmp_path, monkeypatch):
    path = written(tmp_path, bands=("B02",))
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(OptionError, match=r"pip install 'unclouded\[zarr\]'"):
        opened(path)


@pytest.mark.enable_socket
def test_over_http(tmp_path, monkeypatch, extra):
    extra("obstore")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    path = written(tmp_path, zarr_format=2, bands=("B01", "B02"))
    handler = partial(_Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/{path.name}"
        product = opened(address)
        assert tuple(product.bands) == ("B01", "B02")
        np.testing.assert_array_equal(
            product.bands["B02"].read(whole((48, 48))).dn[2:], ramp("B02", 48, 48)[2:]
        )
        with pytest.raises((ServiceError, ProductError)):
            opened(f"http://127.0.0.1:{server.server_port}/none.zarr")
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_an_item_that_points_to_a_store(tmp_path):
    path = written(tmp_path)
    item = {
        "type": "Feature",
        "id": NAME,
        "properties": {"datetime": "2024-03-05T10:48:19Z"},
        "assets": {"reflectance": {"href": f"https://objects.eodc.eu/x/{path.name}/measurements/reflectance",
                                   "type": "application/vnd.zarr; version=3"}},
    }  # fmt: skip
    (tmp_path / "item.json").write_text(json.dumps(item))
    assert tuple(opened(tmp_path / "item.json").bands) == NAMES
    item["assets"]["reflectance"]["href"] = "https://evil.example/x.zarr/measurements"
    (tmp_path / "item.json").write_text(json.dumps(item))
    with pytest.raises(ProductError, match="expected an address of"):
        opened(tmp_path / "item.json")


REAL = {
    "S2B_MSIL1C_20250113T103309_N0511_R108_T32TLQ_20250113T122458": (
        "S2B",
        "L1C",
        "32TLQ",
        "EPSG:32632",
        67.519,
    ),
    "S2C_MSIL2A_20250811T112131_N0511_R037_T29TPF_20250811T152216": (
        "S2C",
        "L2A",
        "29TPF",
        "EPSG:32629",
        29.370,
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_hierarchies(real_data, name):
    path = real_data / "products" / "eopf" / f"{name}.json"
    found = read_metadata(path)
    satellite, level, tile, crs, sun_zenith = REAL[name]
    identity = found.identity
    assert (identity.id, identity.satellite, identity.level, identity.tile) == (name, satellite, level, tile)
    assert (identity.baseline, found.grid.crs, found.grid.shape) == ("05.11", crs, (10980, 10980))
    assert identity.sun_zenith == pytest.approx(sun_zenith, abs=1e-3)
    assert found.absent_bands == expected_at(level)
    assert set(found.radiometry.offset.values()) == {-1000}
    with pytest.raises(ProductError, match="found its metadata alone"):
        opened(path)


def test_sniffing(tmp_path):
    path = written(tmp_path, bands=("B02",))
    assert eopf_zarr.sniff(path)
    assert eopf_zarr.sniff("https://objects.eodc.eu/a/b.zarr")
    assert not eopf_zarr.sniff("https://objects.eodc.eu/a/b.json")
    assert not eopf_zarr.sniff(tmp_path)
