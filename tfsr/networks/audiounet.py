"""AudioUNet (Kuleshov, Enam & Ermon 2017, "Audio super-resolution using neural networks").

A U-Net on the waveform: strided convolutions down, a bottleneck, subpixel convolutions up with
stacked skip connections, and an additive connection from input to output. The layer sizes are those
of the authors' code. The paper exchanges max and min, and leaves out the bottleneck. It also names
a batch normalisation that the code does not have. With the defaults: 56,411,394 parameters.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import BELOW_1, COUNT, WHOLE
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D, Keras1Orthogonal, append_zeros, pad_to_multiple, time_of
from tfsr.layers.phase_shuffle import PhaseShuffle
from tfsr.layers.random import Dropout
from tfsr.layers.subpixel import NearestNeighbour, Subpixel


class AudioUNet(Describable, keras.Model):
    """[batch, time, 1] -> [batch, time, 1] at the output rate; the input is interpolated before.

    Args:
        filters: channels of the down blocks, one entry per block. An up block has twice as many
            before its subpixel layer. The bottleneck has as many as the last entry.
        dropout: rate between convolution and activation of the bottleneck and the up blocks.
        batch_norm: batch normalisation after every convolution but the last (as in the paper).
        skip: stack each up block's output with the down block of the same resolution.
        additive_residual: add the input to the output.
        init: "orthogonal" (today's Keras), or "keras1" as in the code of 2017.
        upsampling: how up blocks and the last layer double the rate; Subpixel("phase") unless
            given.

    Attributes:
        ratio: 1, the rate stays the same.
        hop: the product of the strides; the signal is padded to a multiple of it and cut back.
        receptive_field: samples on each side that an output sample depends on.
    """

    ranges = {"filters": COUNT, "dropout": BELOW_1, "phase_shuffle": WHOLE}

    ratio = 1
    _padding = "same"
    _drops_down = False

    def __init__(
        self,
        filters: Sequence[int] = (128, 256, 512, 512),
        dropout: float = 0.5,
        batch_norm: bool = False,
        skip: bool = True,
        additive_residual: bool = True,
        init: str = "orthogonal",
        upsampling: Subpixel | NearestNeighbour | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        bottleneck_kernel = 9
        kernels = [max(2 ** (7 - block) + 1, 9) for block in range(1, len(filters) + 1)]
        self.upsampling = upsampling or Subpixel("phase")
        self.hop = 2 ** (len(filters) + 1)
        self.receptive_field = _receptive_field(
            [*kernels, bottleneck_kernel], self.upsampling.step()
        )
        self.skip = skip
        self.additive_residual = additive_residual

        def block(conv: Conv1D, activation: str, drops: bool = True) -> ConvBlock:
            norm = keras.layers.BatchNormalization() if batch_norm else None
            return ConvBlock(conv, norm, dropout if drops else 0.0, activation)

        self.down = [
            block(self._conv(f, k, 2, self._initializer(init)), "leaky_relu", self._drops_down)
            for f, k in zip(filters, kernels, strict=True)
        ]
        self.bottleneck = block(
            self._conv(filters[-1], bottleneck_kernel, 2, self._initializer(init)), "leaky_relu"
        )
        self.up = [
            block(self._up_conv(f, k, self._initializer(init)), "relu")
            for f, k in zip(filters[::-1], kernels[::-1], strict=True)
        ]
        self.last = self._up_conv(1, 9, self._last_initializer())

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
            x = self._after(block(self.upsampling.before(x), training=training), training)
            x = self._stack(x, skip) if self.skip else x
        return self._after(self.last(self.upsampling.before(x)), training)

    def _after(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """The processing after an up block and after the last convolution."""
        return self.upsampling.after(x)

    def _stack(self, x: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        return tf.concat([x, skip], axis=-1)

    def _conv(
        self, filters: int, kernel: int, stride: int, initializer: keras.initializers.Initializer
    ) -> Conv1D:
        return Conv1D(
            filters,
            kernel,
            strides=stride,
            padding=self._padding,
            kernel_initializer=initializer,
        )

    def _up_conv(
        self, channels: int, kernel: int, initializer: keras.initializers.Initializer
    ) -> Conv1D:
        """The convolution of a layer with this number of channels at twice the rate."""
        up = self.upsampling
        return self._conv(up.channels(channels), kernel, 1, up.initializer(initializer))

    def _initializer(self, init: str) -> keras.initializers.Initializer:
        initializers = {"orthogonal": keras.initializers.Orthogonal, "keras1": Keras1Orthogonal}
        if init not in initializers:
            raise UserError(f"AudioUNet.init is {init!r}: choose one of {', '.join(initializers)}")
        return initializers[init]()

    def _last_initializer(self) -> keras.initializers.Initializer:
        """An initialiser so small that the untrained network returns its input."""
        return keras.initializers.RandomNormal(stddev=1e-3)


class KingAudioUNet(AudioUNet):
    """AudioUNet as in King et al. 2021, the generator of their AudioUNetGAN.

    It differs in these points. It pads symmetrically. Its subpixel channels are in channel-major
    order. The down blocks have dropout too. It needs no particular length, since skips are
    zero-padded to the up path. It is initialised by Glorot's normal. It works on the waveform plus
    one, with a ReLU at the end.

    Args:
        filters, dropout, batch_norm, skip, additive_residual: as in AudioUNet.
        upsampling: as in AudioUNet; Subpixel("channel") unless given.
        phase_shuffle: the authors' experiment against tonal artifacts. The input of every subpixel
            layer is shifted by up to this number of samples. They shift at inference too, which
            ruins the alignment. On their published clip, 2 samples change 18.6 to 8.3 dB. Here only
            training shifts, because upsampling is deterministic.
    """

    _padding = "symmetric"
    _drops_down = True

    def __init__(
        self,
        filters: Sequence[int] = (128, 256, 512, 512),
        dropout: float = 0.5,
        batch_norm: bool = False,
        skip: bool = True,
        additive_residual: bool = True,
        upsampling: Subpixel | NearestNeighbour | None = None,
        phase_shuffle: int = 0,
        name: str | None = None,
    ):
        super().__init__(
            filters,
            dropout,
            batch_norm,
            skip,
            additive_residual,
            upsampling=upsampling or Subpixel("channel"),
            name=name,
        )
        self.phase_shuffle = PhaseShuffle(phase_shuffle)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = x + 1.0
        out = self._u(x, training)[:, : time_of(x)]
        return tf.nn.relu(x + out if self.additive_residual else out) - 1.0

    def _after(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        return super()._after(self.phase_shuffle(x, training=training), training)

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


def _receptive_field(kernels: Sequence[int], step: int) -> int:
    """Half kernels times the strides at their level, plus one hop for the place within a frame.

    Args:
        kernels: of the down blocks and the bottleneck.
        step: distance of an up block's taps, in samples of its output.
    """
    strides = [2**block for block in range(len(kernels))]
    down = sum(k // 2 * s for k, s in zip(kernels, strides, strict=True))
    up = sum(k // 2 * step * 2 * s for k, s in zip(kernels[:-1], strides[:-1], strict=True))
    return down + up + 4 * step + 2 * strides[-1]
