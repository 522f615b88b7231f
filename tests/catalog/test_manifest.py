"""Manifests of real products, and archives that are not what they say."""

import io
import stat
import zipfile

import pytest

from unclouded.catalog._archive import check_archive, unpack
from unclouded.catalog._manifest import check_files, read_manifest
from unclouded.core.errors import ServiceError


def manifests(real_data):
    return sorted((real_data / "products").rglob("manifest.safe"))


def test_real_manifests_list_their_files_with_checksums(real_data):
    algorithms = set()
    for path in manifests(real_data):
        entries = read_manifest(path.read_bytes(), where=path.parent.name)
        assert len(entries) > 30
        assert all(entry.checksum is not None and entry.size is not None for entry in entries)
        assert [entry for entry in entries if entry.needed], path.parent.name
        algorithms |= {entry.checksum.algorithm for entry in entries}
    assert algorithms == {"md5", "sha3_256"}


def test_the_bands_and_the_metadata_are_what_a_product_needs(real_data):
    for path in manifests(real_data):
        entries = read_manifest(path.read_bytes(), where="x")
        needed = [entry.path for entry in entries if entry.needed]
        images = [entry.path for entry in entries if "/IMG_DATA/" in entry.path]
        assert set(images) <= set(needed)
        assert any("MTD" in name for name in needed)
        assert not [name for name in needed if name.startswith(("HTML", "INSPIRE", "rep_info"))]


def test_real_files_are_what_their_manifest_says(real_data):
    """The metadata of these trees are as delivered: their hashes must be met."""
    met = 0
    for path in manifests(real_data):
        folder = path.parent
        for entry in read_manifest(path.read_bytes(), where=folder.name):
            file = folder / entry.path
            if not file.is_file() or file.stat().st_size != entry.size:
                continue  # shortened for this collection
            check_files((entry,), lambda _, file=file: file, where=folder.name)
            met += 1
    assert met >= 10


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "act", [check_archive, lambda path, where: unpack(path, path.parent / "out", where=where)]
)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "a damaged one"),
        (zipped(("../x", b"1")), "leads out"),
        (zipped(("/x", b"1")), "leads out"),
        (zipped(("a\\..\\x", b"1")), "leads out"),
        (zipped(("C:/x", b"1")), "leads out"),
        (zipped(("big", b"\0" * 3_000_000)), "200 : 1"),
    ],
)
def test_archives_that_attack_are_refused_before_anything_is_written(tmp_path, content, said, act):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(ServiceError, match=said):
        act(path, where="x.zip")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["x.zip"]


def test_an_archive_of_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("unclouded.core.archives.MAX_MEMBERS", 3)
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(*((f"{k}", b"") for k in range(4))))
    with pytest.raises(ServiceError, match="expected at most 3 files"):
        check_archive(path, where="x.zip")


def test_a_flipped_bit_is_found_by_the_crc(tmp_path):
    content = bytearray(zipped(("a", bytes(range(256)) * 20)))
    content[60] ^= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ServiceError, match="a damaged one"):
        check_archive(tmp_path / "x.zip", where="x.zip")


def test_links_in_an_archive_are_left_out(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "x.zip").write_bytes(zipped((link, "/etc/passwd"), ("folder/file", b"1")))
    unpack(tmp_path / "x.zip", tmp_path / "out", where="x.zip")
    assert [str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()] == [
        "folder/file"
    ]


def test_a_manifest_too_long_to_be_one(monkeypatch):
    from unclouded.catalog import _manifest

    monkeypatch.setattr(_manifest, "MAX_BYTES", 10)
    with pytest.raises(ServiceError, match="not read"):
        read_manifest(b"<x/>" * 10, where="x")
