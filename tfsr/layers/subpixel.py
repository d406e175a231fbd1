"""Subpixel layers, which trade channels for time, and two ways to raise the rate in a network."""

from dataclasses import dataclass

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convolution import time_of


def subpixel(x: tf.Tensor, ratio: int = 2, order: str = "phase") -> tf.Tensor:
    """Multiply the time by `ratio` and divide the channels by it.

    Args:
        x: [batch, time, ratio * channels].
        ratio: number of output samples for each input frame.
        order: "phase": input channel = phase * channels + channel (Kuleshov et al. 2017).
            "channel": input channel = channel * ratio + phase (King et al. 2021 and the usual
            PyTorch pixel shuffle). Imported weights need the order of their origin.

    Returns:
        [batch, ratio * time, channels].
    """
    frames, channels = time_of(x), x.shape[-1] // ratio
    if order == "channel":
        x = tf.reshape(x, [-1, frames, channels, ratio])
        x = tf.transpose(x, [0, 1, 3, 2])
    return tf.reshape(x, [-1, frames * ratio, channels])


def superpixel(x: tf.Tensor, ratio: int = 2, order: str = "phase") -> tf.Tensor:
    """Divide the time by `ratio` and multiply the channels by it: the inverse of `subpixel`.

    Args:
        x: [batch, ratio * time, channels].
        ratio: number of input samples for each output frame.
        order: as in `subpixel`.

    Returns:
        [batch, time, ratio * channels].
    """
    frames, channels = time_of(x) // ratio, x.shape[-1]
    if order == "channel":
        x = tf.reshape(x, [-1, frames, ratio, channels])
        x = tf.transpose(x, [0, 1, 3, 2])
    return tf.reshape(x, [-1, frames, ratio * channels])


@dataclass(frozen=True)
class Subpixel:
    """Raise the rate: a convolution to `ratio` times the channels, then `subpixel`.

    Every phase of the output has its own kernels. So a constant input may give an output with a
    period of `ratio` samples: a false tone (docs/artifacts.md).

    Args:
        order: as in the function `subpixel`.
        icnr: start all phases with the same kernels, so that an untrained layer repeats samples
            (Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution").
    """

    order: str = "phase"
    icnr: bool = False

    def channels(self, channels: int, ratio: int = 2) -> int:
        """Number of channels that the convolution needs for `channels` output channels."""
        return channels * ratio

    def step(self, ratio: int = 2) -> int:
        """Distance of the convolution's taps, in output samples."""
        return ratio

    def initializer(
        self, initializer: keras.initializers.Initializer, ratio: int = 2
    ) -> keras.initializers.Initializer:
        """Initialiser of the convolution's kernel (and of its bias, where that is random)."""
        return Icnr(initializer, ratio, self.order) if self.icnr else initializer

    def before(self, x: tf.Tensor, ratio: int = 2) -> tf.Tensor:
        """The processing before the convolution."""
        return x

    def after(self, x: tf.Tensor, ratio: int = 2) -> tf.Tensor:
        """The processing after the convolution."""
        return subpixel(x, ratio, self.order)


@dataclass(frozen=True)
class NearestNeighbour:
    """Raise the rate by repeating every sample, then convolve: the same kernels for all phases.

    It comes from images (Odena et al. 2016, "Deconvolution and checkerboard artifacts"). The
    convolution works at the higher rate, with the same kernel length.
    """

    def channels(self, channels: int, ratio: int = 2) -> int:
        return channels

    def step(self, ratio: int = 2) -> int:
        return 1

    def initializer(
        self, initializer: keras.initializers.Initializer, ratio: int = 2
    ) -> keras.initializers.Initializer:
        return initializer

    def before(self, x: tf.Tensor, ratio: int = 2) -> tf.Tensor:
        tiled = tf.tile(tf.expand_dims(x, 2), [1, 1, ratio, 1])
        return tf.reshape(tiled, [-1, time_of(x) * ratio, x.shape[-1]])

    def after(self, x: tf.Tensor, ratio: int = 2) -> tf.Tensor:
        return x


class Icnr(keras.initializers.Initializer):
    """Kernels [taps, in, ratio * channels] with equal phases ("ICNR", Aitken et al. 2017).

    It is also for biases [ratio * channels], whose phases must be equal too.

    Args:
        initializer: of one phase, [taps, in, channels] or [channels].
        ratio: number of phases.
        order: order of the phases among the channels, as in `subpixel`.
    """

    def __init__(self, initializer: keras.initializers.Initializer, ratio: int, order: str):
        self._initializer = initializer
        self._ratio = ratio
        self._order = order

    def __call__(self, shape, dtype=tf.float32, **kwargs) -> tf.Tensor:
        *others, outputs = shape
        phase = self._initializer([*others, outputs // self._ratio], dtype=dtype, **kwargs)
        if self._order == "channel":
            return tf.repeat(phase, self._ratio, axis=-1)
        return tf.concat([phase] * self._ratio, axis=-1)
