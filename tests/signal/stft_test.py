import librosa
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.stft import stft


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def assert_equals_librosa(x, n_fft, hop_length, window_length=None, center=True):
    result = stft(tf.constant(x), n_fft, hop_length, window_length, center)
    expected = librosa.stft(
        x.astype(np.float64),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=window_length,
        center=center,
        pad_mode="reflect",
    ).swapaxes(1, 2)
    assert result.dtype == tf.complex64
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("n_fft, hop_length", [(2048, 512), (1024, 256), (512, 50)])
@pytest.mark.parametrize("window_length", [None, 240, 401])
@pytest.mark.parametrize("center", [True, False])
def test_equals_librosa(n_fft, hop_length, window_length, center):
    assert_equals_librosa(noise(2, 5000), n_fft, hop_length, window_length, center)


# At hops of n_fft / 2 and more librosa 0.11 mirrors a wrong sample into the last frame.
@pytest.mark.filterwarnings("ignore:n_fft")
@given(time=st.integers(33, 200), hop_length=st.integers(1, 31))
def test_equals_librosa_at_any_length(time, hop_length):
    assert_equals_librosa(noise(1, time), 64, hop_length)


@given(time=st.integers(1, 32))
def test_short_signals_are_lengthened_with_zeros(time):
    x = noise(2, time)
    lengthened = np.pad(x, [(0, 0), (0, 33 - time)])
    np.testing.assert_array_equal(stft(x, 64, 16), stft(lengthened, 64, 16))
    assert stft(x, 64, 16).shape == (2, 3, 33)


def test_dynamic_time_equals_static():
    dynamic = tf.function(lambda x: stft(x, 256, 64), input_signature=[tf.TensorSpec([None, None])])
    for time in (1, 100, 1000):
        np.testing.assert_allclose(
            dynamic(noise(2, time)), stft(noise(2, time), 256, 64), rtol=0, atol=1e-5
        )


def test_gradient_is_finite_on_silence_and_short_signals():
    x = tf.constant(np.pad(noise(1, 50), [(0, 0), (0, 500)]))
    for signal in (x, x[:, :10]):
        with tf.GradientTape() as tape:
            tape.watch(signal)
            power = tf.reduce_sum(tf.abs(stft(signal, 128, 32)) ** 2)
        gradient = tape.gradient(power, signal)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_converts_to_tflite_builtins(as_tflite):
    def magnitudes(x):
        return tf.abs(stft(x, 64, 16))

    run = as_tflite(magnitudes)
    for shape in [(1, 10), (2, 1003)]:
        np.testing.assert_allclose(run(noise(*shape)), magnitudes(noise(*shape)), atol=1e-4)
