"""Likelihood and sampling of a conditional flow, against definitions."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.export.saved_model import export_saved_model
from tfsr.inference.chunks import upsample_array
from tfsr.inference.noise import standard_normal
from tfsr.networks.wsrglow import WSRGlow
from tfsr.upsamplers.flow import Flow, wsrglow_adam

NARROW = {
    "flows": 3,
    "early_every": 2,
    "layers": 2,
    "channels": 6,
    "waveform_embedding": 3,
    "phase_embedding": 2,
}
_TINY = [
    *("FLOWS = 2", "LAYERS = 2", "CHANNELS = 4", "EMBEDDING = 2", "PATCH = 768"),
    "wsrglow.WSRGlow.phase_embedding = 2",
]
TINY = {
    "configs/wsrglow.gin": _TINY,
    "configs/wsrglow/*.gin": _TINY,
    "configs/small/wsrglow*.gin": _TINY,
}


def narrow(ratio: int = 2, group: int = 8, **options) -> Flow:
    keras.utils.set_random_seed(0)
    network = WSRGlow(ratio, group, **NARROW)
    upsampler = Flow(network, 48000 // ratio, 48000, **options)
    upsampler.initialize()
    for step in network.steps:  # which start at zero
        end = step.network.end
        end.set_weights([0.2 * np.random.default_rng(1).normal(size=w.shape) for w in end.weights])
    return upsampler


@pytest.fixture(scope="module")
def upsampler() -> Flow:
    return narrow()


def sound(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def test_log_prob_is_that_of_the_noise_by_the_change_of_variables(upsampler, log_dets):
    """From sampling alone: p(high) = N(noise) / |d high / d noise|."""
    low, noise = sound(1, 16), tf.constant(10 * sound(1, 1, 32, seed=1))
    high = upsampler.upsample(low, noise)
    expected = -log_dets(lambda noise: upsampler.upsample(low, noise), noise)
    expected -= 0.5 * np.sum(np.square(noise)) + 16 * np.log(2 * np.pi)
    np.testing.assert_allclose(upsampler.log_prob(high, low), expected, rtol=1e-4)


def test_what_the_flow_makes_of_a_signal_gives_it_back(upsampler):
    low, high = sound(2, 24), sound(2, 48, seed=1)
    network = upsampler.network
    z, _ = network.forward(high, network.condition(low))
    noise = network.waveform(z)
    np.testing.assert_allclose(upsampler.upsample(low, noise[np.newaxis]), high, atol=1e-5)


def test_the_loss_is_the_likelihood_of_a_sample(upsampler):
    batch = {"low": sound(3, 20), "high": sound(3, 40, seed=1)}
    losses = {k: np.array(v) for k, v in upsampler.losses_for(batch, training=True).items()}
    assert tuple(losses) == upsampler.loss_names
    terms = losses["prior"] + losses["coupling"] + losses["convolution"]
    np.testing.assert_allclose(losses["loss"], terms, atol=1e-6)
    log_prob = upsampler.log_prob(batch["high"], batch["low"])
    np.testing.assert_allclose(losses["bits"], -log_prob / (40 * np.log(2)), rtol=1e-4)


@pytest.mark.parametrize("ratio, group", [(2, 8), (4, 8), (3, 12)])
def test_chunks_equal_the_whole(ratio, group):
    upsampler, low = narrow(ratio, group), sound(151)
    noise = standard_normal(3, 0, 1, 0, 151 * ratio)[np.newaxis]
    whole = upsampler.upsample(low[np.newaxis], noise)[0]
    assert whole.shape == (151 * ratio,)
    for chunk in 1, 30, 64, 1000:
        np.testing.assert_allclose(upsample_array(upsampler, low, chunk, 3), whole, atol=1e-5)


def test_tables_change_nothing(upsampler):
    low, noise = sound(2, 100), 10 * sound(1, 2, 200, seed=1)
    direct = narrow(look_up=False).upsample(low, noise)
    np.testing.assert_allclose(upsampler.upsample(low, noise), direct, atol=1e-4)


def test_noise_that_is_missing_is_told(upsampler):
    for make in (upsampler.upsample, upsampler.chain):
        with pytest.raises(UserError, match="`noise` is missing; give float32 .1, batch, 2 . time"):
            make(sound(1, 50))


def test_sigma_scales_the_noise(upsampler):
    low, noise = sound(1, 50), 10 * sound(1, 1, 100, seed=1)
    half = narrow(sigma=0.5).upsample(low, noise)
    np.testing.assert_allclose(half, upsampler.upsample(low, 0.5 * noise), atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_a_step_of_training_raises_the_likelihood():
    upsampler = narrow(optimizer=wsrglow_adam(1e-2))
    upsampler.compile()
    batch = {"low": tf.constant(sound(4, 64)), "high": tf.constant(sound(4, 128, seed=1))}
    batch["seed"] = tf.zeros([4, 2], tf.int32)
    before = np.mean(upsampler.losses_for(batch, True)["loss"])
    for _ in range(5):
        upsampler.train_step(batch)
    assert np.mean(upsampler.losses_for(batch, True)["loss"]) < before - 0.1


@pytest.fixture(scope="module")
def served(upsampler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "1"
    export_saved_model(upsampler, folder)
    return tf.saved_model.load(str(folder)).signatures


def test_a_server_takes_seed_and_sigma(upsampler, served):
    low = sound(2, 30)

    def serve(seed: int, sigma: float) -> np.ndarray:
        inputs = {"audio": low, "seed": seed, "sigma": sigma}
        given = {name: tf.constant(value) for name, value in inputs.items()}
        return served["serving_default"](**given)["audio"]

    noise = tf.random.stateless_normal([1, 2, 60], [3, 0])[0]
    for sigma in (0.0, 0.7, 1.0):
        expected = upsampler.upsample(low, sigma * noise[np.newaxis])
        np.testing.assert_allclose(serve(3, sigma), expected, atol=1e-4)
    assert np.abs(serve(3, 1.0) - serve(4, 1.0)).max() > 1e-3


def test_a_server_knows_the_likelihood(upsampler, served):
    low, high = sound(2, 20), sound(2, 40, seed=1)
    given = served["log_prob"](low=tf.constant(low), high=tf.constant(high))
    np.testing.assert_allclose(given["log_prob"], upsampler.log_prob(high, low), rtol=1e-4)


def test_rates_that_the_network_does_not_have():
    with pytest.raises(UserError, match="WSRGlow raises the rate 2 times where 4 times"):
        Flow(WSRGlow(2, 8, **NARROW), 12000, 48000)


def test_the_optimizer_is_the_papers():
    adam = wsrglow_adam()
    assert (adam.beta_1, adam.beta_2, adam.epsilon, adam.global_clipnorm) == (0.9, 0.98, 1e-8, 1.0)
    assert adam.learning_rate.numpy() == np.float32(1e-4)
