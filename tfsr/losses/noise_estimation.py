"""What an estimator of noise is trained for: [batch, time] x 2 -> [batch]."""

import tensorflow as tf

_LEAST = 1e-20


def log_l1(noise: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Natural logarithm of the mean absolute difference, which counts as 1e-20 where it is less.

    Lee & Han 2021 (NU-Wave), their code; the paper's sum over time differs by log(time).
    """
    distance = tf.reduce_mean(tf.abs(estimate - noise), axis=-1)
    return tf.math.log(tf.maximum(distance, _LEAST))
