import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.inference.mixing import mixed

RATE = 16_000


def noise(seed: int, time: int = 3000, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, [time, channels]).astype(np.float32)


def whole(low, high, strength, low_blocks=1, high_blocks=1) -> np.ndarray:
    parts = np.array_split(low, low_blocks), np.array_split(high, high_blocks)
    return np.concatenate(list(mixed(*map(iter, parts), strength, RATE)))[: len(low)]


@given(
    time=st.integers(1, 3000),
    channels=st.integers(1, 3),
    strength=st.floats(0, 1),
    blocks=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_the_ends_are_both_signals_and_blocks_do_not_matter(time, channels, strength, blocks):
    low, high = noise(0, time, channels), noise(1, time, channels)
    np.testing.assert_allclose(whole(low, high, 0.0, *blocks), low, rtol=0, atol=1e-6)
    np.testing.assert_allclose(whole(low, high, 1.0, *blocks), high, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(whole(low, high, strength, *blocks), whole(low, high, strength))


@given(strength=st.floats(0, 1), factor=st.floats(0, 1))
def test_of_equal_phases_it_is_the_plain_mix(strength, factor):
    low = noise(2)
    expected = (1 - strength + strength * factor) * low
    actual = whole(low, np.float32(factor) * low, strength)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_no_comb_of_signals_that_are_apart_in_time():
    """A plain mix with a copy that is a millisecond late lacks 500 Hz, 1500 Hz and so on."""
    time = np.arange(RATE) / RATE
    low = np.sin(2 * np.pi * 1500 * time).astype(np.float32)[:, np.newaxis]
    late = np.roll(low, RATE // 1000, axis=0)
    level = [np.std(x[2000:-2000]) for x in (low, 0.5 * (low + late), whole(low, late, 0.5))]
    assert level[1] < 0.01 * level[0]
    assert level[2] == pytest.approx(level[0], rel=0.05)
