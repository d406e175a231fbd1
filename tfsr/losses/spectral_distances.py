"""Distances between spectra, for each example: waveforms [batch, time] x 2 -> [batch]."""

import dataclasses
import math
from collections.abc import Iterable

import tensorflow as tf

from tfsr.arguments import COUNT, NOT_NEGATIVE, SHARE, check
from tfsr.signal.mel import mel_filters
from tfsr.signal.stft import Spectrum, stft

_RANGES = {
    **{"rate": COUNT, "fft_sizes": COUNT, "resolutions": COUNT},
    **{"floor": NOT_NEGATIVE, "asymmetry": NOT_NEGATIVE, "span": NOT_NEGATIVE},
    **{"power": SHARE, "complex_share": SHARE},
}


@dataclasses.dataclass(frozen=True)
class LogStft:
    """Mean absolute difference of log10 power spectra, averaged over several resolutions.

    There are several resolutions as in Yamamoto et al. 2020 (Parallel WaveGAN). The logarithm and
    its floor are those of the log-spectral distance in evaluation. So an empty high band costs as
    much as it does there; a distance of waveforms hardly sees it.

    Args:
        fft_sizes: each one is the size of a Hann-windowed STFT whose hop is a quarter window.
        floor: added to the power; for audio in [-1, 1].
    """

    fft_sizes: tuple[int, ...] = (512, 1024, 2048)
    floor: float = 1e-8

    def __post_init__(self):
        check("LogStft", vars(self), _RANGES)

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        return _averaged(
            _mean_absolute(self._log_power(high, size) - self._log_power(estimate, size))
            for size in self.fft_sizes
        )

    def _log_power(self, x: tf.Tensor, n_fft: int) -> tf.Tensor:
        return tf.math.log(_power(x, n_fft) + self.floor) / math.log(10)


@dataclasses.dataclass(frozen=True)
class LogMelPower:
    """Mean absolute difference of log10 powers in mel bands, averaged over several resolutions.

    The power of a band is a mean over its bins. So the loss brings a noise-like band to its true
    level. A distance of single bins' logarithms would bring it to their median, which is lower.

    Args:
        rate: Hz, of the waveforms.
        resolutions: samples of a Hann window, whose hop is a quarter window, and number of mel
            bands.
        floor: added to the power of a band; for audio in [-1, 1].
    """

    rate: int
    resolutions: tuple[tuple[int, int], ...] = ((256, 24), (512, 48), (1024, 80))
    floor: float = 1e-5

    def __post_init__(self):
        check("LogMelPower", vars(self), _RANGES)

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        return _averaged(self._distance(high, estimate, *sizes) for sizes in self.resolutions)

    def _distance(self, high: tf.Tensor, estimate: tf.Tensor, n_fft: int, bands: int) -> tf.Tensor:
        logs = [
            tf.math.log(_mel_power(x, self.rate, n_fft, bands) + self.floor) / math.log(10)
            for x in (high, estimate)
        ]
        return _mean_absolute(logs[0] - logs[1])


