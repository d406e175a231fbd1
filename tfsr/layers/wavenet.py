"""Non-causal WaveNet without an output distribution, for the couplings of flows."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convolution import Conv1D, fan_in_uniform
from tfsr.layers.weight_norm import WeightNormConv1D

_KERNEL = 3


class WaveNet(keras.layers.Layer):
    """Gated dilated convolutions with skip connections (Prenger et al. 2019, WaveGlow).

    All layers but the last are weight-normalised. The last starts at zero.

    Args:
        inputs: channels of the input.
        conditions: channels of the condition.
        outputs: channels of the output.
        layers: number of gated layers, with dilations 1, 2, 4, ...
        channels: of each gated layer.

    Attributes:
        projection: projects the condition for all layers at once; [batch, time, conditions] ->
            [batch, time, layers * 2 * channels].
        receptive_field: number of times on each side that an output depends on.
    """

    def __init__(self, inputs: int, conditions: int, outputs: int, layers: int, channels: int):
        super().__init__()
        self.start = _conv(inputs, channels)
        self.projection = _conv(conditions, 2 * channels * layers)
        self.gated_layers = [
            GatedLayer(channels, 2**layer, last=layer == layers - 1) for layer in range(layers)
        ]
        # float32 in mixed precision too, as a network's last layer should be.
        self.end = Conv1D(outputs, 1, kernel_initializer="zeros", dtype="float32")
        self.receptive_field = _KERNEL // 2 * (2**layers - 1)

    def project(self, condition: tf.Tensor) -> list[tf.Tensor]:
        """Map a condition [batch, time, conditions] to the `conditions` of `call`."""
        return self.for_layers(self.projection(condition))

    def for_layers(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Split the channels of `projection`, for the layers: [..., 2 * channels] each."""
        return tf.split(x, len(self.gated_layers), axis=-1)

    def call(self, x: tf.Tensor, conditions: Sequence[tf.Tensor]) -> tf.Tensor:
        """[batch, time, inputs] -> float32 [batch, time, outputs].

        Args:
            x: the input.
            conditions: [batch, time, 2 * channels] for each layer, from `project`.
        """
        x, skips = self.start(x), []
        for layer, condition in zip(self.gated_layers, conditions, strict=True):
            # Keras casts the first argument only.
            x, skip = layer(x, tf.cast(condition, x.dtype))
            skips.append(skip)
        return self.end(tf.add_n(skips))


class GatedLayer(keras.layers.Layer):
    """tanh(...) * sigmoid(...), with outputs for the signal and for the skip connection.

    A network's last layer has a skip connection only, and returns the signal unchanged.
    """

    def __init__(self, channels: int, dilation: int, last: bool = False):
        super().__init__()
        self.last = last
        self.dilated_conv = _conv(channels, 2 * channels, _KERNEL, dilation_rate=dilation)
        self.output_projection = _conv(channels, channels if last else 2 * channels)

    def call(self, x: tf.Tensor, condition: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The next layer's input and the skip connection, [batch, time, channels] each.

        Args:
            x: [batch, time, channels].
            condition: [batch, time, 2 * channels].
        """
        filters, gate = tf.split(self.dilated_conv(x) + condition, 2, axis=-1)
        gated = self.output_projection(tf.tanh(filters) * tf.sigmoid(gate))
        if self.last:
            return x, gated
        residual, skip = tf.split(gated, 2, axis=-1)
        return x + residual, skip


def _conv(inputs: int, filters: int, kernel: int = 1, **options) -> WeightNormConv1D:
    return WeightNormConv1D(
        filters,
        kernel,
        kernel_initializer=fan_in_uniform(inputs * kernel),
        bias_initializer=fan_in_uniform(inputs * kernel),
        **options,
    )
