import logging

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.data.bundled import Bundled
from tfsr.data.corpora import Folder, corpus
from tfsr.data.full_band import FullBand, band_hz
from tfsr.data.pipeline import Patches
from tfsr.data.shards import prepare
from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.signal.resample import resample

RATE = 16_000
NARROW = ["train/call.wav", "test/call.wav"]
WIDE = ["train/a.wav", "train/b.wav", "test/c.wav", "valid/d.wav"]


@pytest.fixture(scope="module")
def speech():
    """Six seconds at 16 kHz."""
    recordings = Bundled().recordings("train")[:3]
    return np.concatenate([recording.read(RATE) for recording in recordings])[: 6 * RATE]


def call(speech: np.ndarray) -> np.ndarray:
    """The same from 8 kHz, at 16."""
    return resample(resample(speech, RATE, 8000), 8000, RATE)


@pytest.fixture(scope="module")
def root(speech, tmp_path_factory):
    """Two calls among wide recordings, and one at 8 kHz."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in WIDE:
        audio_file.write(folder / name, speech[:, np.newaxis], RATE)
    for name in NARROW:
        audio_file.write(folder / name, call(speech)[:, np.newaxis], RATE)
    audio_file.write(folder / "train/low.wav", resample(speech, RATE, 8000)[:, np.newaxis], 8000)
    return folder


def names(a_corpus, split: str = "train") -> list[str]:
    return [recording.name for recording in a_corpus.recordings(split)]


def test_the_narrow_ones_are_left_out_and_told(root, caplog):
    wide = FullBand(Folder(root), RATE)
    with caplog.at_level(logging.WARNING, "tfsr"):
        assert names(wide) == WIDE[:2] and names(wide) == WIDE[:2]
    assert caplog.messages == [
        "left out: train/call.wav: nothing above 4.0 kHz, which is no target at 16000 Hz",
        "left out: train/low.wav: is stored at 8000 Hz, which is no target at 16000",
        f"left out 2 of 4 train recordings of {root.name}: too narrow",
    ]
    assert names(wide, "test") == WIDE[2:3]
    assert "train 2" in wide.describe()


def test_all_fill_a_lower_rate(root):
    assert names(FullBand(Folder(root), 8000)) == names(Folder(root))


def test_patches_are_of_those_alone(root):
    def patches(**settings) -> Patches:
        return Patches(Folder(root), Decimate(), 8000, RATE, patch=256, batch=8, **settings)

    wide, every = patches(), patches(full_band=False)
    assert {name for step in range(4) for name in wide.names_of(step)} == set(WIDE[:2])
    assert {name for step in range(9) for name in every.names_of(step)} == set(names(Folder(root)))
    assert wide.names_of(3) == patches().names_of(3)


def test_nothing_wide_to_train_with(speech, tmp_path):
    audio_file.write(tmp_path / "call.wav", call(speech)[:, np.newaxis], RATE)
    with pytest.raises(UserError, match="no recording fills the band of 16000 Hz"):
        FullBand(Folder(tmp_path), RATE).recordings("train")


def test_prepared_ones_are_measured_once(root, tmp_path, monkeypatch):
    assert prepare(Folder(root), tmp_path / "wide", RATE) == (4, 3)
    assert "train/call.wav: nothing above 4.0 kHz" in (tmp_path / "wide/skipped.txt").read_text()
    assert prepare(Folder(root), tmp_path / "all", RATE, full_band=False) == (7, 0)
    monkeypatch.setattr("tfsr.data.full_band.hear", None)
    assert names(FullBand(corpus(tmp_path / "wide"), RATE)) == WIDE[:2]
    assert names(FullBand(corpus(tmp_path / "all"), RATE)) == WIDE[:2]
    assert len(names(FullBand(Bundled(), 48_000))) == len(names(Bundled()))


def test_what_cannot_be_decoded_is_left_to_others(root, tmp_path):
    audio_file.write(tmp_path / "bad.wav", np.full([400, 1], np.nan, np.float32), RATE, "FLOAT")
    assert names(FullBand(Folder(tmp_path), RATE)) == ["bad.wav"]


def test_the_bundled_speech_fills_its_band():
    for recording in Bundled().recordings("train")[::12]:
        assert band_hz(recording.read(48_000), 48_000) > 0.8 * 24_000


def test_noise_above_a_call_does_not_fill_it(speech):
    noise = np.random.default_rng(0).normal(0, 0.02 * np.std(speech), len(speech))
    assert band_hz(call(speech) + noise, RATE) < 5000
    assert band_hz(speech + noise, RATE) > 7000


def test_long_recordings_are_measured_in_parts(speech):
    call_with_end = np.concatenate([np.tile(call(speech), 20), speech[:RATE]])
    assert band_hz(call_with_end, RATE) < 5000
    assert band_hz(np.tile(speech, 20), RATE) > 7000
