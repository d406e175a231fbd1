"""TFGAN's discriminators: of the waveform, of its four bands, and of its spectrum.

Liu et al. 2022 (VoiceFixer) name these families but have not published the networks. Sizes are
those of a reconstruction, https://github.com/kranti-parida/vocoder_voicefixer.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D
from tfsr.layers.weight_norm import WeightNormConv1D
from tfsr.signal.filter_bank import BANDS, sub_bands
from tfsr.signal.stft import Spectrum, stft

_FIRST_KERNEL = 15
_KERNEL = 41
_STRIDE = 4
_LAST_KERNEL = 3
_SLOPE = 0.2

_CHANNELS_TOGETHER = 32

_UNIT_SLOPE = 0.01
_MOMENTUM, _EPSILON = 0.9, 1e-5


class TimeCritics(Describable, keras.Model):
    """[batch, time, 1] -> scores, [batch, frames, 1] for each scale, in a list.

    The first scores the waveform. Each of the others scores it at half the rate of the one before.
    With the defaults: 450,822 parameters, of which 1,539 are gains of the weight normalisation.

    Args:
        scales: number of networks.
        channels: of the networks' convolutions.
        groups: of each of the convolutions in the middle; they divide the channels.

    Attributes:
        samples: None: any length that can be halved down to at least one sample.
    """

    ranges = dict.fromkeys(("scales", "channels", "groups"), COUNT)

    samples = None

    def __init__(
        self,
        scales: int = 3,
        channels: int = 128,
        groups: Sequence[int] = (8, 16, 32),
        name: str | None = None,
    ):
        # The waveforms stay float32 in mixed precision too.
        super().__init__(name=name, autocast=False)
        self.critics = [WaveformCritic(channels, groups) for _ in range(scales)]

    def call(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        scores = []
        for critic in self.critics:
            scores.append(critic(x))
            x = tf.nn.avg_pool1d(x, 2, 2, "SAME")
        return scores


class BandCritics(Describable, keras.Model):
    """[batch, time, 1] -> scores, [batch, frames, 1] for each of four bands, in a list.

    The bands are those of a fixed filter bank, see `sub_bands`. With the defaults: 601,096
    parameters, of which 2,052 are gains of the weight normalisation.

    Args:
        channels, groups: as in `TimeCritics`.

    Attributes:
        samples: None: any length.
    """

    ranges = dict.fromkeys(("channels", "groups"), COUNT)

    samples = None

    def __init__(
        self,
        channels: int = 128,
        groups: Sequence[int] = (8, 16, 32),
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)
        self.critics = [WaveformCritic(channels, groups) for _ in range(BANDS)]

    def call(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        bands = tf.split(sub_bands(x), BANDS, axis=2)
        return [critic(band) for critic, band in zip(self.critics, bands, strict=True)]


class FrequencyCritic(Describable, keras.Model):
    """[batch, time, 1] -> scores [batch, frames, bins, filters] of the last unit.

    Real and imaginary part of the spectrum are the channels of an image. With the defaults:
    251,360 trainable parameters; the strides reduce 64 frames and 64 bins to one.

    Args:
        n_fft: samples of a frame and of its Hann window.
        hop_length: samples from one frame to the next.
        units: (filters, stride) of each residual unit. A unit with a stride of 1 keeps the number
            of filters. The first convolution has as many filters as the first unit.

    Attributes:
        samples: None: any length.

    Raises:
        UserError: a unit with a stride of 1 changes the number of filters.
    """

    ranges = dict.fromkeys(("n_fft", "hop_length", "units"), COUNT)

    samples = None

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int = 441,
        units: Sequence[tuple[int, int]] = (
            *((32, 1), (32, 1), (64, 2), (64, 1)),
            *((32, 2), (32, 1), (32, 2), (32, 1)),
        ),
        name: str | None = None,
    ):
        pairs = zip(units[:-1], units[1:], strict=True)
        if any(stride == 1 and filters != before for (before, _), (filters, stride) in pairs):
            raise UserError(
                f"FrequencyCritic.units is {units}: one with a stride of 1 must have as many "
                "filters as the one before it"
            )
        super().__init__(name=name, autocast=False)
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.first = keras.layers.Conv2D(units[0][0], 3, padding="same")
        self.units = [ImageUnit(*unit) for unit in units]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        spectrum = Spectrum.of(stft(x[..., 0], self.n_fft, self.hop_length))
        x = self.first(tf.stack(spectrum, axis=3))
        for unit in self.units:
            x = unit(x, training=training)
        return x


class WaveformCritic(keras.layers.Layer):
    """[batch, time, 1] -> scores [batch, ceil(time / 4**len(groups)), 1]."""

    def __init__(self, channels: int, groups: Sequence[int]):
        super().__init__()
        self.convolutions = [
            _conv(channels, _FIRST_KERNEL),
            *(_conv(channels, _KERNEL, strides=_STRIDE, groups=count) for count in groups),
            _conv(1, _LAST_KERNEL),
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        for convolution in self.convolutions:
            x = tf.nn.leaky_relu(convolution(x), _SLOPE)
        return x


class GroupedConv1D(Conv1D):
    """A convolution in groups of channels, with a gradient on CPUs.

    TensorFlow has no such gradient. A convolution of few channels takes hardly less time than one
    of somewhat more. So several groups are combined into one convolution with that many channels,
    with zeros between the groups.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        together = math.gcd(self.groups, max(1, _CHANNELS_TOGETHER // kernel.shape[1]))
        blocks = self.groups // together
        parts = zip(*(tf.split(x, blocks, axis=-1) for x in (inputs, kernel)), strict=True)
        plain = super().convolution_op
        return tf.concat([plain(x, _block_diagonal(part, together)) for x, part in parts], axis=-1)

    def _jit_compiled_convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Keras' fallback: XLA, which compiles it anew for every length."""
        return self.convolution_op(inputs, kernel)


class WeightNormGroupedConv1D(WeightNormConv1D, GroupedConv1D):
    """`GroupedConv1D` with the kernel of `WeightNormConv1D`."""


class ImageUnit(keras.layers.Layer):
    """Two 3x3 convolutions after normalisation and activation.

    Their output is added to the input if the stride is 1. Otherwise both have this stride.
    """

    def __init__(self, filters: int, stride: int):
        super().__init__()
        self.added = stride == 1
        self.norms = [
            keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON) for _ in range(2)
        ]
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, stride, padding="same") for _ in self.norms
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(tf.nn.leaky_relu(norm(y, training=training), _UNIT_SLOPE))
        return x + y if self.added else y


def _conv(filters: int, kernel: int, **options) -> WeightNormGroupedConv1D:
    initializer = keras.initializers.RandomNormal(0.0, 0.02)
    return WeightNormGroupedConv1D(
        filters, kernel, padding="symmetric", kernel_initializer=initializer, **options
    )


def _block_diagonal(kernel: tf.Tensor, groups: int) -> tf.Tensor:
    """[taps, inputs, groups * filters] -> [taps, groups * inputs, groups * filters]."""
    _, inputs, outputs = kernel.shape
    own = np.kron(np.eye(groups), np.ones([inputs, outputs // groups]))
    return tf.tile(kernel, [1, groups, 1]) * tf.constant(own, kernel.dtype)
