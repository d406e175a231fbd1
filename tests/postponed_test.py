"""Signals wait until what has begun is whole, and none is lost."""

import signal

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.audio_file import encoders
from tfsr.audio_file.file_view import FileView
from tfsr.postponed import uninterrupted


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    """Shells let programs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupted(monkeypatch):
    """Let a method raise SIGINT, once, before it does its work."""

    def add(owner, name):
        method = getattr(owner, name)

        def raising(*args):
            monkeypatch.setattr(owner, name, method)
            signal.raise_signal(signal.SIGINT)
            return method(*args)

        monkeypatch.setattr(owner, name, raising)

    return add


def test_it_comes_when_what_has_begun_is_whole():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("all")
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("method", ["readinto", "seek", "tell"])
def test_ctrl_c_while_libsndfile_reads(interrupted, tmp_path, capfd, method):
    path = tmp_path / "a.wav"
    audio_file.write(path, np.zeros([100, 1], np.float32), 8000)
    interrupted(FileView, method)
    with pytest.raises(KeyboardInterrupt):
        audio_file.read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", ["write", "seek"])
def test_ctrl_c_while_libsndfile_writes(interrupted, tmp_path, capfd, method):
    interrupted(encoders._Target, method)
    with pytest.raises(KeyboardInterrupt):
        audio_file.write(tmp_path / "a.wav", np.zeros([100, 1], np.float32), 8000)
    assert capfd.readouterr().err == "" and list(tmp_path.iterdir()) == []
