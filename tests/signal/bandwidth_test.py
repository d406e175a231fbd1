from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr import audio_file
from tfsr.signal.bandwidth import effective_bandwidth
from tfsr.signal.resample import resample

BUNDLED = sorted(Path(str(resources.files("tfsr.data") / "bundled")).glob("*.flac"))
CUT_OFFS = [2000, 4000, 5500, 8000, 11_000]
CASES = [
    (rate, cut_off) for rate in (16_000, 48_000) for cut_off in CUT_OFFS if 2 * cut_off <= rate
]


def speech(number: int, rate: int, cut_off: int) -> np.ndarray:
    """Float32 [time]; three seconds at the most, with nothing above the cut-off."""
    audio, stored_rate = audio_file.read(BUNDLED[number % len(BUNDLED)])
    low = resample(audio[: 3 * stored_rate, 0], stored_rate, 2 * cut_off)
    return resample(low, 2 * cut_off, rate)


def dithered(audio: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """As 16 bits with triangular dither."""
    dither = generator.uniform(-0.5, 0.5, [2, len(audio)]).sum(axis=0)
    return np.round(2**15 * audio + dither) / 2**15


def bandwidth(audio: np.ndarray, rate: int, block: int = 65_536) -> float:
    columns = audio[:, np.newaxis]
    return effective_bandwidth(np.split(columns, range(block, len(columns), block)), rate)


@pytest.mark.parametrize("rate, cut_off", CASES)
@settings(max_examples=6)
@given(number=st.integers(0, 200), level_db=st.integers(-20, 0), seed=st.integers(0, 100))
def test_speech_ends_where_it_was_cut_off(rate, cut_off, number, level_db, seed):
    generator = np.random.default_rng(seed)
    audio = speech(number, rate, cut_off) * 10 ** (level_db / 20)
    seconds = np.arange(len(audio)) / rate
    for harmonic in (50, 150, 250):
        audio += 0.02 * np.sin(2 * np.pi * harmonic * seconds)
    audio += 0.003 * np.sin(2 * np.pi * 7300 * seconds)
    audio[generator.integers(0, len(audio), 3)] += 0.5
    found = bandwidth(dithered(audio, generator), rate)
    assert found == pytest.approx(cut_off, rel=0.1)


@pytest.mark.parametrize("below_db, found", [(60, 8000), (90, 4000)])
def test_what_is_far_beneath_the_loudest_is_no_band(below_db, found):
    """Such as the stopband of a filter, in speech so loud that this is louder than dither."""
    whole, low = speech(0, 16_000, 8000), speech(0, 16_000, 4000)
    faint = scipy.signal.sosfilt(
        scipy.signal.butter(10, 4200, "highpass", fs=16_000, output="sos"), whole
    )
    loudest = [np.max(np.abs(np.fft.rfft(x))) for x in (low, faint)]
    audio = low + faint * loudest[0] / loudest[1] * 10 ** (-below_db / 20)
    assert bandwidth(30 * audio, 16_000) == pytest.approx(found, rel=0.1)


def test_a_word_in_a_long_pause():
    word = speech(0, 16_000, 4000)
    audio = np.concatenate([np.zeros(600_000), word, np.zeros(600_000)])
    audio = dithered(audio, np.random.default_rng(0))
    assert bandwidth(audio, 16_000) == pytest.approx(4000, rel=0.1)


@given(sizes=st.lists(st.integers(0, 4000), min_size=1, max_size=8))
@settings(max_examples=5)
def test_blocks_and_channels_do_not_matter(sizes):
    audio = speech(1, 16_000, 4000)
    blocks = np.split(np.stack([audio, -audio], axis=1), np.cumsum(sizes))
    assert effective_bandwidth(blocks, 16_000) == pytest.approx(bandwidth(audio, 16_000), rel=0.01)


@pytest.mark.parametrize("audio", [np.zeros(9000), np.zeros(0), np.ones(1)])
@pytest.mark.parametrize("rate", [1000, 7350, 192_000])
def test_what_has_no_speech_has_the_whole_band(audio, rate):
    assert bandwidth(audio, rate) == rate / 2


def test_noise_ends_where_it_was_cut_off():
    noise = resample(np.random.default_rng(0).normal(0, 0.1, 24_000), 8000, 16_000)
    assert bandwidth(noise, 16_000) == pytest.approx(4000, rel=0.05)


def test_noise_up_to_the_end():
    assert bandwidth(np.random.default_rng(0).normal(0, 0.1, 40_000), 16_000) > 7900


@settings(max_examples=6)
@given(
    number=st.integers(0, 200),
    below_db=st.integers(30, 60),
    tilt=st.sampled_from([0, 0.5, 1]),
    seed=st.integers(0, 100),
)
def test_noise_does_not_matter(number, below_db, tilt, seed):
    audio = speech(number, 16_000, 4000)
    noise = np.fft.rfft(np.random.default_rng(seed).normal(size=len(audio)))
    noise = np.fft.irfft(noise / np.arange(1, len(noise) + 1) ** tilt, len(audio))
    noise *= np.std(audio) / np.std(noise) * 10 ** (-below_db / 20)
    assert bandwidth(audio + noise, 16_000) == pytest.approx(4000, rel=0.1)


@pytest.mark.parametrize("rate, to_rate", [(8000, 16_000), (8000, 44_100), (11_025, 22_050)])
def test_repeated_samples_have_no_wider_band(rate, to_rate):
    audio = speech(3, rate, rate // 2)
    repeated = audio[np.arange(len(audio) * to_rate // rate) * rate // to_rate]
    assert bandwidth(repeated, to_rate) == pytest.approx(rate / 2, rel=0.1)


@pytest.mark.parametrize("share, found", [(0.05, 4000), (0.5, 8000)])
def test_what_is_seldom_does_not_count(share, found):
    narrow, wide = speech(2, 16_000, 4000), speech(2, 16_000, 8000)
    parts = round(share * 40)
    audio = np.concatenate([wide] * parts + [narrow] * (40 - parts))
    assert bandwidth(audio, 16_000) == pytest.approx(found, rel=0.1)
