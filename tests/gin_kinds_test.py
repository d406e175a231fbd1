"""Values against annotations."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest

from tfsr.gin_kinds import fits, kinds, words
from tfsr.training.experiment import Experiment

REFERENCE = object()
FITS = functools.partial(fits, is_reference=lambda value: value is REFERENCE)


class Anything:
    pass


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (int, [0, -3], [1.5, "1", True, None, [1]]),
        (float, [0, 0.5], ["1", False, None]),
        (bool, [True], [1, "True"]),
        (str | os.PathLike | None, ["a", None], [1, ["a"]]),
        (tuple[int, ...], [(), (1, 2), [1]], [1, (1, 1.5), ("a",), "ab"]),
        (tuple[float, float], [(0, 1.5)], [(1,), (1, 2, 3)]),
        (Sequence[Sequence[int]], [((1,), ())], [(1,)]),
        (Mapping[str, float], [{"a": 1}, {}], [{"a": "b"}, {1: 1}, [("a", 1)]]),
        (Literal["phase", "time"], ["time"], ["other", 1]),
        (Callable[[int], int], [len], ["len", 3]),
        (Anything, [Anything()], [1, "a", None, ()]),
        (Any, [1, "a", None], []),
    ],
)
def test_what_fits(kind, right, wrong):
    assert all(FITS(value, kind) for value in [*right, REFERENCE])
    assert not any(FITS(value, kind) for value in wrong)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (int | None, "a whole number or None"),
        (tuple[float, float], "a list, each a number"),
        (str | os.PathLike | Sequence[str], "a text or a list, each a text"),
        (Literal["phase", "time"], "'phase' or 'time'"),
        (Mapping[str, int], "names in quotes and values"),
        (Anything, "@Anything"),
    ],
)
def test_what_is_told_of_a_kind(kind, told):
    assert words(kind) == told


def test_kinds_come_from_annotations_or_defaults():
    assert kinds(Experiment)["steps"] is int

    def called(first, second=0.5, third=None, fourth: int = 1):
        pass

    assert kinds(called) == {"second": float, "fourth": int}
