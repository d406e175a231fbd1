import librosa
import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.stft import HammingStft, Spectrum, irfft, overlap_add, stft


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


hops = st.sampled_from([(64, 32), (64, 16), (16, 4), (4, 2)])


@given(time=st.integers(1, 300), sizes=hops)
def test_the_covering_transform_is_undone_exactly(time, sizes):
    transform, x = HammingStft(*sizes), noise(2, time)
    spectrum = transform(x)
    n_fft, hop_length = sizes
    assert spectrum.real.shape == (
        2,
        -(-time // hop_length) + n_fft // hop_length - 1,
        n_fft // 2 + 1,
    )
    back = transform.inverse(spectrum)
    assert back.shape == (2, -(-time // hop_length) * hop_length)
    np.testing.assert_allclose(back[:, :time], x, atol=1e-5)
    np.testing.assert_allclose(back[:, time:], 0, atol=1e-5)


@given(time=st.integers(32, 300))
def test_frames_of_the_covering_transform_are_where_they_should_be(time):
    x = noise(1, time)
    window = scipy.signal.get_window("hamming", 32) / 1.08
    spectrum = tf.complex(*HammingStft(32, 16)(x))
    np.testing.assert_allclose(spectrum[0, 1], np.fft.rfft(x[0, :32] * window), atol=1e-5)
    first = np.concatenate([np.zeros(16), x[0, :16]])
    np.testing.assert_allclose(spectrum[0, 0], np.fft.rfft(first * window), atol=1e-5)


def test_overlap_add_of_frames_one_two_three():
    frames = np.float32([[[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]])
    np.testing.assert_array_equal(overlap_add(frames, 2)[0], [1, 1, 3, 3, 5, 5, 3, 3])
    np.testing.assert_array_equal(overlap_add(frames, 1)[0], [1, 3, 6, 6, 5, 3])
    np.testing.assert_array_equal(overlap_add(frames, 4)[0], frames.reshape(12))


@given(half=st.integers(2, 40))
def test_irfft_is_numpys(half):
    real, imag = noise(2, 3, half + 1), noise(2, 3, half + 1)[..., ::-1]
    expected = np.fft.irfft(real + 1j * imag)
    np.testing.assert_allclose(irfft(Spectrum(real, imag)), expected, atol=1e-5)


def test_the_covering_transform_converts_to_tflite_builtins(as_tflite):
    transform = HammingStft(64, 16)

    def there_and_back(x):
        return transform.inverse(transform(x))

    run = as_tflite(there_and_back)
    for shape in [(1, 1), (2, 100)]:
        np.testing.assert_allclose(run(noise(*shape)), there_and_back(noise(*shape)), atol=1e-5)
