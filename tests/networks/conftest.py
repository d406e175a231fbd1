from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def measured_reach() -> Callable:
    """A function: how many input samples on each side the outputs of one hop depend on."""

    def measure(network) -> int:
        hop, ratio = network.hop, network.ratio
        middle = (network.receptive_field // hop + 2) * hop
        x = tf.random.stateless_normal([1, 2 * middle, 1], seed=[3, 4])
        reach = 0
        for t in range(middle * ratio, (middle + hop) * ratio):
            with tf.GradientTape() as tape:
                tape.watch(x)
                out = network(x)[0, t, 0]
            touched = np.flatnonzero(tape.gradient(out, x)[0, :, 0])
            reach = max(reach, t // ratio - touched[0], touched[-1] - t // ratio)
        return reach

    return measure
