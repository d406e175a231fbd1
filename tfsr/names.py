"""File names that fit: most file systems allow 255 bytes."""

import hashlib
import os
from pathlib import Path

_LONGEST = 255


def fitting(stem: str, ending: str) -> str:
    """`stem` plus `ending`. If that is too long, the stem is cut, after a whole character."""
    kept = stem
    while kept and len(os.fsencode(kept + ending)) > _LONGEST:
        kept = kept[:-1]
    return kept + ending


def temporary(path: Path) -> Path:
    """A hidden name beside `path` for an incomplete file, unique to this process."""
    ending = f".{os.getpid()}.part"
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) > _LONGEST:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{ending}"
    return path.with_name(name)


def shown(text: object, kept: str = "") -> str:
    """A name, or a text with names in it, in one line: line breaks and the like become escapes.

    Args:
        kept: characters that are not escaped.
    """
    return "".join(c if c.isprintable() or c in kept else _escaped(c) for c in str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
