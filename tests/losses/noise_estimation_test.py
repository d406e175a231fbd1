from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.losses.noise_estimation import log_l1

DATA = np.load(Path(__file__).parents[1] / "fixtures" / "nuwave_small.npz")


def test_equals_the_recorded_loss():
    per_example = log_l1(DATA["eps"], DATA["eps_pred"])
    np.testing.assert_allclose(per_example, DATA["loss_per_example"], rtol=1e-5)
    np.testing.assert_allclose(np.mean(per_example), DATA["loss_lognorm"], rtol=1e-5)


def test_is_the_natural_logarithm_of_the_mean_for_each_example():
    noise, estimate = tf.zeros([2, 4]), tf.constant([[1.0, -1, 1, -1], [0, 0, 0, 4 * np.e]])
    np.testing.assert_allclose(log_l1(noise, estimate), [0.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("difference", [0.0, 1e-30])
def test_has_a_floor_without_gradient(difference):
    estimate = tf.fill([1, 8], difference)
    with tf.GradientTape() as tape:
        tape.watch(estimate)
        loss = log_l1(tf.zeros([1, 8]), estimate)
    np.testing.assert_allclose(loss, np.log(1e-20), rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(loss, estimate), np.zeros([1, 8]))
