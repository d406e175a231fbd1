"""Discriminators of AP-BWE: of periods, amplitudes and phases (Lu, Ai, Du & Ling 2024).

The first of the three families is HiFi-GAN's (Kong, Kim & Bae 2020). Sizes, paddings and initial
weights are those of the authors' program.
"""

import math
from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import append_zeros, fan_in_uniform, leaky_maps, time_of
from tfsr.layers.weight_norm import WeightNormConv2D
from tfsr.signal.stft import Spectrum, stft

# (frames, bins) of kernels and strides of the critics of spectra.
_SPECTRAL_KERNELS = ((5, 7), (3, 5), (3, 5), (3, 3), (3, 3))
_SPECTRAL_STRIDES = ((2, 2), (1, 2), (2, 2), (1, 2), (2, 2))

# Of a bin with less neither amplitude nor phase has a finite gradient.
_LEAST_POWER = 1e-20

Maps = list[list[tf.Tensor]]


class PeriodCritics(Describable, keras.Model):
    """[batch, time, 1] -> scores, [batch, rows, period, 1] of each period, in a list; any time.

    The signal is folded into an image with `period` columns. A column holds every period-th sample,
    and is processed separately. If the time is no multiple of the period, the end is mirrored. With
    the defaults: 41,105,770 parameters, of which 13,605 are gains of the weight normalisation.

    Args:
        periods: in samples.
        channels: of the convolutions before the scoring one; all of these but the last have a
            stride of three.
    """

    ranges = dict.fromkeys(("periods", "channels"), COUNT)

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        channels: Sequence[int] = (32, 128, 512, 1024, 1024),
        name: str | None = None,
    ):
        # The waveforms stay float32 in mixed precision too.
        super().__init__(name=name, autocast=False)
        self.periods = tuple(periods)
        kernels = [(5, 1) for _ in channels]
        strides = [(3, 1) for _ in channels[:-1]] + [(1, 1)]
        self.critics = [ImageCritic(channels, kernels, strides, (3, 1)) for _ in periods]

    def call(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        return [maps[-1] for maps in self.maps(x, training)]

    def maps(self, x: tf.Tensor, training: bool = False) -> Maps:
        """For each period, the outputs of all convolutions but the first."""
        pairs = zip(self.periods, self.critics, strict=True)
        return [critic(_folded(x, period))[1:] for period, critic in pairs]


class SpectralCritics(Describable, keras.Model):
    """[batch, time, 1] -> scores, [batch, frames, bins, 1] of each resolution, in a list; any time.

    A subclass implements `image`. The windows are rectangular. With the defaults: 600,198
    parameters, of which 963 are gains of the weight normalisation.

    Args:
        resolutions: n_fft and hop_length of each transform.
        channels: of all convolutions but the scoring one.
    """

    ranges = dict.fromkeys(("resolutions", "channels"), COUNT)

    def __init__(
        self,
        resolutions: Sequence[tuple[int, int]] = ((512, 128), (1024, 256), (2048, 512)),
        channels: int = 64,
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)
        self.resolutions = tuple(resolutions)
        widths = [channels for _ in _SPECTRAL_KERNELS]
        self.critics = [
            ImageCritic(widths, _SPECTRAL_KERNELS, _SPECTRAL_STRIDES, (3, 3)) for _ in resolutions
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        return [maps[-1] for maps in self.maps(x, training)]

    def maps(self, x: tf.Tensor, training: bool = False) -> Maps:
        """For each resolution, the outputs of all convolutions.

        Raises:
            UserError: there is more than one channel; the critics would see only the first.
        """
        if x.shape[-1] != 1:
            raise UserError(
                f"{type(self).__name__} sees one channel: set Adversarial.conditional to False"
            )
        pairs = zip(self.resolutions, self.critics, strict=True)
        return [
            critic(tf.expand_dims(self.image(_spectrum(x[..., 0], *resolution)), -1))
            for resolution, critic in pairs
        ]

    @staticmethod
    def image(spectrum: Spectrum) -> tf.Tensor:
        """The value of each frame and bin that the critics see."""
        raise NotImplementedError


class AmplitudeCritics(SpectralCritics):
    """`SpectralCritics` that see amplitudes, without a logarithm."""

    @staticmethod
    def image(spectrum: Spectrum) -> tf.Tensor:
        return tf.sqrt(tf.maximum(spectrum.power, _LEAST_POWER))


class PhaseCritics(SpectralCritics):
    """`SpectralCritics` that see wrapped phases, in radians.

    Some frames are symmetric, such as the first one, which is mirrored at its middle. Their
    spectrum is real except for rounding. Rounding then chooses between pi and -pi.
    """

    @staticmethod
    def image(spectrum: Spectrum) -> tf.Tensor:
        silent = spectrum.power < _LEAST_POWER
        real = tf.where(silent, 1.0, spectrum.real)
        imag = tf.where(silent | tf.equal(spectrum.imag, 0.0), 0.0, spectrum.imag)
        return tf.atan2(imag, real)


class ImageCritic(keras.layers.Layer):
    """[batch, rows, columns, 1] -> the outputs of all convolutions, with the scores last.

    Args:
        channels, kernels, strides: of each convolution before the last.
        last_kernel: of the scoring convolution.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernels: Sequence[tuple[int, int]],
        strides: Sequence[tuple[int, int]],
        last_kernel: tuple[int, int],
    ):
        super().__init__()
        settings = zip([1, *channels[:-1]], channels, kernels, strides, strict=True)
        self.convolutions = [_conv(*setting) for setting in settings]
        self.last = _conv(channels[-1], 1, last_kernel, (1, 1))

    def call(self, x: tf.Tensor) -> list[tf.Tensor]:
        return leaky_maps(self.convolutions, self.last, x)


def _conv(
    inputs: int, filters: int, kernel: tuple[int, int], strides: tuple[int, int]
) -> WeightNormConv2D:
    fan_in = inputs * math.prod(kernel)
    return WeightNormConv2D(
        filters,
        kernel,
        strides=strides,
        padding="symmetric",
        kernel_initializer=fan_in_uniform(fan_in),
        bias_initializer=fan_in_uniform(fan_in),
    )


def _spectrum(x: tf.Tensor, n_fft: int, hop_length: int) -> Spectrum:
    return Spectrum.of(stft(x, n_fft, hop_length, window="boxcar"))


def _folded(x: tf.Tensor, period: int) -> tf.Tensor:
    """[batch, time, 1] -> [batch, ceil(time / period), period, 1]."""
    # With zeros at its end where it is shorter; what is mirrored must be there.
    x = append_zeros(x, tf.maximum(period - time_of(x), 0))
    x = tf.pad(x, [[0, 0], [0, -time_of(x) % period], [0, 0]], "REFLECT")
    return tf.reshape(x, [tf.shape(x)[0], -1, period, 1])
