"""The tutorials and the commands of README.md run, one after the other, as for a reader."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Trainings are shortened.
SMALL = [word for size in ("BATCH=2", "CHANNELS=8", "BLOCKS=1") for word in ("--gin_param", size)]
SHORT = [*SMALL, "--noevaluate"]
SHORTENED = {"STEPS=200": ["STEPS=2", *SHORT], "STEPS=400": ["STEPS=3", *SHORT]}


# Commands of README.md that do not run here, by what is in them.
NOT_RUN = {
    r"^make |^pip |pip install|-m venv|-m pytest$": "they install, build and test",
    "arecord": "it wants a microphone",
    "docker|serving/client.py": "they want a server: tests/export/serving_test.py",
    "tfsr.train .*configs/(audiounet|mugan|small/)": "days: tests/configs_test.py trains each",
    r"\.venv/bin/python -m tfsr": "minutes; a later one is shortened",
    "VCTK|vctk": "the corpus is not here: tests/prepare_test.py",
    "runs/nuwave|runs/voicefixer": "no such run here: tests/upsamplers",
    "models/apbwe": "the weights are not here: tests/convert",
    "listen --score": "it wants answers of listeners: tests/listen_test.py",
}
# What is in a command -> what makes it quick.
QUICK = {
    "STEPS=2000": [*SHORT, "--gin_param", "STEPS=2"],
    "tfsr.train --run_dir runs/mine": ["--noevaluate"],
    "evaluate --run_dir (?!.*--artifacts)": ["--files", "1"],
    "tfsr rooms": ["--count", "2"],
}


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and content of each block of code."""
    return BLOCK.findall((ROOT / "docs" / "tutorials" / page).read_text())


def readme() -> list[str]:
    """The commands of README.md."""
    found = BLOCK.findall((ROOT / "README.md").read_text())
    code = "".join(text for language, text in found if language == "bash")
    return [" ".join(line.split()) for line in code.replace("\\\n", " ").splitlines()]


def arguments(line: str) -> list[str]:
    """Those of Python for a command line."""
    words = [SHORTENED.get(word, [word]) for word in shlex.split(line, comments=True)]
    first, *rest = sum(words, [])
    if first == "saved_model_cli":
        return ["-m", "tensorflow.python.tools.saved_model_cli", *rest]
    assert first in ("tfsr", "python")
    if first == "tfsr":
        return ["-m", "tfsr", *rest]
    return rest if rest[0] in ("-m", "-c") else script(*rest)


def script(path: str, *rest: str) -> list[str]:
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], {}, '__main__')"
    )
    return ["-c", program, path, *rest]


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A folder with what the tutorials take from the repository, and recordings."""
    monkeypatch.chdir(tmp_path)
    for name in "configs", "export", "tools":
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


@pytest.mark.long
@pytest.mark.usefixtures("repository")
def test_the_commands_of_the_readme_run(succeed):
    for line in readme():
        prepare_for_readme()
        if any(re.search(pattern, line.partition(" #")[0].strip()) for pattern in NOT_RUN):
            continue
        if "<" in line:
            with open("call.wav", "rb") as source, open("piped.wav", "wb") as target:
                command = [sys.executable, *arguments(line.partition("<")[0])]
                subprocess.run(command, stdin=source, stdout=target, check=True)
            continue
        more = [
            word for pattern, added in QUICK.items() if re.search(pattern, line) for word in added
        ]
        succeed(*arguments(line), *more)


def prepare_for_readme() -> None:
    """Files and folders by the names of README.md, without what commands before have made there."""
    original, low = (soundfile.read(name)[0] for name in ("original.wav", "call.wav"))
    soundfile.write("low.wav", low, 8000)
    for name in "wide.wav", "spline.wav", "noisy.wav":
        soundfile.write(name, original, 16_000)
    for folder in "originals", "wide", "spline", "their/outputs", "my/originals", "low":
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True)
        for number in range(2):
            sound, rate = (low, 8000) if folder == "low" else (original, 16_000)
            soundfile.write(Path(folder, f"sound{number}.wav"), sound, rate)
    Path("docs").mkdir(exist_ok=True)


def test_nothing_is_left_out_for_no_reason():
    lines = [line.partition(" #")[0].strip() for line in readme()]
    patterns = [*NOT_RUN, *QUICK]
    assert not [pattern for pattern in patterns if not any(re.search(pattern, x) for x in lines)]
