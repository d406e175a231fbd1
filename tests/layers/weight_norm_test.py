import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.layers.weight_norm import WeightNormConv1D, WeightNormConv2D


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def built(**options) -> WeightNormConv1D:
    keras.utils.set_random_seed(0)
    layer = WeightNormConv1D(5, 3, kernel_initializer="he_normal", **options)
    layer(noise(1, 4, 2))
    return layer


def test_starts_as_a_convolution_with_its_kernel():
    layer, plain, x = built(), keras.layers.Conv1D(5, 3, padding="same"), noise(2, 9, 2)
    plain(x)
    plain.set_weights([layer.kernel, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-6)
    np.testing.assert_allclose(layer.normalized_kernel, layer.kernel, atol=1e-6)


def test_the_kernel_is_gain_times_direction():
    layer, x = built(dilation_rate=2), noise(2, 9, 2)
    layer.gain.assign(noise(5, seed=3))
    direction = layer.kernel.numpy()
    norm = np.sqrt(np.sum(direction**2, axis=(0, 1)))
    kernel = layer.gain * direction / norm
    np.testing.assert_allclose(layer.normalized_kernel, kernel, atol=1e-6)
    expected = tf.nn.conv1d(x, kernel, 1, "SAME", dilations=2) + layer.bias
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_the_length_of_the_direction_has_no_effect():
    layer, x = built(), noise(2, 9, 2)
    before = layer(x)
    layer.kernel.assign(3 * layer.kernel)
    np.testing.assert_allclose(layer(x), before, atol=1e-6)


def test_gradients_are_those_of_the_definition():
    layer, x = built(), noise(2, 9, 2)
    assert [weight.shape for weight in layer.trainable_weights] == [(3, 2, 5), (5,), (5,)]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    direction, _, gain = tape.gradient(loss, layer.trainable_weights)
    assert np.abs(gain).max() > 0.1
    # What the length does not change cannot have a gradient along itself.
    along = tf.reduce_sum(direction * layer.kernel, axis=[0, 1])
    np.testing.assert_allclose(along, tf.zeros(5), atol=1e-4)


def test_the_norm_of_many_small_weights_in_mixed_precision(mixed_precision):
    layer, x = WeightNormConv1D(2, 1), noise(1, 3, 4000)
    layer(x)
    layer.kernel.assign(tf.fill(layer.kernel.shape, 1e-4))  # squares to zero in float16
    layer.gain.assign([1.0, 2.0])
    expected = tf.reduce_sum(x, axis=-1, keepdims=True) * [1.0, 2.0] / np.sqrt(4000)
    assert layer(x).dtype == tf.float16
    np.testing.assert_allclose(layer(x), expected, atol=0.02)


@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_in_two_dimensions_it_is_gain_times_direction_too(strides):
    """With half a kernel of zeros on all sides."""
    layer, x = WeightNormConv2D(4, (5, 3), strides=strides, padding="symmetric"), noise(2, 9, 8, 3)
    layer(x)
    layer.gain.assign(noise(4, seed=3))
    norm = np.sqrt(np.sum(np.square(layer.kernel), axis=(0, 1, 2)))
    padded = np.pad(x, [(0, 0), (2, 2), (1, 1), (0, 0)])
    expected = tf.nn.conv2d(padded, layer.gain * layer.kernel / norm, strides, "VALID")
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
