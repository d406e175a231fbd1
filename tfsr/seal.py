"""The seal of a file that tells of itself: JSON within it, with the SHA-256 of the whole.

The JSON's "sha256" is that of the file with 64 zeros in the place of these digits.
"""

import hashlib
import json
import os
import re
from typing import Any

from tfsr.errors import UserError

Properties = dict[str, Any]
"""What a file tells of itself, by name: all that JSON knows."""

_OPEN = b"0" * 64
_DIGITS = re.compile(rb'(?<="sha256": ")[0-9a-f]{64}(?=")')


def entry(properties: Properties) -> bytes:
    """The JSON to put into a file, whose seal is open: close it with `sealed`."""
    return json.dumps(properties | {"sha256": _OPEN.decode()}).encode()


def sealed(file: bytes) -> bytes:
    """A file with an `entry` in it, whose seal is closed now."""
    return _DIGITS.sub(digest(file).encode(), file)


def parse(path: str | os.PathLike, file: bytes, entry: bytes) -> Properties:
    """The properties in an `entry` of a file that `sealed` gave.

    Args:
        path: of the file, for messages.
        file: all of its bytes.
        entry: those of its JSON.

    Raises:
        UserError: the file has changed since.
    """
    digits = _DIGITS.findall(entry)
    if digits != [digest(_DIGITS.sub(_OPEN, file)).encode()]:
        raise changed(path)
    content = json.loads(entry)
    del content["sha256"]
    return content


def digest(data: bytes) -> str:
    """SHA-256 in 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def changed(path: str | os.PathLike) -> UserError:
    """The error for what is not as it was exported."""
    return UserError(f"{path}: is not as it was exported (SHA-256); copy or export it again")
