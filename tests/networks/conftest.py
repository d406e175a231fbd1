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
        reach, times = 0, range(middle * ratio, (middle + hop) * ratio)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            outputs = tf.unstack(network(x)[0, times.start : times.stop, 0])
        for t, out in zip(times, outputs, strict=True):
            touched = np.flatnonzero(tape.gradient(out, x)[0, :, 0])
            reach = max(reach, t // ratio - touched[0], touched[-1] - t // ratio)
        return reach

    return measure


@pytest.fixture(scope="session")
def steps_equal_the_whole() -> Callable:
    """A function that runs a causal network on parts of a spectrum, and on the whole."""

    def compare(network, whole, splits: list[int]) -> None:
        state, made = network.initial_state(whole.real.shape[0]), []
        for parts in zip(*(tf.split(part, splits, axis=1) for part in whole), strict=True):
            frames, state = network.step(type(whole)(*parts), state)
            made.append(frames)
        for parts, expected in zip(zip(*made, strict=True), network(whole), strict=True):
            np.testing.assert_allclose(tf.concat(parts, axis=1), expected, rtol=1e-5, atol=1e-5)

    return compare
