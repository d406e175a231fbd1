"""NU-Wave (Lee & Han 2021, "NU-Wave: A diffusion probabilistic model for neural audio upsampling").

A non-causal WaveNet estimates the noise in a waveform. Its inputs are the waveform, its noise level
and an interpolated low-rate signal. Layer sizes, initial weights and wiring are those of the
authors' code, whose names the layers have: 3,049,985 parameters.
"""

import math

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT
from tfsr.description.describable import Describable
from tfsr.layers.convolution import Conv1D, fan_in_dense, fan_in_uniform

Condition = list[tf.Tensor]
"""[batch, time, 2 * channels] for each block."""

_KERNEL = 3
_SCALE = 50_000.0
_DECADES = 4.0


class NuWave(Describable, keras.Model):
    """(noisy [batch, time], condition, noise level [batch, 1]) -> the noise in it, [batch, time].

    `condition(low)` does not depend on the noise level: it is computed once for a chain of steps.

    Args:
        channels: of the waveform and of the skip connections inside.
        blocks: number of residual blocks.
        dilation_cycle: the dilation doubles from block to block, and starts again at 1 after this
            number of blocks.
        waves: number of sines, and of cosines, that encode the noise level.
        embedding: size of the noise level's embedding after two layers.

    Attributes:
        ratio: 1, the rate stays the same.
        hop: 1, any length is allowed.
        receptive_field: samples on each side that an output sample depends on, of both signals.
        condition_field: samples on each side that `condition` depends on.
        condition_channels: number of values of `condition` for each sample.
    """

    ranges = dict.fromkeys(("channels", "blocks", "dilation_cycle", "waves", "embedding"), COUNT)

    ratio = 1
    hop = 1

    def __init__(
        self,
        channels: int = 64,
        blocks: int = 30,
        dilation_cycle: int = 10,
        waves: int = 64,
        embedding: int = 512,
        name: str | None = None,
    ):
        super().__init__(name=name)
        dilations = [2 ** (block % dilation_cycle) for block in range(blocks)]
        self.receptive_field = _KERNEL // 2 * sum(dilations)
        self.condition_field = _KERNEL // 2 * max(dilations)
        self.condition_channels = 2 * channels * blocks
        self.input_projection = _conv(1, channels)
        self.low_projection = _conv(1, channels)
        self.diffusion_embedding = NoiseLevelEmbedding(waves, embedding)
        self.residual_layers = [ResidualBlock(channels, embedding, d) for d in dilations]
        self.skip_projection = _conv(channels, channels)
        # float32 in mixed precision too, as a network's last layer should be.
        self.output_projection = _conv(channels, 1, dtype="float32")

    def condition(self, low: tf.Tensor) -> Condition:
        """The condition of the blocks, computed from the low-rate signal.

        Args:
            low: float32 [batch, time], interpolated to the output rate.
        """
        features = _project(self.low_projection, low)
        return [block.low_projection(features) for block in self.residual_layers]

    def call(
        self,
        noisy: tf.Tensor,
        condition: Condition,
        noise_level: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Estimate the noise.

        Args:
            noisy: float32 [batch, time], level * waveform + sqrt(1 - level^2) * noise.
            condition: output of `condition`.
            noise_level: float32 [batch, 1], from 0 (only noise) to 1 (none).

        Returns:
            float32 [batch, time].
        """
        x = _project(self.input_projection, noisy)
        embedding = self.diffusion_embedding(noise_level)
        skips = 0.0
        for block, projection in zip(self.residual_layers, condition, strict=True):
            x, skip = block(x, projection, embedding)
            skips += skip
        x = skips / math.sqrt(len(self.residual_layers))
        x = tf.nn.silu(self.skip_projection(x))
        return tf.squeeze(self.output_projection(x), axis=-1)


class NoiseLevelEmbedding(keras.layers.Layer):
    """[batch, 1] in [0, 1] -> [batch, size].

    The phases of the sines go up to 50,000 radians, which half precision cannot represent. So all
    is float32, in mixed precision too. The wavelengths are weights that are not trained. So they
    can be imported with the rounding of another program.
    """

    def __init__(self, waves: int, size: int):
        super().__init__(dtype="float32")
        self.waves = waves
        self.projection1 = fan_in_dense(2 * waves, size, activation=tf.nn.silu, dtype="float32")
        self.projection2 = fan_in_dense(size, size, activation=tf.nn.silu, dtype="float32")

    def build(self, input_shape: tf.TensorShape) -> None:
        values = 10.0 ** (-_DECADES / self.waves * np.arange(self.waves))
        initializer = keras.initializers.Constant(values)
        self.exponents = self.add_weight(
            "exponents", [self.waves], initializer=initializer, trainable=False
        )
        super().build(input_shape)

    def call(self, noise_level: tf.Tensor) -> tf.Tensor:
        return self.projection2(self.projection1(self.encode(noise_level)))

    def encode(self, noise_level: tf.Tensor) -> tf.Tensor:
        """[batch, 1] -> sines, then cosines, [batch, 2 * waves]."""
        phases = _SCALE * noise_level * self.exponents
        return tf.concat([tf.sin(phases), tf.cos(phases)], axis=-1)


class ResidualBlock(keras.layers.Layer):
    """A gated dilated convolution with a residual connection to the next and a skip to the end."""

    def __init__(self, channels: int, embedding: int, dilation: int):
        super().__init__()
        self.dilated_conv = _conv(channels, 2 * channels, _KERNEL, dilation_rate=dilation)
        self.diffusion_projection = fan_in_dense(embedding, channels)
        self.output_projection = _conv(channels, 2 * channels)
        self.low_projection = _conv(channels, 2 * channels, _KERNEL, dilation_rate=dilation)

    def call(
        self, x: tf.Tensor, condition: tf.Tensor, embedding: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The next block's input and the skip connection.

        Args:
            x: [batch, time, channels].
            condition: [batch, time, 2 * channels], from `low_projection`.
            embedding: [batch, size] of the noise level.
        """
        step = tf.expand_dims(self.diffusion_projection(embedding), 1)
        gate, filters = _halves(self.dilated_conv(x + step) + condition)
        residual, skip = _halves(self.output_projection(tf.sigmoid(gate) * tf.tanh(filters)))
        return (x + residual) / math.sqrt(2.0), skip


def _project(projection: Conv1D, signal: tf.Tensor) -> tf.Tensor:
    """[batch, time] -> [batch, time, channels]."""
    return tf.nn.silu(projection(tf.expand_dims(signal, -1)))


def _halves(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tuple(tf.split(x, 2, axis=-1))


def _conv(inputs: int, filters: int, kernel: int = 1, **options) -> Conv1D:
    """A convolution with He's initialiser; its normal distribution is not truncated as in Keras."""
    return Conv1D(
        filters,
        kernel,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal"),
        bias_initializer=fan_in_uniform(inputs * kernel),
        **options,
    )
