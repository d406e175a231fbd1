from pathlib import Path

import pytest

from tfsr.errors import UserError
from tfsr.inference.targets import plan


@pytest.fixture
def tapes(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in "tapes/a.wav", "tapes/side b/c.flac", "tapes/side b/d.MP3", "tapes/notes.txt":
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def pairs(inputs: list[str], output: str | None) -> dict[str, str]:
    return {str(job.source): str(job.target) for job in plan(inputs, output)}


@pytest.mark.parametrize(
    "source, output, target",
    [
        ("tapes/a.wav", "new.wav", "new.wav"),
        ("tapes/a.wav", "deep/new.FLAC", "deep/new.FLAC"),
        ("tapes/a.wav", "new", "new/a.wav"),
        ("tapes/a.wav", "v1.5", "v1.5/a.wav"),
        ("tapes/side b/d.MP3", "new", "new/d.wav"),
        ("tapes/notes.txt", "new", "new/notes.txt.wav"),
    ],
)
def test_one_file(tapes, source, output, target):
    assert pairs([source], output) == {source: target}


def test_beside_the_inputs(tapes):
    made = {
        "tapes/a.wav": "tapes/a.tfsr.wav",
        "tapes/side b/c.flac": "tapes/side b/c.tfsr.flac",
        "tapes/side b/d.MP3": "tapes/side b/d.tfsr.wav",
    }
    assert pairs(["tapes"], None) == made
    for name in made.values():
        Path(name).touch()
    assert pairs(["tapes"], None) == made
    assert pairs(["tapes/notes.txt"], None) == {"tapes/notes.txt": "tapes/notes.txt.tfsr.wav"}


def test_another_format_and_only_one_folder(tapes):
    jobs = plan(["tapes"], "new", ".ogg", recursive=False)
    assert [str(job.target) for job in jobs] == ["new/a.ogg"]
    assert [str(job.target) for job in plan(["tapes/a.wav"], None, ".flac")] == [
        "tapes/a.tfsr.flac"
    ]
    with pytest.raises(UserError, match=r"new\.wav: is not named \.flac"):
        plan(["tapes/a.wav"], "new.wav", ".flac")
    with pytest.raises(UserError, match="--format doc: there are wav flac"):
        plan(["tapes/a.wav"], "new", ".doc")


def test_folders_are_mirrored(tapes):
    assert pairs(["tapes"], "new") == {
        "tapes/a.wav": "new/a.wav",
        "tapes/side b/c.flac": "new/side b/c.flac",
        "tapes/side b/d.MP3": "new/side b/d.wav",
    }


def test_files_and_folders_together(tapes):
    assert pairs(["tapes/side b", "tapes/a.wav"], "new.wav") == {
        "tapes/side b/c.flac": "new.wav/c.flac",
        "tapes/side b/d.MP3": "new.wav/d.wav",
        "tapes/a.wav": "new.wav/a.wav",
    }


def test_what_an_earlier_run_left_in_the_folder_is_no_input(tapes):
    first = pairs(["tapes"], "tapes/new")
    for target in first.values():
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    assert pairs(["tapes"], "tapes/new") == first


@pytest.mark.parametrize(
    "inputs, output",
    [
        (["tapes/a.wav"], "tapes/a.wav"),
        (["tapes/a.wav"], "tapes"),
        (["tapes/a.wav"], "./tapes/side b/../a.wav"),
        (["tapes"], "tapes"),
        (["tapes/side b", "tapes/side b/c.flac"], "tapes/side b"),
    ],
)
def test_an_input_is_never_overwritten(tapes, inputs, output):
    with pytest.raises(UserError, match="would be overwritten"):
        plan(inputs, output)


def test_nor_through_a_link(tapes):
    Path("link.wav").symlink_to("tapes/a.wav")
    with pytest.raises(UserError, match="would be overwritten"):
        plan(["tapes/a.wav"], "link.wav")


def test_two_inputs_never_become_one_file(tapes):
    Path("tapes/side b/d.wav").touch()
    with pytest.raises(UserError, match=r"side b/d\.MP3 and .*side b/d\.wav would both become"):
        plan(["tapes"], "new")


@pytest.mark.parametrize("name", ["gone.wav", "gone"])
def test_missing_input(tapes, name):
    with pytest.raises(UserError, match=f"{name}: no such file or folder"):
        plan(["tapes/a.wav", name], "new")


def test_folder_without_audio(tapes):
    Path("papers").mkdir()
    with pytest.raises(UserError, match="papers: no audio files"):
        plan(["papers"], "new")
