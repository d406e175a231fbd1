"""Families of discriminators: what counts how much, from which step on, and on two devices."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.losses.gan_objectives import Hinge, feature_matching
from tfsr.losses.waveform_distances import l1
from tfsr.networks.apbwe_critics import AmplitudeCritics, PeriodCritics
from tfsr.networks.audiounet import AudioUNet
from tfsr.networks.critics import WaveGanCritic
from tfsr.networks.spectrogram_critics import SpectrogramCritics
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.reconstruction import Reconstruction
from tfsr.upsamplers.regression import Regression
from tfsr.upsamplers.update import Batch


@pytest.fixture(autouse=True)
def eagerly():
    """A graph, which two devices have below, takes much longer to make than a step."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class Filtered(Reconstruction):
    """The least that can be trained so: a filter."""

    def __init__(self, adversarial: Adversarial, **options):
        super().__init__(8000, 8000, {"l1": l1}, adversarial=adversarial, **options)
        self.network = keras.layers.Conv1D(1, 3, padding="same")

    def widened(self, low: tf.Tensor, training: bool) -> tf.Tensor:
        return self.network(low[..., tf.newaxis])[..., 0]


def adversarial(**options) -> Adversarial:
    families = {"even": PeriodCritics((2,), (2,)), "odd": PeriodCritics((3,), (2,))}
    return Adversarial(families, Hinge(), **options)


def make(part: Adversarial | None = None, **options) -> Filtered:
    keras.utils.set_random_seed(0)
    upsampler = Filtered(part or adversarial(), **options)
    upsampler.initialize()
    return upsampler


def batch(examples: int = 2, ratio: int = 1) -> dict[str, tf.Tensor]:
    low = tf.random.stateless_normal([examples, 64], seed=[0, 1])
    high = tf.random.stateless_normal([examples, ratio * 64], seed=[0, 2])
    return {"low": low, "high": high, "seed": tf.zeros([examples, 2], tf.int32)}


def waveforms(upsampler: Reconstruction) -> tuple[tf.Tensor, tf.Tensor]:
    return batch()["high"][..., tf.newaxis], upsampler.upsample(batch()["low"])[..., tf.newaxis]


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def moved(before: list[np.ndarray], variables) -> list[bool]:
    return [bool(np.any(a != b)) for a, b in zip(before, values(variables), strict=True)]


def test_discriminators_stay_as_they_are_until_their_step():
    """Even where weights decay by themselves."""
    decaying = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
    part = adversarial(start_step=1, feature_weights={"even": 1.0}, optimizer=decaying)
    network = AudioUNet((4,), dropout=0.0)
    upsampler = Regression(network, 8000, 16000, {"l1": l1}, adversarial=part)
    upsampler.initialize()
    upsampler.compile()
    critics, network = (update.variables for update in upsampler.updates)
    before, own = values(critics), values(network)
    losses = upsampler.train_step(batch(4, ratio=2))
    assert tuple(losses) == ("loss", "l1", "adversarial", "feature_matching", *Hinge.names)
    assert losses["adversarial"] == losses["feature_matching"] == losses["discriminators"] == 0
    assert not any(moved(before, critics)) and any(moved(own, network))
    own = values(network)
    losses = upsampler.train_step(batch(4, ratio=2))
    assert min(losses["adversarial"], losses["feature_matching"], losses["discriminators"]) > 0
    assert all(moved(before, critics)) and all(moved(own, network))


def test_families_count_as_much_as_they_are_weighted():
    weights, features = {"even": 0.5, "odd": 0.1}, {"odd": 2.0}
    part = adversarial(
        weight=4.0, weights=weights, discriminator_weights={"even": 3.0}, feature_weights=features
    )
    upsampler = make(part)
    losses = upsampler.all_losses(batch(), training=False)
    assert tuple(losses) == upsampler.loss_names
    assert all(loss.shape == (2,) for loss in losses.values())
    real, fake = waveforms(upsampler)
    even, odd = upsampler.discriminators["even"], upsampler.discriminators["odd"]
    expected = 0.5 * Hinge().for_network(even(fake)) + 0.1 * Hinge().for_network(odd(fake))
    np.testing.assert_allclose(losses["adversarial"], expected, rtol=1e-5)
    matching = 2 * feature_matching(odd.maps(real), odd.maps(fake))
    np.testing.assert_allclose(losses["feature_matching"], matching, rtol=1e-5)
    total = losses["l1"] + 4 * expected + matching
    np.testing.assert_allclose(losses["loss"], total, rtol=1e-5)
    of_even, of_odd = (
        Hinge().for_discriminator(each, real, fake)["discriminators"] for each in (even, odd)
    )
    np.testing.assert_allclose(losses["discriminators"], 3 * of_even + of_odd, rtol=1e-5)

    averaged = Adversarial({"even": even, "odd": odd}, Hinge(), weights=weights, averaged=True)
    mean = averaged.network_losses(real[..., 0], fake[..., 0], None, training=False)
    assert tuple(mean) == ("adversarial",)
    np.testing.assert_allclose(mean["adversarial"], expected / 2, rtol=1e-5)


