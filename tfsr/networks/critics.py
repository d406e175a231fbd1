"""Critics of waveforms for the Wasserstein distance: King et al.'s, and WaveGAN's.

They give a score, not a probability, and have no batch normalisation. The gradient penalty acts on
the gradient of each example; batch statistics would mix it with the others'.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT, WHOLE
from tfsr.description.describable import Describable
from tfsr.errors import UserError
from tfsr.layers.convolution import Conv1D
from tfsr.layers.phase_shuffle import PhaseShuffle


class SrganCritic(Describable, keras.Model):
    """[batch, time, channels] -> scores [batch], any time >= 1.

    The critic of AudioUNetGAN (King et al. 2021), as in the authors' code; the paper has none. It
    is the discriminator of the image system SRGAN in one dimension, without normalisation. It has
    pairs of convolutions, the second with stride 2, a mean over time and two dense layers. With the
    defaults and one channel: 8,396,617 parameters.

    Args:
        filters: channels of the first pair; they double with every block.
        blocks: pairs after the first.
        phase_shuffle: samples, see `PhaseShuffle`; after every pair but the last. The shuffled
            features must be longer than this; a signal 2**(blocks + 1) times as long is enough.
        offset: added to the input: the authors' networks work on the waveform plus one.

    Attributes:
        samples: None: any length.
    """

    ranges = {"filters": COUNT, "blocks": COUNT, "phase_shuffle": WHOLE}

    samples = None

    def __init__(
        self,
        filters: int = 8,
        blocks: int = 7,
        phase_shuffle: int = 0,
        offset: float = 1.0,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.offset = offset
        widths = [filters * 2**pair for pair in range(blocks + 1)]
        self.first, *self.blocks = [
            [_conv(width, 3, stride, padding="symmetric") for stride in (1, 2)] for width in widths
        ]
        self.shuffle = PhaseShuffle(phase_shuffle)
        self.hidden = keras.layers.Dense(2 * widths[-1], activation=tf.nn.leaky_relu)
        self.head = keras.layers.Dense(1)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self._pair(self.first, x + self.offset)
        for block in self.blocks:
            x = self._pair(block, self.shuffle(x, training=training))
        return tf.squeeze(self.head(self.hidden(tf.reduce_mean(x, axis=1))), axis=-1)

    def _pair(self, convs: Sequence[Conv1D], x: tf.Tensor) -> tf.Tensor:
        for conv in convs:
            x = conv(x)
        return x


class WaveGanCritic(Describable, keras.Model):
    """[batch, samples, channels] -> scores [batch].

    The critic of WaveGAN (Donahue, McAuley & Puckette 2019, "Adversarial audio synthesis"): long
    kernels, stride 4, and a linear head on all features. With the defaults and one channel:
    17,427,969 parameters.

    Args:
        samples: length of the scored signals, a multiple of 4**layers.
        filters: channels of the first layer; they double with every layer.
        layers: number of convolutions.
        kernel: length of the convolutions, in samples.
        phase_shuffle: samples, see `PhaseShuffle`; after every layer but the last.

    Raises:
        UserError: `samples` is no multiple of 4**layers.
    """

    ranges = dict.fromkeys(("samples", "filters", "layers", "kernel"), COUNT) | {
        "phase_shuffle": WHOLE
    }

    def __init__(
        self,
        samples: int = 16384,
        filters: int = 64,
        layers: int = 5,
        kernel: int = 25,
        phase_shuffle: int = 2,
        name: str | None = None,
    ):
        if samples % 4**layers:
            raise UserError(
                f"WaveGanCritic.samples is {samples}: with {layers} layers it must be a multiple "
                f"of {4**layers}"
            )
        super().__init__(name=name)
        self.samples = samples
        self.first, *self.convs = [_conv(filters * 2**i, kernel, stride=4) for i in range(layers)]
        self.shuffle = PhaseShuffle(phase_shuffle)
        self.flatten = keras.layers.Reshape([samples // 4**layers * filters * 2 ** (layers - 1)])
        self.head = keras.layers.Dense(1)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = self.first(x)
        for conv in self.convs:
            x = conv(self.shuffle(x, training=training))
        return tf.squeeze(self.head(self.flatten(x)), axis=-1)


def _conv(filters: int, kernel: int, stride: int, padding: str = "same") -> Conv1D:
    return Conv1D(filters, kernel, strides=stride, padding=padding, activation=tf.nn.leaky_relu)
