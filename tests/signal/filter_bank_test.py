import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import freqz

from tfsr.signal.filter_bank import BANDS, analysis_filters, sub_bands


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(samples).astype(np.float32)


def put_together(bands: np.ndarray, samples: int) -> np.ndarray:
    """Zeros between the samples of [frames, bands], and each band's filter backwards."""
    wide = np.zeros([BANDS * len(bands), BANDS])
    wide[::BANDS] = BANDS * bands
    parts = [np.convolve(x, h) for x, h in zip(wide.T, analysis_filters().T, strict=True)]
    margin = len(analysis_filters()) // 2
    return np.sum(parts, axis=0)[margin : margin + samples]


def test_the_bands_hold_the_signal():
    x = noise(4001)
    bands = sub_bands(tf.constant(x[np.newaxis, :, np.newaxis]))
    assert bands.shape == (1, 1001, BANDS)
    rebuilt = put_together(bands[0].numpy(), len(x))
    inner = slice(100, -100)  # the filters end where the signal does
    error = rebuilt[inner] - x[inner]
    assert 10 * np.log10(np.mean(error**2) / np.mean(x[inner] ** 2)) < -60


@pytest.mark.parametrize("band", range(BANDS))
def test_a_band_holds_a_quarter_of_the_frequencies(band):
    frequencies, response = freqz(analysis_filters()[:, band], worN=2048)
    quarter = np.pi / BANDS
    distance = np.abs(frequencies - (band + 0.5) * quarter)
    decibels = 20 * np.log10(np.abs(response) + 1e-9)
    assert np.abs(decibels[distance < 0.2 * quarter]).max() < 0.1
    assert decibels[distance > quarter].max() < -80


@pytest.mark.parametrize("samples", [1, 2, 5, 64])
def test_any_length(samples):
    assert sub_bands(tf.zeros([2, samples, 1])).shape == (2, -(-samples // BANDS), BANDS)
