"""Docstrings as the site shows them: examples in blocks of code, and an entry for each name."""

import re
from typing import Any

import griffe

# "a, b: text" of a section.
SEVERAL = re.compile(r"^( {4})([\w*]+(?:, [\w*]+)+): ", re.MULTILINE)
# An example, with all lines to the next empty one.
EXAMPLE = re.compile(r"^>>> .*\n?(?:.+\n?)*", re.MULTILINE)


def shown(text: str) -> str:
    """A docstring of which griffe makes what a reader expects."""
    lines = text.splitlines()
    for number in reversed(range(len(lines))):
        if several := SEVERAL.match(lines[number]):
            end = number + 1
            while end < len(lines) and lines[end].startswith(" " * 8):
                end += 1
            indent, names = several.groups()
            rest = [lines[number][several.end() :], *lines[number + 1 : end]]
            lines[number:end] = [
                line
                for name in names.split(", ")
                for line in (f"{indent}{name}: {rest[0]}", *rest[1:])
            ]
    text = "\n".join(lines)
    return EXAMPLE.sub(lambda found: "```pycon\n" + found.group().rstrip("\n") + "\n```\n", text)


class Docstrings(griffe.Extension):
    """Applies `shown` to every docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = shown(obj.docstring.value)
