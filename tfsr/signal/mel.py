"""The mel spectrogram of VoiceFixer, and the condition of its vocoder.

Liu, Liu, Kong, Tian, Zhao, Wang, Huang & Wang 2022, "VoiceFixer: A unified framework for
high-fidelity speech restoration", section 3. Details missing in the paper are from the authors'
code.
"""

import dataclasses
import functools
import math

import numpy as np
import tensorflow as tf

from tfsr.arguments import COUNT, check
from tfsr.signal.stft import Spectrum, stft

_LEAST_POWER = 1e-8
_LEAST_MEL = 1e-8
_GREATEST_LOG = 5.0

_LEAST_AMPLITUDE = 1e-5
_REFERENCE_DB = 20.0
_RANGE_DB = 115.0
_GREATEST = 4.0
_SILENT_FRAMES = 4
_RANGES = dict.fromkeys(("rate", "n_fft", "hop_length", "bands"), COUNT)


@dataclasses.dataclass(frozen=True)
class MelSpectrogram:
    """float32 [batch, time] -> magnitudes in mel bands, float32 [batch, frames, bands].

    Frame t is centred at sample t * hop_length. There are 1 + time // hop_length frames. The signal
    is mirrored at its ends, which needs at least n_fft / 2 + 1 samples (1025). The caller has to
    lengthen a shorter signal, because it must know the new length. (`stft` would add zeros at its
    end.)

    Args:
        rate: of the signal, in Hz.
        n_fft: samples of a frame and of its periodic Hann window, a power of two.
        hop_length: samples from one frame to the next, at most n_fft / 2.
        bands: see `mel_filters`.
    """

    rate: int = 44_100
    n_fft: int = 2048
    hop_length: int = 441
    bands: int = 128

    def __post_init__(self):
        check("MelSpectrogram", vars(self), _RANGES)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.of_magnitude(magnitude(self.spectrum(x)))

    def spectrum(self, x: tf.Tensor) -> Spectrum:
        """[batch, time] -> [batch, frames, n_fft / 2 + 1]; `stft.istft` is the inverse."""
        return Spectrum.of(stft(x, self.n_fft, self.hop_length))

    def of_magnitude(self, magnitude: tf.Tensor) -> tf.Tensor:
        """[batch, frames, n_fft / 2 + 1] -> [batch, frames, bands]."""
        return tf.matmul(magnitude, mel_filters(self.rate, self.n_fft, self.bands))


def magnitude(spectrum: Spectrum) -> tf.Tensor:
    """Absolute values, at least 1e-4, so that silence also has a gradient and a logarithm."""
    return tf.sqrt(tf.maximum(spectrum.power, _LEAST_POWER))


def with_magnitude(spectrum: Spectrum, new: tf.Tensor) -> Spectrum:
    """A spectrum with new magnitudes, [batch, frames, bins], and its old phases."""
    gain = new / magnitude(spectrum)
    return Spectrum(spectrum.real * gain, spectrum.imag * gain)


def log_mel(mel: tf.Tensor) -> tf.Tensor:
    """log10 of the mel, with a floor of 1e-8.

    The paper adds 1e-8 instead. The floor of magnitudes makes both the same for a signal's mel.
    """
    return _log10(tf.maximum(mel, _LEAST_MEL))


def from_log_mel(log_mel: tf.Tensor) -> tf.Tensor:
    """The inverse of `log_mel`, limited to 1e5, since a network may estimate absurd values."""
    return tf.pow(10.0, tf.minimum(log_mel, _GREATEST_LOG))


@functools.lru_cache
def mel_filters(rate: int, n_fft: int, bands: int) -> np.ndarray:
    """Triangles of height 1 between points at equal distances on the HTK mel scale.

    They are not divided by their areas, as in `librosa.filters.mel(htk=True, norm=None)`.

    Args:
        rate: in Hz; the last triangle ends at half of it, the first begins at 0.
        n_fft: of the transform; the rows belong to its bins.
        bands: number of triangles.

    Returns:
        float32 [n_fft / 2 + 1, bands].
    """
    bins = np.linspace(0, rate / 2, n_fft // 2 + 1)[:, np.newaxis]
    points = _points_hz(rate, bands)
    widths = np.diff(points)
    rising = (bins - points[:-2]) / widths[:-1]
    falling = (points[2:] - bins) / widths[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@functools.lru_cache
def mel_areas(rate: int, bands: int) -> np.ndarray:
    """The areas of the triangles in Hz, float32 [bands]: half the width of their bases.

    The authors' code has 18.8927416350036 * exp(0.0269863588184314 * i) for band i = 1...128 at
    44.1 kHz. This is the same to 1e-6.
    """
    points = _points_hz(rate, bands)
    return np.asarray((points[2:] - points[:-2]) / 2, np.float32)


def _points_hz(rate: int, bands: int) -> np.ndarray:
    """Frequencies where triangles begin, peak and end: mel = 2595 log10(1 + f / 700)."""
    greatest = 2595 * math.log10(1 + rate / 2 / 700)
    return 700 * (10 ** (np.linspace(0, greatest, bands + 2) / 2595) - 1)


def vocoder_condition(mel: tf.Tensor, rate: int = 44_100) -> tf.Tensor:
    """The input of `TFGAN`, made from a mel spectrogram of `MelSpectrogram`.

    Args:
        mel: float32 [batch, frames, bands], of any number of frames.
        rate: of the signal, in Hz.

    Returns:
        float32 [batch, frames + 4, or + 5 for an odd number, bands] in [-4, 4].
    """
    return append_silence(normalized_decibels(mel / mel_areas(rate, mel.shape[-1])))


def normalized_decibels(amplitude: tf.Tensor) -> tf.Tensor:
    """Decibels mapped to -4 at -115 dB and below, 4 at 0 dB and above; amplitude 10 is 0 dB."""
    decibels = 20 * _log10(tf.maximum(amplitude, _LEAST_AMPLITUDE)) - _REFERENCE_DB
    normalized = 2 * _GREATEST * (decibels + _RANGE_DB) / _RANGE_DB - _GREATEST
    return tf.clip_by_value(normalized, -_GREATEST, _GREATEST)


def append_silence(condition: tf.Tensor) -> tf.Tensor:
    """Append 4 frames of -4 to [batch, frames, bands], and 1 more if their number is odd."""
    batch, frames, _ = tf.unstack(tf.shape(condition))
    shape = [batch, _SILENT_FRAMES + frames % 2, condition.shape[2]]
    return tf.concat([condition, tf.fill(shape, -_GREATEST)], axis=1)


def _log10(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log(x) / math.log(10)
