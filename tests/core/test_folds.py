import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.core.errors import LabelError, OptionError
from unclouded.core.folds import (
    Fold,
    Member,
    check_absent,
    from_json,
    leave_one_source_out,
    site_folds,
    to_json,
    training,
)

kinds = st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "snow", "sea"]))
members = st.lists(kinds, min_size=1, max_size=60).map(
    lambda rows: [
        Member(id=f"m{at}", site=f"s{site}", source=source, stratum=stratum)
        for at, (site, source, stratum) in enumerate(rows)
    ]
)


def sites(found):
    return {member.site for member in found}


@given(members, st.integers(2, 6), st.integers(0, 3))
def test_each_member_is_judged_once_and_no_site_is_on_both_sides(every, folds, seed):
    if len(sites(every)) < folds:
        with pytest.raises(OptionError, match="folds: expected 2 to"):
            site_folds(every, folds=folds, seed=seed)
        return
    found = site_folds(every, folds=folds, seed=seed)
    assert sorted(name for fold in found for name in fold.judged) == sorted(member.id for member in every)
    assert len(found) == folds
    for fold in found:
        judged = [member for member in every if member.id in fold.judged]
        learnt = training(every, fold)
        assert sites(judged) == set(fold.held_out)
        assert not sites(judged) & sites(learnt)
        assert len(judged) + len(learnt) == len(every)


@given(members, st.randoms())
def test_folds_depend_on_what_there_is_and_not_on_its_order(every, shuffled):
    if len(sites(every)) < 2:
        return
    mixed = list(every)
    shuffled.shuffle(mixed)
    assert site_folds(mixed, folds=2, seed=1) == site_folds(every, folds=2, seed=1)


def test_another_seed_gives_other_folds():
    every = [Member(id=f"m{at}", site=f"s{at}", source="a") for at in range(40)]
    assert len({site_folds(every, seed=seed) for seed in range(5)}) == 5


def test_sources_and_biomes_are_spread_evenly():
    every = [
        Member(id=f"{source}{stratum}{at}", site=f"{source}{stratum}{at}", source=source, stratum=stratum)
        for source, stratum, count in (("l8", "snow", 5), ("l8", "sea", 10), ("s2", "", 20))
        for at in range(count)
    ]
    by_id = {member.id: member for member in every}
    for fold in site_folds(every, folds=5):
        judged = Counter((by_id[name].source, by_id[name].stratum) for name in fold.judged)
        assert judged == {("l8", "snow"): 1, ("l8", "sea"): 2, ("s2", ""): 4}


def test_a_large_site_does_not_make_a_fold_that_holds_most():
    every = [Member(id=f"big{at}", site="big", source="a") for at in range(10)]
    every += [Member(id=f"m{at}", site=f"s{at}", source="a") for at in range(40)]
    sizes = sorted(len(fold.judged) for fold in site_folds(every, folds=5))
    assert sizes == [10, 10, 10, 10, 10]


def test_leaving_a_source_out_takes_its_sites_from_the_others_too():
    every = [
        Member(id="a1", site="x", source="a"),
        Member(id="a2", site="y", source="a"),
        Member(id="b1", site="x", source="b"),
        Member(id="b2", site="z", source="b"),
    ]
    without_a, without_b = leave_one_source_out(every)
    assert (without_a.name, without_a.judged) == ("without-a", ("a1", "a2"))
    assert [member.id for member in training(every, without_a)] == ["b2"]
    assert [member.id for member in training(every, without_b)] == ["a2"]


def test_one_source_cannot_be_left_out():
    with pytest.raises(OptionError, match="two sources or more, found a"):
        leave_one_source_out([Member(id="1", site="x", source="a")])


def test_a_held_out_site_in_the_training_is_an_error():
    fold = Fold(name="fold3", judged=("1",), held_out=("x", "y"))
    check_absent(fold, ["z"], what="backgrounds")
    with pytest.raises(LabelError, match="fold3: expected backgrounds without its held-out sites, found y"):
        check_absent(fold, ["z", "y"], what="backgrounds")


@given(members)
def test_folds_come_back_from_a_file(every):
    if len(sites(every)) < 2:
        return
    found = site_folds(every, folds=2)
    assert from_json(to_json(found), where="folds.json") == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "expected folds as JSON"),
        ("no", "expected folds as JSON"),
        (json.dumps({"format_version": 1, "folds": [{"name": "a"}]}), "expected folds as JSON"),
        (json.dumps({"format_version": 2, "folds": []}), "expected version 1, found 2"),
    ],
)
def test_what_is_no_list_of_folds_is_an_error(text, said):
    with pytest.raises(OptionError, match=f"folds.json: {said}"):
        from_json(text, where="folds.json")


def test_folds_of_one_seed_stay_what_they_are():
    # recorded figures name these folds: a change of the function must be seen
    every = [Member(id=f"m{at}", site=f"s{at % 7}", source="ab"[at % 2]) for at in range(14)]
    found = [fold.held_out for fold in site_folds(every, folds=3)]
    assert all(one != other for one, other in pairwise(found))
    assert found == [fold.held_out for fold in site_folds(list(reversed(every)), folds=3, seed=0)]
