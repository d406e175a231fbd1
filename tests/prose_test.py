"""Sentences are short: at most 20 words in the package, at most 25 in the documentation."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MOST_WORDS = 20
MOST_WORDS_OF_A_PAGE = 25
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "export").glob("*/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SECTION = re.compile(r"\w+:$")
ITEM = re.compile(r"[-*] ")
# What counts as one word: code, a shape in brackets, a citation in parentheses.
ONE_WORD = re.compile(
    r"`[^`]*`|\[[^\[\]]*\]|\([^()]*\b(?:19|20)\d\d\b[^()]*\)|\([^()]*arXiv[^()]*\)"
)
END = re.compile(r"""(?<=[.!?:;])(?<!\bet al\.)(?<!\be\.g\.)(?<!\bi\.e\.)["')]*\s+""")
WORD = re.compile(r"\w")
# What of Markdown is no prose: marks, code, pictures, rows of tables, directives and tags.
NO_PROSE = re.compile(r"\*\*|^```.*?^```$|!\[[^\]]*\]\([^)]*\)|^(?:\||:::|</?\w).*?$", re.M | re.S)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
HEADING = re.compile(r"^#+ .*$", re.MULTILINE)


class Text(NamedTuple):
    """A text for people, and the line of its file that it begins in."""

    line: int
    text: str


def docstrings(tree: ast.AST) -> Iterator[Text]:
    """Those of modules, classes, functions and attributes, with line breaks as they are."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            for place, statement in enumerate(node.body):
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(text))) if place == 0 or isinstance(
                        node, (ast.Module, ast.ClassDef)
                    ):
                        yield Text(statement.lineno, inspect.cleandoc(text))


def messages(tree: ast.AST) -> Iterator[Text]:
    """Texts of flags, and of each `UserError` whose text is written where it is made."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name.startswith(
                "DEFINE_"
            ) or name.endswith(("_flag", "UserError")):
                for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    if text := written(argument):
                        yield Text(argument.lineno, text)


def written(node: ast.AST) -> str:
    """The text of an expression; what only a run can fill in is one word."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(written(value) for value in values)
        case ast.FormattedValue():
            return "X"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (written(left) or "X") + (written(right) or "X")
        case ast.IfExp(body=body, orelse=other):
            return f"{written(body)}. {written(other)}"
    return ""


def paragraphs(text: Text) -> Iterator[Text]:
    """The text's paragraphs, entries and items of lists; neither examples nor blocks of code."""
    begin, lines = text.line, []
    section = code = False
    for number, line in enumerate([*text.text.split("\n"), ""], start=text.line):
        indent = len(line) - len(line.lstrip())
        inner = line.strip()
        before = lines or section or code
        if not inner:
            section = code = False
        elif inner.startswith(">>> ") or (indent >= 4 and not before):
            code = True
        starts = not inner or code or (section and indent == 4) or ITEM.match(inner)
        if starts and lines:
            yield Text(begin, "\n".join(lines))
            lines = []
        if SECTION.match(line) and not lines:
            section = True
        elif inner and not code:
            begin = begin if lines else number
            lines.append(inner)


def sentences(paragraph: Text) -> Iterator[Text]:
    """A full stop, a colon or a semicolon ends one."""
    text = ONE_WORD.sub(lambda found: "X" + "\n" * found.group().count("\n"), paragraph.text)
    start = 0
    for end in [*(found.end() for found in END.finditer(text)), len(text)]:
        yield Text(paragraph.line + text.count("\n", 0, start), " ".join(text[start:end].split()))
        start = end


def long_sentences(texts: Iterable[Text], name: str, most: int = MOST_WORDS) -> list[str]:
    """`file:line: words: sentence` of each that is too long."""
    found = []
    for text in texts:
        for paragraph in paragraphs(text):
            for line, sentence in sentences(paragraph):
                words = sum(bool(WORD.search(word)) for word in sentence.split())
                if words > most:
                    found.append(f"{name}:{line}: {words}: {sentence}")
    return found


def of_code(source: str) -> list[Text]:
    tree = ast.parse(source)
    return [*docstrings(tree), *messages(tree)]


