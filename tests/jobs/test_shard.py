"""Shares of a list: together the list, each scene once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import OptionError
from unclouded.jobs import Shard


@given(st.lists(st.integers(), unique=True), st.integers(1, 50))
def test_shards_partition_a_list(listed, count):
    shares = [Shard(number=number, count=count).of(listed) for number in range(1, count + 1)]
    assert sorted(item for share in shares for item in share) == sorted(listed)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(), unique=True), st.integers(1, 50), st.data())
def test_a_share_keeps_the_order_and_does_not_change(listed, count, data):
    shard = Shard(number=data.draw(st.integers(1, count)), count=count)
    share = shard.of(listed)
    assert [listed.index(item) for item in share] == sorted(listed.index(item) for item in share)
    assert Shard.parse(str(shard)).of(listed) == share


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/4/2", " 1/4", "1.0/4", "\u0661/\u0664"]
)
def test_what_is_no_share(text):
    with pytest.raises(OptionError, match=r"shard: expected i/n"):
        Shard.parse(text)


def test_each_share_has_a_report_of_its_own():
    names = {Shard(number=number, count=12).report for number in range(1, 13)}
    assert len(names) == 12
    assert "run.json" not in names
