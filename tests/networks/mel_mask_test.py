"""The ways to apply a network to a mel spectrogram. Recorded estimates are in resunet_test."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.networks.mel_denoiser import MelDenoiser, MelDNN
from tfsr.networks.mel_mask import DenoisedMelMask, LinearMelMask, MelMask
from tfsr.networks.resunet import ResUNet

BANDS = 9
NARROW = {"channels": (2, 3)}


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def mels(*shape, seed=1) -> tf.Tensor:
    return tf.exp(tf.random.stateless_normal(shape, [seed, 2]))


@pytest.fixture(scope="module")
def network() -> ResUNet:
    keras.utils.set_random_seed(0)
    return ResUNet(**NARROW)


@pytest.fixture(scope="module")
def released() -> DenoisedMelMask:
    keras.utils.set_random_seed(0)
    return DenoisedMelMask(ResUNet(**NARROW, inputs=2), MelDenoiser(BANDS))


def test_adding_to_the_logarithm_multiplies_the_mel(network):
    mask, mel = MelMask(network), mels(2, 7, BANDS)
    estimate = mask(mel)
    assert estimate.shape == mel.shape
    added = network(tf.math.log(mel)[..., tf.newaxis] / np.log(10))[..., 0]
    np.testing.assert_allclose(mask.mel(estimate), mel * 10**added, rtol=1e-4)
    np.testing.assert_allclose(mask.features(mel), np.log10(mel), atol=1e-5)
    assert (mask.hop, mask.ratio, mask.receptive_field) == (4, 1, network.receptive_field)


def test_silence_is_finite(network):
    mask = MelMask(network)
    estimate = mask(tf.zeros([1, 3, BANDS]))
    assert np.isfinite(estimate).all()
    np.testing.assert_array_equal(estimate[..., -1], -8)


def test_the_linear_mask_multiplies(network):
    mask, mel = LinearMelMask(network), mels(2, 7, BANDS)
    factor = 1 + network(mel[..., tf.newaxis])[..., 0]
    np.testing.assert_allclose(mask(mel), factor * mel, rtol=1e-5)
    np.testing.assert_array_equal(mask.features(mel), mel)
    np.testing.assert_array_equal(mask.mel(tf.constant([-1.0, 2.0])), [0, 2])


@pytest.mark.parametrize("kind", [MelMask, LinearMelMask])
def test_the_highest_band_stays(network, kind):
    mask, mel = kind(network), mels(1, 5, BANDS)
    restored = mask.mel(mask(mel))
    np.testing.assert_allclose(restored[..., -1], mel[..., -1], rtol=1e-5)
    assert np.abs(restored - mel)[..., :-1].max() > 1e-3


def test_any_network_of_one_channel_will_do():
    mask, mel = MelMask(MelDNN(BANDS, (4, 3))), mels(2, 3, BANDS)
    assert mask(mel).shape == mel.shape and mask.receptive_field == 0


def test_the_released_one_adds_to_the_denoised_mel(released):
    mel = mels(2, 7, BANDS)
    estimate, denoised = released.with_denoised(mel)
    np.testing.assert_array_equal(estimate, released(mel))
    mask = released.denoiser(mel[..., tf.newaxis])[..., 0]
    np.testing.assert_allclose(denoised, mask * mel, rtol=1e-5)
    images = np.log10(np.stack([mel, denoised], axis=-1))
    added = released.network(images)[..., 0]
    np.testing.assert_allclose(estimate, images[..., 1] + added, atol=1e-5)
    assert released.receptive_field is None


def test_the_estimate_does_not_train_the_denoiser(released):
    mel = mels(2, 7, BANDS)
    with tf.GradientTape(persistent=True) as tape:
        estimate, denoised = released.with_denoised(mel, training=True)
        sums = [tf.reduce_sum(estimate**2), tf.reduce_sum(denoised)]
    weights = released.denoiser.trainable_weights
    assert all(gradient is None for gradient in tape.gradient(sums[0], weights))
    assert all(gradient is not None for gradient in tape.gradient(sums[1], weights))
    assert tape.gradient(sums[0], released.network.last.kernel) is not None


def test_the_released_sizes_and_momenta():
    """65,153,189 and 5,223,820 parameters, which the tests of the two networks count."""
    mask = DenoisedMelMask()
    first = mask.network.down[0].layers[0]
    assert {norm.momentum for norm in first.norms} == {0.99}
    assert {block.norm.momentum for block in mask.network.up} == {0.9}
    assert first.shortcut is not None and len(mask.network.up) == 6
    assert isinstance(mask.denoiser, MelDenoiser)


def test_a_graph_that_does_not_know_the_length(network):
    mask = MelMask(network)
    run = tf.function(mask, input_signature=[tf.TensorSpec([None, None, BANDS])], autograph=False)
    for frames in (1, 6):
        mel = mels(2, frames, BANDS)
        np.testing.assert_allclose(run(mel), mask(mel), atol=1e-5)


def test_small_mels_survive_mixed_precision(network, mixed_precision):
    mel = 1e-7 * mels(1, 4, BANDS)  # zero in half precision
    network(mel[..., tf.newaxis])
    half = MelMask(ResUNet(**NARROW))
    half(mel)
    half.set_weights(network.get_weights())
    estimate = half(mel)
    assert estimate.dtype == tf.float32
    np.testing.assert_allclose(estimate, MelMask(network)(mel), atol=0.05)
