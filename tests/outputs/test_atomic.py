import errno
import os
import stat

import pytest

from unclouded.core.errors import OutputError, RasterError
from unclouded.outputs._atomic import prepare_folder, replacing


def test_the_file_appears_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.suffix == path.suffix
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error", [RuntimeError("a defect"), RasterError("a damaged band"), KeyboardInterrupt()]
)
def test_a_failure_leaves_nothing_and_passes_through(tmp_path, error):
    path = tmp_path / "a.txt"
    with pytest.raises(type(error)), replacing(path) as part:
        part.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(tmp_path):
    path = tmp_path / "a.txt"
    with (
        pytest.raises(OutputError, match=r"a\.txt: cannot be written: No space left.*free space"),
        replacing(path),
    ):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made(tmp_path):
    folder = prepare_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"output folder .*taken.*expected a folder.*name another with -o"):
        prepare_folder(tmp_path / "taken" / "masks")


def test_a_read_only_disk_is_one_line(tmp_path, monkeypatch):
    """As the system tells it, even to the superuser."""

    def refuse(*_given, **_named):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(OutputError, match=r"output folder .*: Read-only file system; name another with -o"):
        prepare_folder(tmp_path)
    monkeypatch.setattr("pathlib.Path.write_text", refuse)
    with (
        pytest.raises(OutputError, match=r"a\.txt: cannot be written: Read-only file system"),
        replacing(tmp_path / "a.txt") as part,
    ):
        part.write_text("new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(OutputError, match="Permission denied"):
        prepare_folder(tmp_path)
