import subprocess
import sys
import time

import numpy as np

from tfsr import audio_file
from tfsr.data.corpora import corpus


def prepare(*arguments):
    command = [sys.executable, "-m", "tfsr.prepare", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_folder(tmp_path):
    for number in range(5):
        audio = np.zeros((400, 1), np.float32)
        audio_file.write(tmp_path / f"in/{number}.wav", audio, 8000)
    (tmp_path / "in/text.wav").write_text("text")
    done = prepare(tmp_path / "in", "-o", tmp_path / "out", "--rate", "4000")
    assert done.returncode == 0
    described, result = done.stdout.splitlines()
    assert described.startswith("in: train ")
    assert result == f"{tmp_path / 'out'}: 5 recordings, 1 files skipped"
    assert "text.wav: cannot be read as audio" in done.stderr
    assert {recording.rate for recording in corpus(tmp_path / "out").recordings("train")} == {4000}


def test_vctk(tmp_path):
    for number in (1, 2, 355):
        path = tmp_path / "in/wav48/p225" / f"p225_{number:03d}.wav"
        audio_file.write(path, np.zeros((9, 1), np.float32), 48000)
    done = prepare("--output", tmp_path / "out", tmp_path / "in")
    assert done.returncode == 0
    assert [recording.name for recording in corpus(tmp_path / "out").recordings("test")] == [
        "p225/p225_355.wav"
    ]


def test_mistakes_are_one_line_and_exit_code_2(tmp_path):
    for arguments, text in [
        ([], "give one folder to read and one to write"),
        ([tmp_path / "missing", "-o", tmp_path / "out"], "missing: no such folder"),
        ([tmp_path, "-o", tmp_path / "out"], "no usable recording"),
        ([tmp_path, "-o", tmp_path / "out", "--rate", "0"], "rate"),
    ]:
        done = prepare(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("tfsr: ") and text in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_comes_at_once():
    began = time.perf_counter()
    done = prepare("--help")
    assert time.perf_counter() - began < 1
    assert done.returncode == 0
    assert "--rate" in done.stdout and "-m tfsr.prepare SOURCE" in done.stdout
