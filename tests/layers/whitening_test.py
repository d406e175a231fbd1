import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from tfsr.layers.whitening import MeanVariance, Pca

KINDS = [MeanVariance, Pca]


def mixture(samples: int, features: int, seed: int = 0) -> np.ndarray:
    """Correlated features of different means and scales."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=[samples, features]) @ (np.eye(features) + 0.3)
    scales = np.geomspace(0.5, 5, features)
    return (scales * (mixed + random.normal(size=features))).astype(np.float32)


def adapted(kind, samples):
    layer = kind()
    layer.adapt(samples)
    return layer


@pytest.mark.parametrize("kind", KINDS)
def test_before_it_is_adapted_it_is_the_identity(kind):
    x = mixture(5, 3)
    np.testing.assert_array_equal(kind()(x), x)
    np.testing.assert_array_equal(kind().invert(x), x)


@pytest.mark.parametrize("kind", KINDS)
def test_whitened_features_have_mean_zero_and_variance_one(kind):
    samples = mixture(500, 6)
    y = adapted(kind, samples)(samples).numpy()
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y.var(axis=0, ddof=1), 1, rtol=1e-3)


def test_pca_is_scikit_learns_but_for_signs():
    samples, fresh = mixture(300, 5), mixture(20, 5, seed=1)
    expected = PCA(whiten=True).fit(samples.astype(np.float64)).transform(fresh)
    result = adapted(Pca, samples)(fresh)
    np.testing.assert_allclose(np.abs(result), np.abs(expected), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@given(samples=st.integers(1, 30), features=st.integers(1, 8), seed=st.integers(0, 9))
def test_invert_is_the_inverse(kind, samples, features, seed):
    data = mixture(samples, features, seed)
    layer = adapted(kind, data)
    x = tf.reshape(data, [1, samples, features])
    np.testing.assert_allclose(layer.invert(layer(x)), x, atol=1e-4 * np.abs(data).max())


@pytest.mark.parametrize("kind", KINDS)
def test_what_hardly_varies_is_not_blown_up(kind):
    samples = mixture(200, 4)
    samples[:, 1] = 7.0
    layer = adapted(kind, samples)
    x = samples[:1] + np.float32([[0, 1e-3, 0, 0]])
    assert np.abs(layer(x) - layer(samples[:1])).max() < 0.1
    constant = adapted(kind, np.full([3, 4], 7.0, np.float32))
    np.testing.assert_array_equal(constant(np.float32([[7, 7, 7, 7]])), np.zeros([1, 4]))


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_weights_that_are_not_trained(kind):
    layer = adapted(kind, mixture(50, 3))
    assert not layer.trainable_weights
    other = kind()
    other(np.zeros([1, 3], np.float32))
    other.set_weights(layer.get_weights())
    x = mixture(4, 3, seed=2)
    np.testing.assert_array_equal(other(x), layer(x))
    np.testing.assert_array_equal(other.invert(x), layer.invert(x))
