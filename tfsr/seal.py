"""The seal of a file that describes itself: JSON within it, with the SHA-256 of the whole.

The JSON's "sha256" is computed over the file with 64 zeros in place of these digits.
"""

import hashlib
import json
import os
import re
from typing import Any

from tfsr.errors import UserError

Properties = dict[str, Any]
"""What a file tells about itself, by name: values that JSON can store."""

_OPEN = b"0" * 64
_DIGITS = re.compile(rb'(?<="sha256": ")[0-9a-f]{64}(?=")')


def entry(properties: Properties) -> bytes:
    """The JSON to put into a file. Its seal is open; `sealed` closes it."""
    return json.dumps(properties | {"sha256": _OPEN.decode()}).encode()


def sealed(file: bytes) -> bytes:
    """A file that contains an `entry`, with the seal closed."""
    return _DIGITS.sub(digest(file).encode(), file)


def parse(path: str | os.PathLike, file: bytes, entry: bytes) -> Properties:
    """The properties in the `entry` of a file from `sealed`.

    Args:
        path: path of the file, for messages.
        file: all bytes of the file.
        entry: the bytes of its JSON.

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
    """The error for a file that has changed since its export."""
    return UserError(f"{path}: is not as it was exported (SHA-256); copy or export it again")
