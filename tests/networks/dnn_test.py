"""The published parameter counts, and which frames an output depends on."""

import numpy as np
import pytest
import tensorflow as tf

from tfsr.networks.dnn import DNN, with_neighbours

_TINY = ["WIDTH = 8", "PATCH = 2048"]
TINY = {"configs/dnn.gin": _TINY, "configs/small/dnn.gin": _TINY}


def parameters(features, **options) -> int:
    network = DNN(**options)
    network(tf.zeros([1, 1, features]))
    return network.count_params()


@pytest.mark.parametrize(
    ("low", "high", "magnitude", "both"),
    [
        (129, 128, 11_034_752, 13_674_752),
        (65, 192, 9_986_240, 11_577_728),
        (33, 224, 9_461_984, 10_529_216),
    ],
)
def test_parameter_counts_are_those_of_the_published_program(low, high, magnitude, both):
    assert parameters(low, outputs=high) == magnitude
    assert parameters(2 * low, outputs=2 * high) == both
    one_more = magnitude + 2048 * 2049
    assert parameters(low, outputs=high, layers=4) == one_more


def test_neighbours_stand_in_order_and_are_zero_beyond_the_ends():
    x = tf.reshape(tf.range(1.0, 9.0), [1, 4, 2])
    stacked = with_neighbours(x, 1)
    np.testing.assert_array_equal(stacked[0, 0], [0, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(stacked[0, 2], [3, 4, 5, 6, 7, 8])
    np.testing.assert_array_equal(stacked[0, 3], [5, 6, 7, 8, 0, 0])
    np.testing.assert_array_equal(with_neighbours(x, 0), x)


@pytest.mark.parametrize("frames", [1, 3, 20])
def test_frames_stay_as_many(frames):
    assert DNN(5, width=4)(tf.ones([2, frames, 3])).shape == (2, frames, 5)


def test_receptive_field_holds_and_is_reached():
    network, x = DNN(1, width=16, context=3), tf.random.stateless_normal([1, 21, 2], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = network(x)[0, 10, 0]
    touched = np.flatnonzero(np.any(tape.gradient(out, x)[0], axis=-1))
    assert (touched[0], touched[-1]) == (10 - network.receptive_field, 10 + 3)


def test_outputs_are_not_bounded():
    network = DNN(4, layers=1, width=64)
    out = network(10 * tf.random.stateless_normal([1, 50, 3], [3, 4]))
    assert out.numpy().min() < -1 and out.numpy().max() > 1
