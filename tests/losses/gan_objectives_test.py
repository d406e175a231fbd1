import numpy as np
import pytest
import tensorflow as tf

from tfsr.losses.gan_objectives import (
    CrossEntropy,
    Hinge,
    LeastSquares,
    WassersteinGP,
    feature_matching,
    gradient_norms,
)

SEED = tf.constant([1, 2])


def signals(seed: int, examples: int = 4) -> tf.Tensor:
    return tf.random.stateless_normal([examples, 16, 1], [0, seed])


def linear(x: tf.Tensor) -> tf.Tensor:
    """Its gradient is 3 / 4 everywhere, with a norm of 3 over 16 samples."""
    return tf.reduce_sum(0.75 * x, axis=[1, 2])


def test_gradient_norm_of_a_linear_discriminator():
    np.testing.assert_allclose(gradient_norms(linear, signals(1)), 3.0, rtol=1e-6)


def test_gradient_norm_of_a_quadratic_discriminator_is_that_of_each_example():
    x = signals(2)
    norms = gradient_norms(lambda x: tf.reduce_sum(x**2, axis=[1, 2]) / 2, x)
    np.testing.assert_allclose(norms, np.linalg.norm(x[..., 0], axis=1), rtol=1e-5)


def test_a_flat_discriminator_has_finite_second_derivatives():
    slope = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        norms = gradient_norms(lambda x: slope * tf.reduce_sum(x, axis=[1, 2]), signals(3))
        penalty = tf.reduce_mean((norms - 1) ** 2)
    assert np.isfinite(tape.gradient(penalty, slope))


