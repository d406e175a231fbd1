"""Draw the floors of the house, as tests/imports_test.py has them: docs/house.svg.

python tools/site/house.py
"""

import ast
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[2]
WIDTH, LINE = 860, 22
# Letters in a line of rooms.
LETTERS = 80


def floors() -> list[list[str]]:
    tree = ast.parse((ROOT / "tests" / "imports_test.py").read_text())
    (found,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "FLOORS"
    ]
    names = [
        [leaf.value for leaf in ast.walk(floor) if isinstance(leaf, ast.Constant)]
        for floor in found.elts
    ]
    return [sorted(floor) for floor in names]


def lines(rooms: list[str]) -> list[str]:
    """The rooms of a floor, in lines that fit."""
    found = [""]
    for room in rooms:
        if len(found[-1]) + len(room) > LETTERS:
            found.append("")
        found[-1] += f"{room}, "
    return [line.rstrip(", ") for line in found]


def picture() -> str:
    """An SVG, the lowest floor at the bottom. It has its own background, for dark pages."""
    parts, top = [], 60
    for number, rooms in reversed(list(enumerate(floors()))):
        texts = lines(rooms)
        height = LINE * len(texts) + 14
        parts += [
            f'<rect x="30" y="{top}" width="{WIDTH - 60}" height="{height}" fill="#f4f6fb" '
            'stroke="#33415c"/>',
            f'<text x="42" y="{top + LINE}" font-weight="bold">{number}</text>',
        ]
        parts += [
            f'<text x="80" y="{top + LINE * (1 + at)}">{escape(text)}</text>'
            for at, text in enumerate(texts)
        ]
        top += height
    roof = f'<path d="M 10 60 L {WIDTH / 2:g} 8 L {WIDTH - 10} 60 Z" fill="#33415c"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 10}" '
            'font-family="monospace" font-size="14">',
            f'<rect width="{WIDTH}" height="{top + 10}" fill="white"/>',
            roof,
            f'<text x="{WIDTH / 2:g}" y="46" fill="white" text-anchor="middle">import tfsr</text>',
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    (ROOT / "docs" / "house.svg").write_text(picture())