def test_the_network_learns_from_the_gradient_of_all_that_counts():
    """As if it were differentiated at once."""
    weights = {"adversarial": 4.0, "feature_matching": 0.5}
    part = adversarial(
        weight=4.0, matching_weight=0.5, weights={"even": 0.5}, feature_weights={"odd": 2.0}
    )
    upsampler = make(part)
    upsampler.compile()
    network = upsampler.network.trainable_variables
    with tf.GradientTape() as tape:
        real, fake = waveforms(upsampler)
        losses = part.network_losses(real[..., 0], fake[..., 0], None, training=False)
        added = sum(weights[name] * losses[name] for name in weights)
        loss = tf.reduce_mean(l1(real[..., 0], fake[..., 0]) + added)
    _, gradients = upsampler.updates[-1].losses_and_gradients(batch())
    for ours, expected in zip(gradients, tape.gradient(loss, network), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_conditional_discriminators_see_what_the_network_was_given():
    class Told(Filtered):
        def given(self, batch: Batch) -> tf.Tensor:
            return 2 * batch["low"]

    seen = []

    class Looking(PeriodCritics):
        def maps(self, x: tf.Tensor, training: bool = False):
            seen.append(x)
            return super().maps(x[..., :1] + x[..., 1:], training)

    part = Adversarial({"one": Looking((2,), (2,))}, Hinge(), conditional=True)
    upsampler = Told(part)
    upsampler.initialize()
    assert seen.pop().shape[-1] == 2
    upsampler.all_losses(batch(), training=False)
    fake = upsampler.upsample(batch()["low"])
    assert len(seen) == 3  # the network's, and of the discriminators' the real and the made
    for shown, waveform in zip(seen, (fake, batch()["high"], fake), strict=True):
        np.testing.assert_array_equal(shown[..., 0], waveform)
        np.testing.assert_array_equal(shown[..., 1], 2 * batch()["low"])


def test_the_gradient_of_each_family_is_clipped_by_itself():
    families = make().discriminators
    large, small = (
        [scale * tf.ones_like(v) for v in critic.trainable_variables]
        for scale, critic in zip((10.0, 1e-3), families.values(), strict=True)
    )
    part = Adversarial(families, clip_norm=1.0)
    assert [v.shape for v in part.variables] == [gradient.shape for gradient in large + small]
    clipped = part._clipped(large + small)
    shortened = np.concatenate([np.ravel(each) for each in clipped[: len(large)]])
    np.testing.assert_allclose(shortened, 1 / np.sqrt(shortened.size), rtol=1e-5)
    for ours, given in zip(clipped[len(large) :], small, strict=True):
        np.testing.assert_array_equal(ours, given)


def test_scaled_losses_make_the_same_step():
    ended = []
    for wrapped in (lambda optimizer: optimizer, keras.mixed_precision.LossScaleOptimizer):
        part = adversarial(clip_norm=0.1, optimizer=wrapped(keras.optimizers.SGD(1.0)))
        upsampler = make(part, optimizer=wrapped(keras.optimizers.SGD(0.1)))
        upsampler.compile()
        upsampler.train_step(batch(4))
        ended.append(values(upsampler.trainable_variables))
    for a, b in zip(*ended, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_not_finite_leaves_the_loss_and_the_weights():
    """While a loss scale is still looked for."""
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**126
    )
    upsampler = make(adversarial(weight=100.0), optimizer=optimizer)
    upsampler.compile()
    before = values(upsampler.network.trainable_variables)
    assert np.isfinite(upsampler.train_step(batch(4))["loss"])
    assert not any(moved(before, upsampler.network.trainable_variables))
    assert optimizer.loss_scale < 2.0**126


@pytest.mark.parametrize(
    "setting, value",
    [
        *[("updates", 0), ("updates", 1.5), ("start_step", -3), ("network_start", -1)],
        *[("clip_norm", 0.0), ("clip_norm", -1.0), ("weight", -1.0), ("matching_weight", "1")],
        ("weights", {"even": -1.0}),
    ],
)
def test_numbers_out_of_their_range_are_refused(setting, value):
    with pytest.raises(UserError, match=f"Adversarial.{setting}"):
        adversarial(**{setting: value})


def test_discriminators_for_different_times_are_refused():
    critics = {str(samples): WaveGanCritic(samples, 1, 1) for samples in (64, 128)}
    with pytest.raises(UserError, match=r"samples \(64, 128\): set their `samples` alike"):
        Adversarial(critics)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"weights": {"adversarial": 0.1}}, 'names "adversarial".*Adversarial.weight'),
        ({"weights": {"L1": 1.0}}, 'names "L1", which is none of its losses .l1'),
        ({"losses": {"adversarial": l1}}, 'two losses are named "adversarial"'),
    ],
)
def test_names_of_losses_are_checked(options, said):
    options = {"losses": {"l1": l1}} | options
    with pytest.raises(UserError, match=said):
        Regression(AudioUNet((4,)), 8000, 16_000, **options, adversarial=adversarial())


