"""The objective and the chain of steps against recorded ones, and their laws."""

import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.convert.nuwave import places
from tfsr.export.saved_model import export_saved_model
from tfsr.inference.chunks import upsample_array
from tfsr.inference.noise import standard_normal
from tfsr.layers import random
from tfsr.networks.nuwave import NuWave
from tfsr.signal.noise_schedule import NoiseSchedule, geometric_schedule, linear_schedule
from tfsr.upsamplers.diffusion import FEWEST_STEPS, MOST_STEPS, Diffusion, nuwave_adam

FIXTURES = Path(__file__).parents[1] / "fixtures"
NARROW = {"channels": 4, "blocks": 2, "dilation_cycle": 2, "waves": 4, "embedding": 8}
_TINY = [
    *("CHANNELS = 4", "BLOCKS = 2", "PATCH = 768"),  # ratios 2 and 3 divide it
    *("nuwave.NuWave.waves = 4", "nuwave.NuWave.embedding = 8"),
    "diffusion.Diffusion.schedule = @noise_schedule.geometric_schedule()",
    "noise_schedule.geometric_schedule.steps = 3",
]
TINY = {
    "configs/nuwave.gin": _TINY,
    "configs/nuwave/single_x*.gin": _TINY,
    "configs/nuwave/multi_x*.gin": _TINY,
    "configs/small/nuwave*.gin": _TINY,
}


class Given(Diffusion):
    """Takes level and noise from the batch in place of drawing them."""

    def losses_for(self, batch, training):
        draws = batch["level"], batch["noise"]
        return {"loss": self.noise_loss(batch["low"], batch["high"], *draws)}


@pytest.fixture
def recorded_network(recorded_nuwave) -> NuWave:
    return recorded_nuwave()


def narrow(**options) -> Diffusion:
    keras.utils.set_random_seed(0)
    upsampler = Diffusion(NuWave(**NARROW), 24000, 48000, **options)
    upsampler.initialize()
    return upsampler


def test_three_training_steps_equal_the_recorded_ones(recorded_network, recorded_tensors):
    recorded = np.load(FIXTURES / "nuwave_train3.npz")
    upsampler = Given(recorded_network, 48000, 48000)
    upsampler.compile()
    (update,) = upsampler.updates
    for step in range(3):
        batch = {
            "low": recorded["y_low"],
            "high": recorded["y0"],
            "level": recorded[f"level{step}"],
            "noise": recorded[f"eps{step}"],
        }
        batch = {key: tf.constant(value) for key, value in batch.items()}
        batch["seed"] = tf.zeros([2, 2], tf.int32)
        losses, gradients = update.losses_and_gradients(batch)
        np.testing.assert_allclose(np.mean(losses["loss"]), recorded[f"loss{step}"], atol=1e-5)
        norm = tf.linalg.global_norm(gradients)
        np.testing.assert_allclose(norm, recorded[f"grad_norm{step}"], rtol=1e-4)
        if step == 0:
            expected = like_weights(recorded_network, recorded_tensors("nuwave_train3", "grad/"))
            np.testing.assert_allclose(flat(gradients), expected, 1e-4, 1e-5)
        upsampler.train_step(batch)
    expected = like_weights(recorded_network, recorded_tensors("nuwave_train3", "after/"))
    errors = np.abs(flat(recorded_network.trainable_variables) - expected)
    # Adam makes a step of 3e-5 of the smallest gradient, so that where that is rounding noise the
    # weight is, too.
    assert errors.max() < 3e-5 and np.quantile(errors, 0.999) < 3e-6


