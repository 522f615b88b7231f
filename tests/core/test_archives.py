"""What an archive may claim."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core import archives
from unclouded.core.archives import fault_of, leads_out


@dataclass(frozen=True, kw_only=True)
class Claim:
    filename: str = "a/b.jp2"
    file_size: int = 10
    compress_size: int = 10


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "C:/x", "a/b:stream", "a/\x00b", "a\nb", "", "."],
)
def test_names_that_lead_out(name):
    assert leads_out(name)
    assert "which leads out of it" in fault_of([Claim(), Claim(filename=name)])
    assert name == "." or not name or "\n" not in fault_of([Claim(filename=name)])


@pytest.mark.parametrize("name", ["MTD_MSIL1C.xml", "x.SAFE/GRANULE/", "a/..b/c", "é/ü.jp2", "a/./b"])
def test_names_that_stay(name):
    assert not leads_out(name)
    assert fault_of([Claim(filename=name)]) is None


@given(st.text(st.sampled_from("ab./\\:~ \n"), max_size=12))
def test_what_does_not_lead_out_lies_below_the_folder(name):
    folder = Path("/data/product")
    if not leads_out(name):
        parts = (folder / name).parts
        assert parts[:3] == folder.parts
        assert ".." not in parts


def test_sizes_that_no_product_has():
    bomb = Claim(file_size=30_000_000, compress_size=30_000)
    assert (
        "expected a/b.jp2 to shrink by at most 200 : 1, found 30000000 bytes packed into 30000"
        in fault_of([bomb])
    )
    assert fault_of([Claim(file_size=900_000, compress_size=1)]) is None
    assert fault_of([Claim(file_size=2_000_000, compress_size=10_000)]) is None
    assert "to shrink" in fault_of([Claim(file_size=2_000_000, compress_size=0)])
    huge = Claim(file_size=30_000_000_000, compress_size=30_000_000_000)
    assert "of 50 GB unpacked, found 2 of 60 GB" in fault_of([huge, huge])
    assert "found 20001 of" in fault_of([Claim()] * (archives.MAX_MEMBERS + 1))
    assert fault_of([Claim()] * archives.MAX_MEMBERS) is None
    assert fault_of([]) is None


def test_the_directory_of_a_zip_is_what_is_looked_at():
    info = zipfile.ZipInfo("../evil")
    assert fault_of([info]) == "expected names inside the archive, found '../evil', which leads out of it"