@dataclasses.dataclass(frozen=True)
class MelLoudness:
    """Mean absolute difference of loudness in mel bands, over the mean loudness of the original.

    Loudness is the power of a band to the power of 0.25 (Zwicker & Fastl, "Psychoacoustics": 0.23
    for steady tones). So an error counts as much as it is heard: more in loud frames than in quiet
    ones. A distance of logarithms treats both alike. The distance does not depend on the level.

    Added sound is easier to hear than missing sound. So a band that is too loud may count for more,
    by the asymmetry factor of PESQ. In ITU-R P.862 this is the ratio of powers to the power of
    1.2; it is 0 below 3, and at most 12.

    Args:
        rate: Hz, of the waveforms.
        resolutions: as in `LogMelPower`.
        floor: added to the power of a band, so that silence has a gradient; for audio in [-1, 1].
        asymmetry: extra weight of added sound; 0: added and missing sound have equal weight.
        span: seconds around a frame over which the mean power decides whether there is too much.
            Over single frames, a level that fluctuates at the frame rate would have the lowest
            loss. So the span covers several frames.
    """

    rate: int
    resolutions: tuple[tuple[int, int], ...] = ((256, 24), (512, 48), (1024, 80))
    floor: float = 1e-6
    asymmetry: float = 0.0
    span: float = 0.1

    def __post_init__(self):
        check("MelLoudness", vars(self), _RANGES)

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        return _averaged(self._distance(high, estimate, *sizes) for sizes in self.resolutions)

    def _distance(self, high: tf.Tensor, estimate: tf.Tensor, n_fft: int, bands: int) -> tf.Tensor:
        powers = [_mel_power(x, self.rate, n_fft, bands) + self.floor for x in (high, estimate)]
        original, made = (tf.pow(power, 0.25) for power in powers)
        distance = tf.abs(original - made)
        if self.asymmetry:
            frames = 1 + 2 * round(self.span * self.rate / (n_fft // 4) / 2)
            distance *= 1 + self.asymmetry * _added(*(_moving_mean(x, frames) for x in powers))
        return tf.reduce_mean(distance, axis=[1, 2]) / tf.reduce_mean(original, axis=[1, 2])


@dataclasses.dataclass(frozen=True)
class CompressedStft:
    """Mean squared difference of compressed spectra, averaged over several resolutions.

    Amplitudes are compressed by a power, so that soft sounds count too. A share of the distance is
    between complex numbers, which have phases. The rest is between amplitudes only (Braun &
    Tashev 2021, "A consolidated view of loss functions for supervised deep learning-based speech
    enhancement").

    Args:
        fft_sizes: each one is the size of a Hann-windowed STFT whose hop is a quarter window.
        power: exponent of the amplitudes, 0 to 1.
        complex_share: share of the complex part in the distance, 0 to 1.
        floor: added to squares of amplitudes, so that silence has a gradient.
    """

    fft_sizes: tuple[int, ...] = (512,)
    power: float = 0.3
    complex_share: float = 0.3
    floor: float = 1e-6

    def __post_init__(self):
        check("CompressedStft", vars(self), _RANGES)

    def __call__(self, high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
        return _averaged(self._distance(high, estimate, size) for size in self.fft_sizes)

    def _distance(self, high: tf.Tensor, estimate: tf.Tensor, n_fft: int) -> tf.Tensor:
        spectra = [Spectrum.of(stft(x, n_fft, n_fft // 4)) for x in (high, estimate)]
        amplitudes = [tf.pow(x.power + self.floor, self.power / 2) for x in spectra]
        scales = [tf.pow(x.power + self.floor, (self.power - 1) / 2) for x in spectra]
        original, made = (
            Spectrum(scale * x.real, scale * x.imag)
            for x, scale in zip(spectra, scales, strict=True)
        )
        apart = Spectrum(original.real - made.real, original.imag - made.imag).power
        louder = tf.square(amplitudes[0] - amplitudes[1])
        distance = self.complex_share * apart + (1 - self.complex_share) * louder
        return tf.reduce_mean(distance, axis=[1, 2])


def _added(original: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """The asymmetry factor of PESQ, used as a weight without gradient."""
    factor = tf.pow(tf.stop_gradient(made / original), 1.2)
    return tf.where(factor < 3, 0.0, tf.minimum(factor, 12.0))


def _moving_mean(x: tf.Tensor, frames: int) -> tf.Tensor:
    """Moving mean over `frames` frames of [batch, frames, bands]; fewer at the ends."""
    return tf.nn.avg_pool1d(x, frames, strides=1, padding="SAME")


def _averaged(distances: Iterable[tf.Tensor]) -> tf.Tensor:
    return tf.reduce_mean(tf.stack(list(distances)), axis=0)


def _mean_absolute(x: tf.Tensor) -> tf.Tensor:
    """Mean absolute value of each example, [batch, frames, bins] -> [batch]."""
    return tf.reduce_mean(tf.abs(x), axis=[1, 2])


def _mel_power(x: tf.Tensor, rate: int, n_fft: int, bands: int) -> tf.Tensor:
    """Powers in mel bands, [batch, frames, bands]."""
    return tf.matmul(_power(x, n_fft), mel_filters(rate, n_fft, bands))


def _power(x: tf.Tensor, n_fft: int) -> tf.Tensor:
    """Powers of bins, [batch, frames, n_fft / 2 + 1]."""
    return Spectrum.of(stft(x, n_fft, n_fft // 4)).power
