"""ResUNet, VoiceFixer's analysis network (Liu et al. 2022, section 3.1) and its UNet baseline.

The network treats a spectrogram as an image, halves it six times in time and frequency, and brings
it back. Layer sizes, wiring and initial weights are those of the authors' code. They follow Kong et
al. 2021, "Decoupling magnitude and phase estimation with deep ResUNet for music source separation".
"""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT, SHARE
from tfsr.description.describable import Describable
from tfsr.layers.convolution import fan_in_uniform, time_of

_UNITS = 4
_EPSILON = 1e-5
_SLOPE = 0.01

Norm = Callable[[], keras.layers.Layer]
"""Makes a batch normalisation."""


class ResUNet(Describable, keras.Model):
    """[batch, frames, bands, inputs] -> [batch, frames, bands, 1], any number of frames.

    Frames are padded with zeros to a multiple of `hop`, whatever a zero means, and cut back. The
    last band is dropped, and its output is 0. So it stays as it is when the output is added to the
    input. Of 128 mel bands remain 127, and of 1025 bins 1024. These are halved and doubled without
    a remainder. With the defaults: 65,152,867 trainable parameters for any number of bands from 65;
    65,153,189 with two inputs.

    The running variances have n - 1 in their denominators, as in PyTorch: Keras' fused batch
    normalisation computes them so. Synchronised normalisation is not fused, and has n. n is the
    number of values of a channel in the batches of all replicas. The difference is less than 1 %
    for the paper's batches, even at the coarsest level.

    Args:
        channels: of each level, the finest first.
        inputs: number of input channels.
        momentum: of the running statistics in residual units; the release was trained with 0.99.
        up_momentum: of the running statistics before transposed convolutions.
        synchronized: whether batch statistics are over all replicas.

    Attributes:
        ratio: 1, the number of frames stays the same.
        hop: number of frames that become one at the coarsest level, 64.
        receptive_field: frames on each side that an output depends on, outside training.
    """

    ranges = {"channels": COUNT, "inputs": COUNT, "momentum": SHARE, "up_momentum": SHARE}

    ratio = 1

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128, 256, 384, 384),
        inputs: int = 1,
        momentum: float = 0.9,
        up_momentum: float = 0.9,
        synchronized: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.hop = 2 ** len(channels)
        self.receptive_field = _receptive_field(len(channels))
        norm = functools.partial(
            keras.layers.BatchNormalization, epsilon=_EPSILON, synchronized=synchronized
        )
        up_norm = functools.partial(norm, momentum=up_momentum)
        norm = functools.partial(norm, momentum=momentum)
        finer = (inputs, *channels[:-1])
        coarser = (*channels[1:], channels[-1])
        self.down = [_units(*pair, norm) for pair in zip(finer, channels, strict=True)]
        self.pool = keras.layers.AveragePooling2D()
        self.centre = ResidualUnit(channels[-1], channels[-1], norm)
        self.up = [Up(*pair, norm, up_norm) for pair in zip(coarser, channels, strict=True)]
        self.last_unit = ResidualUnit(channels[0], channels[0], norm)
        # float32 in mixed precision too, as a network's last layer should be.
        self.last = keras.layers.Conv2D(1, 1, dtype="float32")

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = self._u(_pad_frames(x[:, :, :-1], self.hop), training)[:, : time_of(x)]
        return tf.concat([y, tf.zeros_like(y[:, :, :1])], axis=2)

    def _u(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        skips = []
        for units in self.down:
            x = units(x, training=training)
            skips.append(x)
            x = self.pool(x)
        x = self.centre(x, training=training)
        for block, skip in zip(reversed(self.up), reversed(skips), strict=True):
            x = block(x, skip, training=training)
        return self.last(self.last_unit(x, training=training))


class Up(keras.layers.Layer):
    """Doubles frames and bands, and stacks them with those of the way down at this level."""

    def __init__(self, inputs: int, filters: int, norm: Norm, up_norm: Norm):
        super().__init__()
        self.norm = up_norm()
        # PyTorch's default, which the authors leave here: it takes outputs for inputs.
        initializer = fan_in_uniform(filters * 3 * 3)
        self.double = keras.layers.Conv2DTranspose(
            filters, 3, 2, use_bias=False, kernel_initializer=initializer
        )
        self.units = _units(2 * filters, filters, norm)

    def call(self, x: tf.Tensor, skip: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.double(tf.nn.relu(self.norm(x, training=training)))
        # 2 n + 1 of n: one too many, except for bands whose number was halved with a remainder.
        x = x[:, :-1, : skip.shape[2]]
        return self.units(tf.concat([x, skip], axis=-1), training=training)


class ResidualUnit(keras.layers.Layer):
    """Two 3x3 convolutions after normalisation and activation, added to the input."""

    def __init__(self, inputs: int, filters: int, norm: Norm):
        super().__init__()
        self.norms = [norm(), norm()]
        self.convolutions = [
            keras.layers.Conv2D(filters, 3, padding="same", use_bias=False) for _ in self.norms
        ]
        self.shortcut = None if inputs == filters else keras.layers.Conv2D(filters, 1)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(tf.nn.leaky_relu(norm(y, training=training), _SLOPE))
        return y + (self.shortcut(x) if self.shortcut else x)


def _units(inputs: int, filters: int, norm: Norm) -> keras.Sequential:
    """The residual units of a level; the first changes the number of channels."""
    sizes = [inputs] + (_UNITS - 1) * [filters]
    return keras.Sequential([ResidualUnit(size, filters, norm) for size in sizes])


def _pad_frames(x: tf.Tensor, multiple: int) -> tf.Tensor:
    """Append zeros so that the frames of [batch, frames, bands, channels] become a multiple."""
    shape = [tf.shape(x)[0], -time_of(x) % multiple, x.shape[2], x.shape[3]]
    return tf.concat([x, tf.zeros(shape, x.dtype)], axis=1)


def _receptive_field(levels: int) -> int:
    """Largest distance that any of the `hop` frames depends on, through all levels."""
    reaches = []
    for frame in range(2**levels):
        first, last = frame - 2, frame + 2  # a unit's two convolutions
        for _ in range(levels):
            first, last = (first - 2 * _UNITS - 1) // 2, (last + 2 * _UNITS) // 2
        first, last = first - 2, last + 2
        for _ in range(levels):
            first, last = 2 * first - 2 * _UNITS, 2 * last + 1 + 2 * _UNITS
        reaches.append(max(frame - first, last - frame))
    return max(reaches)
