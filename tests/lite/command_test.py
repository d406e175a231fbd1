"""`tfsr upsample --model` makes what the upsampler makes, where TensorFlow is not installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tfsr import audio_file
from tfsr.inference.file_jobs import Request
from tfsr.inference.output_paths import Job

# The largest memory is told by Linux alone; getrusage would tell that of the tests themselves.
WITHOUT_TENSORFLOW = """
import importlib, sys
absent = "tensorflow tf_keras tensorflow_io tensorflow_probability librosa gin matplotlib scipy"
sys.modules.update(dict.fromkeys(absent.split()))
from tfsr import command
command.run(importlib.import_module("tfsr.upsample").main)
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""

SYSTEMS = {"bandwidth": ["--bandwidth", "3000"], "measured": [], "all": ["--nokeep_low_band"]}


def upsample(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def tapes(tmp_path) -> Path:
    random = np.random.default_rng(0)
    for name, rate, channels in ("a.wav", 8000, 1), ("b.flac", 44_100, 2), ("c.wav", 16_000, 2):
        envelope = np.abs(np.sin(np.arange(3 * rate) / rate * 9))[:, np.newaxis]
        sound = 0.1 * envelope * random.normal(size=[3 * rate, channels])
        audio_file.write(tmp_path / "tapes" / name, sound.astype(np.float32), rate)
    return tmp_path / "tapes"


@pytest.mark.parametrize("how", SYSTEMS)
def test_files_are_those_of_keras(streaming, exported, tapes, how):
    out = tapes.parent / "out"
    more = ["--format", "wav", "--subtype", "FLOAT", "--chunk", "0.2", "--jobs", "2"]
    done = upsample(tapes, "-o", out, "--model", exported, *more, *SYSTEMS[how])
    assert done.returncode == 0, done.stderr
    request = Request(
        load=lambda _: streaming,
        system="keras",
        bandwidth_hz=3000 if how == "bandwidth" else None,
        keep_low_band=how != "all",
        chunk_seconds=0.2,
        subtype="FLOAT",
    )
    for source in audio_file.find(tapes):
        expected = tapes.parent / "keras.wav"
        record = request.upsample(Job(source, expected), lambda _: None)
        assert record.error is None
        made = (out / source.name).with_suffix(".wav")
        (sound, rate), (other, other_rate) = map(soundfile.read, (made, expected))
        assert rate == other_rate == 16_000 and sound.any()
        np.testing.assert_allclose(sound, other, rtol=0, atol=1e-5)


def test_a_call_needs_little_memory(exported, tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, 5 * 8000)
    soundfile.write(tmp_path / "call.wav", sound, 8000)
    done = upsample(tmp_path / "call.wav", "--model", exported)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 250_000  # kB


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "none.tflite"], "tfsr: none.tflite: cannot be read (No such file"),
        (["--model", __file__], f"tfsr: {__file__}: no TensorFlow Lite file of tfsr's, or damaged"),
        (["--model", "a", "--run_dir", "b"], "tfsr: upsample: give one of --preset, --model and"),
    ],
)
def test_mistakes_are_told_in_a_line(tapes, arguments, message):
    done = upsample(tapes / "a.wav", *arguments)
    assert done.returncode == 2 and done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1 and not (tapes / "a.tfsr.wav").exists()
