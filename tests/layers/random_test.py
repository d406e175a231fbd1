import numpy as np
import tensorflow as tf

from tfsr.layers.random import Dropout, next_seed, seeded


def drawn(seed, count=3):
    with seeded(tf.constant([seed, 1])):
        return [tuple(next_seed().numpy()) for _ in range(count)]


def test_seeds_repeat_and_differ():
    assert drawn(1) == drawn(1)
    assert len(set(drawn(1) + drawn(2))) == 6


def test_an_inner_seed_leaves_the_outer_sequence_alone():
    with seeded(tf.constant([1, 1])):
        first = tuple(next_seed().numpy())
        with seeded(tf.constant([9, 9])):
            next_seed()
        second = tuple(next_seed().numpy())
    assert [first, second] == drawn(1, 2)


def test_outside_seeds_are_fresh():
    assert tuple(next_seed().numpy()) != tuple(next_seed().numpy())


def test_dropout_drops_its_share_and_keeps_the_mean():
    x = tf.ones([1, 20000, 1])
    out = Dropout(0.25)(x, training=True).numpy()
    assert abs(np.mean(out == 0) - 0.25) < 0.02
    assert abs(out.mean() - 1) < 0.02
    np.testing.assert_array_equal(Dropout(0.25)(x, training=False), x)
