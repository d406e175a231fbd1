"""Losses of a noise estimator: [batch, time] x 2 -> [batch]."""

import tensorflow as tf

_LEAST = 1e-20


def log_l1(noise: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Natural logarithm of the mean absolute difference, which is at least 1e-20.

    As in the code of Lee & Han 2021 (NU-Wave); the paper's sum over time differs by log(time).
    """
    distance = tf.reduce_mean(tf.abs(estimate - noise), axis=-1)
    return tf.math.log(tf.maximum(distance, _LEAST))
