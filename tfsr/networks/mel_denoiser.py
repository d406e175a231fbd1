"""Other networks than ResUNet for VoiceFixer's analysis (Liu et al. 2022), from its authors' code.

[batch, frames, bands, 1] -> [batch, frames, bands, 1], any number of frames. `MelDNN` and `MelGRU`
see log10 mel spectrograms and estimate what to add, as ResUNet does. `MelDenoiser` is the first
part of the released analysis. TensorFlow Lite has no built-in operation for a GRU of unknown
length. So a model with a GRU can be exported as a SavedModel only.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import BELOW_1, COUNT, SHARE
from tfsr.description.describable import Describable
from tfsr.layers.convolution import fan_in_dense
from tfsr.layers.random import Dropout

_EPSILON = 1e-5


class OnFrames(Describable, keras.Model):
    """Layers on [batch, frames, bands], used instead of a network on images.

    Args:
        layers: one after the other; the last has as many outputs as bands.

    Attributes:
        ratio, hop: 1, the number of frames stays the same.
        receptive_field: in frames; None, that is all, unless a subclass sets it.
    """

    ranges = dict.fromkeys(("bands", "widths", "width"), COUNT) | {
        "dropout": BELOW_1,
        "momentum": SHARE,
    }

    ratio = 1
    hop = 1
    receptive_field: int | None = None

    def __init__(self, layers: Sequence[keras.layers.Layer], name: str | None = None):
        super().__init__(name=name)
        self.layer = keras.Sequential(layers)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.layer(x[..., 0], training=training)[..., tf.newaxis]


class MelDNN(OnFrames):
    """Dense layers on each frame separately. With the defaults: 1,378,952 parameters.

    Args:
        bands: of the mel spectrogram.
        widths: of the hidden layers, with ReLU; after it all but the last are normalised.
        momentum: of the running statistics.
        synchronized: whether batch statistics are over all replicas.
    """

    receptive_field = 0

    def __init__(
        self,
        bands: int = 128,
        widths: Sequence[int] = (256, 512, 1024, 512, 256),
        momentum: float = 0.9,
        synchronized: bool = False,
        name: str | None = None,
    ):
        layers = []
        for inputs, width in zip((bands, *widths[:-1]), widths, strict=True):
            layers += [fan_in_dense(inputs, width), _relu(), WholeNorm(momentum, synchronized)]
        super().__init__([*layers[:-1], fan_in_dense(widths[-1], bands, dtype="float32")], name)


class MelGRU(OnFrames):
    """A bidirectional GRU between dense layers. With the defaults: 2,169,476 parameters.

    Args:
        bands: of the mel spectrogram.
        width: of the dense layers, and of the GRU in each direction.
        momentum: of the running statistics.
        synchronized: whether batch statistics are over all replicas.
    """

    def __init__(
        self,
        bands: int = 128,
        width: int = 256,
        momentum: float = 0.9,
        synchronized: bool = False,
        name: str | None = None,
    ):
        norm = functools.partial(WholeNorm, momentum, synchronized)
        super().__init__(
            [
                norm(),
                fan_in_dense(bands, width),
                norm(),
                *bidirectional_gru(width),
                _relu(),
                fan_in_dense(2 * width, width),
                _relu(),
                fan_in_dense(width, bands, dtype="float32"),
            ],
            name,
        )


class MelDenoiser(OnFrames):
    """A mask in [0, 1], from a linear mel spectrogram. With the defaults: 5,223,820 parameters.

    Args:
        bands: of the mel spectrogram; the layers have two and four times as many channels.
        dropout: dropout rate.
        momentum: of the running statistics.
        synchronized: whether batch statistics are over all replicas.
    """

    def __init__(
        self,
        bands: int = 128,
        dropout: float = 0.5,
        momentum: float = 0.9,
        synchronized: bool = False,
        name: str | None = None,
    ):
        norm = functools.partial(WholeNorm, momentum, synchronized)
        super().__init__(
            [
                *(norm(), fan_in_dense(bands, 2 * bands), _relu()),
                *(norm(), fan_in_dense(2 * bands, 4 * bands), Dropout(dropout), _relu()),
                *(norm(), *bidirectional_gru(2 * bands)),
                *(norm(), *bidirectional_gru(2 * bands)),
                *(norm(), _relu(), fan_in_dense(4 * bands, 4 * bands), Dropout(dropout)),
                *(norm(), _relu(), fan_in_dense(4 * bands, bands, dtype="float32")),
            ],
            name,
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.sigmoid(super().call(x, training))


class WholeNorm(keras.layers.Layer):
    """Batch normalisation of [batch, frames, features] with a single mean and scale."""

    def __init__(self, momentum: float, synchronized: bool = False):
        super().__init__()
        self.norm = keras.layers.BatchNormalization(
            momentum=momentum, epsilon=_EPSILON, synchronized=synchronized
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.norm(x[..., tf.newaxis], training=training)[..., 0]


def bidirectional_gru(units: int) -> list[keras.layers.Layer]:
    """Two layers, each [batch, frames, inputs] -> [batch, frames, 2 * units].

    As in PyTorch, the reset gate acts after the matrix product. The gates are in Keras' order:
    update, reset, candidate. PyTorch's order is reset, update, candidate.
    """
    return [
        keras.layers.Bidirectional(keras.layers.GRU(units, return_sequences=True, reset_after=True))
        for _ in range(2)
    ]


def _relu() -> keras.layers.Layer:
    return keras.layers.ReLU()
