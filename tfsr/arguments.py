"""Check arguments of the library. An error message names the wrong argument in one line."""

import math
import numbers
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tfsr.errors import UserError


class Range(NamedTuple):
    """The allowed values of a number.

    Attributes:
        lowest, highest: the bounds; both are allowed unless `above` or `below` is set.
        whole: whether it must be a whole number.
        above, below: whether `lowest`, or `highest`, itself is excluded.
        pair: whether the value is a pair of numbers, the lower one first.
    """

    lowest: float
    highest: float = math.inf
    whole: bool = False
    above: bool = False
    below: bool = False
    pair: bool = False

    def of_pair(self) -> "Range":
        """The same range for a pair of numbers."""
        return self._replace(pair=True)


COUNT = Range(1, whole=True)
WHOLE = Range(0, whole=True)
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
BELOW_1 = Range(0, 1, below=True)
ANY = Range(-math.inf)


def path(name: str, value: Any) -> str:
    """A path of a file or folder, as text.

    Raises:
        UserError: it is no path, or an empty one.

    >>> path("source", "call.wav")
    'call.wav'
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise UserError(f"`{name}`: {_shown(value)} is no path; give the name of a file or folder")
    return text


def check(owner: str, values: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Check that numbers are within their ranges. None and missing values are allowed.

    Args:
        owner: the class of the arguments, as the message names it.
        values: argument -> number, or numbers in a sequence or by name. No sequence may be empty.
        ranges: argument -> allowed range of each of its numbers.

    Raises:
        UserError: a number is out of range; the message names it.

    >>> check("Chebyshev", {"order": 8, "edge": 0.8}, {"order": COUNT, "edge": POSITIVE})
    """
    for argument, wanted in ranges.items():
        value = values.get(argument)
        if value is None:
            continue
        found = list(_numbers(f"{owner}.{argument}", value))
        for name, one in found:
            number(name, one, "", *wanted[:-1])
        if wanted.pair and (len(found) != 2 or found[0][1] > found[1][1]):
            raise UserError(
                f"`{owner}.{argument}`: {_shown(value)} does not fit; give two, the least first"
            )


def number(
    name: str,
    value: Any,
    unit: str,
    lowest: float,
    highest: float = math.inf,
    whole: bool = False,
    above: bool = False,
    below: bool = False,
) -> float:
    """A number within bounds.

    Args:
        unit: unit of the value, for the message; empty: it has none.
        lowest, highest: the bounds; both are allowed unless `above` or `below` is set.
        whole: whether it must be a whole number; it is then returned as int.
        above, below: whether `lowest`, or `highest`, itself is excluded.

    Raises:
        UserError: it is no number, or out of bounds.

    >>> number("rate", 8000.0, "Hz", 1000, 1_000_000, whole=True)
    8000
    """
    # To Python, True is a number; NaN is within no bounds.
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    fits = is_number and lowest <= value <= highest and not math.isinf(value)
    excluded = fits and ((above and value == lowest) or (below and value == highest))
    if not fits or excluded or (whole and value != int(value)):
        what = f"a whole number{unit and f' of {unit}'}" if whole else unit or "a number"
        bounds = _bounds(lowest, highest, above, below)
        raise UserError(f"`{name}`: {_shown(value)} does not fit; give {what}{bounds}")
    return int(value) if whole else float(value)


def _bounds(lowest: float, highest: float, above: bool, below: bool) -> str:
    if math.isinf(lowest):
        return ""
    if math.isinf(highest):
        return f", above {lowest:g}" if above else f", from {lowest:g} on"
    return f", {'above ' * above}{lowest:g} to {'below ' * below}{highest:g}"


def _numbers(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each number of a value, with the name that a message gives it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _numbers(f'{name}["{key}"]', one)
    elif isinstance(value, str) or not isinstance(value, Iterable):
        yield name, value
    else:
        several = list(value)
        if not several:
            raise UserError(f"`{name}`: {_shown(value)} does not fit; give one number at least")
        for one in several:
            yield from _numbers(name, one)


def _shown(value: Any) -> str:
    return repr(value)[:60]
