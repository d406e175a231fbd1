"""AudioUNet (Kuleshov, Enam & Ermon 2017, "Audio super-resolution using neural networks").

A U-Net on the waveform: strided convolutions down, a bottleneck, subpixel convolutions up with
stacked skip connections, and an additive connection from input to output. The layer sizes are
those of the authors' code: the paper exchanges max and min, leaves out the bottleneck and names a
batch normalisation that the code does not have. With the defaults: 56,411,394 parameters.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D, Keras1Orthogonal, append_zeros, pad_to_multiple, time_of
from tfsr.layers.random import Dropout
from tfsr.layers.subpixel import subpixel


class AudioUNet(keras.Model):
    """[batch, time, 1] -> [batch, time, 1], at the output rate, the input already interpolated.

    Args:
        filters: channels of the down blocks, one entry a block; an up block has twice as many
            before its subpixel layer, the bottleneck as many as the last entry.
        dropout: rate between convolution and activation of the bottleneck and the up blocks.
        batch_norm: batch normalisation after every convolution but the last (the paper's words).
        skip: stack each up block's output with the down block of the same resolution.
        additive_residual: add the input to the output.
        init: "orthogonal" (today's Keras), or "keras1" as the 2017 code had it.

    Attributes:
        hop: the product of the strides; the signal is padded to a multiple of it and cut again.
        receptive_field: samples on each side that an output sample depends on.
    """

    _padding = "same"
    _subpixel_order = "phase"
    _drops_down = False

    def __init__(
        self,
        filters: Sequence[int] = (128, 256, 512, 512),
        dropout: float = 0.5,
        batch_norm: bool = False,
        skip: bool = True,
        additive_residual: bool = True,
        init: str = "orthogonal",
        name: str | None = None,
    ):
        super().__init__(name=name)
        bottleneck_kernel = 9
        kernels = [max(2 ** (7 - block) + 1, 9) for block in range(1, len(filters) + 1)]
        self.hop = 2 ** (len(filters) + 1)
        self.receptive_field = _receptive_field([*kernels, bottleneck_kernel])
        self.skip = skip
        self.additive_residual = additive_residual

        def block(filters: int, kernel: int, stride: int, activation: str, drops: bool = True):
            return ConvBlock(
                Conv1D(
                    filters,
                    kernel,
                    strides=stride,
                    padding=self._padding,
                    kernel_initializer=self._initializer(init),
                ),
                keras.layers.BatchNormalization() if batch_norm else None,
                dropout if drops else 0.0,
                activation,
            )

        self.down = [
            block(f, k, 2, "leaky_relu", self._drops_down)
            for f, k in zip(filters, kernels, strict=True)
        ]
        self.bottleneck = block(filters[-1], bottleneck_kernel, 2, "leaky_relu")
        self.up = [
            block(2 * f, k, 1, "relu") for f, k in zip(filters[::-1], kernels[::-1], strict=True)
        ]
        self.last = Conv1D(2, 9, padding=self._padding, kernel_initializer=self._last_initializer())

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        out = self._u(pad_to_multiple(x, self.hop), training)[:, : time_of(x)]
        return x + out if self.additive_residual else out

    def _u(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        skips = []
        for block in self.down:
            x = block(x, training=training)
            skips.append(x)
        x = self.bottleneck(x, training=training)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = subpixel(block(x, training=training), 2, self._subpixel_order)
            x = self._stack(x, skip) if self.skip else x
        return subpixel(self.last(x), 2)

    def _stack(self, x: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        return tf.concat([x, skip], axis=-1)

    def _initializer(self, init: str) -> keras.initializers.Initializer:
        initializers = {"orthogonal": keras.initializers.Orthogonal, "keras1": Keras1Orthogonal}
        if init not in initializers:
            raise UserError(f"AudioUNet.init is {init!r}: choose one of {', '.join(initializers)}")
        return initializers[init]()

    def _last_initializer(self) -> keras.initializers.Initializer:
        """So small that the untrained network gives back what it is given."""
        return keras.initializers.RandomNormal(stddev=1e-3)


class KingAudioUNet(AudioUNet):
    """AudioUNet as King et al. 2021 built it, the generator of their AudioUNetGAN.

    It pads symmetrically, has its subpixel channels in channel-major order and dropout in the down
    blocks too, needs no particular length (skips are zero-padded to the up path), is initialised
    by Glorot's normal, and works on the waveform plus one with a ReLU at the end.
    """

    _padding = "symmetric"
    _subpixel_order = "channel"
    _drops_down = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = x + 1.0
        out = self._u(x, training)[:, : time_of(x)]
        return tf.nn.relu(x + out if self.additive_residual else out) - 1.0

    def _stack(self, x: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        return super()._stack(x, append_zeros(skip, time_of(x) - time_of(skip)))

    def _initializer(self, init: str) -> keras.initializers.Initializer:
        return keras.initializers.GlorotNormal()

    def _last_initializer(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotNormal()


class ConvBlock(keras.layers.Layer):
    """Convolution, batch normalisation if any, dropout, activation."""

    def __init__(
        self,
        conv: Conv1D,
        norm: keras.layers.BatchNormalization | None,
        dropout: float,
        activation: str,
    ):
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.dropout = Dropout(dropout)
        self.activation = {"relu": tf.nn.relu, "leaky_relu": tf.nn.leaky_relu}[activation]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x, training=training)
        return self.activation(self.dropout(x, training=training))


def _receptive_field(kernels: Sequence[int]) -> int:
    """Half kernels times the strides they work at, and one hop for the position inside a frame.

    Args:
        kernels: of the down blocks and the bottleneck.
    """
    strides = [2**block for block in range(len(kernels))]
    down = sum(k // 2 * s for k, s in zip(kernels, strides, strict=True))
    up = sum(k // 2 * 4 * s for k, s in zip(kernels[:-1], strides[:-1], strict=True))
    return down + up + 4 * 2 + 2 * strides[-1]
