"""Phase shuffle: hide the position of a sample within the strides of a network."""

import tensorflow as tf
import tf_keras as keras

from tfsr.layers.convolution import time_of
from tfsr.layers.random import next_seed


class PhaseShuffle(keras.layers.Layer):
    """Shift every example in time by a random whole number of samples, in training only.

    Donahue et al. 2019 (WaveGAN) use it in the critic. Subpixel or transposed convolutions leave
    tones. The shift keeps the critic from using the phase of these tones to detect generated
    sounds.

    Args:
        samples: shifts are uniform in -samples, ..., samples; 0 shifts nothing.
    """

    def __init__(self, samples: int, **kwargs):
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.samples == 0:
            return x
        shifts = tf.random.stateless_uniform(
            [tf.shape(x)[0]], next_seed(), -self.samples, self.samples + 1, tf.int32
        )
        return shift(x, shifts)


def shift(x: tf.Tensor, shifts: tf.Tensor) -> tf.Tensor:
    """Move each example later (earlier where negative), and fill the gap by reflection.

    Args:
        x: [batch, time, channels].
        shifts: int32 [batch], in samples, each smaller than the time.
    """
    last = time_of(x) - 1
    source = tf.abs(tf.range(last + 1) - tf.expand_dims(shifts, -1))
    return tf.gather(x, last - tf.abs(last - source), batch_dims=1)
