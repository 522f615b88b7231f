"""One file from a real server on this machine: cut, garbled, refused, resumed."""

import errno
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unclouded.catalog._checksum import Checksum
from unclouded.catalog._http import Http
from unclouded.catalog._https import Https
from unclouded.catalog._patience import CancelledError, Patience
from unclouded.catalog._transfer import RemoteFile, Transfer, fetch
from unclouded.core.errors import OfflineError, OutputError, ServiceError, UnknownProductError
from unclouded.testing.services import Fault

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

CONTENT = bytes(range(256)) * 4096  # 1 MiB, no two pieces of 64 kB the same file
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def transfer(service, patience):
    return _transfer(service, patience)


def ignore(_):
    """Nobody looks at the progress."""


def _transfer(service, patience, received=ignore):
    http = Http((service.url.removeprefix("http://"),), patience=patience)
    return Transfer(opener=Https(http), patience=patience, stop=http.stop, received=received)


def remote(service, **more):
    return RemoteFile(path=PurePosixPath("B04.jp2"), url=f"{service.url}/B04.jp2", **more)


def md5(value=MD5):
    return Checksum(algorithm="md5", digest=value, origin="catalogue")


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_under_its_name_alone(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    path = fetch(remote(service, size=len(CONTENT), checksum=md5()), tmp_path / "B04.jp2", transfer)
    assert path.read_bytes() == CONTENT
    assert left_behind(tmp_path) == ["B04.jp2"]
    assert len(service.asked("/B04.jp2")) == 1


@pytest.mark.parametrize("cuts", [[0], [1], [300_000], [300_000, 200_000, 1], [1, 1, 1, 1, 1, 1, 1]])
def test_a_cut_connection_is_gone_on_with(service, transfer, tmp_path, cuts):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", *(Fault(cut_after=cut) for cut in cuts))
    path = fetch(remote(service, size=len(CONTENT)), tmp_path / "B04.jp2", transfer)
    assert path.read_bytes() == CONTENT
    ranges = [asked.headers.get("range") for asked in service.asked("/B04.jp2")]
    starts = [sum(cuts[:k]) for k in range(len(cuts) + 1)]
    assert ranges == [f"bytes={start}-" if start else None for start in starts]


def test_a_connection_that_never_gets_on_is_given_up_and_what_has_arrived_is_kept(
    service, transfer, tmp_path
):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", Fault(cut_after=1000), *(Fault(cut_after=0) for _ in range(9)))
    with pytest.raises(
        ServiceError, match=r"B04.jp2: the connection was cut after 1000 of 1048576 bytes, 4 times"
    ):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    assert (tmp_path / "B04.jp2.part").read_bytes() == CONTENT[:1000]
    assert not (tmp_path / "B04.jp2").exists()


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    service.fail(
        "/B04.jp2", *(Fault(cut_after=1000) for _ in range(1)), *(Fault(status=503) for _ in range(9))
    )
    with pytest.raises(ServiceError):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    service.fail("/B04.jp2")
    newer = CONTENT[::-1]
    service._faults.clear()
    service.keep("/B04.jp2", newer)
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == newer
    assert service.asked("/B04.jp2")[-1].headers["if-range"] == f'"{MD5}"'


def test_without_validator_and_checksum_nothing_is_gone_on_with(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT, {"ETag": ""})
    service.fail("/B04.jp2", Fault(cut_after=1000))
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT
    assert [asked.headers.get("range") for asked in service.asked("/B04.jp2")] == [None, None]


def test_a_weak_validator_is_none(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT, {"ETag": f'W/"{MD5}"'})
    service.fail("/B04.jp2", Fault(cut_after=1000))
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT
    assert service.asked("/B04.jp2")[-1].headers.get("range") is None


def test_a_server_without_ranges_sends_all_of_it_again(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", Fault(cut_after=1000), Fault(ignore_range=True))
    path = fetch(remote(service, checksum=md5()), tmp_path / "B04.jp2", transfer)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("faults", [[Fault(garble=True)], [Fault(cut_after=10, garble=True)]])
def test_a_garbled_file_is_fetched_once_more(service, transfer, tmp_path, faults, caplog):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", *faults)
    path = fetch(remote(service, checksum=md5()), tmp_path / "B04.jp2", transfer)
    assert path.read_bytes() == CONTENT
    assert "does not meet its checksum (catalogue); fetched anew" in caplog.text


@pytest.mark.parametrize(
    "file",
    [{"checksum": md5("0" * 32)}, {"etag_is_md5": True}],
)
def test_a_wrong_checksum_is_an_error_after_the_second_time(service, transfer, tmp_path, file):
    service.keep("/B04.jp2", CONTENT, {"ETag": f'"{"0" * 32}"'})
    with pytest.raises(
        ServiceError, match=r"expected md5 0000000000000000… \((catalogue|ETag)\), found another twice"
    ):
        fetch(remote(service, **file), tmp_path / "B04.jp2", transfer)
    assert left_behind(tmp_path) == []
    assert len(service.asked("/B04.jp2")) == 2


def test_an_etag_of_an_encrypted_object_is_no_md5(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT, {"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "aws:kms"})
    path = fetch(remote(service, etag_is_md5=True), tmp_path / "B04.jp2", transfer)
    assert path.read_bytes() == CONTENT


def test_the_answers_own_md5_is_met_too(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    with pytest.raises(ServiceError, match="Content-MD5"):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)


def test_a_size_other_than_stated_is_an_error(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    with pytest.raises(ServiceError, match="expected 99 bytes as the catalogue says, found 1048576"):
        fetch(remote(service, size=99), tmp_path / "B04.jp2", transfer)
    assert left_behind(tmp_path) == []


def test_an_absurd_size_is_not_begun(service, transfer, tmp_path):
    service.keep("/B04.jp2", b"x", {"Content-Length": str(10**14)})
    with pytest.raises(ServiceError, match="expected at most 60 GB"):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(service, transfer, tmp_path, status):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", Fault(status=status), Fault(status=status))
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT
    assert len(service.asked("/B04.jp2")) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 405, 451, 501])
def test_what_will_not_pass_is_not_tried_again(service, transfer, tmp_path, status):
    service.fail("/B04.jp2", Fault(status=status, body=b'{"detail": "not for you"}'))
    with pytest.raises(ServiceError, match=rf"127.0.0.1:\d+: answers {status} .*\(not for you\)"):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    assert len(service.asked("/B04.jp2")) == 1


def test_retry_after_is_waited_for(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    service.fail("/B04.jp2", Fault(status=429, headers={"Retry-After": "1"}))
    began = datetime.now(UTC)
    fetch(remote(service), tmp_path / "B04.jp2", transfer)
    assert datetime.now(UTC) - began >= timedelta(seconds=1)


@pytest.mark.parametrize(
    "value", ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)]
)
def test_a_quota_that_is_used_up_is_said(service, transfer, tmp_path, value):
    service.fail("/B04.jp2", Fault(status=429, headers={"Retry-After": value}))
    with pytest.raises(
        ServiceError, match=r"asks to come back in 3\d\d\d s; the quota .* is used up for now"
    ):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    assert len(service.asked("/B04.jp2")) == 1


def test_an_archive_that_is_not_ready_is_said(service, transfer, tmp_path):
    service.fail("/B04.jp2", Fault(status=202))
    with pytest.raises(OfflineError, match="not ready to send"):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)


def test_nothing_there(service, transfer, tmp_path):
    with pytest.raises(UnknownProductError, match=r"404 .*nothing is kept at http://127.0.0.1:\d+/B04.jp2"):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)


