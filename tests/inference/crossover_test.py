import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.inference.crossover import low_pass, with_low_band

RATES = st.sampled_from([8000, 16_000, 48_000])
SHARES = st.floats(0.08, 0.95)


def noise(samples: int, seed: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, [samples, channels]).astype(np.float32)


def joined(low, high, cutoff_hz: float, rate: int) -> np.ndarray:
    return np.concatenate(list(with_low_band(low, high, cutoff_hz, rate)))


def band(audio: np.ndarray, edges, rate: int, **kind) -> np.ndarray:
    """What is in a band, but for both ends."""
    kernel = scipy.signal.firwin(6001, edges, window=("kaiser", 12), fs=rate, **kind)
    return scipy.signal.oaconvolve(np.float64(audio), kernel[:, np.newaxis], "same", 0)[4000:-4000]


def decibels(signal: np.ndarray, error: np.ndarray) -> float:
    return 10 * np.log10(np.sum(signal**2) / np.sum(error**2))


@settings(max_examples=12)
@given(rate=RATES, share=SHARES, seed=st.integers(0, 99), louder=st.floats(0.1, 3))
def test_below_is_the_one_and_above_the_other(rate, share, seed, louder):
    cutoff = share * rate / 2
    low, high = noise(30_000, seed), louder * noise(30_000, seed + 1)
    out = joined([low], [high], cutoff, rate)
    below = 0.9 * cutoff - rate / 500
    kept, error = band(low, below, rate), band(out - low, below, rate)
    assert decibels(kept, error) > 60
    assert abs(decibels(kept, band(out, below, rate))) < 0.01
    above = min(cutoff + rate / 500, 0.49 * rate)
    made = band(high, above, rate, pass_zero=False)
    assert decibels(made, band(out - high, above, rate, pass_zero=False)) > 60


@settings(max_examples=10)
@given(
    places=st.lists(st.integers(0, 5000), max_size=6),
    others=st.lists(st.integers(0, 5000), max_size=6),
    share=SHARES,
    longer=st.integers(0, 3),
)
def test_blocks_do_not_matter(places, others, share, longer):
    low, high = noise(5000, 1, 2), noise(5000 + longer, 2, 2)
    whole = joined([low], [high], share * 8000, 16_000)
    assert whole.shape == low.shape and whole.dtype == np.float32
    parts = np.split(low, sorted(places)), np.split(high, sorted(others))
    np.testing.assert_allclose(joined(*parts, share * 8000, 16_000), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 7, 300])
def test_short_signals(samples):
    low, high = noise(samples, 1, 3), noise(samples, 2, 3)
    assert joined([low], [high], 4000, 16_000).shape == (samples, 3)


def test_nothing_is_done_where_both_agree():
    low = noise(9000, 1)
    np.testing.assert_array_equal(joined([low], [low], 4000, 16_000), low)


def test_all_is_kept_of_what_has_the_whole_band():
    low = noise(900, 1)
    np.testing.assert_allclose(joined([low], [noise(900, 2)], 8000, 16_000), low, atol=1e-6)


def test_no_more_is_read_than_is_given():
    read = 0

    def blocks(size):
        nonlocal read
        for _ in range(1000):
            read += size
            yield noise(size, 1)

    out = with_low_band(blocks(100), blocks(100), 4000, 16_000)
    given_out = sum(len(next(out)) for _ in range(50))
    assert read == 2 * 5000 and given_out == 5000 - len(low_pass(4000, 16_000)) // 2
