"""The tutorials run, block after block, as somebody would who follows them."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Trainings are shortened.
SHORT = ["--gin_param", "BATCH=2", "--noevaluate"]
SHORTENED = {"STEPS=200": ["STEPS=2", *SHORT], "STEPS=400": ["STEPS=3", *SHORT]}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and content of each block of code."""
    return BLOCK.findall((ROOT / "docs" / "tutorials" / page).read_text())


def arguments(line: str) -> list[str]:
    """Those of Python for a command line."""
    words = [SHORTENED.get(word, [word]) for word in shlex.split(line)]
    first, *rest = sum(words, [])
    assert first in ("tfsr", "python")
    return ["-m", "tfsr", *rest] if first == "tfsr" else script(*rest)


def script(path: str, *rest: str) -> list[str]:
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], {}, '__main__')"
    )
    return ["-c", program, path, *rest]


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A folder with what the tutorials take from the repository, and recordings."""
    monkeypatch.chdir(tmp_path)
    for name in "configs", "export":
        (tmp_path / name).symlink_to(ROOT / name)
    made = {}
    exec(next(code for language, code in blocks("recording.md") if language == "python"), made)
    original = soundfile.read("original.wav")[0][:40_000]
    for folder, rate in ("tapes", 8000), ("speech", 16_000):
        (tmp_path / folder).mkdir()
        for number in range(4):
            soundfile.write(tmp_path / folder / f"{number}.wav", original, rate)
    return tmp_path


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "page",
    ["recording.md", "deploying.md", pytest.param("training.md", marks=pytest.mark.long)],
)
def test_the_tutorial_runs(page, succeed):
    printed = ""
    known = {}
    for language, code in blocks(page):
        if language == "python":
            exec(code, known)
        elif language == "bash":
            lines = code.replace("\\\n", "").splitlines()
            printed = "".join(succeed(*arguments(line)) for line in lines)
        else:
            assert language == "text"
            assert code in printed  # by the commands before it


def test_every_tutorial_is_run():
    pages = {path.name for path in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert pages == {"recording.md", "deploying.md", "training.md"}
