import pytest

from unclouded.cli import _read
from unclouded.core.errors import OptionError
from unclouded.core.windows import Window


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MB", 512_000_000),
        ("2GB", 2_000_000_000),
        ("2 gb", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("640M", 640_000_000),
        ("1400000000", 1_400_000_000),
    ],
)
def test_sizes_are_bytes(text, size):
    assert _read.size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "2TB", "1e9", "GB"])
def test_what_is_no_size_is_one_line(text):
    with pytest.raises(OptionError, match="expected a size such as 512MB or 2GB"):
        _read.size_in_bytes(text)


def test_a_window_is_four_numbers():
    assert _read.window("1,2,30,40") == Window(row_off=1, col_off=2, height=30, width=40)
    for text in ("1,2,3", "1,2,3,x", "", "1.5,0,3,3"):
        with pytest.raises(OptionError, match="expected four whole numbers ROW,COL,HEIGHT,WIDTH"):
            _read.window(text)
