"""Arrays in tuples, lists and dicts, as `tf.nest` has them for tensors."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Nest = Any
"""Arrays in tuples, named tuples, lists and dicts; dicts are ordered by their keys."""


def flatten(nest: Nest) -> list:
    """All arrays, in order.

    flatten({"b": 2, "a": (0, 1)}) == [0, 1, 2]
    """
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in flatten(nest[key])]
    if isinstance(nest, tuple | list):
        return [leaf for part in nest for leaf in flatten(part)]
    return [nest]


def pack(like: Nest, leaves: Sequence) -> Nest:
    """The inverse of `flatten`: put the leaves into the structure of `like`.

    pack({"b": 2, "a": (0, 1)}, "xyz") == {"b": "z", "a": ("x", "y")}
    """
    return _packed(like, iter(leaves))


def map_structure(function: Callable, *nests: Nest) -> Nest:
    """Apply `function` to arrays at the same place in all nests; keep the first's structure."""
    return pack(nests[0], list(map(function, *map(flatten, nests))))


def _packed(like: Nest, leaves: Iterator) -> Nest:
    if isinstance(like, dict):
        made = {key: _packed(like[key], leaves) for key in sorted(like)}
        return {key: made[key] for key in like}
    if isinstance(like, tuple | list):
        parts = [_packed(part, leaves) for part in like]
        return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)
    return next(leaves)
