"""Distances between two waveforms, for each example: [batch, time] x 2 -> [batch]."""

import tensorflow as tf


def l1(high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference (King et al. 2021)."""
    return tf.reduce_mean(tf.abs(estimate - high), axis=-1)


def l2(high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Mean squared difference."""
    return tf.reduce_mean(tf.square(estimate - high), axis=-1)


def rmse(high: tf.Tensor, estimate: tf.Tensor) -> tf.Tensor:
    """Root of (mean squared difference + 1e-6) (Kuleshov et al. 2017, their code)."""
    return tf.sqrt(tf.reduce_mean(tf.square(estimate - high) + 1e-6, axis=-1))