def test_a_service_that_is_not_there(service, patience, tmp_path):
    gone = service.url
    service.__exit__()
    http = Http((gone.removeprefix("http://"),), patience=patience)
    transfer = Transfer(opener=Https(http), patience=patience, stop=http.stop, received=ignore)
    file = RemoteFile(path=PurePosixPath("B04.jp2"), url=f"{gone}/B04.jp2")
    with pytest.raises(ServiceError, match=r"the connection broke .* 4 times in a row"):
        fetch(file, tmp_path / "B04.jp2", transfer)


def test_a_service_that_says_nothing(service, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    service.pause_s = 3
    patience = Patience(tries=2, first_wait_s=0.01, timeout_s=0.2)
    with pytest.raises(ServiceError, match="does not answer in time, 2 times"):
        fetch(remote(service), tmp_path / "B04.jp2", _transfer(service, patience))


def test_a_stop_ends_it_and_keeps_what_has_arrived(service, patience, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    service.pause_s = 0.01
    stop = threading.Event()
    http = Http((service.url.removeprefix("http://"),), patience=patience, stop=stop)
    transfer = Transfer(opener=Https(http), patience=patience, stop=stop, received=lambda _: stop.set())
    with pytest.raises(CancelledError):
        fetch(remote(service), tmp_path / "B04.jp2", transfer)
    part = (tmp_path / "B04.jp2.part").read_bytes()
    assert part == CONTENT[: len(part)]


def test_a_disk_that_fills_up_midway_keeps_the_part(service, transfer, tmp_path, monkeypatch):
    service.keep("/B04.jp2", CONTENT)
    real = Path.open

    def open_small(self, *args, **kwargs):
        file = real(self, *args, **kwargs)
        if (self.suffix == ".part" and "+" in file.mode) or "w" in file.mode:
            return _Small(file, 500_000)
        return file

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_small)
        with pytest.raises(OutputError, match="the disk is full"):
            fetch(remote(service), tmp_path / "B04.jp2", transfer)
    have = (tmp_path / "B04.jp2.part").stat().st_size
    assert 0 < have <= 500_000
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT
    assert service.asked("/B04.jp2")[-1].headers["range"] == f"bytes={have}-"


class _Small:
    """A file on a disk with so much room."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, data):
        if self._file.tell() + len(data) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"validator": 3, "total": "x"}', json.dumps({"total": None})]
)
def test_a_broken_note_only_costs_the_part(service, transfer, tmp_path, note):
    service.keep("/B04.jp2", CONTENT)
    (tmp_path / "B04.jp2.part").write_bytes(b"old" * 100)
    (tmp_path / "B04.jp2.part.json").write_text(note)
    assert fetch(remote(service), tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT


@pytest.mark.parametrize("checksum", [None, md5()])
def test_a_part_that_is_whole_is_only_checked(service, transfer, tmp_path, checksum):
    service.keep("/B04.jp2", CONTENT)
    (tmp_path / "B04.jp2.part").write_bytes(CONTENT)
    (tmp_path / "B04.jp2.part.json").write_text(json.dumps({"validator": f'"{MD5}"', "total": len(CONTENT)}))
    file = remote(service, size=len(CONTENT), checksum=checksum)
    assert fetch(file, tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT
    sent = [asked.headers.get("range") for asked in service.asked("/B04.jp2")]
    assert sent == ([] if checksum else [f"bytes={len(CONTENT) - 1}-"])


def test_a_part_longer_than_the_file_is_not_believed(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT)
    (tmp_path / "B04.jp2.part").write_bytes(CONTENT * 2)
    file = remote(service, size=len(CONTENT), checksum=md5())
    assert fetch(file, tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT


def test_a_part_of_another_file_is_found_out_by_the_checksum(service, transfer, tmp_path):
    service.keep("/B04.jp2", CONTENT, {"ETag": ""})
    (tmp_path / "B04.jp2.part").write_bytes(b"other" * 1000)
    file = remote(service, size=len(CONTENT), checksum=md5())
    assert fetch(file, tmp_path / "B04.jp2", transfer).read_bytes() == CONTENT


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 300_000),
    cuts=st.lists(st.integers(0, 200_000), max_size=3),
    known=st.booleans(),
)
def test_whatever_is_cut_the_file_is_the_same(service, tmp_path_factory, size, cuts, known):
    """However often and wherever the line is cut, and whether or not a catalogue states the size."""
    content = hashlib.shake_128(str(size).encode()).digest(size)
    service._faults.clear()
    service.keep("/B04.jp2", content)
    service.fail("/B04.jp2", *(Fault(cut_after=cut) for cut in cuts))
    grown = []
    transfer = _transfer(service, Patience(tries=9, first_wait_s=0.001, timeout_s=5), grown.append)
    target = tmp_path_factory.mktemp("cut") / "B04.jp2"
    fetch(remote(service, size=size if known else None), target, transfer)
    assert target.read_bytes() == content
    assert not size or grown[-1] == size
