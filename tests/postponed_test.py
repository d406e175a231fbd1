"""Signals wait until what has begun is whole, and none is lost."""

import os
import signal
import threading

import numpy as np
import pytest
from tqdm import tqdm

from tfsr import audio_file, file_command
from tfsr.audio_file import encoders
from tfsr.audio_file.file_view import FileView
from tfsr.inference.file_jobs import Request
from tfsr.inference.output_paths import Job
from tfsr.postponed import uninterrupted
from tfsr.upsamplers.interpolation import Interpolation


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


def test_a_file_that_is_made_in_spite_of_ctrl_c_has_its_record(interrupted, tmp_path):
    job = Job(tmp_path / "a.wav", tmp_path / "b.wav")
    audio_file.write(job.source, np.full([5000, 1], 0.1, np.float32), 8000)
    request = Request(lambda _: Interpolation(8000, 16000), "spline")
    request.upsampler("spline")  # TensorFlow's first call is not interrupted
    interrupted(os, "replace")
    records: dict = {}
    with pytest.raises(KeyboardInterrupt):
        file_command._one(
            request.upsample, job, tqdm(disable=True), records, str, threading.Event()
        )
    assert job.target.exists() and records[job.target].error is None


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
