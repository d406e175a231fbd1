"""AudioEDSR (King et al. 2021): the image network EDSR (Lim et al. 2017), applied to waveforms.

Residual blocks without batch normalisation work at the low rate, and subpixel convolutions raise
the rate at the end. The layer sizes are those of the authors' code. Only they give the authors'
parameter counts with one kernel for all outer layers: 9,594,113 at ratio 2 and 9,692,673 at 4.
"""

import math

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D, fan_in_uniform
from tfsr.layers.subpixel import NearestNeighbour, Subpixel

ACTIVATIONS = {"leaky_relu": tf.nn.leaky_relu, "relu": tf.nn.relu}


class AudioEDSR(Describable, keras.Model):
    """[batch, time, 1] at the input rate -> [batch, ratio * time, 1].

    Args:
        ratio: a power of two; every stage of the upsampler doubles the rate.
        filters: channels of all layers but the last.
        blocks: number of residual blocks.
        residual_kernel: taps within the residual blocks.
        kernel: taps of all other convolutions.
        residual_scale: factor of a block's output before it is added to the block's input.
        offset_one: work on the waveform plus one, with a ReLU at the end, as the authors do. Unlike
            theirs, the last bias starts near one too. An output phase that starts below the ReLU's
            threshold has no gradient. One network in three would begin with such a phase.
        activation: "leaky_relu" (slope 0.2), or "relu" as in EDSR.
        upsampling: how the stages double the rate; Subpixel("channel") unless given.

    Attributes:
        hop: 1, any length is allowed.
        receptive_field: input samples on each side that an output sample depends on.

    Raises:
        UserError: the ratio is no power of two, or the activation is unknown.
    """

    ranges = dict.fromkeys(("filters", "blocks", "residual_kernel", "kernel"), COUNT)

    hop = 1

    def __init__(
        self,
        ratio: int = 2,
        filters: int = 128,
        blocks: int = 32,
        residual_kernel: int = 9,
        kernel: int = 3,
        residual_scale: float = 0.1,
        offset_one: bool = False,
        activation: str = "leaky_relu",
        upsampling: Subpixel | NearestNeighbour | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        stages = _stages(ratio)
        self.ratio = ratio
        self.offset_one = offset_one
        self.activation = _activation(activation)
        self.upsampling = upsampling or Subpixel("channel")
        self.receptive_field = (
            2 * (kernel // 2)
            + 2 * blocks * (residual_kernel // 2)
            + _reach_of_upsampler(stages, kernel // 2, self.upsampling.step())
        )
        self.head = _conv(1, filters, kernel)
        self.body = [
            ResidualBlock(filters, residual_kernel, residual_scale, self.activation)
            for _ in range(blocks)
        ]
        self.body_end = _conv(filters, filters, kernel)
        self.up = [_up_conv(filters, kernel, self.upsampling) for _ in range(stages)]
        self.tail = _conv(filters, 1, kernel, bias=1.0 if offset_one else 0.0)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if self.offset_one:
            return tf.nn.relu(self._raise_rate(self._features(x + 1.0))) - 1.0
        return self._raise_rate(self._features(x))

    def _features(self, x: tf.Tensor) -> tf.Tensor:
        """[batch, time, 1] -> [batch, time, filters]."""
        x = start = self.head(x)
        for block in self.body:
            x = block(x)
        return self.body_end(x) + start

    def _raise_rate(self, x: tf.Tensor) -> tf.Tensor:
        """[batch, time, filters] -> [batch, ratio * time, 1]."""
        for conv in self.up:
            x = self.activation(self.upsampling.after(conv(self.upsampling.before(x))))
        return self.tail(x)


class ResidualBlock(keras.layers.Layer):
    """[batch, time, filters], plus `scale` times the output of two convolutions."""

    def __init__(self, filters: int, kernel: int, scale: float, activation):
        super().__init__()
        self.first = _conv(filters, filters, kernel)
        self.second = _conv(filters, filters, kernel)
        self.scale = scale
        self.activation = activation

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + self.scale * self.second(self.activation(self.first(x)))


def _conv(inputs: int, filters: int, kernel: int, bias: float = 0.0) -> Conv1D:
    return Conv1D(
        filters,
        kernel,
        kernel_initializer=keras.initializers.GlorotNormal(),
        bias_initializer=fan_in_uniform(inputs * kernel, bias),
    )


def _up_conv(filters: int, kernel: int, upsampling: Subpixel | NearestNeighbour) -> Conv1D:
    """Biases are wrapped too: phases with equal initial kernels need equal biases."""
    return Conv1D(
        upsampling.channels(filters),
        kernel,
        kernel_initializer=upsampling.initializer(keras.initializers.GlorotNormal()),
        bias_initializer=upsampling.initializer(fan_in_uniform(filters * kernel)),
    )


def _stages(ratio: int) -> int:
    stages = 1
    while 2**stages < ratio:
        stages += 1
    if 2**stages != ratio:
        raise UserError(
            f"AudioEDSR.ratio is {ratio}: choose a power of two from 2 on, "
            "or AudioUNet, which takes any ratio"
        )
    return stages


def _activation(name: str):
    if name not in ACTIVATIONS:
        raise UserError(f"AudioEDSR.activation is {name!r}: choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _reach_of_upsampler(stages: int, half: int, step: int) -> int:
    """Low-rate samples on each side that the stages and the last layers depend on.

    Args:
        stages: number of stages; each doubles the rate.
        half: number of taps on each side of their kernels' middle.
        step: distance of the taps, in samples of a stage's output.
    """
    reach = half
    for _ in range(stages):
        reach = math.ceil((reach + half * step) / 2)
    return reach
