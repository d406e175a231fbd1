"""Small critics of spectrograms: what they see, and that they can learn."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.networks.spectrogram_critics import SpectrogramCritics

RATE = 16000


def tone(hz: float, samples: int = 4096) -> np.ndarray:
    return np.float32(
        0.1 * np.hanning(samples + 2)[1:-1] * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)
    )


def shown(judged: np.ndarray, given: np.ndarray) -> tf.Tensor:
    return tf.stack([judged[np.newaxis], given[np.newaxis]], axis=-1)


@pytest.fixture(scope="module")
def critics() -> SpectrogramCritics:
    keras.utils.set_random_seed(0)
    made = SpectrogramCritics()
    made(shown(tone(0), tone(0)))
    return made


def test_parameter_count(critics):
    assert critics.count_params() == 51_603


def test_scores_are_the_last_maps(critics):
    x = shown(tone(5000), tone(1000))
    maps = critics.maps(x)
    assert [len(of_one) for of_one in maps] == [5, 5, 5]
    for score, of_one in zip(critics(x), maps, strict=True):
        assert score.shape[-1] == 1
        np.testing.assert_array_equal(score, of_one[-1])


def test_the_waveform_is_judged_in_the_upper_band_alone(critics):
    """A tone below it, or any of the condition beyond the bins it has, is not seen."""
    silent = shown(tone(0), tone(0))
    for first, second, seen in [
        (1000, 0, False),
        (5000, 0, True),
        (0, 1000, True),
        (0, 7000, False),
    ]:
        pairs = zip(critics(shown(tone(first), tone(second))), critics(silent), strict=True)
        differences = [np.abs(a - b).max() for a, b in pairs]
        assert all((each > 1e-3) == seen for each in differences), (first, second, differences)


def test_silence_has_a_gradient(critics):
    x = shown(tone(0), tone(0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.add_n([tf.reduce_sum(score) for score in critics(x)])
    assert np.all(np.isfinite(tape.gradient(total, x)))


@pytest.mark.parametrize("samples", [1, 100, 1000])
def test_any_time(critics, samples):
    for score in critics(shown(tone(1000, samples), tone(500, samples))):
        assert np.all(np.isfinite(score))
