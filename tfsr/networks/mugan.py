"""MU-GAN (Kim & Sathe 2019, "Bandwidth extension on raw audio via generative adversarial
networks").

There are a generator, a discriminator and an autoencoder, whose encoder gives the features of a
loss. All have the same blocks: convolutions of four lengths side by side. Superpixel and subpixel
layers take the place of strides; they trade time for channels and back. The paper prints no numbers
of channels, so that no implementation is exact.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import BELOW_1, COUNT
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D, pad_to_multiple, time_of
from tfsr.layers.random import Dropout
from tfsr.layers.subpixel import subpixel, superpixel

KERNELS = (3, 9, 27, 81)
_LAST_KERNEL = 27

Branches = tuple[int, int, int, int]
"""The number of filters of each length of `KERNELS`."""


class MUGAN(Describable, keras.Model):
    """The generator. [batch, time, 1] -> [batch, time, 1], the input already interpolated.

    The defaults are a choice: 64, 128 and 6 times 256 channels, which is half of AudioUNet's. The
    four lengths have shares of 3:3:1:1. The shares are from other people's implementations, which
    have 24, 24, 8 and 8 filters in the first block. With the defaults: 31,490,785 parameters.

    Args:
        down: filters of each block that halves the time, from input to code.
        up: filters of each block that doubles it again, from code to output.
        dropout: rate between convolutions and activation of the up blocks.
        bottleneck: filters of a block between the two that keeps the time; None: no such block.

    Attributes:
        hop: the signal is padded to a multiple of it and cut back.
        receptive_field: samples on each side that an output sample depends on.
        ratio: output samples per input sample.

    Raises:
        UserError: `down` and `up` have different lengths.
    """

    ranges = {"down": COUNT, "up": COUNT, "bottleneck": COUNT, "dropout": BELOW_1}

    ratio = 1

    def __init__(
        self,
        down: Sequence[Branches] = ((24, 24, 8, 8), (48, 48, 16, 16), *((96, 96, 32, 32),) * 6),
        up: Sequence[Branches] = (*((96, 96, 32, 32),) * 6, (48, 48, 16, 16), (24, 24, 8, 8)),
        dropout: float = 0.5,
        bottleneck: Branches | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        _check_levels(self, down, up)
        self.hop = 2 ** len(down)
        self.receptive_field = _receptive_field(len(down), bottleneck is not None)
        self.down = [Down(filters) for filters in down]
        self.bottleneck = Multiscale(bottleneck) if bottleneck else None
        self.up = [Up(filters, dropout) for filters in up]
        # So small that the untrained network gives back what it is given.
        near_zero = keras.initializers.RandomNormal(stddev=1e-3)
        self.last = Conv1D(1, _LAST_KERNEL, kernel_initializer=near_zero)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return x + self._u(pad_to_multiple(x, self.hop), training)[:, : time_of(x)]

    def _u(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        features = []
        for block in self.down:
            x = block(x)
            features.append(x)
        x = self.bottleneck(x) if self.bottleneck else x
        for block, feature in zip(self.up[:-1], features[-2::-1], strict=True):
            x = tf.concat([block(x, training=training), feature], axis=-1)
        return self.last(self.up[-1](x, training=training))


class NuWaveMUGAN(MUGAN):
    """The generator with the channels that NU-Wave (Lee & Han 2021) gives its MU-GAN baseline.

    They print min(2^(b+2), 32) for the down blocks, min(2^(12-b), 128) for the up blocks and a
    size of 14 million. The closest reading takes the first formula for each of the four lengths. It
    takes the second for all of them together, and adds a bottleneck: 14,205,241 parameters
    (12,238,649 without the bottleneck).
    """

    def __init__(
        self,
        down: Sequence[Branches] = ((8,) * 4, (16,) * 4, *((32,) * 4,) * 6),
        up: Sequence[Branches] = (*((32,) * 4,) * 5, (16,) * 4, (8,) * 4, (4,) * 4),
        dropout: float = 0.5,
        bottleneck: Branches | None = (64,) * 4,
        name: str | None = None,
    ):
        super().__init__(down, up, dropout, bottleneck, name)


class MUDiscriminator(Describable, keras.Model):
    """[batch, samples, channels] -> logits [batch]; the paper's sigmoid is in the loss.

    The number of filters is a choice, with the generator's shares: 16, 16, 32 and 5 times 64
    channels. With the defaults and one channel: 9,078,657 trainable parameters. Most of them are
    where the head sees 64 frames of 128 channels; 821,121 with pooling.

    Args:
        filters: of the first block, which keeps the time, and of each that halves it.
        samples: length of the scored signals; None with `pooling`.
        width: of the head's hidden layer.
        dropout: rate in every block but the first, and in the head.
        pooling: the head sees the largest value of each channel instead of every frame. This needs
            less memory, and any time >= 1 is allowed.
    """

    ranges = {"filters": COUNT, "samples": COUNT, "width": COUNT, "dropout": BELOW_1}

    def __init__(
        self,
        filters: Sequence[Branches] = (
            *((6, 6, 2, 2),) * 2,
            (12, 12, 4, 4),
            *((24, 24, 8, 8),) * 5,
        ),
        samples: int = 8192,
        width: int = 1024,
        dropout: float = 0.5,
        pooling: bool = False,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.samples = None if pooling else samples
        self.hop = 2 ** (len(filters) - 1)
        self.first = MultiscaleConv(filters[0])
        self.blocks = [DiscriminatorBlock(block, dropout) for block in filters[1:]]
        frames, channels = -(-samples // self.hop), 2 * sum(filters[-1])
        self.pool = (
            keras.layers.GlobalMaxPooling1D()
            if pooling
            else keras.layers.Reshape([frames * channels])
        )
        self.hidden = keras.layers.Dense(width)
        self.dropout = Dropout(dropout)
        self.head = keras.layers.Dense(1)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = tf.nn.leaky_relu(self.first(pad_to_multiple(x, self.hop)))
        for block in self.blocks:
            x = block(x, training=training)
        x = self.dropout(self.hidden(self.pool(x)), training=training)
        return tf.squeeze(self.head(tf.nn.leaky_relu(x)), axis=-1)


class MUAutoencoder(Describable, keras.Model):
    """[batch, time, 1] -> [batch, time, 1], without connections around the code.

    It is trained on high-rate signals with their mean square error. Then its frozen encoder gives
    the features that the generator's feature loss compares. The number of filters is a choice: that
    of the generator's outer blocks. With the defaults: 7,156,449 parameters.

    Args, attributes, raises: see `MUGAN`.
    """

    ranges = {"down": COUNT, "up": COUNT, "dropout": BELOW_1}

    ratio = 1

    def __init__(
        self,
        down: Sequence[Branches] = ((24, 24, 8, 8), (48, 48, 16, 16), *((96, 96, 32, 32),) * 2),
        up: Sequence[Branches] = (*((96, 96, 32, 32),) * 2, (48, 48, 16, 16), (24, 24, 8, 8)),
        dropout: float = 0.2,
        name: str | None = None,
    ):
        super().__init__(name=name)
        _check_levels(self, down, up)
        self.hop = 2 ** len(down)
        self.receptive_field = _receptive_field(len(down), bottleneck=False)
        self.down = [Down(filters) for filters in down]
        self.up = [Up(filters, dropout) for filters in up]
        self.last = Conv1D(1, _LAST_KERNEL)

    def encode(self, x: tf.Tensor) -> tf.Tensor:
        """[batch, time, 1] -> features [batch, time / hop rounded up, channels]."""
        x = pad_to_multiple(x, self.hop)
        for block in self.down:
            x = block(x)
        return x

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        out = self.encode(x)
        for block in self.up:
            out = block(out, training=training)
        return self.last(out)[:, : time_of(x)]


class MultiscaleConv(keras.layers.Layer):
    """Convolutions of the lengths 3, 9, 27 and 81 side by side; their channels are in this order.

    Args:
        filters: number of filters of each.
    """

    def __init__(self, filters: Branches):
        super().__init__()
        self.convs = [Conv1D(f, kernel) for f, kernel in zip(filters, KERNELS, strict=True)]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.concat([conv(x) for conv in self.convs], axis=-1)


class Multiscale(keras.layers.Layer):
    """Multiscale convolution, dropout, and a PReLU with one slope per channel."""

    def __init__(self, filters: Branches, dropout: float = 0.0):
        super().__init__()
        self.conv = MultiscaleConv(filters)
        self.dropout = Dropout(dropout)
        self.activation = keras.layers.PReLU(
            alpha_initializer=keras.initializers.Constant(0.2), shared_axes=[1]
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.activation(self.dropout(self.conv(x), training=training))


class Down(Multiscale):
    """Halves the time: [batch, 2 * time, channels] -> [batch, time, 2 * sum(filters)]."""

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return superpixel(super().call(x, training), 2, "channel")


class Up(Multiscale):
    """Doubles the time: [batch, time, channels] -> [batch, 2 * time, sum(filters) / 2]."""

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return subpixel(super().call(x, training), 2, "channel")


class DiscriminatorBlock(keras.layers.Layer):
    """[batch, 2 * time, channels] -> [batch, time, 2 * sum(filters)]."""

    def __init__(self, filters: Branches, dropout: float):
        super().__init__()
        self.conv = MultiscaleConv(filters)
        self.norm = keras.layers.BatchNormalization()
        self.dropout = Dropout(dropout)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.dropout(self.norm(self.conv(x), training=training), training=training)
        return superpixel(tf.nn.leaky_relu(x), 2, "channel")


def _check_levels(network: keras.Model, down: Sequence[Branches], up: Sequence[Branches]) -> None:
    if len(down) != len(up):
        raise UserError(
            f"{type(network).__name__} has {len(down)} blocks in down and {len(up)} in up: "
            "give both equally many"
        )


def _receptive_field(levels: int, bottleneck: bool) -> int:
    """Half kernels times the strides at their level, plus the place within a frame."""
    hop = 2**levels
    strides = (hop - 1) + 2 * (hop - 1) + (hop if bottleneck else 0)
    return KERNELS[-1] // 2 * strides + _LAST_KERNEL // 2 + hop - 1
