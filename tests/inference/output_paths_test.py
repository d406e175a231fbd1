import os
from pathlib import Path

import pytest

from tfsr.errors import UserError
from tfsr.inference.output_paths import plan


@pytest.fixture
def tapes(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in "tapes/a.wav", "tapes/side b/c.flac", "tapes/side b/d.MP3", "tapes/notes.txt":
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def pairs(inputs: list[str], output: str | None) -> dict[str, str]:
    return {str(job.source): str(job.target) for job in plan(inputs, output)[0]}


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
    jobs, _ = plan(["tapes"], "new", ".ogg", recursive=False)
    assert [str(job.target) for job in jobs] == ["new/a.ogg"]
    jobs, _ = plan(["tapes/a.wav"], None, ".flac")
    assert [str(job.target) for job in jobs] == ["tapes/a.tfsr.flac"]
    with pytest.raises(UserError, match=r"new\.wav: is not named \.flac"):
        plan(["tapes/a.wav"], "new.wav", ".flac")
    with pytest.raises(UserError, match="--format doc: is unknown; known ones are wav flac"):
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
    Path("more").mkdir()
    Path("more/a.wav").touch()
    with pytest.raises(UserError, match=r"tapes/a\.wav and more/a\.wav would both become"):
        plan(["tapes", "more"], "new")


def test_names_that_differ_in_the_extension_alone(tapes):
    for name in "d.wav", "d.m4a", "d.MP3.wav", "c.mp3":
        Path("tapes/side b", name).touch()
    assert pairs(["tapes/side b"], "new") == {
        "tapes/side b/c.flac": "new/c.flac",
        "tapes/side b/c.mp3": "new/c.wav",
        "tapes/side b/d.MP3": "new/d.MP3.1.wav",
        "tapes/side b/d.MP3.wav": "new/d.MP3.wav",
        "tapes/side b/d.m4a": "new/d.m4a.wav",
        "tapes/side b/d.wav": "new/d.wav",
    }
    assert pairs(["tapes/side b/d.wav", "tapes/side b/d.m4a"], None) == {
        "tapes/side b/d.wav": "tapes/side b/d.tfsr.wav",
        "tapes/side b/d.m4a": "tapes/side b/d.m4a.tfsr.wav",
    }


def test_names_of_255_bytes(tapes):
    names = ["x" * 251 + ".wav", "x" * 251 + ".mp3", "\u00e4" * 125 + ".wav"]
    for name in names:
        Path("tapes", name).touch()
    for output in "new", None:
        targets = [Path(target).name for target in pairs(["tapes"], output).values()]
        assert len(set(targets)) == len(targets) == 6
        assert all(len(os.fsencode(name)) <= 255 for name in targets)


def test_what_is_left_is_told_with_its_reason(tapes):
    Path("tapes/loop.wav").symlink_to("loop.wav")
    Path("tapes/side b/up").symlink_to("..")
    Path("tapes/a.tfsr.wav").touch()
    os.mkfifo("tapes/pipe.wav")
    jobs, left = plan(["tapes"], "new")
    assert [str(job.source) for job in jobs] == [
        "tapes/a.wav",
        "tapes/side b/c.flac",
        "tapes/side b/d.MP3",
    ]
    assert {str(path): reason for path, reason, _ in left} == {
        "tapes/a.tfsr.wav": "was written before",
        "tapes/loop.wav": "is a link to nothing",
        "tapes/notes.txt": "has no audio file's extension",
        "tapes/pipe.wav": "is no regular file",
        "tapes/side b/up": "is a link to a folder that it lies in",
    }


def test_folders_that_link_to_each_other(tapes):
    Path("p").mkdir()
    Path("q").mkdir()
    Path("p/r.wav").touch()
    Path("p/q").symlink_to("../q")
    Path("q/p").symlink_to("../p")
    assert pairs(["."], "new")["q/p/r.wav"] == "new/q/p/r.wav"
    jobs, left = plan(["."])
    assert str(jobs[0].target) == "p/r.tfsr.wav" and len(jobs) == 4
    assert ("q/p/r.wav", "is p/r.wav again") in [(str(one.path), one.reason) for one in left]


def test_a_pipe_is_taken_by_its_name(tapes):
    os.mkfifo("pipe")
    assert pairs(["pipe"], "new.wav") == {"pipe": "new.wav"}


@pytest.mark.parametrize("name", ["new.wma", "new.AMR", "new.ulaw"])
def test_a_name_that_no_encoder_serves(tapes, name):
    with pytest.raises(UserError, match=f"{name}: there is no encoder for .*one of .wav"):
        plan(["tapes/a.wav"], name)


@pytest.mark.parametrize("name", ["gone.wav", "gone"])
def test_missing_input(tapes, name):
    with pytest.raises(UserError, match=f"{name}: no such file or folder"):
        plan(["tapes/a.wav", name], "new")


def test_folder_without_audio(tapes):
    Path("papers").mkdir()
    with pytest.raises(UserError, match="papers: no audio files"):
        plan(["papers"], "new")
