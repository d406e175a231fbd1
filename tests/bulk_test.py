"""The command, in processes of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

BEAM = pytest.mark.skipif(
    "not __import__('importlib.util').util.find_spec('apache_beam')",
    reason="Apache Beam is not installed: tfsr[beam]",
)


def tfsr(*arguments: object, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    program = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({without}))
verb, *arguments = sys.argv[1:]
sys.argv = ["tfsr", *arguments]
runpy.run_module(f"tfsr.{{verb}}", run_name="__main__", alter_sys=True)
"""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


# Each in a fork of a process that has imported Beam, which takes longer than all of them.
IN_FORKS = """
import json, os, runpy, sys, traceback
import apache_beam
for place, arguments in enumerate(json.loads(sys.argv[1])):
    if not (child := os.fork()):
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{name}{place}", os.O_CREAT | os.O_WRONLY), number)
        sys.argv = ["tfsr", *arguments]
        try:
            runpy.run_module("tfsr.bulk", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def tapes(tmp_path) -> Path:
    folder = tmp_path / "tapes"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.wav", "b.wav", "deep/a.wav", "deep/c.flac")):
        sound = np.random.default_rng(seed).normal(0, 0.1, 4000)
        soundfile.write(folder / name, sound, 8000)
    (folder / "notes.txt").write_text("no recording")
    return folder


def sounds(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.suffix in (".wav", ".flac", ".ogg")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@BEAM
def test_what_it_writes_is_what_upsample_writes(tapes, tmp_path):
    how = ("--format", "flac", "--subtype", "PCM_24", "--nokeep_low_band", "--bandwidth", 3500)
    tfsr("upsample", tapes, "-o", tmp_path / "one", *how)
    done = tfsr("bulk", tapes, "-o", tmp_path / "many", *how)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"4 recordings -> {tmp_path}/many, by DirectRunner\n"
        f"{tmp_path}/many: 4 recordings are complete\n"
    )
    assert len(sounds(tmp_path / "one")) == 4
    assert sounds(tmp_path / "many") == sounds(tmp_path / "one")
    (left,) = (tmp_path / "many/left-out.jsonl").read_text().splitlines()
    assert json.loads(left)["path"] == str(tapes / "notes.txt")


@BEAM
def test_a_model_by_a_relative_name_is_found_by_workers(tapes, tmp_path, monkeypatch):
    from tfsr import presets

    monkeypatch.chdir(tmp_path)
    Path("models").symlink_to(presets.folder() / "telephony-8k-16k")
    done = tfsr("bulk", "tapes/deep", "-o", "many", "--model", "models")
    assert done.returncode == 0, done.stderr
    (shard,) = Path("many").glob("manifest-*")
    systems = {json.loads(line)["system"] for line in shard.read_text().splitlines()}
    assert systems == {str(tmp_path / "models")}


@BEAM
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="one"),
        pytest.param(
            ("direct_num_workers=2", "direct_running_mode=multi_processing"),
            id="processes",
            marks=pytest.mark.long,
        ),
    ],
)
def test_patterns_and_a_list(tapes, tmp_path, options):
    tfsr("upsample", tapes, "-o", tmp_path / "one", "--bandwidth", 4000)
    (tmp_path / "list.txt").write_text(f"{tapes}/deep/a.wav\n{tapes}/b.wav\n")
    done = tfsr(
        *("bulk", tapes / "deep/*.flac", "--list", tmp_path / "list.txt"),
        *("-o", tmp_path / "many", "--bandwidth", 4000, "--threads", 1),
        *(f"--runner_option={option}" for option in options),
    )
    assert done.returncode == 0, done.stderr
    expected = sounds(tmp_path / "one")
    expected["c.flac"] = expected.pop("deep/c.flac")
    del expected["a.wav"]
    assert sounds(tmp_path / "many") == expected


@BEAM
def test_what_fails_is_told_and_the_rest_is_done(tapes, tmp_path, monkeypatch):
    (tapes / "broken.wav").write_text("no sound")
    full = np.random.default_rng(0).normal(0, 0.1, 24000)
    soundfile.write(tapes / "full.wav", full, 48000)
    monkeypatch.chdir(tmp_path)
    done = tfsr("bulk", "tapes", "-o", "wide")
    first, second, last = done.stderr.splitlines()
    assert first == f"tfsr: {tapes}/broken.wav: cannot be read as audio (Format not recognised)"
    assert second.startswith(f"tfsr: {tapes}/full.wav: reaches ") and "--bandwidth" in second
    assert last == ("tfsr: 2 of 6 recordings could not be upsampled, see wide/dead-letters-*.jsonl")
    dead = (tmp_path / "wide/dead-letters-00000-of-00001.jsonl").read_text().splitlines()
    assert [Path(json.loads(line)["source"]).name for line in dead] == ["broken.wav", "full.wav"]
    assert done.returncode == 2 and len(sounds(tmp_path / "wide")) == 4


MISTAKES = [
    ([], "bulk: give the folder of outputs, -o OUTPUT; --help shows how"),
    (["-o", "wide"], "bulk: give audio files or folders, or --list; --help shows how"),
    (["x.wav", "-o", "wide"], "/x.wav: no such file or folder"),
    (["tapes", "-o", "s4://b"], "s4://b: Beam cannot read s4:// here: copy it"),
    (["tapes", "-o", "wide", "--runner", "Donkey"], "--runner Donkey: Beam cannot make it ("),
    (["tapes", "-o", "wide", "--runner", ""], "--runner: give the name of a runner, such as"),
    (["tapes", "-o", "wide", "--preset", "donkey"], "donkey: no such folder, and no preset"),
    (["tapes", "-o", "wide", "--subtype", "DONKEY"], "a.wav"),
    (
        ["tapes", "-o", "wide", "--runner_option", "direct_num_workers=x"],
        "--runner_option: argument --direct_num_workers: invalid int value: 'x'",
    ),
    (["tapes", "-o", "tapes/a.wav"], "tapes/a.wav/.tfsr-bulk: cannot be written"),
    (["tapes", "-o", "tapes"], "tapes/a.wav: is an input and would be overwritten"),
]


@BEAM
def test_mistakes_are_told_in_one_line(tapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = json.dumps([arguments for arguments, _ in MISTAKES])
    command = [sys.executable, "-c", IN_FORKS, given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2"] * len(MISTAKES)
    for place, (_, message) in enumerate(MISTAKES):
        told = Path(f"err{place}").read_text()
        assert told.startswith("tfsr: ") and message in told and told.count("\n") == 1
        for name in (f"out{place}", f"err{place}"):
            Path(name).unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_without_beam_its_help_is_there_and_one_line_says_what_to_install(tapes, tmp_path):
    done = tfsr("bulk", "--help", without=("apache_beam",))
    assert done.returncode == 0 and "--runner_option" in done.stdout
    done = tfsr("bulk", tapes, "-o", tmp_path / "wide", without=("apache_beam",))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tfsr: bulk needs Apache Beam: pip install 'tfsr[beam]'\n"
