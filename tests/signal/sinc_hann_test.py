"""The windowed sinc against what torchaudio made."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.sinc_hann import SincHann, sinc_hann

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATES = [(48000, low) for low in (8000, 12000, 16000, 24000)] + [
    (16000, low) for low in (2000, 4000, 8000)
]
SEEDS = st.integers(0, 2**32 - 1)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "sinc_hann.npz")


@pytest.mark.parametrize(("high", "low"), RATES)
def test_down_and_up_equal_torchaudio(recorded, high, low):
    down, up = recorded[f"down_{high}_{low}"], recorded[f"up_{high}_{low}"]
    made = sinc_hann(recorded[f"x{high // 1000}"], high, low)
    assert made.shape == down.shape and made.dtype == np.float64
    np.testing.assert_allclose(made, down, atol=5e-7)
    again = sinc_hann(down, low, high)
    assert len(again) == recorded[f"uplen_{high}_{low}"]
    np.testing.assert_allclose(again[: len(up)], up, atol=5e-7)
    graph = SincHann()(down[np.newaxis], high // low)[0]
    np.testing.assert_allclose(graph[: len(up)], up, atol=5e-7)


@given(time=st.integers(1, 60), up=st.integers(1, 9), down=st.integers(1, 9), seed=SEEDS)
def test_is_the_sum_over_the_samples_of_its_definition(time, up, down, seed):
    x = noise(time, seed=seed)
    made = sinc_hann(x, 100 * down, 100 * up)
    assert made.shape == (-(-time * up // down),)
    lower = 0.99 * min(1, up / down)
    distances = np.arange(time) - np.arange(len(made))[:, np.newaxis] * down / up
    t = np.clip(lower * distances, -6, 6)
    expected = lower * np.sinc(t) * np.cos(np.pi * t / 12) ** 2 @ x if up != down else x
    np.testing.assert_allclose(made, expected, atol=1e-12)


@given(batch=st.integers(1, 3), time=st.integers(1, 60), ratio=st.integers(1, 8))
def test_in_a_graph_it_is_the_same_at_any_length(batch, time, ratio):
    low = noise(batch, time)
    made = SincHann()(tf.constant(low), ratio)
    expected = [sinc_hann(one, 1000, 1000 * ratio) for one in low]
    np.testing.assert_allclose(made, expected, atol=2e-6)
    static = tf.function(lambda x: SincHann()(x, ratio)).get_concrete_function(
        tf.TensorSpec([None, time])
    )
    assert static.output_shapes.as_list() == [None, ratio * time]


@given(ratio=st.integers(2, 8), place=st.integers(0, 40))
def test_a_sample_is_heard_as_far_as_its_reach(ratio, place):
    low = np.zeros([1, 41], np.float32)
    low[0, place] = 1
    heard = np.flatnonzero(SincHann()(tf.constant(low), ratio)) // ratio
    reach = SincHann().reach
    assert heard[0] >= place - reach and heard[-1] <= place + reach
    assert heard[-1] - heard[0] >= min(reach - 1, 40 - place) + min(reach - 1, place)


def test_converts_to_tflite_builtins(as_tflite):
    run = as_tflite(lambda low: SincHann()(low, 3))
    for shape in [(1, 1), (2, 103)]:
        expected = SincHann()(tf.constant(noise(*shape)), 3)
        np.testing.assert_allclose(run(noise(*shape)), expected, atol=1e-6)