def like_weights(network: NuWave, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Tensors by the names of the trained weights, in their order."""
    place_of = {place.variable.ref(): place for place in places(network)}
    trained = [place_of[weight.ref()] for weight in network.trainable_variables]
    return flat([place.made(tensors[place.names[0]]) for place in trained])


def flat(tensors) -> np.ndarray:
    return np.concatenate([np.ravel(tensor) for tensor in tensors])


@pytest.fixture
def recorded_levels(monkeypatch):
    """The authors' float32 levels, one unit in the last place off what numpy computes."""
    recorded = np.load(FIXTURES / "nuwave_schedules.npz")
    levels = recorded["infer/sqrt_alphas_cumprod_prev"]
    monkeypatch.setattr(NoiseSchedule, "levels", levels)


@pytest.mark.parametrize("ratio", [2, 3])
@pytest.mark.parametrize(
    ("option", "key"),
    [({}, "states"), ({"clip": True}, "clip_x0"), ({"start_from_low": True}, "no_init_noise")],
)
def test_chain_of_eight_steps_equals_the_recorded_one(
    recorded_network, recorded_levels, ratio, option, key, rounding
):
    recorded = np.load(FIXTURES / "nuwave_chain.npz")
    upsampler = Diffusion(recorded_network, 48000, 48000, NoiseSchedule(float32=True), **option)
    low, noise = recorded[f"x{ratio}/y_low"], recorded[f"x{ratio}/draws"][:, np.newaxis]
    expected = recorded[f"x{ratio}/{key}"]
    high = upsampler.upsample(low, noise)[0]
    expected = expected[-1] if key == "states" else expected
    # Each of the eight steps rounds its signal, its noise and their sum.
    atol = rounding(8 * 3, recorded[f"x{ratio}/states"])
    np.testing.assert_allclose(high, expected, atol=atol)
    np.testing.assert_allclose(upsampler.chain(low, noise)[0], high, atol=1e-6)


@pytest.mark.parametrize("ratio", [2, 3])
def test_every_step_equals_the_recorded_one(recorded_network, recorded_levels, ratio, rounding):
    recorded = np.load(FIXTURES / "nuwave_chain.npz")
    schedule = NoiseSchedule(float32=True)
    upsampler = Diffusion(recorded_network, 48000 // ratio, 48000, schedule)
    condition, signal = upsampler.condition(recorded[f"x{ratio}/low"]), ()
    states, draws = recorded[f"x{ratio}/states"], recorded[f"x{ratio}/draws"]
    # At ratio 3 the authors interpolate at positions that float32 has rounded.
    # Errors go on from step to step, as above.
    tolerance = {2: rounding(8 * 3, states), 3: 1e-4}[ratio]
    for number, stage in enumerate(upsampler.stages):
        signal = stage.function(signal, condition, [draws[number]], *stage.settings)
        # The next state has the noise that is added on the way to it.
        added = schedule.sampling().std[::-1][number] * draws[(number + 1) % 8]
        np.testing.assert_allclose(signal[0] + added, states[number + 1], atol=tolerance)


def test_chunks_equal_the_whole_and_the_loop():
    upsampler = narrow(peaks=None)
    low = np.random.default_rng(0).normal(0, 0.1, 200).astype(np.float32)
    noise = np.stack([standard_normal(3, draw, 1, 0, 400) for draw in range(8)])
    whole = upsampler.upsample(low[np.newaxis], noise)[0]
    for chunk in (1, 7, 64, 1000):
        np.testing.assert_allclose(upsample_array(upsampler, low, chunk, 3), whole, atol=1e-5)


@pytest.mark.parametrize("start_from_low", [False, True])
def test_one_graph_begins_and_one_does_all_other_steps(start_from_low):
    schedule = NoiseSchedule((1e-6, 1e-4, 1e-3))
    upsampler, traced = narrow(schedule=schedule, start_from_low=start_from_low), []
    call = upsampler.network.call
    upsampler.network.call = lambda *inputs, **how: traced.append(0) or call(*inputs, **how)
    for samples in (50, 70):
        upsample_array(upsampler, np.zeros(samples, np.float32))
    assert len(traced) == 2


def test_validation_takes_levels_of_whole_steps_and_training_between_them():
    upsampler = narrow(training_schedule=geometric_schedule(3))
    levels = geometric_schedule(3).levels.astype(np.float32)
    with random.seeded(tf.constant([1, 2])):
        whole = upsampler._drawn_levels(2000, training=False).numpy()
        between = upsampler._drawn_levels(2000, training=True).numpy()
    values, counts = np.unique(whole, return_counts=True)
    np.testing.assert_array_equal(values, np.sort(levels[1:]))
    assert counts.min() > 600
    assert len(np.unique(between)) > 1000
    assert levels[-1] < between.min() and between.max() <= 1
    counts, _ = np.histogram(between, np.sort(levels))
    assert counts.min() > 600


def test_losses_follow_the_seed():
    upsampler = narrow()
    batch = {"low": tf.zeros([3, 50]), "high": tf.ones([3, 100])}

    def loss(seed):
        with random.seeded(tf.constant([seed, 1])):
            return upsampler.losses_for(batch, training=True)["loss"].numpy()

    assert loss(0).shape == (3,)
    np.testing.assert_array_equal(loss(0), loss(0))
    assert np.abs(loss(0) - loss(1)).min() > 1e-6


def test_too_little_noise_at_the_end_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING, "tfsr"):
        narrow()
        narrow(schedule=NoiseSchedule((1e-6, 0.1)), start_from_low=True)
        assert not caplog.messages
        narrow(schedule=NoiseSchedule((1e-6, 0.1)))
    assert len(caplog.messages) == 1 and "0.949 of the signal" in caplog.messages[0]


def test_without_eta_only_the_first_draw_matters():
    low = np.random.default_rng(0).normal(0, 0.1, [1, 50]).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=[8, 1, 100]).astype(np.float32)
    other = np.concatenate([noise[:1], noise[:7]])
    upsampler = narrow(eta=0.0)
    np.testing.assert_array_equal(upsampler.upsample(low, noise), upsampler.upsample(low, other))
    ancestral = narrow()
    assert np.abs(ancestral.upsample(low, noise) - ancestral.upsample(low, other)).max() > 1e-4


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_a_perfect_estimate_gives_the_signal(eta):
    """For a network that knows what the signal is, any number of steps ends with it."""
    clean = tf.constant(np.random.default_rng(0).normal(0, 0.3, [1, 60]), tf.float32)

    class Knowing(NuWave):
        def call(self, noisy, condition, noise_level, training=False):
            return (noisy - noise_level * clean) / tf.sqrt(1 - noise_level**2)

    for schedule in (NoiseSchedule(), geometric_schedule(4), linear_schedule(50, last=0.2)):
        upsampler = Diffusion(Knowing(**NARROW), 24000, 48000, schedule, eta)
        noise = tf.random.stateless_normal([schedule.steps, 1, 60], [1, 2])
        np.testing.assert_allclose(upsampler.upsample(clean[:, ::2], noise), clean, atol=1e-3)


