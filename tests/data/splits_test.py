import collections

from hypothesis import given
from hypothesis import strategies as st

from tfsr.data.splits import split_groups

GROUPS = st.sets(st.text(max_size=6), min_size=1, max_size=60)
SHARES = st.floats(0, 0.99)


@given(GROUPS, SHARES)
def test_every_group_has_one_side_and_no_side_is_empty(groups, held_out):
    split_of = split_groups(groups, held_out)
    assert set(split_of) == groups
    sides = set(split_of.values())
    if held_out > 0 and len(groups) >= 3:
        assert sides == {"train", "validation", "test"}
    else:
        assert sides == {"train"}


@given(GROUPS, SHARES)
def test_the_order_and_repetition_of_names_do_not_matter(groups, held_out):
    shuffled = sorted(groups, reverse=True) * 2
    assert split_groups(shuffled, held_out) == split_groups(groups, held_out)


def test_the_shares():
    groups = [f"word {number}" for number in range(5000)]
    counts = collections.Counter(split_groups(groups, 0.2).values())
    assert 420 < counts["test"] < 580
    assert 420 < counts["validation"] < 580


def test_files_that_come_later_leave_the_others_where_they_are():
    groups = [f"word {number}" for number in range(400)]
    before, after = split_groups(groups[:200], 0.1), split_groups(groups, 0.1)
    assert len(set(before.values())) == 3
    assert all(after[group] == split for group, split in before.items())


def test_only_the_splits_asked_for():
    split_of = split_groups(["a", "b", "c", "d"], 0.5, ("validation",))
    assert set(split_of.values()) == {"train", "validation"}
