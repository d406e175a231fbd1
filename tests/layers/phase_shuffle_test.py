from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.layers.phase_shuffle import PhaseShuffle, shift
from tfsr.layers.random import seeded

FIXTURES = Path(__file__).parents[1] / "fixtures"


def counting(examples: int, time: int = 32) -> tf.Tensor:
    """[examples, time, 2]: two channels that number the samples."""
    return tf.tile(tf.reshape(tf.range(float(time)), [1, -1, 1]), [examples, 1, 2])


def shuffled(x: tf.Tensor, samples: int, seed: int) -> np.ndarray:
    with seeded(tf.constant([seed, 0])):
        return PhaseShuffle(samples)(x, training=True).numpy()


@pytest.mark.parametrize("samples", [-2, -1, 0, 1, 2])
def test_shifts_equal_the_recorded_ones(samples):
    data = np.load(FIXTURES / "phase_shuffle_reflect.npz")
    out = shift(data["input"], tf.fill([2], samples))
    np.testing.assert_array_equal(out, data[f"shift_{samples}"])


def test_reflection_does_not_repeat_the_first_and_last_sample():
    out = shift(counting(2, 5)[:, :, :1], tf.constant([2, -1]))
    np.testing.assert_array_equal(out[:, :, 0], [[2, 1, 0, 1, 2], [1, 2, 3, 4, 3]])


def test_every_example_has_one_shift_for_all_its_channels():
    out = shuffled(counting(200), 3, seed=1)
    np.testing.assert_array_equal(out[..., 0], out[..., 1])
    shifts = 10 - out[:, 10, 0]
    assert set(shifts) == {-3, -2, -1, 0, 1, 2, 3}
    np.testing.assert_array_equal(out, shift(counting(200), tf.cast(shifts, tf.int32)))


def test_shifts_follow_the_seed_of_the_batch():
    x = counting(20)
    np.testing.assert_array_equal(shuffled(x, 3, seed=1), shuffled(x, 3, seed=1))
    assert np.any(shuffled(x, 3, seed=1) != shuffled(x, 3, seed=2))


def test_identity_where_not_training_or_without_samples():
    x = counting(20)
    np.testing.assert_array_equal(PhaseShuffle(3)(x, training=False), x)
    np.testing.assert_array_equal(shuffled(x, 0, seed=1), x)


@pytest.mark.parametrize("graph", [False, True])
def test_gradients_of_gradients_flow(graph):
    """A gradient penalty differentiates a critic's gradient by its weights."""
    x = tf.random.stateless_normal([4, 16, 1], seed=[1, 2])
    weight = tf.Variable(2.0)

    def penalty():
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                with seeded(tf.constant([3, 0])):
                    out = PhaseShuffle(2)(weight * x, training=True)
                score = tf.reduce_sum(out[:, 5:10] ** 2)
            slope = inner.gradient(score, x)
            value = tf.reduce_sum(slope**2)
        return outer.gradient(value, weight), value

    gradient, value = (tf.function(penalty) if graph else penalty)()
    assert value > 0
    np.testing.assert_allclose(gradient, 4 * value / weight, rtol=1e-5)  # the slope has weight ** 2


def test_any_batch_and_time_in_one_graph():
    function = tf.function(
        lambda x: PhaseShuffle(2)(x, training=True),
        input_signature=[tf.TensorSpec([None, None, 2])],
    )
    for examples, time in (1, 3), (4, 17):
        assert function(counting(examples, time)).shape == (examples, time, 2)
