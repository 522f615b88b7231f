"""Services on this machine only, and patience that fits a test."""

import hashlib
import io
import zipfile

import pytest

from unclouded.catalog import Patience
from unclouded.testing.services import LoopbackService


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Whatever proxy the machine has, the loopback address is not behind it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def service():
    with LoopbackService() as running:
        yield running


@pytest.fixture
def patience():
    return Patience(tries=4, first_wait_s=0.01, longest_wait_s=1.5, timeout_s=5)


def safe_files(name, *, size=20_000, algorithm="SHA3-256"):
    """The files of a small SAFE by path, with a manifest that lists them."""
    level = name[7:10]
    granule = f"GRANULE/{level}_{name[38:44]}_A012345_{name[11:26]}"
    content = {
        f"MTD_MSI{level}.xml": b"<product/>",
        "INSPIRE.xml": b"<inspire/>",
        f"{granule}/MTD_TL.xml": b"<tile/>",
        f"{granule}/IMG_DATA/{name[38:44]}_{name[11:26]}_B02.jp2": _bytes(name, size),
        f"{granule}/IMG_DATA/{name[38:44]}_{name[11:26]}_B10.jp2": _bytes(name[::-1], size // 36),
        f"{granule}/QI_DATA/MSK_CLOUDS_B00.gml": b"<mask/>",
    }
    return {**content, "manifest.safe": _manifest(content, algorithm)}


def _bytes(seed, size):
    return hashlib.shake_128(seed.encode()).digest(size)


def _manifest(content, algorithm):
    spelt = {"SHA3-256": hashlib.sha3_256, "MD5": hashlib.md5}[algorithm]
    rows = "".join(
        f'<dataObject><byteStream mimeType="x" size="{len(data)}">'
        f'<fileLocation locatorType="URL" href="./{path}"/>'
        f'<checksum checksumName="{algorithm}">{spelt(data).hexdigest().upper()}</checksum>'
        "</byteStream></dataObject>"
        for path, data in content.items()
    )
    return f'<x:XFDU xmlns:x="urn:ccsds:schema:xfdu:1">{rows}</x:XFDU>'.encode()


def zip_files(files, root=""):
    """A zip of files by path, below a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(f"{root}{path}", data)
    return buffer.getvalue()


@pytest.fixture
def make_safe():
    return safe_files


@pytest.fixture
def make_zip():
    return zip_files
