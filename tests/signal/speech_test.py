from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.signal.bandwidth import effective_bandwidth
from tfsr.signal.resample import resample
from tfsr.signal.speech import Heard, hear

RATE = 16_000
EVERY = sorted(Path(str(resources.files("tfsr.data") / "bundled")).glob("*.flac"))
BUNDLED = EVERY[::4]


def speech(path: Path) -> np.ndarray:
    audio, rate = audio_file.read(path)
    return resample(audio, rate, RATE)


def noise(tilt: float, seconds: int = 5) -> np.ndarray:
    """White for 0, pink for 0.5, brown for 1."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 0.1, seconds * RATE))
    return np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** tilt)[:, np.newaxis]


def chords(seconds: int = 6) -> np.ndarray:
    """Three notes of ten harmonics every half second, which fade away."""
    generator = np.random.default_rng(0)
    time = np.arange(seconds * RATE) / RATE
    audio = np.zeros(len(time))
    for begin in np.arange(0, seconds, 0.5):
        after = np.maximum(time - begin, 0)
        for note in generator.integers(0, 13, 3):
            phases = 2 * np.pi * 220 * 2 ** (note / 12) * np.outer(np.arange(1, 11), after)
            tones = np.sum(np.sin(phases) / np.arange(1, 11)[:, np.newaxis], axis=0)
            audio += 0.1 * np.exp(-3 * after) * tones
    return audio[:, np.newaxis]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_speech_looks_like_it(path):
    audio = speech(path)
    assert hear([audio], RATE).speech
    assert hear([resample(audio, RATE, 8000)], 8000).speech


def test_speech_in_noise_looks_like_it_nearly_always():
    """White noise 20 dB below it; short utterances of held vowels may be taken for music."""
    background, missed = noise(0, 20), []
    for path in EVERY:
        audio = speech(path)
        heard = hear([audio + np.std(audio) * background[: len(audio)]], RATE)
        missed += [] if heard.speech else [path.stem]
    assert len(missed) <= 0.05 * len(EVERY), missed


@pytest.mark.parametrize("tilt", [0, 0.5, 1])
@pytest.mark.parametrize("level", [1e-3, 1])
def test_noise_does_not(tilt, level):
    assert not hear([level * noise(tilt)], RATE).speech


def test_music_of_held_notes_does_not():
    assert not hear([chords()], RATE).speech
    assert not hear(np.array_split(chords(), 50), RATE).speech


def test_hum_does_not():
    time = np.arange(5 * RATE)[:, np.newaxis] / RATE
    hum = sum(np.sin(2 * np.pi * hertz * time) / hertz for hertz in range(50, 4000, 50))
    assert not hear([hum], RATE).speech


@pytest.mark.parametrize(
    "audio", [noise(0)[:RATE], np.zeros([5 * RATE, 1]), np.zeros([0, 1]), np.ones([1, 1])]
)
@pytest.mark.parametrize("rate", [1000, RATE])
def test_what_is_short_or_silent_is_not_judged(audio, rate):
    assert hear([audio[: 2 * rate // 3]], rate).speech


def test_both_measures_come_of_one_pass():
    audio = speech(BUNDLED[0])
    blocks = np.array_split(audio, 7)
    heard = hear(blocks, RATE)
    assert heard == Heard(effective_bandwidth(blocks, RATE), heard.sound_hz, True)
    assert heard.bandwidth_hz <= heard.sound_hz <= RATE / 2
