"""Objects that remember the arguments they were made with.

Keras could remember them too (`get_config`), but only numbers and strings. When it reads them back,
it imports any name from anywhere. Here arguments stay the original objects, with all defaults. So a
later change of a default does not change models that were written down before.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from tfsr.arguments import Range, check


class Factory(NamedTuple):
    """A class to be called later, with some arguments already given."""

    of: type
    arguments: Mapping[str, Any]


class _Remembered:
    """Arguments by name. It is no dict: Keras and TensorFlow would search that for weights."""

    def __init__(self, arguments: dict[str, Any]):
        self.arguments = arguments


class Describable:
    """The base of networks and upsamplers: it keeps the arguments of the constructor.

    `__new__` sees the arguments of the actual class, whatever it passes on to its base classes.

    Attributes:
        ranges: argument -> allowed range of its numbers; others are a UserError.
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

        The new object can tell its factory, even if a configuration has hidden it.
        """
        product = factory(**given)
        if isinstance(product, Describable):
            others = {n: value for n, value in arguments(product).items() if n not in given}
            arguments(self)[argument] = Factory(type(product), others)
        return product


def arguments(thing: Describable) -> dict[str, Any]:
    """The arguments that an object was made with, by name."""
    return thing._remembered.arguments