def of_page(markdown: str) -> Text:
    """The prose of a page, in the lines where it is; a link counts by its words."""
    text = NO_PROSE.sub(lambda found: "\n" * found.group().count("\n"), markdown)
    text = LINK.sub(lambda found: found[1] + "\n" * found[0][len(found[1]) :].count("\n"), text)
    return Text(1, HEADING.sub("", text))


@pytest.mark.parametrize("folder", ["tfsr"])
def test_sentences_are_short(folder):
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        found += long_sentences(of_code(path.read_text()), str(path.relative_to(ROOT)))
    assert not found, "\n".join(["sentences to split:", *found])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_of_pages_are_short(path):
    found = long_sentences([of_page(path.read_text())], path.name, MOST_WORDS_OF_A_PAGE)
    assert not found, "\n".join(["sentences to split:", *found])


def of(count: int, last: str = ".") -> str:
    return " ".join(["word"] * count) + last


@pytest.mark.parametrize(
    ("source", "places"),
    [
        (f'"""{of(20)} {of(20)}"""', []),
        (f'"""{of(21)}"""', [1]),
        (f'"""{of(11, "")}\n{of(10)}"""', [1]),
        (f'"""{of(20, ":")} {of(20, ";")} {of(20)}"""', []),
        (f'"""{of(2)}\n\n{of(2)}\n{of(21)}\n"""', [4]),
        (f'"""{of(18, "")} `a b c` [batch, 2 * time]."""', []),
        (f'"""{of(19, "")} `a b c` [batch, 2 * time]."""', [1]),
        (f'"""{of(19, "")} (Kong et al., 2020, section 3)."""', []),
        (f'"""{of(18, "")} (not a citation)."""', [1]),
        (f'"""Word.\n\n    {of(21, "")}\n\n{of(21)}\n"""', [5]),
        (f'"""Word.\n\n>>> {of(21, "")}\n{of(21, "")}\n"""', []),
        (f'"""Word.\n\nArgs:\n    a, b: {of(20)}\n"""', []),
        (f'"""Word.\n\nArgs:\n    a: {of(9, "")}\n    b: {of(12)}\n"""', []),
        (f'"""Word.\n\nArgs:\n    a: {of(9, "")}\n        {of(12)}\n"""', [4]),
        (f'class A:\n    a: int\n    """{of(21)}"""', [3]),
        (f'flags.DEFINE_string("a", None, "{of(11, " ")}"\n    "{of(10)}")', [1]),
        (f'raise UserError(f"{of(19, "")} {{a:.3f}} {{b}}")', [1]),
        (f'raise UserError(f"{of(18, "")} {{a:.3f}} {{b}}; {of(20)}")', []),
        (f'a = "{of(21)}"', []),
    ],
)
def test_long_ones_are_found(source, places):
    assert found_in(of_code(source)) == places


def found_in(texts: list[Text]) -> list[int]:
    """The lines in which long sentences begin."""
    return [int(text.split(":")[1]) for text in long_sentences(texts, "file")]


@pytest.mark.parametrize(
    ("page", "places"),
    [
        (f"# {of(21)}\n\n{of(20)}\n{of(20)}\n", []),
        (f"# Page\n\n{of(2)}\n{of(21)}\n", [4]),
        (f"* {of(20)}\n* {of(20, '')}\n  word.\n", [2]),
        (f"{of(15, '')}\n* {of(15)}\n", []),
        (f"```text\n{of(21)}\n\n{of(21)}\n```\n{of(21)}\n", [6]),
        (f"| {of(21)} |\n|---|\n", []),
        (f"![{of(21)}](a.png)\n", []),
        (f"[{of(19, '')}](a-b-c.md) word.", []),
        (f"[{of(19, '')}\nword](a.md)\nword.\n\n{of(21)}", [1, 5]),
        (f"**{of(20)}** {of(20)}", []),
        (f"<details><summary>{of(21)}</summary>\n", []),
        (f"{of(18, '')} `a b c` word.", []),
    ],
)
def test_long_ones_of_pages_are_found(page, places):
    assert found_in([of_page(page)]) == places
