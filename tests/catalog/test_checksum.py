"""Checksums in every spelling of the services."""

import hashlib
from base64 import b64encode

import pytest

from unclouded.catalog._checksum import from_base64_md5, from_etag, from_multihash, mismatch, stated

CONTENT = b"some pixels"
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA3 = hashlib.sha3_256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "sum_",
    [
        stated("MD5", MD5.upper(), origin="x"),
        stated("SHA3-256", SHA3.upper(), origin="manifest"),
        from_multihash(f"d50110{MD5}", origin="x"),
        from_multihash(f"1620{SHA3}", origin="x"),
        from_multihash(f"1220{hashlib.sha256(CONTENT).hexdigest()}", origin="x"),
        from_base64_md5(b64encode(hashlib.md5(CONTENT).digest()).decode(), origin="x"),
        from_etag(f'"{MD5}"'),
    ],
)
def test_every_spelling_is_the_same_file(sum_, tmp_path):
    path = tmp_path / "band"
    path.write_bytes(CONTENT)
    assert mismatch(path, [sum_]) is None
    path.write_bytes(CONTENT + b"!")
    assert mismatch(path, [sum_]) is sum_


@pytest.mark.parametrize(
    "sum_",
    [
        stated("BLAKE3", "00" * 32, origin="x"),
        stated("MD5", "00" * 32, origin="x"),
        stated("MD5", "", origin="x"),
        from_multihash(f"d50120{SHA3}", origin="x"),
        from_multihash("nohex", origin="x"),
        from_multihash("", origin="x"),
        from_base64_md5("????", origin="x"),
        from_etag(f'"{MD5}-12"'),
        from_etag(None),
        from_etag('W/"abc"'),
    ],
)
def test_what_cannot_be_computed_is_not_used(sum_):
    assert sum_ is None


def test_real_items_state_checksums_that_we_read(real_data):
    import json

    text = next((real_data / "products/stac/cdse").glob("*.json")).read_text(encoding="utf-8")
    assets = json.loads(text)["features"][0]["assets"]
    assert from_multihash(assets["Product"]["file:checksum"], origin="x").algorithm == "md5"
    assert from_multihash(assets["B04_10m"]["file:checksum"], origin="x").algorithm == "sha3_256"
