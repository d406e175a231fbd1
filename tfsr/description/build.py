"""Make an object from its description.

A description is data, never code. Names are looked up in the closed list of `classes`. Nothing else
is imported or called.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from tfsr.description.classes import CLASSES, FUNCTIONS, named
from tfsr.description.describe import NODES
from tfsr.errors import UserError

_DEEPEST = 32

# By these Keras would import and call what a mapping names.
_OF_KERAS = {"class_name", "module", "registered_name"}


def build(data: Any, place: str = "model", depth: int = 0) -> Any:
    """The object that `describe` turned into `data`; lists become tuples.

    Raises:
        UserError: a part describes nothing of tfsr's; one line gives its place in the data.
    """
    if depth > _DEEPEST:
        raise UserError(f"{place[:80]}...: is nested more than {_DEEPEST} deep")
    if isinstance(data, list):
        items = enumerate(data)
        return tuple(build(value, f"{place}[{number}]", depth + 1) for number, value in items)
    if not isinstance(data, dict):
        return data
    kinds = [kind for kind in data if kind in NODES]
    return _node(data, kinds, place, depth) if kinds else _mapping(data, place, depth)


def _mapping(data: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
    for name in data:
        if name in _OF_KERAS:
            raise UserError(f"{place}: {name!r} is no name that tfsr takes")
    return {name: build(value, f"{place}.{name}", depth + 1) for name, value in data.items()}


def _node(data: dict[str, Any], kinds: list[str], place: str, depth: int) -> Any:
    (kind, *more), others = kinds, data.keys() - NODES - {"arguments"}
    if more or others or (kind == "function") == ("arguments" in data):
        raise UserError(
            f'{place}: wants "class" or "partial" with "arguments", or "function" alone'
        )
    if kind == "function":
        return named(data[kind], FUNCTIONS, place)
    cls = named(data[kind], CLASSES, place)
    arguments = _arguments(cls, data["arguments"], place, depth)
    if kind == "partial":
        return functools.partial(cls, **arguments) if arguments else cls
    return made(lambda: cls(**arguments), place, cls.__name__)


def _arguments(cls: type[Any], data: Any, place: str, depth: int) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise UserError(f'{place}: "arguments" wants names and values')
    known = inspect.signature(cls.__init__).parameters
    for name in data:
        if name not in known or name == "self":
            raise UserError(f"{place}: {cls.__name__} has no argument {name[:80]!r}")
    return {name: build(value, f"{place}.{name}", depth + 1) for name, value in data.items()}


def made(make: Callable[[], Any], place: str, what: str) -> Any:
    """`make()`; if its arguments do not fit, one line tells their place."""
    try:
        return make()
    except UserError as error:
        raise UserError(f"{place}: {error}") from error
    # What it is depends on the class that an unfit value was given to.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{place}: {what} cannot be made so ({reason})") from error
