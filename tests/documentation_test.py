"""What the documentation names exists: commands, their flags, and files of the repository."""

import functools
import re
import shlex
from pathlib import Path

import pytest
import yaml

import tfsr

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "export").glob("*/README.md")]
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"\n\n {4}\S")
PATH = re.compile(r"`((?:configs|docs|export|tests|tfsr|tools)/[\w./-]+)`")
OPERATORS = set("|&;<>()")


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(path: Path) -> list[list[str]]:
    """The words of each command in the blocks of a page."""
    found = []
    for language, code in FENCED.findall(path.read_text()):
        if language != "bash":
            continue
        for line in code.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if not set(word) <= OPERATORS:
                    words.append(word)
                elif words:
                    found.append(words[1:] if words[0] == "do" else words)
                    words = []
    return found


def of_tfsr(words: list[str]) -> tuple[str, list[str]] | None:
    """The verb, or the script, and its arguments; None: another program."""
    first, *rest = words or [""]
    if first == "tfsr" and rest:
        return rest[0], rest[1:]
    if re.fullmatch(r"(.*/)?python3?", first) and rest:
        if rest[0] == "-m" and rest[1].startswith("tfsr."):
            return rest[1].removeprefix("tfsr."), rest[2:]
        if rest[0].endswith(".py"):
            return rest[0], rest[1:]
    return None


@pytest.fixture(scope="session")
def flags(succeed):
    """The flags of a verb; of a script all words, among which its flags are."""

    @functools.cache
    def flags(name: str) -> set[str]:
        if name.endswith(".py"):
            return set(re.findall(r"\w[\w-]*", (ROOT / name).read_text()))
        text = succeed("-m", "tfsr", name, "--help")
        found = re.findall(r"^ +(?:-(\w),)?--(\[no\])?(\w+)", text, re.MULTILINE)
        positive = {name for _, _, name in found}
        return positive | {short for short, _, _ in found} | {f"no{n}" for _, no, n in found if no}

    return flags


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_commands_have_these_flags(path, flags):
    wrong = []
    for words in commands(path):
        if not (command := of_tfsr(words)):
            continue
        name, arguments = command
        given = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
        known = flags(name) | {"help"}
        wrong += [f"{name} {flag}" for flag in given if flag.lstrip("-") not in known]
    assert not wrong


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_configurations_and_tools_in_commands_exist(path):
    named = [
        word.partition(":")[0]
        for words in commands(path)
        for word in words
        if word.startswith(("configs/", "tools/", "export/")) and "$" not in word
    ]
    assert not [name for name in named if not (ROOT / name).exists()]


# The changes name what has gone, and the guide for new networks what does not exist yet.
PRESENT = [path for path in PAGES if path.name not in ("CHANGELOG.md", "CONTRIBUTING.md")]


@pytest.mark.parametrize("path", PRESENT, ids=ids)
def test_files_that_are_named_exist(path):
    text = FENCED.sub("", path.read_text())
    assert not [name for name in PATH.findall(text) if not (ROOT / name).exists()]


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_blocks_of_code_are_fenced_and_name_their_language(path):
    text = path.read_text()
    assert not INDENTED.search(FENCED.sub("", text))
    assert all(language for language, _ in FENCED.findall(text))


SYSTEMS = sorted(set((ROOT / "docs" / "systems").glob("*.md")) - {ROOT / "docs/systems/index.md"})


@pytest.mark.parametrize("path", SYSTEMS, ids=ids)
def test_the_page_of_a_system_cites_its_paper(path):
    text = path.read_text()
    linked = re.findall(r"\[arXiv:([\d.]+)\]\(https://arxiv\.org/abs/([\d.]+)\)", text)
    assert all(words == target for words, target in linked)
    for eprint in re.findall(r"eprint = \{([\d.]+)\}", text):
        assert eprint in {target for _, target in linked}


def test_each_system_has_a_page():
    text = "".join(path.read_text() for path in (ROOT / "docs" / "systems").glob("*.md"))
    names = {path.name for path in (ROOT / "configs").glob("*.gin")}
    assert not [name for name in names if f"`configs/{name}`" not in text]


def test_the_citation_has_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == tfsr.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_parameters_are_those_of_the_tests():
    """Each number of parameters on the page of a system is asserted by the test beside it."""
    for path in SYSTEMS:
        (row,) = re.findall(r"^\| parameters \|(.*)\|$", path.read_text(), re.MULTILINE)
        tests = re.findall(r"`(tests/[\w/]+\.py)`", row)
        asserted = "".join((ROOT / test).read_text() for test in tests)
        asserted += (ROOT / "docs/systems/index.md").read_text().replace(",", "_")
        for number in re.findall(r"\d[\d,]{6,}", row):
            assert number.strip(",").replace(",", "_") in asserted
