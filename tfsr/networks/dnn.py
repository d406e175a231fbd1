"""The feed-forward network of Li, Huang, Xu & Lee 2015 ("DNN-based speech bandwidth expansion").

It maps the features of a frame and its neighbours to the features that the frame lacks. With the
defaults, 129 features and 128 outputs (log powers, ratio 2): 11,034,752 parameters.
"""

import tensorflow as tf
import tf_keras as keras

from tfsr.arguments import COUNT, WHOLE
from tfsr.description.describable import Describable
from tfsr.layers.convolution import time_of


class DNN(Describable, keras.Model):
    """[batch, frames, features] -> [batch, frames, outputs].

    Args:
        outputs: number of values for each frame, without bounds.
        layers: number of hidden layers, with ReLU. The paper has 3; the program of Kuleshov et al.
            2017, who compare with it, has 4.
        width: of the hidden layers.
        context: number of neighbouring frames on each side of the middle frame; zeros beyond the
            ends.

    Attributes:
        ratio, hop: 1, the number of frames stays the same.
        receptive_field: frames on each side that an output depends on, `context`.
    """

    ranges = {"outputs": COUNT, "layers": COUNT, "width": COUNT, "context": WHOLE}

    ratio = 1
    hop = 1

    def __init__(
        self,
        outputs: int,
        layers: int = 3,
        width: int = 2048,
        context: int = 4,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.receptive_field = context
        self.hidden = [keras.layers.Dense(width, activation="relu") for _ in range(layers)]
        self.last = keras.layers.Dense(outputs)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = with_neighbours(x, self.receptive_field)
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


def with_neighbours(x: tf.Tensor, context: int) -> tf.Tensor:
    """Stack each frame with `context` frames before and after it, the earliest first.

    Returns:
        [batch, frames, (2 * context + 1) * features], zeros for frames beyond the ends.
    """
    frames = time_of(x)
    zeros = tf.zeros([tf.shape(x)[0], context, x.shape[2]], x.dtype)
    x = tf.concat([zeros, x, zeros], axis=1)
    return tf.concat([x[:, i : i + frames] for i in range(2 * context + 1)], axis=-1)
