"""tools/torture.py, shortened, and that it sees what is lost."""

import shutil

import pytest


@pytest.fixture(scope="module")
def torture(tool_named):
    return tool_named("torture")


@pytest.fixture
def seen_by(succeed):
    """Runs a kind with its flags; gives the table's row as column -> value."""

    def seen_by(*arguments: str) -> dict[str, str]:
        names, values = succeed("-c", PROGRAM, *arguments).splitlines()[-2:]
        cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (names, values))
        return dict(zip(*cells, strict=True))

    return seen_by


# As `python tools/torture.py` does; processes that it forks find the module by its name.
PROGRAM = """
import sys
sys.path.insert(0, "tools")
import torture
sys.exit(torture.main(sys.argv[1:]))
"""


def cases(first, *others) -> list:
    """The others take long."""
    return [first, *(pytest.param(other, marks=pytest.mark.long) for other in others)]


SHORT = "--count=1", "--steps=8", "--validate=4"


@pytest.mark.parametrize("family", cases("regression", "gan", "diffusion", "flow", "two-stage"))
def test_a_killed_training(seen_by, family):
    """With a checkpoint after each step; the kill is in the midst of one."""
    seen = seen_by("kills", f"--family={family}", *SHORT)
    assert seen["kills"] == "1" and seen["that differ"] == "0"
    assert seen["within a checkpoint"] == "1"


@pytest.mark.parametrize("seed", cases(0, 1, 2, 3))
def test_damaged_files(seen_by, seed):
    seen = seen_by(f"--seed={seed}", "files", "--count=512")
    assert 100 < int(seen["upsampled"]) < 400 and int(seen["peak MB"]) < 1024


def test_a_killed_folder(seen_by):
    seen = seen_by("folders", "--count=1", "--recordings=6")
    assert seen["recordings"] == "6" and seen["that differ"] == "0"


def test_a_long_recording(seen_by):
    seen = seen_by("hours", "--hours=0.02")
    assert 30 < int(seen["peak MB by the hour"]) < 300


def test_many_clients(seen_by):
    seen = seen_by("clients", "--clients=4", "--seconds=1")
    assert int(seen["requests"]) >= 4 and seen["other answers"] == "0"


def test_what_differs_is_seen(torture, tmp_path):
    (tmp_path / "one" / "checkpoints").mkdir(parents=True)
    for name, text in {"a": "1", "b": "2", "x.tfevents.1": "3", "checkpoints/c": "4"}.items():
        (tmp_path / "one" / name).write_text(text)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    (tmp_path / "other" / "x.tfevents.1").rename(tmp_path / "other" / "x.tfevents.2")
    assert torture.different(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "other" / "a").write_text("2")
    (tmp_path / "other" / "b").unlink()
    assert torture.different(tmp_path / "one", tmp_path / "other") == ["b", "a"]


def test_what_was_lost_ends_with_1(torture, capsys):
    assert torture.Row({"files": 3}).show() == 0
    assert torture.Row({"files": 3}, ["one"]).show() == 1
    assert capsys.readouterr().err == "lost: one\n"


@pytest.mark.parametrize(
    "code, said",
    [
        *((0, "a.wav -> b.wav"), (0, "a.wav: short\na.wav -> b.wav")),
        *(
            (2, "tfsr: a.wav: no sound"),
            (1, "Traceback"),
            (2, "no"),
            (0, ""),
            (0, "b.wav -> c.wav"),
        ),
    ],
)
def test_how_a_file_should_end(torture, code, said):
    assert torture.told("a.wav", code, said) == (said.startswith(("a.wav", "tfsr: a.wav")))
