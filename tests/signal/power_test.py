import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.signal.power import bin_width, frame_length, power_frames


def noise(samples: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, [samples, channels])


def frames_of(blocks: list[np.ndarray], rate: int) -> np.ndarray:
    return np.concatenate(list(power_frames(blocks, rate)))


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
def test_a_sine_is_where_and_as_loud_as_it_should_be(rate):
    sine = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)[:, np.newaxis]
    power = frames_of([sine], rate)
    assert power.shape == (49, frame_length(rate) // 2 + 1)
    assert np.all(np.argmax(power, axis=1) == round(1000 / bin_width(rate)))
    np.testing.assert_allclose(power.max(axis=1), 0.25, rtol=0.01)


@given(sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=8))
@settings(max_examples=20)
def test_blocks_do_not_matter(sizes):
    signal = noise(12_000, 2)
    blocks = np.split(signal, np.minimum(np.cumsum(sizes), len(signal)))
    np.testing.assert_allclose(frames_of(blocks, 8000), frames_of([signal], 8000), rtol=1e-9)


def test_channels_are_added():
    signal = noise(8000)
    both = frames_of([np.concatenate([signal, -signal], axis=1)], 8000)
    np.testing.assert_allclose(both, 2 * frames_of([signal], 8000))


def test_frames_with_a_click_are_left_out():
    signal = noise(8000) / 100
    whole = frames_of([signal], 8000)
    signal[4001] += 0.5
    np.testing.assert_allclose(frames_of([signal], 8000), np.delete(whole, [24, 25], axis=0))


def test_short_signals_are_filled():
    assert len(frames_of([noise(100)], 8000)) == 1
    assert not list(power_frames([noise(0)], 8000))
