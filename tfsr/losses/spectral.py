"""Distances between spectra, for each example: waveforms [batch, time] x 2 -> [batch]."""

import dataclasses
import math

import tensorflow as tf

from tfsr.signal.mel import mel_filters
from tfsr.signal.stft import Spectrum, stft


@dataclasses.dataclass(frozen=True)
class LogStft:
    """Mean absolute difference of log10 power spectra, averaged over several resolutions.

    Multi-resolution as in Yamamoto et al. 2020 (Parallel WaveGAN), the logarithm and its floor as
    in the log-spectral distance that evaluation reports: an empty high band costs as much as it
    does there, which a distance of waveforms hardly sees.

    Args:
        fft_sizes: one Hann-windowed STFT each, hopping by a quarter of the window.
        floor: added to the power; for audio in [-1, 1].
    """

    fft_sizes: tuple[int, ...] = (512, 1024, 2048)
    floor: float = 1e-8

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        distances = [
            tf.reduce_mean(
                tf.abs(self._log_power(high, size) - self._log_power(estimate, size)), axis=[1, 2]
            )
            for size in self.fft_sizes
        ]
        return tf.add_n(distances) / len(distances)

    def _log_power(self, x: tf.Tensor, n_fft: int) -> tf.Tensor:
        return tf.math.log(_power(x, n_fft) + self.floor) / math.log(10)


@dataclasses.dataclass(frozen=True)
class LogMelPower:
    """Mean absolute difference of log10 powers in mel bands, averaged over several resolutions.

    The power of a band is a mean over its bins. So a noise-like band is brought to its true level,
    where a distance of single bins' logarithms asks for their median, which is lower.

    Args:
        rate: Hz, of the waveforms.
        resolutions: samples of a Hann window, which hops by a quarter, and number of mel bands.
        floor: added to the power of a band; for audio in [-1, 1].
    """

    rate: int
    resolutions: tuple[tuple[int, int], ...] = ((256, 24), (512, 48), (1024, 80))
    floor: float = 1e-5

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        distances = [
            tf.reduce_mean(
                tf.abs(self._levels(high, *sizes) - self._levels(estimate, *sizes)), axis=[1, 2]
            )
            for sizes in self.resolutions
        ]
        return tf.add_n(distances) / len(distances)

    def _levels(self, x: tf.Tensor, n_fft: int, bands: int) -> tf.Tensor:
        power = tf.matmul(_power(x, n_fft), mel_filters(self.rate, n_fft, bands))
        return tf.math.log(power + self.floor) / math.log(10)


def _power(x: tf.Tensor, n_fft: int) -> tf.Tensor:
    """[batch, frames, n_fft / 2 + 1]."""
    return Spectrum.of(stft(x, n_fft, n_fft // 4)).power
