"""AudioUNetGAN in small: several updates of a step, and an objective with a penalty."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.losses.gan_objectives import CrossEntropy, WassersteinGP
from tfsr.losses.waveform_distances import l1
from tfsr.networks.audiounet import AudioUNet
from tfsr.networks.critics import SrganCritic
from tfsr.networks.mugan import MUAutoencoder
from tfsr.signal.interpolation import Spline
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.update import Batch, Losses, Update

EXAMPLES, TIME = 2, 64


def batch(examples: int = EXAMPLES) -> dict[str, tf.Tensor]:
    low = tf.random.stateless_normal([examples, TIME], seed=[0, 1])
    high = tf.random.stateless_normal([examples, 2 * TIME], seed=[0, 2])
    seed = tf.random.stateless_uniform([examples, 2], [0, 3], 0, 2**30, tf.int32)
    return {"low": low, "high": high, "seed": seed}


def make(losses=None, features=None, network_optimizer=None, **options) -> Regression:
    """The other options are those of `Adversarial`."""
    keras.utils.set_random_seed(0)
    network, critic = AudioUNet((4,), dropout=0.0), SrganCritic(2, 1)
    options = {"objective": WassersteinGP(), "weight": 0.001} | options
    upsampler = Regression(
        network,
        8000,
        16000,
        {"l1": l1} if losses is None else losses,
        features=features,
        adversarial=Adversarial({"critic": critic}, **options),
        optimizer=network_optimizer,
    )
    upsampler.initialize()
    return upsampler


def critic_of(upsampler: Regression) -> SrganCritic:
    return upsampler.discriminators["critic"]


def train(upsampler: Regression, steps: int = 1) -> dict[str, float]:
    upsampler.compile()
    dataset = tf.data.Dataset.from_tensors(batch(EXAMPLES * upsampler.batches_per_step))
    return upsampler.fit(dataset.repeat(steps), verbose=0).history


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


@pytest.mark.usefixtures("eagerly")
def test_a_step_updates_the_critic_n_times_and_the_network_once():
    upsampler = make(updates=3)
    assert upsampler.batches_per_step == 4
    train(upsampler, steps=2)
    iterations = [int(update.optimizer.iterations.numpy()) for update in upsampler.updates]
    assert iterations == [6, 6, 6, 2]


@pytest.mark.usefixtures("eagerly")
def test_each_update_changes_its_own_network_only():
    for changed, frozen in ((0, -1), (-1, 0)):
        upsampler = make(updates=1)
        upsampler.compile()
        before = [values(update.variables) for update in upsampler.updates]
        upsampler.updates[changed].step(batch())
        after = [values(update.variables) for update in upsampler.updates]
        pairs = zip(before[changed], after[changed], strict=True)
        assert any(np.any(old != new) for old, new in pairs)
        for a, b in zip(before[frozen], after[frozen], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("eagerly")
def test_every_update_has_a_batch_of_its_own():
    seen = []

    def losses_for(given: Batch, training: bool) -> Losses:
        seen.append(given["low"].numpy())
        return {"loss": tf.zeros(EXAMPLES)}

    class Several(Regression):
        @property
        def updates(self):
            update = Update("several", ["loss"], losses_for, keras.optimizers.SGD(), [])
            return [update] * 3

    upsampler = Several(AudioUNet((4,)), 8000, 16000)
    upsampler.compile()
    whole = batch(3 * EXAMPLES)
    upsampler.train_step(whole)
    np.testing.assert_array_equal(np.sort(np.concatenate(seen), 0), np.sort(whole["low"], 0))
    assert all(part.shape == (EXAMPLES, TIME) for part in seen)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("objective", [WassersteinGP(), CrossEntropy()])
def test_all_losses_are_logged_for_each_example(objective):
    upsampler = make(objective=objective)
    losses = upsampler.all_losses(batch(), training=False)
    assert tuple(losses) == upsampler.loss_names
    assert all(value.shape == (EXAMPLES,) for value in losses.values())
    np.testing.assert_allclose(losses["loss"], losses["l1"] + 0.001 * losses["adversarial"], 1e-5)
    assert set(train(upsampler)) == set(upsampler.loss_names)


def test_the_adversarial_loss_alone_can_be_what_counts():
    upsampler = make(losses={}, weight=1.0)
    losses = upsampler.all_losses(batch(), training=False)
    np.testing.assert_array_equal(losses["loss"], losses["adversarial"])
    assert "rmse" not in losses


@pytest.mark.usefixtures("eagerly")
def test_the_network_learns_from_the_critic_from_the_given_step_on():
    upsampler = make(network_start=2, updates=1)
    counted = [np.any(upsampler.all_losses(batch(), False)["adversarial"])]
    for _ in range(2):
        train(upsampler)
        counted.append(np.any(upsampler.all_losses(batch(), False)["adversarial"]))
    assert counted == [False, False, True]


def test_a_conditional_critic_sees_the_interpolated_input():
    upsampler = make(conditional=True)
    seen = []
    critic_of(upsampler).call = lambda x, training: seen.append(x) or tf.reduce_sum(x, axis=[1, 2])
    given = batch()
    upsampler.all_losses(given, training=False)
    expected = Spline()(given["low"], 2)
    assert len(seen) == 4  # the estimate, the mixture, real and fake
    for x in seen:
        np.testing.assert_allclose(x[..., 1], expected, atol=1e-6)


def test_wasserstein_training_finds_the_distance():
    """Against a network that cannot learn, the critic's estimate of the distance grows."""
    upsampler = make(optimizer=keras.optimizers.Adam(1e-2), updates=5)
    history = train(upsampler, steps=30)
    assert history["wasserstein"][0] > 0.05


@pytest.mark.usefixtures("eagerly")
def test_features_are_frozen_and_compared():
    features = MUAutoencoder([(1, 1, 1, 1)], [(1, 1, 1, 1)])
    upsampler = make(features=features)
    assert "features" in upsampler.loss_names
    frozen = values(features.weights)
    train(upsampler, steps=2)
    for before, after in zip(frozen, values(features.weights), strict=True):
        np.testing.assert_array_equal(before, after)
    losses = upsampler.losses_for(batch(), training=False)
    high, estimate = batch()["high"], upsampler.upsample(batch()["low"])
    codes = [features.encode(tf.expand_dims(x, -1)) for x in (high, estimate)]
    expected = np.mean(np.square(codes[0] - codes[1]), axis=(1, 2))
    np.testing.assert_allclose(losses["features"], expected, rtol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_moving_averages_are_taken_for_the_network():
    upsampler = make(network_optimizer=keras.optimizers.Adam(0.1, use_ema=True), updates=1)
    assert upsampler.averages_weights
    train(upsampler, steps=3)
    trained = values(upsampler.network.trainable_variables)
    critics = values(critic_of(upsampler).trainable_variables)
    upsampler.take_averages()
    averaged = values(upsampler.network.trainable_variables)
    assert any(np.any(a != b) for a, b in zip(trained, averaged, strict=True))
    for a, b in zip(critics, values(critic_of(upsampler).trainable_variables), strict=True):
        np.testing.assert_array_equal(a, b)
