from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.signal import resample

LOW_PASS = scipy.signal.butter(8, 3000, fs=48000, output="sos")
RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def at_once(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    return resample.StreamResampler(from_rate, to_rate, audio.shape[1]).push(audio, last=True)


@given(time=st.integers(1, 3000), from_rate=RATES, to_rate=RATES)
def test_length_shape_and_type(time, from_rate, to_rate):
    expected = ceil(Fraction(time * to_rate, from_rate))
    assert resample.resampled_length(time, from_rate, to_rate) == expected
    for audio in (noise(time), noise(time, 2)):
        result = resample.resample(audio, from_rate, to_rate)
        assert result.shape == (expected, *audio.shape[1:])
        assert result.dtype == np.float32


@pytest.mark.parametrize("from_rate, to_rate", [(48000, 16000), (16000, 44100), (44100, 16000)])
def test_a_sine_stays_the_sine(from_rate, to_rate):
    def sine(rate):
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)

    result = resample.resample(sine(from_rate), from_rate, to_rate)
    inside = slice(to_rate // 10, -to_rate // 10)
    np.testing.assert_allclose(result[inside], sine(to_rate)[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rates", [(48000, 16000), (44100, 16000), (16000, 48000), (44100, 48000)])
def test_the_band_stays_whole_up_to_0_99_of_the_lower_nyquist_frequency(rates):
    """Within 0.1 dB; and nothing is left beyond it, but for rounding."""
    from_rate, to_rate = rates
    audio = np.zeros(from_rate)
    audio[from_rate // 2] = from_rate / to_rate  # what passes of an impulse is 1 in every bin
    levels = np.abs(np.fft.rfft(resample.resample(audio, *rates)))  # bins of 1 Hz
    nyquist = min(rates) // 2
    np.testing.assert_allclose(levels[: int(0.99 * nyquist)], 1, rtol=0, atol=0.012)
    assert np.all(levels[nyquist + 1 :] < 1e-5)


def test_equal_rates_change_nothing():
    audio = noise(100, 2)
    np.testing.assert_array_equal(resample.resample(audio, 16000, 16000), audio)


@given(
    sizes=st.lists(st.integers(0, 2000), min_size=1, max_size=6),
    from_rate=RATES,
    to_rate=RATES,
    channels=st.integers(1, 3),
)
def test_blocks_equal_the_whole(sizes, from_rate, to_rate, channels):
    audio = noise(sum(sizes) + 1, channels)
    stream = resample.StreamResampler(from_rate, to_rate, channels)
    blocks = np.split(audio, np.cumsum(sizes))
    results = [stream.push(block, last=False) for block in blocks[:-1]]
    results.append(stream.push(blocks[-1], last=True))
    expected = at_once(audio, from_rate, to_rate)
    assert len(expected) == resample.resampled_length(len(audio), from_rate, to_rate)
    np.testing.assert_allclose(np.concatenate(results), expected, rtol=0, atol=1e-6)


def test_a_stream_is_the_whole_but_for_the_top_of_the_band():
    """`resample` passes more of the band; below that both give the same."""
    audio = np.float32(scipy.signal.sosfiltfilt(LOW_PASS, noise(48000, 1), axis=0))
    stream, whole = at_once(audio, 48000, 16000), resample.resample(audio, 48000, 16000)
    inside = slice(1600, -1600)
    np.testing.assert_allclose(stream[inside], whole[inside], rtol=0, atol=1e-5)


def test_the_rest_comes_out_with_an_empty_last_block():
    audio = noise(999, 1)
    stream = resample.StreamResampler(44100, 16000, 1)
    result = np.concatenate([stream.push(audio, last=False), stream.push(audio[:0], last=True)])
    np.testing.assert_allclose(result, at_once(audio, 44100, 16000), atol=1e-6)


@pytest.fixture(scope="module")
def published():
    return np.load(Path(__file__).parents[1] / "fixtures" / "kaiser_best.npz")


@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_kaiser_best_on_speech(published, ratio):
    inside = slice(64, -64)  # the fixture was cut out of a longer signal
    result = resample.kaiser_best(published["hr"], ratio)
    np.testing.assert_allclose(result[inside], published[f"lr{ratio}"][inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "source, ratio, target",
    [("odd_in", 2, "odd_x2"), ("odd_in", 4, "odd_x4"), ("imp_in", 2, "imp_x2")],
)
def test_kaiser_best_on_whole_signals(published, source, ratio, target):
    result = resample.kaiser_best(published[source], ratio)
    np.testing.assert_allclose(result, published[target], rtol=0, atol=1e-5)


def test_kaiser_window(published):
    window = resample._kaiser_half_window()[::64]
    np.testing.assert_allclose(window, published["half_window_every_64th"], rtol=0, atol=1e-12)


@given(time=st.integers(1, 700), ratio=st.integers(1, 8))
def test_kaiser_best_length(time, ratio):
    assert resample.kaiser_best(noise(time), ratio).shape == (-(-time // ratio),)


@pytest.mark.parametrize("output_rate, input_rate", [(44100, 16000), (8000, 16000), (8000, 0)])
def test_ratios_that_are_not_whole(output_rate, input_rate):
    with pytest.raises(UserError, match=f"output_rate {output_rate} .* input_rate {input_rate}"):
        resample.whole_ratio(output_rate, input_rate)


def test_whole_ratio():
    assert resample.whole_ratio(48000, 16000) == 3


@given(time=st.integers(1, 3000), from_rate=RATES, to_rate=RATES)
def test_soxr_hq_keeps_length_and_type(time, from_rate, to_rate):
    result = resample.soxr_hq(noise(time), from_rate, to_rate)
    assert (result.shape, result.dtype) == (
        (resample.resampled_length(time, from_rate, to_rate),),
        np.float32,
    )


def test_soxr_hq_is_3_db_down_at_95_percent():
    sine = np.sin(2 * np.pi * 0.95 * 4000 * np.arange(48000) / 48000)
    power = np.mean(resample.soxr_hq(sine, 48000, 8000)[1000:-1000] ** 2)
    assert 10 * np.log10(2 * power) == pytest.approx(-3, abs=0.3)
