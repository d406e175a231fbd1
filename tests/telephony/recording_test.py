"""Recordings of calls."""

import shutil
import types

import numpy as np
import pytest
import soundfile

from tfsr.errors import UserError
from tfsr.telephony.recording import Recording


def recorded(folder, value: float, first: int = 1) -> Recording:
    recording = Recording(folder, "call", 16_000, first)
    for _ in range(4):
        recording.write(np.full(9000, value, np.float32))
    return recording


@pytest.mark.parametrize("first", [1, 16_000, 1_000_000])
def test_all_that_was_written_is_there_at_the_end(tmp_path, first):
    recording = recorded(tmp_path, 0.5, first)
    assert list(tmp_path.glob("[!.]*")) == []
    assert recording.close() == tmp_path / "call.wav"
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]
    sound, rate = soundfile.read(tmp_path / "call.wav")
    assert (len(sound), rate) == (36_000, 16_000) and (sound == 0.5).all()


def test_none_takes_the_place_of_another(tmp_path):
    (tmp_path / "call.wav").write_text("of yesterday")
    recordings = [recorded(tmp_path, value) for value in (0.25, 0.5)]
    assert [one.close().name for one in recordings] == ["call-2.wav", "call-3.wav"]
    assert (tmp_path / "call.wav").read_text() == "of yesterday"
    for name, value in ("call-2", 0.25), ("call-3", 0.5):
        assert (soundfile.read(tmp_path / f"{name}.wav")[0] == value).all()


def test_what_a_killed_process_left_stays(tmp_path):
    left = tmp_path / ".call.1-1.wav.999999.part"
    left.write_bytes(b"half of a call")
    assert recorded(tmp_path, 0.5).close().name == "call.wav"
    assert left.read_bytes() == b"half of a call"


def test_a_recording_ends_before_the_disk_is_full(tmp_path, monkeypatch):
    """What is there stays, and is whole."""
    recording = recorded(tmp_path, 0.5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"call\.wav: ends here, for the disk is full"):
        recording.write(np.full(16_000, 0.5, np.float32))
    sound, _ = soundfile.read(tmp_path / "call.wav")
    assert len(sound) == 52_000 and (sound == 0.5).all()
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        recorded(tmp_path / "file", 0.5)
