import numpy as np
import pytest
import tensorflow as tf

from tfsr.losses.spectral import LogStft
from tfsr.signal.stft import stft


def signals():
    random = np.random.default_rng(0)
    return random.normal(0, 0.1, [2, 4096]).astype(np.float32), random.normal(
        0, 0.05, [2, 4096]
    ).astype(np.float32)


def test_one_resolution_is_a_mean_of_differences():
    high, estimate = signals()
    powers = [np.abs(stft(x, 512, 128).numpy()) ** 2 for x in (high, estimate)]
    logs = [np.log10(power + 1e-8) for power in powers]
    expected = np.abs(logs[0] - logs[1]).mean(axis=(1, 2))
    np.testing.assert_allclose(LogStft((512,))(high, estimate), expected, rtol=1e-4)


def test_zero_for_equal_signals_and_two_for_a_tenth_of_the_amplitude():
    high, _ = signals()
    loss = LogStft((256, 512), floor=0.0)
    np.testing.assert_allclose(loss(high, high), 0.0)
    np.testing.assert_allclose(loss(high, 0.1 * high), 2.0, rtol=1e-4)


@pytest.mark.parametrize("estimate", [np.zeros, np.ones])
def test_gradient_is_finite_even_at_silence(estimate):
    high, _ = signals()
    x = tf.constant(estimate(high.shape, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = LogStft()(high, x)
    assert np.isfinite(tape.gradient(loss, x)).all()
