"""Random draws that are a pure function of the batch, so that training resumes bit for bit.

The pipeline gives every example a seed that depends only on the run's seed and the step. Layers
with random draws (dropout, phase shuffle) take their seed from here, not from a hidden state. So no
random state has to be saved.
"""

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf
import tf_keras as keras

_active = threading.local()


@contextlib.contextmanager
def seeded(seed: tf.Tensor) -> Iterator[None]:
    """Within it, `next_seed` gives seeds derived from `seed` (int32 [2]), a new one each call."""
    outer = getattr(_active, "state", None)
    _active.state = [seed, 0]
    try:
        yield
    finally:
        _active.state = outer


def next_seed() -> tf.Tensor:
    """An int32 [2] seed for a stateless draw; outside `seeded`, a fresh one from TensorFlow."""
    state = getattr(_active, "state", None)
    if state is None:
        return tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
    state[1] += 1
    return tf.random.experimental.stateless_fold_in(state[0], state[1])


class Dropout(keras.layers.Layer):
    """Dropout whose mask comes from `next_seed`; identity when not training.

    Args:
        rate: probability that an element is set to zero; the others are scaled by 1 / (1 - rate).
    """

    def __init__(self, rate: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.rate == 0:
            return x
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed=next_seed())
