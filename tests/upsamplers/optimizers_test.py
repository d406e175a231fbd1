"""Learning rates that change with the step."""

import numpy as np
import tensorflow as tf

from tfsr.upsamplers.optimizers import WarmUpDecay


def test_a_rise_and_steps_down():
    rate = WarmUpDecay(2.0, warm_up=10, factor=0.5, every=100)
    steps = [0, 5, 10, 11, 99, 100, 199, 200]
    values = [float(rate(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(values, [0, 1, 2, 2, 2, 1, 1, 0.5])


def test_a_copy_from_its_configuration_is_the_same():
    rate = WarmUpDecay(3e-4, warm_up=10)
    copy = WarmUpDecay.from_config(rate.get_config())
    assert float(copy(tf.constant(25_000))) == float(rate(tf.constant(25_000)))
