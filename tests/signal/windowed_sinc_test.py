import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.windowed_sinc import WindowedSinc

RATIOS = [1, 2, 3, 4, 6]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.float32(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("frequency", [0.01, 0.5, 0.9])
def test_what_lies_in_the_pass_band_is_the_signal_itself(ratio, frequency):
    """Images would be there too, if there were any."""
    high = np.sin(np.pi * frequency / ratio * np.arange(300 * ratio) + 0.3)
    result = WindowedSinc()(tf.constant(high[np.newaxis, ::ratio], tf.float32), ratio)
    inside = slice(32 * ratio, -32 * ratio)
    np.testing.assert_allclose(result[0, inside], high[inside], rtol=0, atol=2e-5)


@given(time=st.integers(1, 50), ratio=st.sampled_from(RATIOS), batch=st.integers(1, 3))
def test_sample_t_stays_at_ratio_times_t(time, ratio, batch):
    low = noise(batch, time)
    high = WindowedSinc()(low, ratio)
    assert high.shape == (batch, ratio * time)
    np.testing.assert_allclose(high[:, ::ratio], low, rtol=0, atol=1e-6)


@pytest.mark.parametrize("reach", [4, 32])
def test_an_impulse_reaches_so_far(reach):
    low = np.zeros([1, 101], np.float32)
    low[0, 50] = 1
    (touched,) = np.nonzero(WindowedSinc(reach)(low, 3)[0])
    assert 3 * (50 - reach) < touched[0] <= 3 * (51 - reach)
    assert 3 * (49 + reach) <= touched[-1] < 3 * (50 + reach)


def test_inside_is_the_middle_of_the_whole():
    low, sinc = noise(2, 60), WindowedSinc(reach=7)
    whole = sinc(low, 4)
    np.testing.assert_allclose(sinc.inside(low, 4), whole[:, 28:-28], rtol=0, atol=1e-6)


def test_converts_to_tflite_builtins(as_tflite):
    low = noise(2, 77)
    run = as_tflite(lambda low: WindowedSinc()(low, 3))
    np.testing.assert_allclose(run(low), WindowedSinc()(low, 3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_with_unit_gain_it_is_scipys_polyphase(ratio):
    low = noise(1, 100)
    sinc = WindowedSinc(reach=10, kaiser_beta=5.0, unit_gain=True)
    expected = scipy.signal.resample_poly(low[0].astype(np.float64), ratio, 1)
    np.testing.assert_allclose(sinc(low, ratio)[0], expected, atol=1e-6)


@pytest.mark.parametrize("time", [1, 5, 9, 40])
def test_mirrored_ends(time):
    low, sinc = noise(1, time), WindowedSinc(reach=8, rolloff=0.9, mirrored=True)
    high = sinc(low, 3)
    assert high.shape == (1, 3 * time)
    if time > 8:
        extended = np.pad(low, [(0, 0), (8, 8)], mode="reflect")
        np.testing.assert_allclose(high, sinc.inside(extended, 3), atol=1e-6)
    any_time = tf.function(lambda low: sinc(low, 3), [tf.TensorSpec([1, None])])
    np.testing.assert_allclose(any_time(low), high, atol=1e-6)
