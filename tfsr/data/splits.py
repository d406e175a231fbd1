"""Choose the groups of recordings to hold out: by utterance or speaker, never by patch."""

import hashlib
from collections.abc import Iterable, Sequence


def split_groups(
    groups: Iterable[str], held_out: float, splits: Sequence[str] = ("test", "validation")
) -> dict[str, str]:
    """The split of every group: one of those named, or "train".

    Each of `splits` gets an equal part of `held_out`. A group's place depends on the SHA-256 of its
    own name. So groups added later leave the others where they are. With at least one group more
    than there are splits, no split is empty: the groups with the lowest hashes fill it. A later
    group may then change places with them. With fewer groups, all are in "train".

    Args:
        groups: names; repeated ones count once.
        held_out: share of the groups, in [0, 1), for all of `splits` together.
    """
    ordered = sorted(set(groups), key=_place)
    if held_out <= 0 or len(ordered) <= len(splits):
        return dict.fromkeys(ordered, "train")
    bounds = [held_out * (number + 1) / len(splits) for number in range(len(splits))]
    split_of = dict.fromkeys(ordered, "train")
    taken = 0
    for number, (split, bound) in enumerate(zip(splits, bounds, strict=True)):
        left_for_others = len(splits) - number
        end = sum(_place(group) < bound for group in ordered)
        end = min(max(end, taken + 1), len(ordered) - left_for_others)
        split_of.update(dict.fromkeys(ordered[taken:end], split))
        taken = end
    return split_of


def _place(group: str) -> float:
    """A hash of the name, uniform in [0, 1)."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:6], "big") / 2**48
