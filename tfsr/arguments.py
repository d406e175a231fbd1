"""Arguments of the library, checked: what is wrong is said in a line that names the argument."""

import math
import numbers
import os
from typing import Any

from tfsr.errors import UserError


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


def number(
    name: str, value: Any, unit: str, lowest: float, highest: float = math.inf, whole: bool = False
) -> float:
    """A number within bounds, both of which are allowed.

    Args:
        unit: of the value, for the message.
        whole: whether it must be a whole number, which is given back as int.

    Raises:
        UserError: it is no number, or out of bounds.

    >>> number("rate", 8000.0, "Hz", 1000, 1_000_000, whole=True)
    8000
    """
    # To Python, True is a number; NaN is within no bounds.
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    fits = is_number and lowest <= value <= highest
    if not fits or math.isinf(value) or (whole and value != int(value)):
        bounds = f"from {lowest:g} on" if math.isinf(highest) else f"{lowest:g} to {highest:g}"
        what = f"a whole number of {unit}" if whole else unit
        raise UserError(f"`{name}`: {_shown(value)} does not fit; give {what}, {bounds}")
    return int(value) if whole else float(value)


def _shown(value: Any) -> str:
    return repr(value)[:60]
