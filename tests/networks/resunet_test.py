"""ResUNet against published parameter counts and what the authors' code recorded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.convert.places import Place, Tensors, of_layers
from tfsr.convert.voicefixer import unet_layers
from tfsr.networks.mel_mask import MelMask
from tfsr.networks.resunet import ResidualUnit, ResUNet
from tfsr.signal.mel import log_mel

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = {"channels": (4, 6, 8, 8, 10, 10)}
NARROW = {"channels": (2, 3)}


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def noise(*shape, seed=1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def load(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(FIXTURES / f"voicefixer_{name}.npz"))


def places(network: ResUNet) -> dict[str, Place]:
    """By the names in the authors' code."""
    found = {place.names: place for place in of_layers(unet_layers(network))}
    return {name: place for (name,), place in found.items()}


@pytest.fixture(scope="module")
def put(recorded_weights) -> Callable[..., None]:
    """A function that gives a network the recorded weights."""

    def put(network: ResUNet, fixture: str = "voicefixer_resunet") -> None:
        weights = recorded_weights(fixture, "weights")
        assert len(weights) == len(network.weights)
        Tensors(weights, "").put(places(network).values(), network)

    return put


def built(**options) -> ResUNet:
    network = ResUNet(**options)
    network(tf.zeros([1, 1, 65, options.get("inputs", 1)]))
    return network


def test_parameter_count_is_the_published_one():
    network = ResUNet()
    network(keras.Input([None, 128, 1]))
    assert size(network.trainable_weights) == 65_152_867
    assert (network.hop, network.receptive_field, network.ratio) == (64, 1264, 1)
    kernel = network.up[0].double.kernel.numpy()
    assert kernel.shape == (3, 3, 32, 64)
    np.testing.assert_allclose(np.abs(kernel).max(), 1 / np.sqrt(9 * 32), rtol=0.01)
    glorot = np.sqrt(6 / (9 * (64 + 32)))
    first = network.up[0].units.layers[0]
    np.testing.assert_allclose(np.abs(first.convolutions[0].kernel).max(), glorot, rtol=0.01)


def test_a_second_input_changes_the_first_unit_alone():
    sizes = []
    for inputs in (1, 2):
        unit = ResidualUnit(inputs, 32, keras.layers.BatchNormalization)
        unit(tf.zeros([1, 2, 3, inputs]))
        sizes.append(size(unit.trainable_weights))
    assert 65_152_867 + sizes[1] - sizes[0] == 65_153_189


@pytest.fixture(scope="module")
def recorded():
    return load("resunet")


@pytest.fixture(scope="module")
def small() -> ResUNet:
    keras.utils.set_random_seed(0)
    return built(**SMALL)


def test_estimate_equals_the_recorded_one(small, put, recorded):
    put(small)
    estimate = MelMask(small)(recorded["mel"])
    np.testing.assert_allclose(estimate, recorded["estimate"], atol=1e-5)
    np.testing.assert_array_equal(estimate[..., -1], log_mel(recorded["mel"])[..., -1])


