"""Check that values of a configuration have the types that the parameters expect.

The annotations of a class tell the types. Without an annotation, the default value does.
"""

import collections.abc
import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_WORDS: Mapping[Any, str] = {
    **{int: "a whole number", float: "a number", str: "a text", os.PathLike: "a text"},
    **{bool: "True or False", type(None): "None"},
}
_LISTS = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)
_UNIONS = (typing.Union, types.UnionType)


def kinds(called: Callable) -> dict[str, Any]:
    """Parameter -> expected type, of a class or function, as far as the types are known."""
    function = called.__init__ if inspect.isclass(called) else called
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # names that only a type checker sees
        hints = {}
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in hints:
            found[name] = hints[name]
        elif isinstance(parameter.default, bool | int | float | str):
            found[name] = type(parameter.default)
    return found


def fits(value: Any, kind: Any, is_reference: Callable[[Any], bool]) -> bool:
    """Whether a value has a given type. Anything that gin makes later fits.

    Args:
        value: the value in the configuration.
        kind: an annotation.
        is_reference: whether gin replaces a value by something else.
    """
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if is_reference(value) or kind is Any:
        return True
    if origin in _UNIONS:
        return any(fits(value, one, is_reference) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin in _LISTS:
        return isinstance(value, list | tuple) and _all_fit(value, inner, is_reference)
    if origin in _MAPPINGS:
        of_keys, of_values = inner if len(inner) == 2 else (Any, Any)
        return isinstance(value, dict) and all(
            fits(key, of_keys, is_reference) and fits(one, of_values, is_reference)
            for key, one in value.items()
        )
    if kind in (int, float):  # to Python, True is a number
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if origin is collections.abc.Callable or origin is type:
        return callable(value)
    return not inspect.isclass(kind) or _is_of(value, kind)


def words(kind: Any) -> str:
    """The expected type in words, for a message."""
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(words(one) for one in inner))
    if origin is typing.Literal:
        return " or ".join(map(repr, inner))
    if origin in _LISTS:
        items = [words(one) for one in inner if one is not Ellipsis]
        return f"a list, each {' or '.join(dict.fromkeys(items))}" if items else "a list"
    if origin in _MAPPINGS:
        return "names in quotes and values"
    return _WORDS.get(kind, f"@{getattr(kind, '__name__', 'a class or function')}")


def _all_fit(values: Sequence, inner: tuple, is_reference: Callable[[Any], bool]) -> bool:
    if not inner or isinstance(inner[0], typing.TypeVar):
        return True
    any_number = inner[-1] is Ellipsis or len(inner) == 1
    each = [inner[0]] * len(values) if any_number else list(inner)
    return len(values) == len(each) and all(
        fits(value, kind, is_reference) for value, kind in zip(values, each, strict=True)
    )


def _is_of(value: Any, kind: type) -> bool:
    """A literal does not fit a class that has no literals in configurations."""
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol
        return not isinstance(value, bool | int | float | str | list | tuple | dict | None)
