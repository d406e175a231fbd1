"""TFGAN's generator against published parameter counts and what the authors' code recorded."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.convert.places import Tensors, of_layers
from tfsr.convert.voicefixer import vocoder_layers
from tfsr.layers.weight_norm import WeightNormConv1DTranspose
from tfsr.networks.tfgan import TFGAN
from tfsr.signal.mel import append_silence, normalized_decibels

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {
    "bands": 10,
    "condition": 12,
    "channels": (32, 16, 8, 4, 2),
    "strides": (7, 7, 3, 3),
    "units": (3, 3, 2, 2),
}
NARROW = {"bands": 3, "condition": 4, "channels": (4, 3, 2), "strides": (3, 2), "units": (2, 1)}


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def noise(*shape, seed=1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def built(**options) -> TFGAN:
    network = TFGAN(**options)
    network(tf.zeros([1, 4, options["bands"]]))
    return network


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return dict(np.load(FIXTURES / "voicefixer_tfgan.npz"))


@pytest.fixture(scope="module")
def small(recorded_weights) -> TFGAN:
    network = built(**SMALL)
    tensors = recorded_weights("voicefixer_tfgan", "weights")
    Tensors(tensors, "").put(of_layers(vocoder_layers(network)), network)
    assert len(tensors) == 3 * 31
    return network


def test_parameter_count_is_the_published_one():
    network = TFGAN()
    network(keras.Input([None, 128]))
    gains = [weight for weight in network.trainable_weights if "gain" in weight.name]
    assert size(gains) == 20_865
    assert size(network.trainable_weights) - size(gains) == 33_165_185
    assert (network.hop, network.ratio, network.receptive_field) == (441, 441, 576)
    dilated = [unit.dilated.dilation_rate for unit in network.stages[3].units]
    assert dilated == [(3**unit,) for unit in range(8)]
    for layer, fan_in in [
        (network.first.convolution, 512 * 7),
        (network.stages[0].up.convolution, 512 * 14),
    ]:
        for weight in (layer.kernel, layer.bias):
            limit = 1 / np.sqrt(fan_in)
            assert 0.97 * limit < np.abs(weight).max() <= limit


def test_effective_kernels_equal_the_recorded_ones(small, recorded):
    for name in ("generator.1", "generator.3.layer", "generator.7.layers.1.1"):
        kernel = vocoder_layers(small)[name].normalized_kernel
        np.testing.assert_allclose(kernel, recorded[f"effective/{name}"].T, atol=1e-6)


@pytest.mark.parametrize("signal", ["odd", "even"])
def test_condition_equals_the_recorded_one(recorded, signal):
    condition = append_silence(
        normalized_decibels(recorded[f"{signal}_mel"] / recorded["mel_weight"])
    )
    np.testing.assert_allclose(condition, recorded[f"{signal}_cond"], atol=1e-5)


@pytest.mark.parametrize("signal", ["odd", "even"])
def test_waveform_equals_the_recorded_one(small, recorded, signal):
    waveform = small(recorded[f"{signal}_cond"])
    np.testing.assert_allclose(waveform[..., 0], recorded[f"{signal}_wav"], atol=1e-6)


def test_every_layer_equals_the_recorded_one(small, recorded):
    """Of which the first samples of the first example are recorded."""

    def check(x, name):
        expected = recorded[f"taps/{name}"]
        np.testing.assert_allclose(x[:1, : expected.shape[1]], expected, atol=1e-6)

    x = recorded["odd_cond"]
    for convolution in small.condition_net:
        x = convolution(x)
    check(x, "condnet")
    x = small.first(x)
    check(x, "1")
    for number, stage in enumerate(small.stages, 1):
        x = tf.nn.leaky_relu(x, 0.2)
        check(stage.up(x), f"{3 * number}")
        x = stage(x)
        check(x, f"{3 * number + 1}")


def test_gradients_equal_the_recorded_ones(small, recorded, recorded_weights, rounding):
    # Sums over all samples, whose errors add up like steps of a random walk, there and here.
    count = 2 * np.sqrt(recorded["grad_target"].size)
    with tf.GradientTape() as tape:
        waveform = small(recorded["odd_cond"])[..., 0]
        loss = tf.reduce_mean(tf.abs(waveform - recorded["grad_target"]))
    np.testing.assert_allclose(loss, recorded["grad_loss"], rtol=1e-6)
    gradients = tape.gradient(loss, small.trainable_weights)
    gradients = {id(w): g for w, g in zip(small.trainable_weights, gradients, strict=True)}
    recorded_gradients = recorded_weights("voicefixer_tfgan", "gradients")
    for place in of_layers(vocoder_layers(small)):
        (name,) = place.names
        expected = place.made(recorded_gradients[name])
        atol = rounding(count, expected)
        gradient = gradients[id(place.variable)]
        np.testing.assert_allclose(gradient, expected, atol=atol, err_msg=name)


def test_transposed_convolution_is_gain_times_direction_for_each_input():
    layer, x = WeightNormConv1DTranspose(5, 6, 3), noise(2, 4, 3)
    plain = keras.layers.Conv1DTranspose(5, 6, 3)
    assert layer(x).shape == plain(x).shape == (2, 15, 5)
    plain.set_weights([layer.kernel, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-5)
    layer.gain.assign([1.0, 2.0, 3.0])
    layer.bias.assign(noise(5))
    norms = np.sqrt(np.sum(np.square(layer.kernel), axis=(0, 1)))
    plain.set_weights([layer.kernel * [1.0, 2.0, 3.0] / norms, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-5)


@pytest.fixture(scope="module")
def tiny() -> TFGAN:
    keras.utils.set_random_seed(0)
    return built(**NARROW)


@given(frames=st.integers(4, 30))
def test_any_length_in_a_graph_that_does_not_know_it(tiny, frames):
    x = noise(2, frames, 3)
    waveform = dynamic(tiny)(x)
    assert waveform.shape == (2, 6 * frames, 1)
    np.testing.assert_allclose(waveform, tiny(x), atol=1e-5)


def dynamic(network: TFGAN):
    if not hasattr(network, "graph"):
        network.graph = tf.function(
            network, input_signature=[tf.TensorSpec([None, None, 3])], autograph=False
        )
    return network.graph


@pytest.mark.parametrize("stride", [2, 3, 4, 7])
def test_the_samples_of_a_frame_are_where_it_is(stride, measured_reach):
    """The published strides are odd; an even one cuts as much before as after."""
    options = {"bands": 1, "condition": 2, "channels": (2, 2, 2), "units": (2, 1)}
    network = TFGAN(strides=(stride, 2), **options)
    network(tf.zeros([1, 4, 1]))
    network.hop = 1  # frames, for the measurement
    assert measured_reach(network) == network.receptive_field


def test_converts_to_tflite_builtins(tiny, as_tflite):
    run = as_tflite(tiny, [None, None, 3])
    for frames in (4, 9):
        x = noise(1, frames, 3)
        np.testing.assert_allclose(run(x), tiny(x), atol=1e-5)


def test_mixed_precision_gives_float32(tiny, mixed_precision):
    network, x = built(**NARROW), noise(1, 6, 3)
    network.set_weights(tiny.get_weights())
    waveform = network(x)
    assert waveform.dtype == tf.float32
    np.testing.assert_allclose(waveform, tiny(x), atol=0.02)
