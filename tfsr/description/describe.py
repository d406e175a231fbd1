"""Describe an object by data from which it can be made again."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfsr.description.classes import CLASSES, FUNCTIONS, name_of
from tfsr.description.describable import Describable, Factory, arguments
from tfsr.errors import UserError

NODES = frozenset({"class", "function", "partial"})
"""Keys that tell the kind of a description; a dict with none of them is a mapping."""

# Of an optimizer's configuration: what belongs to the machine, or to its own way of reading it.
_OF_THE_MACHINE = {"name", "jit_compile", "is_legacy_optimizer"}


def describe(thing: Any, place: str = "model") -> Any:
    """A description of numbers, strings, lists, None, and dicts, which JSON can store.

    `Subpixel("phase")` becomes {"class": "Subpixel", "arguments": {"order": "phase"}}. A function
    becomes {"function": "l1"}. A class that is called later, like the network of `Spectral`,
    becomes {"partial": "UpperBins", "arguments": {"channels": 96}}.

    Args:
        thing: an upsampler, or any argument of one.
        place: its name in the message.

    Raises:
        UserError: its class is not one of tfsr's.
    """
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, Mapping):
        return _of_mapping(thing, place)
    if isinstance(thing, list | tuple | np.ndarray) and not isinstance(thing, Factory):
        return [describe(value, f"{place}[{number}]") for number, value in enumerate(thing)]
    return _of_object(thing, place)


def _of_mapping(mapping: Mapping, place: str) -> dict[str, Any]:
    for key in mapping:
        if not isinstance(key, str) or key in NODES:
            raise UserError(f"{place}: the name {key!r} cannot be written down; choose another")
    return _each(mapping, place)


def _of_object(thing: Any, place: str) -> dict[str, Any]:
    if isinstance(thing, Factory):
        return _of_class("partial", thing.of, thing.arguments, place)
    if isinstance(thing, functools.partial) and not thing.args:
        return _of_class("partial", thing.func, thing.keywords, place)
    if inspect.isclass(thing):
        return _of_class("partial", _unwrapped(thing), {}, place)
    function = name_of(inspect.unwrap(thing), FUNCTIONS)
    if function:
        return {"function": function}
    if inspect.isfunction(thing):
        raise _unlisted(thing, "function", place)
    return _of_class("class", type(thing), _arguments(thing), place)


def _unlisted(thing: Any, kind: str, place: str) -> UserError:
    return UserError(
        f"{place}: {getattr(thing, '__name__', thing)} is no {kind} of tfsr's, so it cannot be "
        "written down; save the model's weights instead (save_weights), or list it in "
        "tfsr/description/classes.py"
    )


def _arguments(thing: Any) -> Mapping[str, Any]:
    if isinstance(thing, Describable):
        return arguments(thing)
    if dataclasses.is_dataclass(thing):
        return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.init}
    return _of_keras(thing) if hasattr(thing, "get_config") else {}


def _of_class(
    kind: str, cls: Callable[..., Any], given: Mapping[str, Any], place: str
) -> dict[str, Any]:
    name = name_of(cls, CLASSES)
    if name is None:
        raise _unlisted(cls, "class", place)
    return {kind: name, "arguments": _each(given, place)}


def _each(given: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {name: describe(value, f"{place}.{name}") for name, value in given.items()}


def _unwrapped(cls: type) -> type:
    """The class itself, if a configuration has replaced it by a subclass of the same name."""
    return cls.__mro__[1] if cls.__mro__[1].__name__ == cls.__name__ else cls


def _of_keras(thing: Any) -> Mapping[str, Any]:
    """The arguments of an optimizer or a schedule."""
    config = {n: value for n, value in thing.get_config().items() if n not in _OF_THE_MACHINE}
    rate = config.get("learning_rate")
    if isinstance(rate, Mapping):  # a schedule, as Keras writes it down
        config["learning_rate"] = thing._learning_rate
    elif rate is not None:  # float32: as few digits as tell it
        config["learning_rate"] = float(str(np.float32(rate)))
    return config
