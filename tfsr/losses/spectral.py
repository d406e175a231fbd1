"""Distances between spectra, for each example: waveforms [batch, time] x 2 -> [batch]."""

import dataclasses
import math

import tensorflow as tf

from tfsr.signal.stft import stft


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
        spectrum = stft(x, n_fft, n_fft // 4)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        return tf.math.log(power + self.floor) / math.log(10)
