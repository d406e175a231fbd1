import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.declipping import filled


def sdr(original, made) -> float:
    return 10 * np.log10(np.sum(original**2) / np.sum((original - made) ** 2))


@pytest.mark.parametrize("limit", [0.3, 0.6, 0.9])
def test_tones_are_found_again(limit):
    time = np.arange(2000)
    tones = 0.7 * np.sin(0.11 * time) + 0.3 * np.sin(0.31 * time + 1)
    low = np.clip(tones, -limit, limit)
    made = filled(low, np.abs(low) == limit, order=12)
    inside = slice(200, -200)
    assert sdr(tones[inside], made[inside]) > sdr(tones[inside], low[inside]) + 10


@given(
    seed=st.integers(0, 10**6), time=st.integers(1, 300), share=st.floats(0, 1), order=st.just(8)
)
def test_clipped_samples_are_as_loud_or_louder_and_others_stay(seed, time, share, order):
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, time)
    limit = np.quantile(np.abs(x), share)
    low = np.clip(x, -limit, limit)
    clipped = np.abs(low) == limit
    made = filled(low, clipped, order)
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made[~clipped], low[~clipped])
    assert (made * np.sign(low) >= np.abs(low)).all()
