"""The command, in processes of its own, with an upsampler that needs no run directory."""

import functools

import numpy as np
import pytest

from tfsr import audio_file

WITHOUT_RUN = """
import sys, types
def load_run(run_dir, bindings):
    from tfsr.upsamplers.interpolation import Interpolation
    return types.SimpleNamespace(upsampler=Interpolation(8000, 16000))
sys.modules["tfsr.gin_config"] = types.SimpleNamespace(load_run=load_run)
from tfsr import command, upsample
command.run(upsample.main)
"""


@pytest.fixture
def upsample(run):
    return functools.partial(run, "-c", WITHOUT_RUN)


@pytest.fixture
def tapes(tmp_path):
    for name, rate in ("a.wav", 8000), ("b/c.flac", 44_100):
        sound = np.random.default_rng(0).uniform(-0.5, 0.5, [5000, 2])
        audio_file.write(tmp_path / "tapes" / name, sound.astype(np.float32), rate)
    return tmp_path / "tapes"


def test_a_folder_with_one_bad_file(upsample, tapes):
    (tapes / "b" / "bad.wav").write_text("no sound at all")
    out = tapes.parent / "out"
    done = upsample(tapes, "-o", out, "--run_dir", "any", "--chunk", "0.1")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        f"{tapes}/a.wav 8000 Hz -> {out}/a.wav 16000 Hz",
        f"{tapes}/b/c.flac: resampled from 44100 to 8000 Hz first",
        f"{tapes}/b/c.flac 44100 Hz -> {out}/b/c.flac 16000 Hz",
    ]
    first, last = done.stderr.splitlines()
    assert first.startswith(f"tfsr: {tapes}/b/bad.wav: ")
    assert last == "tfsr: 1 of 3 files could not be upsampled"
    assert [str(path.relative_to(out)) for path in audio_file.find(out)] == ["a.wav", "b/c.flac"]
    assert audio_file.info(out / "a.wav").samples == 10_000


def test_one_file_to_one_name(upsample, tapes):
    out = tapes.parent / "new.flac"
    done = upsample("--run_dir=any", tapes / "a.wav", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert audio_file.info(out).samples == 10_000


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give audio files"),
        (["a.wav", "--run_dir", "any"], "give -o OUT"),
        (["a.wav", "-o", "out"], "--run_dir DIR"),
        (["gone.wav", "-o", "out", "--run_dir", "any"], "gone.wav: no such file or folder"),
        (["a.wav", "-o", "out", "--run_dir", "any", "--chunk", "-1"], "chunk"),
        (["a.wav", "-o", "out", "--run_dir", "any", "--chnk", "1"], "chnk"),
    ],
)
def test_mistakes_are_one_line(upsample, arguments, message):
    done = upsample(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and message in done.stderr


def test_unwritable_output(upsample, tapes):
    done = upsample(tapes / "a.wav", "-o", tapes / "a.wav" / "b.wav", "--run_dir", "any")
    assert done.returncode == 2
    assert done.stderr.startswith(f"tfsr: {tapes}/a.wav/b.wav: cannot be written")
    assert len(done.stderr.splitlines()) == 1
