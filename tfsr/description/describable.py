"""Objects that remember what they were made with.

Keras would remember it too (`get_config`), but only numbers and strings, and what it reads back it
imports by name from anywhere. Here arguments stay the objects that they were, with all defaults, so
that a later change of a default changes no model that was written down before.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from tfsr.arguments import Range, check


class Factory(NamedTuple):
    """A class that is called later, with some arguments given already."""

    of: type
    arguments: Mapping[str, Any]


class _Remembered:
    """Arguments by name; no dict, in which Keras and TensorFlow would look for weights."""

    def __init__(self, arguments: dict[str, Any]):
        self.arguments = arguments


class Describable:
    """The base of networks and upsamplers: it keeps the arguments of the constructor.

    `__new__` sees those of the class that is made, whatever this hands on to the classes before it.

    Attributes:
        ranges: argument -> what its numbers may be; others are a UserError.
    """

    ranges: Mapping[str, Range] = {}
    _remembered: _Remembered

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind(made, *args, **kwargs)
        bound.apply_defaults()
        _, *names = bound.arguments
        arguments = {name: bound.arguments[name] for name in names}
        check(cls.__name__, arguments, cls.ranges)
        # Past Keras, which refuses attributes before its own constructor has run.
        object.__setattr__(made, "_remembered", _Remembered(arguments))
        return made

    def make(self, argument: str, factory: Callable[..., Any], **given: Any) -> Any:
        """`factory(**given)`, where `factory` is this object's argument of that name.

        What it makes tells what the factory was, also where a configuration has hidden that.
        """
        product = factory(**given)
        if isinstance(product, Describable):
            others = {n: value for n, value in arguments(product).items() if n not in given}
            arguments(self)[argument] = Factory(type(product), others)
        return product


def arguments(thing: Describable) -> dict[str, Any]:
    """What an object was made with, by name."""
    return thing._remembered.arguments
