"""No place on both sides; the same seed, the same sides; and what was decided is on paper."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import LabelError, OptionError
from unclouded.patches.pairs import Pair, SceneFiles
from unclouded.patches.splits import Splitting, check_sites, settled, write_list

FILES = SceneFiles(stack="s", mask="m")


def pairs(sites, split=""):
    return tuple(
        Pair(id=f"{site}-{n}", site=site, image=Path("i"), files=FILES, label=None, split=split)
        for n, site in enumerate(sites)
    )


@given(
    sites=st.lists(st.sampled_from("ABCDEFGHIJ"), min_size=3, max_size=40),
    validation=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    seed=st.integers(0, 99),
)
def test_each_site_is_on_one_side(sites, validation, test, seed):
    given_pairs = pairs(sites)
    if len(set(sites)) < 3:
        return
    found = settled(given_pairs, Splitting(validation=validation, test=test), seed=seed, folder=Path())
    check_sites(found)
    assert [pair.id for pair in found] == [pair.id for pair in given_pairs]
    parts = {pair.split for pair in found}
    assert "train" in parts
    assert ("validation" in parts) == (validation > 0)
    assert ("test" in parts) == (test > 0)


def test_a_site_s_side_depends_on_its_name_and_the_seed_alone():
    splitting = Splitting(validation=0.3, test=0.3)
    sites = list("ABCDEFGHIJ")
    sides = [
        {pair.site: pair.split for pair in settled(pairs(order), splitting, seed=1, folder=Path())}
        for order in (sites, sites[::-1], sites * 2)
    ]
    assert sides[0] == sides[1] == sides[2]
    other = {pair.site: pair.split for pair in settled(pairs(sites), splitting, seed=2, folder=Path())}
    assert other != sides[0]


def test_a_site_on_both_sides_is_named_unless_stated():
    both = (*pairs("A", "train"), replace(pairs("A")[0], id="A-2", split="test"))
    with pytest.raises(LabelError, match=r"found A on 2: A-2 \(test\), A-0 \(train\)"):
        settled(both, Splitting(), seed=0, folder=Path())
    assert settled(both, Splitting(shared_sites=True), seed=0, folder=Path()) == both


def test_a_list_is_written_and_followed(tmp_path):
    found = settled(pairs("ABCDE"), Splitting(validation=0.2, test=0.2), seed=3, folder=Path())
    write_list(tmp_path / "splits.csv", found)
    again = settled(pairs("ABCDE"), Splitting(file="splits.csv"), seed=9, folder=tmp_path)
    assert again == found
    with pytest.raises(LabelError, match=r"expected F-0"):
        settled(pairs("F"), Splitting(file="splits.csv"), seed=9, folder=tmp_path)


def test_lists_that_cannot_be_followed_are_named(tmp_path):
    with pytest.raises(LabelError, match=r"none\.csv"):
        settled(pairs("A"), Splitting(file="none.csv"), seed=0, folder=tmp_path)
    (tmp_path / "wrong.csv").write_text("id,site,split\nA-0,A,training\n", encoding="utf-8")
    with pytest.raises(LabelError, match="found training"):
        settled(pairs("A"), Splitting(file="wrong.csv"), seed=0, folder=tmp_path)
    (tmp_path / "odd.csv").write_text("# ours\nname\nA\n", encoding="utf-8")
    with pytest.raises(LabelError, match="columns id, site, split"):
        settled(pairs("A"), Splitting(file="odd.csv"), seed=0, folder=tmp_path)


def test_something_must_be_left_to_learn_from():
    with pytest.raises(LabelError, match="none in 'train'"):
        settled(pairs("AB", "test"), Splitting(), seed=0, folder=Path())
    with pytest.raises(OptionError, match="split"):
        Splitting(validation=0.5, test=0.5)