def test_the_optimizer_is_the_authors():
    adam = nuwave_adam()
    assert (adam.learning_rate.numpy(), adam.beta_1, adam.beta_2) == (np.float32(3e-5), 0.5, 0.999)
    assert (adam.epsilon, adam.global_clipnorm, adam.use_ema) == (1e-9, 0.5, False)
    assert nuwave_adam(average=0.999).ema_momentum == 0.999


def test_recordings_are_brought_to_a_level_that_was_trained_and_back():
    upsampler = narrow()
    low = np.random.default_rng(0).uniform(-0.6, 0.6, 60).astype(np.float32)
    known = upsample_array(upsampler, low)
    noise = np.stack([standard_normal(0, draw, 1, 0, 120) for draw in range(8)])
    np.testing.assert_allclose(known, upsampler.upsample(low[np.newaxis], noise)[0], atol=1e-5)
    peak = np.abs(low).max()
    for factor, nearest in ((0.01, 0.5), (0.1, 0.5), (5.0, 1.0)):
        scaled = upsample_array(upsampler, low * np.float32(factor))
        at_known = upsample_array(upsampler, low * np.float32(nearest / peak))
        np.testing.assert_allclose(nearest / (factor * peak) * scaled, at_known, atol=1e-4)
    np.testing.assert_array_equal(np.isfinite(upsample_array(upsampler, 0 * low)), True)


def test_any_number_of_steps_begins_with_as_much_of_the_low_rate_signal():
    """The rows of an exported model, where sampling starts from the low-rate signal."""
    upsampler = narrow(schedule=NoiseSchedule((1e-6, 1e-4, 1e-3)), start_from_low=True)
    low = tf.constant(np.random.default_rng(0).uniform(-0.6, 0.6, [1, 30]), tf.float32)
    noise = tf.random.stateless_normal([5, 1, 60], [3, 4])
    ends = np.sqrt(1 - upsampler.schedule.levels[[1, -1]] ** 2)
    other = narrow(schedule=geometric_schedule(5, *ends), start_from_low=True)
    rows = tf.constant(upsampler._tables()[5])
    high = upsampler._loop(low, rows, 5, lambda step: noise[step])
    np.testing.assert_allclose(high, other.upsample(low, noise), atol=1e-5)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "1"
    export_saved_model(narrow(), folder)
    return tf.saved_model.load(str(folder)).signatures["serving_default"]


def test_a_server_takes_seed_and_number_of_steps(served):
    low = np.random.default_rng(0).uniform(-0.1, 0.1, [2, 30]).astype(np.float32)

    def serve(seed: int, steps: int) -> np.ndarray:
        inputs = {"audio": low, "seed": seed, "steps": steps}
        return served(**{name: tf.constant(value) for name, value in inputs.items()})["audio"]

    for steps in (2, 8, 13):
        schedule = NoiseSchedule() if steps == 8 else geometric_schedule(steps)
        noise = [tf.random.stateless_normal([2, 60], [3, step]) for step in range(steps)]
        expected = narrow(schedule=schedule).serve(tf.constant(low), tf.stack(noise))
        np.testing.assert_allclose(serve(3, steps), expected, atol=1e-4)
    assert np.abs(serve(3, 8) - serve(4, 8)).max() > 1e-3
    with pytest.raises(tf.errors.InvalidArgumentError, match="steps must be from 2 to 64"):
        serve(3, 65)


def test_an_example_has_as_few_steps_as_there_may_be():
    examples = narrow().signatures["serving_default"].examples
    assert examples == {"seed": 0, "steps": FEWEST_STEPS} and FEWEST_STEPS <= MOST_STEPS


def test_the_network_is_told_whether_it_trains(monkeypatch):
    upsampler, told = narrow(), []
    call = upsampler.network.call

    def listening(*arguments, training=False):
        told.append(training)
        return call(*arguments, training=training)

    monkeypatch.setattr(upsampler.network, "call", listening)
    batch = {"low": tf.zeros([1, 8]), "high": tf.zeros([1, 16])}
    for training in (False, True):
        with random.seeded(tf.zeros([2], tf.int32)):
            upsampler.losses_for(batch, training)
    assert told == [False, True]
