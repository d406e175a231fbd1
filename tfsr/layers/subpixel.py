"""The one-dimensional subpixel operation: trade channels for time."""

import tensorflow as tf

from tfsr.layers.convolution import time_of


def subpixel(x: tf.Tensor, ratio: int = 2, order: str = "phase") -> tf.Tensor:
    """Lengthen time by `ratio` and divide the channels by it.

    Args:
        x: [batch, time, ratio * channels].
        ratio: how many output samples one input frame becomes.
        order: "phase": input channel = phase * channels + channel (Kuleshov et al. 2017);
            "channel": input channel = channel * ratio + phase (King et al. 2021 and the usual
            PyTorch pixel shuffle). It decides whether weights made elsewhere fit.

    Returns:
        [batch, ratio * time, channels].
    """
    frames, channels = time_of(x), x.shape[-1] // ratio
    if order == "channel":
        x = tf.reshape(x, [-1, frames, channels, ratio])
        x = tf.transpose(x, [0, 1, 3, 2])
    return tf.reshape(x, [-1, frames * ratio, channels])
