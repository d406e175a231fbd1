import functools

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.data.corpora import corpus


@pytest.fixture
def prepare(run):
    return functools.partial(run, "-m", "tfsr.prepare")


def test_a_folder(prepare, tmp_path):
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


def test_vctk(prepare, tmp_path):
    for number in (1, 2, 355):
        path = tmp_path / "in/wav48/p225" / f"p225_{number:03d}.wav"
        audio_file.write(path, np.zeros((9, 1), np.float32), 48000)
    done = prepare("--output", tmp_path / "out", tmp_path / "in")
    assert done.returncode == 0
    assert [recording.name for recording in corpus(tmp_path / "out").recordings("test")] == [
        "p225/p225_355.wav"
    ]


def test_mistakes_are_one_line_and_exit_code_2(prepare, tmp_path):
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


def test_a_runner_of_beam_writes_the_same(prepare, tmp_path):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed: tfsr[beam]")
    for number in range(5):
        audio = np.random.default_rng(number).normal(0, 0.1, (400, 1)).astype(np.float32)
        audio_file.write(tmp_path / f"in/{number}.wav", audio, 8000)
    (tmp_path / "in/text.wav").write_text("text")
    how = ("--rate", "8000", "--runner_option", "direct_num_workers=1")
    plain = prepare(tmp_path / "in", "-o", tmp_path / "out", *how)
    done = prepare(tmp_path / "in", "-o", tmp_path / "many", "--runner", "DirectRunner", *how)
    assert (plain.returncode, done.returncode) == (0, 0), done.stderr
    assert done.stdout.splitlines()[1] == f"{tmp_path / 'many'}: 5 recordings, 1 files skipped"
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("out", "many")
    )
    assert one == other