@pytest.mark.parametrize("objective", [WassersteinGP(), CrossEntropy(), LeastSquares(), Hinge()])
def test_any_number_of_scores_is_taken(objective):
    """Alike scores, one or many or in a list, are worth the same."""

    def many(x):
        return tf.tile(tf.reduce_mean(x, axis=1), [1, 3])

    def one(x):
        return tf.reduce_mean(x, axis=[1, 2])

    real, fake = signals(4), signals(5)
    expected = objective.for_discriminator(one, real, fake, SEED)
    for scores in (many, lambda x: [many(x)]):
        losses = objective.for_discriminator(scores, real, fake, SEED)
        assert all(loss.shape == (4,) for loss in losses.values())
        for name, loss in losses.items():
            np.testing.assert_allclose(loss, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(
            objective.for_network(scores(fake)), objective.for_network(one(fake)), rtol=1e-5
        )


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_wasserstein_is_the_distance_and_its_penalty(weight):
    real, fake = signals(4), signals(5)
    losses = WassersteinGP(weight).for_discriminator(linear, real, fake, SEED)
    distance = linear(real) - linear(fake)
    np.testing.assert_allclose(losses["wasserstein"], distance, rtol=1e-5)
    np.testing.assert_allclose(
        losses["discriminators"], weight * (3 - 1) ** 2 - distance, rtol=1e-5
    )
    assert tuple(losses) == WassersteinGP.names


def test_the_penalty_is_taken_between_real_and_fake():
    """At the gradient of x^2 / 2, x itself, with zeros against ones the norm is share * 4."""
    real, fake = tf.ones([500, 16, 1]), tf.zeros([500, 16, 1])
    losses = WassersteinGP().for_discriminator(
        lambda x: tf.reduce_sum(x**2, axis=[1, 2]) / 2, real, fake, SEED
    )
    shares = losses["gradient_norm"] / 4
    assert 0 <= shares.numpy().min() < 0.02 and 0.98 < shares.numpy().max() <= 1
    assert abs(np.mean(shares) - 0.5) < 0.05


def test_wasserstein_repeats_with_its_seed():
    def discriminator(x):
        return tf.reduce_sum(x**2, axis=[1, 2])

    values = [
        WassersteinGP().for_discriminator(discriminator, signals(6), signals(7), [0, s])
        for s in (1, 1, 2)
    ]
    first, again, other = (v["discriminators"].numpy() for v in values)
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_cross_entropy_is_that_of_the_probabilities():
    real, fake = signals(8), signals(9)
    losses = CrossEntropy().for_discriminator(linear, real, fake, SEED)
    p, q = tf.sigmoid(linear(real)), tf.sigmoid(linear(fake))
    np.testing.assert_allclose(
        losses["discriminators"], -tf.math.log(p) - tf.math.log(1 - q), rtol=1e-4
    )
    np.testing.assert_allclose(losses["real_share"], p)
    np.testing.assert_allclose(losses["fake_share"], q)
    np.testing.assert_allclose(CrossEntropy().for_network(linear(fake)), -tf.math.log(q), rtol=1e-4)
    assert tuple(losses) == CrossEntropy.names


def test_the_network_wants_high_scores():
    scores = tf.constant([-1.0, 2.0])
    np.testing.assert_array_equal(WassersteinGP().for_network(scores), [1.0, -2.0])
    losses = CrossEntropy().for_network(scores)
    assert losses[1] < losses[0]


@pytest.mark.parametrize("scores", [[0.5, 3.0], [[0.5, 0.5], [3.0, 3.0]], None])
def test_least_squares_wants_one_for_real_and_zero_for_fake(scores):
    def discriminator(x):
        if scores is None:  # a list of maps, of which each counts alike
            return [tf.constant([[[0.5]], [[3.0]]]), tf.constant([[0.5, 0.5], [3.0, 3.0]])]
        return tf.constant(scores)

    losses = LeastSquares().for_discriminator(discriminator, None, None)
    np.testing.assert_allclose(losses["discriminators"], [0.25 + 0.25, 4.0 + 9.0])
    np.testing.assert_allclose(losses["real_score"], [0.5, 3.0])
    np.testing.assert_allclose(losses["fake_score"], [0.5, 3.0])
    np.testing.assert_allclose(LeastSquares().for_network(discriminator(None)), [0.25, 4.0])
    assert tuple(losses) == LeastSquares.names


def test_least_squares_takes_the_mean_of_each_map_first():
    scores = [tf.constant([[1.0]]), tf.constant([[0.0, 2.0, 0.0, 2.0, 3.0]])]
    np.testing.assert_allclose(LeastSquares().for_network(scores), [(0.0 + 8.0 / 5) / 2])


def test_hinge_counts_what_is_short_of_one():
    """Of a list of scores each tensor's mean, all of them summed."""
    scores = [tf.constant([[0.5, 3.0], [1.0, -1.0]]), tf.constant([[[2.0]], [[-2.0]]])]
    losses = Hinge().for_discriminator(lambda x: scores, None, None)
    short = np.array([0.25 + 0.0, 1.0 + 3.0])
    excess = np.array([(1.5 + 4.0) / 2 + 3.0, (2.0 + 0.0) / 2 + 0.0])
    np.testing.assert_allclose(losses["discriminators"], short + excess)
    np.testing.assert_allclose(losses["real_score"], [(1.75 + 2.0) / 2, (0.0 - 2.0) / 2])
    np.testing.assert_allclose(Hinge().for_network(scores), short)
    np.testing.assert_allclose(Hinge().for_network(scores[0]), [0.25, 1.0])
    assert tuple(losses) == Hinge.names


def test_features_match_as_far_as_the_means_of_their_maps():
    real = [[tf.constant([[1.0, 2.0]]), tf.constant([[[3.0]]])], [tf.constant([[0.0, 0.0, 6.0]])]]
    fake = [[tf.constant([[1.0, 4.0]]), tf.constant([[[0.0]]])], [tf.constant([[0.0, 0.0, 0.0]])]]
    np.testing.assert_allclose(feature_matching(real, fake), [1.0 + 3.0 + 2.0])
    np.testing.assert_array_equal(feature_matching(real, real), [0.0])