def test_every_level_equals_the_recorded_one(small, put, recorded):
    """Of which the first two frames of the first example are recorded."""
    put(small)
    x = log_mel(recorded["mel"][:1, ..., np.newaxis])[:, :, :-1]
    x, skips = tf.pad(x, [[0, 0], [0, 58], [0, 0], [0, 0]]), []

    def check(y, name):
        expected = recorded[f"taps/{name}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(y[:, : expected.shape[1]], expected, atol=1e-5)

    for level, units in enumerate(small.down, 1):
        skips.append(units(x))
        x = small.pool(skips[-1])
        check(x, f"encoder_block{level}")
    x = small.centre(x)
    check(x, "conv_block7")
    for level, (up, skip) in enumerate(zip(small.up[::-1], skips[::-1], strict=True), 1):
        x = up(x, skip)
        check(x, f"decoder_block{level}")
    check(small.last_unit(x), "after_conv_block1")


def test_the_baseline_on_a_power_of_two_of_bins_equals_the_recorded_one(small, put):
    recorded = load("resunet_baseline")
    put(small, "voicefixer_resunet_baseline")
    output = small(recorded["magnitude"][..., np.newaxis])
    np.testing.assert_allclose(output[..., 0], recorded["output"], atol=1e-6)


@pytest.fixture
def double_precision():
    """For batch statistics, where TensorFlow sums thousands of values in a row.

    The small network has as few as 4 values in a channel and makes 1e-7 of the input 1e-4 of the
    output; in single precision TensorFlow begins with 1e-5.
    """

    def calculate_in(dtype: str) -> None:
        keras.backend.set_floatx(dtype)
        keras.mixed_precision.set_global_policy(dtype)

    calculate_in("float64")
    yield
    calculate_in("float32")


def test_training_equals_the_recorded_one(double_precision, put, recorded, recorded_weights):
    network, expected = built(**SMALL), load("resunet_train")
    put(network)
    x = log_mel(np.float64(recorded["mel"][..., np.newaxis]))
    with tf.GradientTape() as tape:
        output = network(x, training=True)[..., 0]
        loss = tf.reduce_mean(tf.abs(output - expected["target"]))
    # The recorded is in single precision and so far off; ours is the same on every processor.
    np.testing.assert_allclose(output, expected["output"], atol=3e-4)
    np.testing.assert_allclose(loss, expected["loss"], rtol=1e-6)
    gradients = tape.gradient(loss, network.trainable_weights)
    gradients = {id(w): g for w, g in zip(network.trainable_weights, gradients, strict=True)}
    place_of = places(network)
    for name, values in recorded_weights("voicefixer_resunet_train", "gradients").items():
        values = place_of[name].made(values)
        gradient = gradients[id(place_of[name].variable)]
        # An input 1e-7 larger has gradients that differ by as much.
        atol = 0.05 * np.abs(values).max() + 1e-6
        np.testing.assert_allclose(gradient, values, atol=atol, err_msg=name)
    for name, values in recorded_weights("voicefixer_resunet_train", "after").items():
        # Double precision is not fused, so that its variances are those with n.
        rtol = 1e-5 if name.endswith("mean") else 0.03
        weight = place_of[name].variable
        np.testing.assert_allclose(weight, values, rtol, 1e-6, err_msg=name)


def test_running_variances_have_n_minus_1_as_in_pytorch(small, put, recorded, recorded_weights):
    expected, place_of = recorded_weights("voicefixer_resunet_train", "after"), places(small)
    put(small)
    small(log_mel(recorded["mel"][..., np.newaxis]), training=True)
    for name, values in expected.items():
        # With n in place of n - 1 it would be 1e-2. Roundings of 1e-7 are 1e-4 here (see above) and
        # twice that in a square; sums of thousands in another order have several of them.
        atol = 3e-3 * np.abs(values).max()
        np.testing.assert_allclose(place_of[name].variable, values, atol=atol, err_msg=name)


@pytest.mark.parametrize("synchronized", [False, True])
def test_the_options_of_batch_normalisation(synchronized):
    options = {"momentum": 0.99, "up_momentum": 0.8, "synchronized": synchronized}
    network = built(**NARROW, **options)
    norms = {norm for norm in network.submodules if hasattr(norm, "moving_mean")}
    entries = {block.norm for block in network.up}
    assert len(norms) == 2 * (4 + 4 + 1 + 4 + 4 + 1) + 2
    assert {norm.momentum for norm in entries} == {0.8}
    assert {norm.momentum for norm in norms - entries} == {0.99}
    assert {norm.epsilon for norm in norms} == {1e-5}
    assert all(norm.synchronized == synchronized for norm in norms)
    x = 3 + noise(2, 4, 5, 1)
    network(x, training=True)
    first = network.down[0].layers[0].norms[0]
    factor = 1 if synchronized else 32 / 31
    expected = 0.99 + 0.01 * np.var(x[:, :, :-1]) * factor
    np.testing.assert_allclose(first.moving_variance, [expected], rtol=1e-5)


@pytest.fixture(scope="module")
def tiny() -> ResUNet:
    keras.utils.set_random_seed(0)
    return built(**NARROW, inputs=2)


@given(frames=st.integers(1, 20), bands=st.integers(5, 20))
def test_any_length_keeps_its_length(tiny, frames, bands):
    x = noise(2, frames, bands, 2)
    y = tiny(x)
    assert y.shape == (2, frames, bands, 1) and y.dtype == tf.float32
    np.testing.assert_array_equal(y[:, :, -1], 0)
    padded = tf.concat([x, tf.zeros([2, -frames % 4, bands, 2])], axis=1)
    np.testing.assert_allclose(y, tiny(padded)[:, :frames], atol=1e-6)


def test_a_graph_that_does_not_know_the_length(tiny):
    run = tf.function(tiny, input_signature=[tf.TensorSpec([None, None, 9, 2])], autograph=False)
    for frames in (1, 4, 11):
        x = noise(2, frames, 9, 2)
        np.testing.assert_allclose(run(x), tiny(x), atol=1e-5)


class OneBand:
    """A network as a function of time, [1, frames, 1] -> [1, frames, 1]."""

    ratio = 1

    def __init__(self, network: ResUNet):
        self._network = network
        self.hop, self.receptive_field = network.hop, network.receptive_field

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        images = tf.tile(x[..., tf.newaxis], [1, 1, 5, 2])
        return tf.reduce_sum(self._network(images), axis=2)


def test_receptive_field_is_what_the_gradient_reaches(tiny, measured_reach):
    assert measured_reach(OneBand(tiny)) == tiny.receptive_field


def test_converts_to_tflite_builtins(as_tflite):
    network = built(channels=(2,), inputs=2)
    run = as_tflite(network, [None, None, 8, 2])
    for frames in (3, 9):
        x = noise(1, frames, 8, 2)
        np.testing.assert_allclose(run(x), network(x), atol=1e-5)


def test_mixed_precision_gives_float32(tiny, mixed_precision):
    network, x = built(**NARROW, inputs=2), noise(1, 6, 9, 2)
    network.set_weights(tiny.get_weights())
    y = network(x)
    assert y.dtype == tf.float32
    np.testing.assert_allclose(y, tiny(x), atol=0.05)
