import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.networks.tfgan_critics import (
    BandCritics,
    FrequencyCritic,
    GroupedConv1D,
    TimeCritics,
    WeightNormGroupedConv1D,
)
from tfsr.signal.filter_bank import sub_bands

NARROW = {"channels": 4, "groups": (1, 2, 4)}
UNITS = ((2, 1), (3, 2), (3, 1))


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [seed, 2])


def size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize(
    ("kind", "parameters", "gains"),
    [(TimeCritics, 450_822, 1539), (BandCritics, 601_096, 2052), (FrequencyCritic, 251_360, 0)],
)
def test_parameter_counts(kind, parameters, gains):
    critic = kind()
    critic(noise(1, 64, 1))
    assert critic.samples is None
    assert size(critic.trainable_weights) == parameters
    assert size(w for w in critic.trainable_weights if "gain" in w.name) == gains


@pytest.mark.parametrize("samples", [1, 5, 257])
def test_any_length_is_scored(samples):
    x = noise(2, samples, 1)
    scales = TimeCritics(**NARROW)(x)
    rates = [samples, -(-samples // 2), -(-samples // 4)]
    assert [scores.shape for scores in scales] == [(2, -(-time // 64), 1) for time in rates]
    bands = BandCritics(**NARROW)(x)
    assert [scores.shape for scores in bands] == 4 * [(2, -(-samples // 256), 1)]
    scores = FrequencyCritic(64, 16, UNITS)(x)
    frames = 1 + max(samples, 33) // 16
    assert scores.shape == (2, -(-frames // 4), 9, 3)


def test_a_scale_sees_means_of_two_samples():
    critics = TimeCritics(scales=2, **NARROW)
    x = noise(1, 64, 1)
    halved = tf.reshape(x, [1, 32, 2, 1])[:, :, 0] / 2 + tf.reshape(x, [1, 32, 2, 1])[:, :, 1] / 2
    np.testing.assert_allclose(critics(x)[1], critics.critics[1](halved), atol=1e-6)


def test_each_band_has_a_critic():
    critics = BandCritics(**NARROW)
    x = noise(1, 128, 1)
    scores, bands = critics(x), sub_bands(x)
    for number, critic in enumerate(critics.critics):
        expected = critic(bands[:, :, number : number + 1])
        np.testing.assert_allclose(scores[number], expected, atol=1e-6)


def test_a_unit_that_cannot_be_added_is_refused():
    with pytest.raises(UserError, match="FrequencyCritic.units"):
        FrequencyCritic(units=((8, 2), (16, 1)))


def test_kernels_begin_with_a_deviation_of_a_fiftieth():
    critics = TimeCritics(scales=1)
    critics(noise(1, 64, 1))
    for convolution in critics.critics[0].convolutions:
        np.testing.assert_allclose(np.std(convolution.kernel), 0.02, rtol=0.1)
        np.testing.assert_allclose(convolution.normalized_kernel, convolution.kernel, atol=1e-6)


@pytest.mark.parametrize(("channels", "groups"), [(8, 4), (128, 8), (6, 3)])
def test_grouped_convolution_is_one_of_each_group(channels, groups):
    layer = GroupedConv1D(2 * channels, 5, strides=2, padding="symmetric", groups=groups)
    x, share = noise(2, 23, channels), channels // groups
    y = layer(x)
    layer.bias.assign(noise(2 * channels, seed=3))
    padded = tf.pad(x, [[0, 0], [2, 2], [0, 0]])
    for group in range(groups):
        inputs = padded[:, :, group * share : (group + 1) * share]
        filters = slice(2 * group * share, 2 * (group + 1) * share)
        expected = tf.nn.conv1d(inputs, layer.kernel[:, :, filters], 2, "VALID")
        np.testing.assert_allclose(y[:, :, filters], expected, atol=1e-5)


def test_a_weight_normalised_grouped_convolution_is_gain_times_direction():
    layer, x = WeightNormGroupedConv1D(6, 3, groups=2), noise(1, 9, 4)
    plain = GroupedConv1D(6, 3, groups=2)
    np.testing.assert_allclose(plain(x).shape, layer(x).shape)
    layer.gain.assign(noise(6))
    norms = np.sqrt(np.sum(np.square(layer.kernel), axis=(0, 1)))
    plain.set_weights([layer.gain * layer.kernel / norms, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-5)


@pytest.mark.parametrize(
    "critic", [TimeCritics(**NARROW), BandCritics(**NARROW), FrequencyCritic(64, 16, UNITS)]
)
def test_every_weight_has_a_gradient_on_any_device(critic):
    x = noise(2, 200, 1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = tf.nest.flatten(critic(x, training=True))
        loss = tf.add_n([tf.reduce_mean(tf.square(1 - score)) for score in scores])
    *gradients, by_input = tape.gradient(loss, [*critic.trainable_weights, x])
    assert all(np.any(gradient) for gradient in gradients)
    assert np.any(by_input)


def test_mixed_precision_hears_float32(mixed_precision):
    x = noise(1, 200, 1)
    for critic in (TimeCritics(**NARROW), BandCritics(**NARROW), FrequencyCritic(64, 16, UNITS)):
        for scores in tf.nest.flatten(critic(x)):
            assert scores.dtype == tf.float16
            assert np.isfinite(scores).all()
