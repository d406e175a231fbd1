"""The critics against their parameter counts and the recorded scores, penalty and gradients."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.errors import UserError
from tfsr.layers.random import seeded
from tfsr.losses.gan_objectives import WassersteinGP, gradient_norms
from tfsr.networks.critics import SrganCritic, WaveGanCritic

FIXTURES = Path(__file__).parents[1] / "fixtures"

SMALL = [
    *("FILTERS = (4,)", "CRITIC_FILTERS = 2", "critics.SrganCritic.blocks = 1"),
    "adversarial.Adversarial.updates = 2",
]
TINY = {
    "configs/audiounetgan.gin": [*SMALL, "PATCH = 512"],
    "configs/king/unetgan_*.gin": [*SMALL, "PATCH = 768"],
    "configs/small/audiounetgan.gin": [*SMALL, "PATCH = 4096"],
}


def noise(*shape, seed=1):
    return tf.random.stateless_normal(shape, [seed, 2])


def parameters(critic, samples) -> int:
    critic(tf.zeros([1, samples, 1]))
    return critic.count_params()


def test_parameter_counts():
    assert parameters(SrganCritic(), 1) == 8_396_617
    assert parameters(WaveGanCritic(), 16384) == 17_427_969


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "critic_wgangp_small.npz")


def names_in(recorded, group: str) -> list[str]:
    """Kernel and bias of each layer, from input to output, as the weights of a critic lie."""
    return [name for name in recorded.files if name.startswith(f"{group}/")]


@pytest.fixture(scope="module")
def small(recorded):
    """With the recorded weights; the recorded signals are waveforms plus one already."""
    critic = SrganCritic(filters=4, blocks=3, offset=0.0)
    critic(recorded["real"])
    values = [recorded[name] for name in names_in(recorded, "w")]
    critic.set_weights([v.reshape(w.shape) for v, w in zip(values, critic.weights, strict=True)])
    return critic


def test_scores_equal_the_recorded_ones(small, recorded):
    for name in ("real", "fake"):
        np.testing.assert_allclose(small(recorded[name]), recorded[f"score_{name}"], atol=1e-5)


def test_offset_is_added(small, recorded):
    critic = SrganCritic(filters=4, blocks=3)
    critic(recorded["real"])
    critic.set_weights(small.get_weights())
    scores = critic(recorded["real"] - 1.0)
    np.testing.assert_allclose(scores, recorded["score_real"], atol=1e-5)


def test_wasserstein_loss_and_all_its_gradients_equal_the_recorded_ones(
    small, recorded, monkeypatch
):
    shares = tf.constant(recorded["alpha"])
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *args: shares)
    with tf.GradientTape() as tape:
        losses = WassersteinGP(10.0).for_discriminator(
            small, recorded["real"], recorded["fake"], None
        )
        loss = tf.reduce_mean(losses["discriminators"])
    np.testing.assert_allclose(losses["gradient_norm"], recorded["grad_norms"], rtol=1e-4)
    np.testing.assert_allclose(loss, recorded["critic_loss"], rtol=1e-5)
    penalty = tf.reduce_mean(tf.square(losses["gradient_norm"] - 1.0))
    np.testing.assert_allclose(penalty, recorded["gp"], rtol=1e-5)
    gradients = tape.gradient(loss, small.trainable_weights, unconnected_gradients="zero")
    for gradient, name in zip(gradients, names_in(recorded, "grad"), strict=True):
        expected = recorded[name].reshape(gradient.shape)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4 * scale, err_msg=name)


@pytest.mark.parametrize("length", [1, 2, 63, 1500])
def test_kings_critic_takes_any_length_and_number_of_channels(length):
    critic = SrganCritic(filters=2, blocks=2)
    assert critic.samples is None
    assert critic(noise(3, length, 2)).shape == (3,)


def test_wavegan_critic_is_made_for_one_length():
    critic = WaveGanCritic(samples=64, filters=2, layers=2)
    assert critic.samples == 64
    assert critic(noise(3, 64, 2)).shape == (3,)


def test_wavegan_critic_names_a_length_that_it_cannot_have():
    with pytest.raises(UserError, match="^WaveGanCritic.samples is 8000: .* multiple of 1024$"):
        WaveGanCritic(samples=8000)


CRITICS = {
    "king": lambda shuffle: SrganCritic(filters=2, blocks=2, phase_shuffle=shuffle),
    "wavegan": lambda shuffle: WaveGanCritic(64, filters=2, layers=2, phase_shuffle=shuffle),
}


@pytest.mark.parametrize("name", CRITICS)
def test_phase_shuffle_is_for_training_and_follows_the_seed_of_the_batch(name):
    critic, x = CRITICS[name](2), noise(8, 64, 1)

    def scores(seed):
        with seeded(tf.constant([seed, 0])):
            return critic(x, training=True).numpy()

    np.testing.assert_array_equal(critic(x), critic(x))
    np.testing.assert_array_equal(scores(1), scores(1))
    assert np.abs(scores(1) - scores(2)).max() > 0
    plain = CRITICS[name](0)
    plain(x)
    plain.set_weights(critic.get_weights())
    np.testing.assert_array_equal(plain(x, training=True), critic(x))


@pytest.mark.parametrize("name", CRITICS)
def test_gradient_penalty_reaches_all_kernels_through_phase_shuffle(name):
    critic, x = CRITICS[name](2), noise(4, 64, 1)
    with tf.GradientTape() as tape:
        norms = gradient_norms(lambda waveform: critic(waveform, training=True), x)
        penalty = tf.reduce_mean(tf.square(norms - 1.0))
    kernels = [weight for weight in critic.trainable_weights if len(weight.shape) > 1]
    for gradient in tape.gradient(penalty, kernels):
        assert np.abs(gradient).max() > 0
