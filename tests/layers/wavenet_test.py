import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.layers.wavenet import WaveNet


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def built(layers: int = 3, channels: int = 4) -> WaveNet:
    keras.utils.set_random_seed(0)
    network = WaveNet(inputs=2, conditions=5, outputs=6, layers=layers, channels=channels)
    network(noise(1, 3, 2), network.project(noise(1, 3, 5)))
    return network


def test_starts_at_zero():
    network = built()
    output = network(noise(2, 9, 2), network.project(noise(2, 9, 5)))
    np.testing.assert_array_equal(output, np.zeros([2, 9, 6]))


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_receptive_field_is_what_the_gradient_reaches(layers):
    network, x, middle = built(layers), noise(1, 41, 2), 20
    network.end.kernel.assign(noise(*network.end.kernel.shape))
    condition = noise(1, 41, 5, seed=3)
    for varied in (x, condition):
        with tf.GradientTape() as tape:
            tape.watch(varied)
            output = tf.reduce_sum(network(x, network.project(condition))[:, middle])
        gradient = tf.reduce_sum(tf.abs(tape.gradient(output, varied)), axis=[0, 2])
        touched = np.flatnonzero(gradient)
        # The condition enters after the first dilated convolution.
        reach = network.receptive_field - (varied is condition)
        assert (touched[0], touched[-1]) == (middle - reach, middle + reach)


def test_kernels_and_biases_start_uniform():
    network = built(channels=64)
    for layer, fan_in in [
        (network.start, 2),
        (network.projection, 5),
        (network.gated_layers[1].dilated_conv, 3 * 64),
        (network.gated_layers[1].output_projection, 64),
    ]:
        for weight in (layer.kernel, layer.bias):
            assert 0.9 / np.sqrt(fan_in) < np.abs(weight).max() <= 1 / np.sqrt(fan_in)
        np.testing.assert_allclose(layer.gain, np.linalg.norm(layer.kernel, axis=(0, 1)), rtol=1e-5)


def test_the_last_layer_has_a_skip_connection_only():
    network = built(layers=3)
    widths = [layer.output_projection.filters for layer in network.gated_layers]
    assert widths == [8, 8, 4]
    dilations = [layer.dilated_conv.dilation_rate for layer in network.gated_layers]
    assert dilations == [(1,), (2,), (4,)]