@pytest.mark.parametrize(
    "critics, conditional, said",
    [
        (lambda: AmplitudeCritics(((64, 16),), 2), True, "conditional to False"),
        (lambda: SpectrogramCritics(((64, 16),), channels=2), False, "conditional to True"),
    ],
)
def test_what_a_discriminator_sees_must_suit_it(critics, conditional, said):
    part = Adversarial({"one": critics()}, conditional=conditional)
    upsampler = Regression(AudioUNet((4,)), 8000, 16_000, adversarial=part)
    with pytest.raises(UserError, match=said):
        upsampler.initialize()


def test_nothing_to_show_is_told():
    with pytest.raises(UserError, match="Filtered has nothing to show to discriminators"):
        make().given(batch())


def test_no_discriminators_are_refused():
    with pytest.raises(UserError, match="Adversarial.discriminators wants names and networks"):
        Adversarial({})


@pytest.mark.parametrize("setting", ["weights", "discriminator_weights", "feature_weights"])
def test_weights_of_unknown_families_are_refused(setting):
    with pytest.raises(UserError, match=f'Adversarial.{setting} names "uneven", .*even, odd'):
        adversarial(**{setting: {"uneven": 1.0}})


def test_features_are_matched_of_those_that_show_them():
    with pytest.raises(UserError, match='Adversarial.feature_weights names "plain"'):
        Adversarial({"plain": keras.layers.Flatten()}, feature_weights={"plain": 1.0})


@pytest.mark.long
def test_two_devices_train_like_one(succeed):
    program = (
        "import tensorflow as tf\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(\n"
        "    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        f"import runpy; runpy.run_path({__file__!r})['check_two_devices']()\n"
    )
    succeed("-c", program)


def check_two_devices() -> None:
    """Before and after the discriminators have begun, their gradients being clipped."""
    ended = []
    for count in (1, 2):
        strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{number}" for number in range(count)],
            cross_device_ops=tf.distribute.ReductionToOneDevice(),
        )
        with strategy.scope():
            ended.append(two_steps())
    for name, weights in ended[0].items():
        for a, b in zip(weights, ended[1][name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=name)


def two_steps() -> dict[str, list[np.ndarray]]:
    part = adversarial(
        **{"start_step": 1, "clip_norm": 0.1, "feature_weights": {"even": 1.0}},
        optimizer=keras.optimizers.SGD(1.0, weight_decay=0.1),
    )
    upsampler = make(part, optimizer=keras.optimizers.SGD(0.1, global_clipnorm=1.0))
    upsampler.compile()
    variables = {update.name: update.variables for update in upsampler.updates}
    dataset = tf.data.Dataset.from_tensors(batch(8))
    before = {name: values(each) for name, each in variables.items()}
    upsampler.fit(dataset, verbose=0)
    assert not any(moved(before["discriminators"], variables["discriminators"]))
    assert any(moved(before["network"], variables["network"]))
    upsampler.fit(dataset, verbose=0)
    assert all(moved(before["discriminators"], variables["discriminators"]))
    return {name: values(each) for name, each in variables.items()}
