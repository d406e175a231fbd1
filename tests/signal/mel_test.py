"""VoiceFixer's mel spectrogram against librosa and against what the authors' code recorded."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.mel import (
    MelSpectrogram,
    append_silence,
    from_log_mel,
    log_mel,
    magnitude,
    mel_areas,
    mel_filters,
    normalized_decibels,
    vocoder_condition,
    with_magnitude,
)
from tfsr.signal.stft import Spectrum, istft, stft

FIXTURES = Path(__file__).parents[1] / "fixtures"
PUBLISHED = MelSpectrogram()
SMALL = MelSpectrogram(rate=8000, n_fft=64, hop_length=13, bands=8)
SHORT = 30_871  # samples of the second recording, the beginning of the first


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "voicefixer_frontend.npz")


@pytest.fixture(scope="module")
def speech(recorded) -> np.ndarray:
    return np.float32(recorded["wav"])[np.newaxis] / 2**15


@pytest.mark.parametrize(("rate", "n_fft", "bands"), [(44_100, 2048, 128), (16_000, 512, 40)])
def test_filters_are_librosas(rate, n_fft, bands):
    filters, areas = mel_filters(rate, n_fft, bands), mel_areas(rate, bands)
    options = {"sr": rate, "n_fft": n_fft, "n_mels": bands, "htk": True, "dtype": np.float64}
    expected = librosa.filters.mel(norm=None, **options).T
    np.testing.assert_allclose(filters, expected, atol=1e-6)
    slaney = librosa.filters.mel(norm="slaney", **options).T
    np.testing.assert_allclose(filters / areas, slaney, atol=1e-8)


def test_areas_are_those_of_the_authors_code():
    bands = np.arange(1, 129)
    fitted = 18.8927416350036 * np.exp(0.0269863588184314 * bands)
    np.testing.assert_allclose(mel_areas(44_100, 128), fitted, rtol=1e-6)


def test_mel_is_librosas(speech):
    expected = librosa.stft(
        np.float64(speech[0]), n_fft=2048, hop_length=441, pad_mode="reflect"
    ).T  # in double precision
    filters = librosa.filters.mel(
        sr=44_100, n_fft=2048, n_mels=128, htk=True, norm=None, dtype=np.float64
    )
    mel = np.maximum(np.abs(expected), 1e-4) @ filters.T
    np.testing.assert_allclose(PUBLISHED(speech)[0], mel, rtol=1e-5, atol=1e-5)


def test_log_mel_equals_the_recorded_one(recorded, speech):
    """The recorded one was transformed by a convolution and is itself 4e-5 of each mel off.

    Ours is up to 2e-5 off (see above).
    """
    atol = (4e-5 + 2e-5) / np.log(10)
    for signal, name, frames in [
        (speech, "log_mel", slice(None)),
        (speech[:, :SHORT], "short_log_mel", recorded["short_frames"]),
    ]:
        mel = PUBLISHED(signal).numpy()
        assert mel.shape == (1, 1 + signal.shape[1] // 441, 128)
        np.testing.assert_allclose(log_mel(mel)[0].numpy()[frames], recorded[name], atol=atol)


def test_spectrum_equals_the_recorded_one(recorded, speech):
    """Of which the greatest magnitude is 73, and which is itself 1e-4 off."""
    spectrum = PUBLISHED.spectrum(speech[:, :SHORT])
    for name, values in [
        ("real", spectrum.real),
        ("imag", spectrum.imag),
        ("magnitude", magnitude(spectrum)),
    ]:
        actual = values[0].numpy()[recorded["short_frames"]]
        np.testing.assert_allclose(actual, recorded[f"short_{name}"], rtol=1e-5, atol=1.2e-4)


def test_condition_equals_the_recorded_one(recorded, speech):
    """To the accuracy of the mels, of which 115 dB become 8; from the recorded itself to 1e-5."""
    atol = (4e-5 + 2e-5) * 20 / np.log(10) * 8 / 115
    condition = vocoder_condition(PUBLISHED(speech))
    np.testing.assert_allclose(condition[0], recorded["condition"], atol=atol)
    short = vocoder_condition(PUBLISHED(speech[:, :SHORT]))
    np.testing.assert_allclose(short[0, -8:], recorded["short_condition"], atol=atol)
    from_recorded = vocoder_condition(from_log_mel(recorded["log_mel"][np.newaxis]))
    np.testing.assert_allclose(from_recorded[0], recorded["condition"], atol=1e-5)


@pytest.mark.parametrize("time", [44_100, SHORT, 1025])
def test_the_inverse_gives_the_signal_back(speech, time):
    spectrum, signal = PUBLISHED.spectrum(speech[:, :time]), speech[:, :time]
    np.testing.assert_allclose(istft(spectrum, 441, time), signal, atol=1e-6)
    same = with_magnitude(spectrum, magnitude(spectrum))
    np.testing.assert_allclose(istft(same, 441, time), signal, atol=1e-6)


@given(time=st.integers(33, 300), hop_length=st.integers(1, 32))
def test_the_inverse_at_any_length(time, hop_length):
    x = noise(2, time)
    spectrum = stft(x, 64, hop_length)
    spectrum = Spectrum(tf.math.real(spectrum), tf.math.imag(spectrum))
    # At a hop of half a frame the last samples may be where the only window is nearly zero.
    np.testing.assert_allclose(istft(spectrum, hop_length, time), x, atol=1e-4)


def test_the_inverse_of_a_changed_spectrum_is_librosas():
    spectrum = noise(1, 9, 33), noise(1, 9, 33)[..., ::-1].copy()
    spectrum[1][..., [0, -1]] = 0
    expected = librosa.istft(
        (spectrum[0] + 1j * spectrum[1])[0].T, n_fft=64, hop_length=13, length=110
    )
    np.testing.assert_allclose(istft(Spectrum(*spectrum), 13, 110)[0], expected, atol=1e-5)


def test_magnitudes_can_be_exchanged():
    spectrum, new = SMALL.spectrum(noise(1, 100)), np.abs(noise(1, 8, 33)) + 0.1
    changed = with_magnitude(spectrum, new)
    np.testing.assert_allclose(magnitude(changed), new, rtol=1e-5)
    np.testing.assert_allclose(
        tf.atan2(changed.imag, changed.real), tf.atan2(spectrum.imag, spectrum.real), atol=1e-6
    )


@given(time=st.integers(33, 400))
def test_any_length_in_a_graph_that_does_not_know_it(time):
    x = noise(2, time)
    condition = dynamic(x)
    frames = 1 + time // 13
    assert condition.shape == (2, frames + 4 + frames % 2, 8)
    np.testing.assert_allclose(condition, vocoder_condition(SMALL(x), 8000), atol=1e-4)
    np.testing.assert_array_equal(condition[:, frames:], -4)


@tf.function(input_signature=[tf.TensorSpec([None, None])], autograph=False)
def dynamic(x):
    condition = vocoder_condition(SMALL(x), 8000)
    assert condition.shape[2] == 8
    return condition


def test_logarithm_and_its_inverse():
    mel = np.float32([[1e-9, 1e-8, 0.5, 100.0]])
    np.testing.assert_allclose(log_mel(mel), [[-8, -8, np.log10(0.5), 2]], atol=1e-6)
    np.testing.assert_allclose(from_log_mel(log_mel(mel)), [[1e-8, 1e-8, 0.5, 100]], rtol=1e-5)
    np.testing.assert_allclose(from_log_mel(tf.constant([5.0, 9.0])), 1e5, rtol=1e-5)


def test_decibels_are_clipped_at_both_ends():
    amplitude = np.float32([0, 1e-5, 10 ** (-37.5 / 20), 10, 100])
    np.testing.assert_allclose(normalized_decibels(amplitude), [-4, -4, 0, 4, 4], atol=1e-5)


@pytest.mark.parametrize(("frames", "appended"), [(1, 5), (2, 4), (7, 5), (8, 4)])
def test_the_number_of_frames_becomes_even(frames, appended):
    x = noise(2, frames, 3)
    longer = append_silence(x)
    np.testing.assert_array_equal(longer[:, :frames], x)
    np.testing.assert_array_equal(longer[:, frames:], np.full([2, appended, 3], -4.0))


def test_gradient_is_finite_in_silence():
    x = tf.constant(np.pad(noise(1, 100), [(0, 0), (0, 200)]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(log_mel(SMALL(x)))
    gradient = tape.gradient(loss, x)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_converts_to_tflite_builtins(as_tflite):
    def condition_and_signal(x):
        spectrum = SMALL.spectrum(x)
        condition = vocoder_condition(SMALL.of_magnitude(magnitude(spectrum)), 8000)
        same = with_magnitude(spectrum, magnitude(spectrum))
        signal = istft(same, SMALL.hop_length, tf.shape(x)[1])
        return tf.concat([tf.reshape(condition, [-1]), tf.reshape(signal, [-1])], axis=0)

    run = as_tflite(condition_and_signal)
    for shape in [(1, 40), (2, 333)]:
        np.testing.assert_allclose(
            run(noise(*shape)), condition_and_signal(noise(*shape)), atol=1e-3
        )
