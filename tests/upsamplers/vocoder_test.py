"""The vocoder as an upsampler: where its samples are, what it learns from, and when."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.inference.chunks import upsample_array
from tfsr.losses.vocoder import MelDistance, MultiResolutionStft, TimeDomain
from tfsr.networks.tfgan import TFGAN
from tfsr.networks.tfgan_critics import FrequencyCritic, TimeCritics
from tfsr.signal.mel import MelSpectrogram
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.vocoder import Vocoder, tfgan_adam

_TINY = [
    *("CONDITION = 4", "CHANNELS = (4, 4, 2, 2, 2)", "UNITS = (1, 1, 1, 1)", "PATCH = 4410"),
    "losses.MultiResolutionStft.resolutions = ((64, 32, 128),)",
]
_TINY_CRITICS = [
    *("CRITIC_CHANNELS = 4", "CRITIC_GROUPS = (1, 2)", "CRITIC_UNITS = ((2, 1), (2, 2))"),
    *("critics.TimeCritics.scales = 1", "START_STEP = 0"),
]
TINY = {
    "configs/voicefixer/vocoder.gin": _TINY + _TINY_CRITICS,
    "configs/small/voicefixer_vocoder.gin": [*_TINY, "vocoder.Vocoder.adversarial = None"],
}

# A frame every 6 samples, with windows of 32.
MEL = MelSpectrogram(rate=8000, n_fft=32, hop_length=6, bands=5)
LOSSES = (TimeDomain(((8, 4),)), MultiResolutionStft(((32, 16, 64),)), MelDistance(MEL))
SAMPLES = 200


def make(critics: bool = False, start_step: int = 0, **options) -> Vocoder:
    keras.utils.set_random_seed(0)
    network = TFGAN(bands=5, condition=4, channels=(4, 3, 2), strides=(3, 2), units=(1, 1))
    families = {
        "time": TimeCritics(2, 2, (1,)),
        "frequency": FrequencyCritic(32, 8, ((2, 1), (2, 2))),
    }
    adversarial = Adversarial(
        families, weight=4.0, weights={"frequency": 2.0}, averaged=True, start_step=start_step
    )
    options = {"losses": LOSSES, "spectrogram": MEL} | options
    upsampler = Vocoder(network, adversarial if critics else None, **options)
    upsampler.initialize()
    return upsampler


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
    return 0.1 * tf.random.stateless_normal(shape, [seed, 2])


def batch(examples: int = 2) -> dict[str, tf.Tensor]:
    seed = tf.zeros([examples, 2], tf.int32)
    high = noise(examples, SAMPLES)
    return {"low": tf.zeros_like(high), "high": high, "seed": seed}


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def changed(before: list[np.ndarray], variables) -> bool:
    return any(np.any(a != b) for a, b in zip(before, values(variables), strict=True))


@pytest.fixture(scope="module")
def vocoder() -> Vocoder:
    """With weights that let a mel spectrogram be heard."""
    upsampler = make()
    for weight in upsampler.network.trainable_weights:
        weight.assign(weight + 0.3 * noise(*weight.shape))
    return upsampler


class Pulses(keras.layers.Layer):
    """In the place of the generator: the first sample of each frame is its loudest band."""

    hop, receptive_field = 441, 0

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        pulses = tf.reduce_max(x, axis=2, keepdims=True)
        silence = tf.zeros([tf.shape(x)[0], tf.shape(x)[1], self.hop - 1])
        return tf.reshape(tf.concat([pulses, silence], axis=2), [tf.shape(x)[0], -1, 1])


@pytest.mark.parametrize("place", [0, 10, 33])
def test_what_happens_at_a_frame_is_heard_there(place):
    """A click at a frame's middle makes this frame the loudest, at the sample of the click."""
    click = np.zeros([1, 40 * 441], np.float32)
    click[0, 441 * place] = 1.0
    heard = Vocoder(Pulses()).upsample(tf.constant(click))
    assert heard.shape == click.shape
    assert np.argmax(heard) == 441 * place


@pytest.mark.parametrize(
    ("samples", "first"),
    [
        *[(4410, 1323), (44100, 1323), (44101, 1322), (44540, 1103), (44541, 1102)],
        *[(100_000, 1156), (132_299, 882), (132_300, 1323), (1_323_000, 1323)],
    ],
)
def test_compat_cuts_where_the_released_program_does(samples, first):
    upsampler = Vocoder(Pulses(), compat=True)
    assert upsampler.receptive_field is None
    upsampler.network.call = lambda x, training: tf.reshape(
        tf.range(441 * tf.shape(x)[1]), [1, -1, 1]
    )
    cut = upsampler.resynthesize(tf.zeros([1, 1 + samples // 441, 128]), samples)
    assert cut.shape == (1, samples)
    assert (cut[0, 0], cut[0, -1]) == (first, first + samples - 1)


def test_a_frame_every_six_samples(vocoder):
    assert vocoder.frame_rate == pytest.approx(8000 / 6)


def test_any_length_also_in_a_graph_that_does_not_know_it(vocoder):
    graph = tf.function(
        vocoder.upsample, input_signature=[tf.TensorSpec([None, None])], autograph=False
    )
    for samples in (1, 5, 6, 17, 18, 95, 96, 3000):
        x = noise(2, samples)
        y = graph(x)
        assert y.shape == x.shape
        np.testing.assert_allclose(y, vocoder.upsample(x), atol=1e-5)


def test_another_mel_spectrogram_is_resynthesized_too(vocoder):
    x = noise(2, 100)
    whole = vocoder.resynthesize(MEL(x), 100)
    np.testing.assert_array_equal(vocoder.upsample(x), whole)
    np.testing.assert_array_equal(vocoder.resynthesize(MEL(x), 90), whole[:, :90])
    assert np.any(np.abs(vocoder.resynthesize(2 * MEL(x), 100) - whole) > 1e-4)


@pytest.mark.parametrize("samples", [900, 905, 906, 911])
def test_chunks_equal_the_whole(vocoder, samples):
    """Over the silent frames at the end too, whose number is odd or even."""
    low = noise(samples).numpy()
    whole = upsample_array(vocoder, low)
    for chunk in (1, 100, 301):
        np.testing.assert_allclose(upsample_array(vocoder, low, chunk), whole, atol=1e-6)


def test_the_receptive_field_holds_all_that_a_sample_depends_on(vocoder):
    reach = vocoder.receptive_field
    assert vocoder.hop == 12
    assert reach == (vocoder.network.receptive_field + 1) * 6 + 16
    place = reach + 50
    x = noise(1, 2 * place)
    for sample in range(place, place + 12, 5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = vocoder.upsample(x)[0, sample]
        touched = np.flatnonzero(tape.gradient(y, x))
        assert reach - 40 < max(sample - touched[0], touched[-1] - sample) <= reach


def test_published_sizes():
    upsampler = Vocoder(TFGAN())
    assert (upsampler.input_rate, upsampler.output_rate, upsampler.hop) == (44100, 44100, 882)
    assert upsampler.receptive_field == 577 * 441 + 1024
    assert upsampler.chunk == 2 * upsampler.receptive_field
    assert make().chunk == 4 * 8000


def test_hops_must_agree():
    with pytest.raises(UserError, match="441"):
        Vocoder(TFGAN(strides=(7, 7, 3, 2)))


def test_without_critics_it_is_regression_with_one_update():
    upsampler = make(weights={"time": 3.0, "mel": 0.0})
    assert upsampler.batches_per_step == 1
    losses = upsampler.losses_for(batch(), training=False)
    assert tuple(losses) == upsampler.loss_names
    assert "adversarial" not in losses
    weights = {"time": 3, "energy": 100, "phase": 100, "convergence": 5, "magnitude": 5, "mel": 0}
    expected = sum(weight * losses[name] for name, weight in weights.items())
    np.testing.assert_allclose(losses["loss"], expected, rtol=1e-5)
    assert losses["loss"].shape == (2,)


def test_training_brings_the_losses_down():
    upsampler = make(losses=[MelDistance(MEL)], optimizer=keras.optimizers.Adam(0.01))
    upsampler.compile()
    first = float(upsampler.train_step(batch())["loss"])
    for _ in range(15):
        upsampler.train_step(batch())
    assert upsampler.losses_for(batch(), training=False)["loss"].numpy().mean() < 0.9 * first


@pytest.mark.usefixtures("eagerly")
def test_critics_begin_at_their_step():
    """Before it nothing of them changes, not even means of their normalisation."""
    upsampler = make(critics=True, start_step=1)
    assert upsampler.batches_per_step == 2
    upsampler.compile()
    critics = [w for critic in upsampler.discriminators.values() for w in critic.weights]
    before, own = values(critics), values(upsampler.network.trainable_weights)
    losses = upsampler.train_step(batch(4))
    assert tuple(losses) == upsampler.loss_names
    assert losses["adversarial"] == losses["discriminators"] == 0
    assert not changed(before, critics)
    assert changed(own, upsampler.network.trainable_weights)
    upsampler.train_step(batch(4))
    for update in upsampler.updates:
        assert update.optimizer.iterations.numpy() == 2
    after = values(critics)
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    assert upsampler.all_losses(batch(), False)["discriminators"].numpy().min() > 0


def test_before_its_step_a_critic_has_no_part_in_the_gradient():
    gradients = []
    for critics, start_step in ((False, 0), (True, 1), (True, 0)):
        upsampler = make(critics, start_step=start_step)
        upsampler.compile()
        gradients.append(upsampler.updates[-1].losses_and_gradients(batch())[1])
    alone, before, after = gradients
    for a, b in zip(alone, before, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(alone, after, strict=True))


def test_families_are_weighted_and_averaged():
    upsampler = make(critics=True)
    losses = upsampler.all_losses(batch(), training=False)
    assert tuple(losses) == upsampler.loss_names
    high = batch()["high"]
    real, fake = (x[..., tf.newaxis] for x in (high, upsampler.upsample(high)))

    def square(scores, target):
        means = [np.square(x - target).mean(axis=tuple(range(1, x.ndim))) for x in scores]
        return np.mean(means, axis=0)

    def scores(family, x):
        return [score.numpy() for score in tf.nest.flatten(upsampler.discriminators[family](x))]

    time, frequency = (square(scores(name, fake), 1) for name in ("time", "frequency"))
    np.testing.assert_allclose(losses["adversarial"], (time + 2 * frequency) / 2, rtol=1e-4)
    mistakes = sum(
        square(scores(name, real), 1) + square(scores(name, fake), 0)
        for name in ("time", "frequency")
    )
    np.testing.assert_allclose(losses["discriminators"], mistakes, rtol=1e-4)
    names = ("time", "energy", "phase", "convergence", "magnitude", "mel", "adversarial")
    weights = [200, 100, 100, 5, 5, 50, 4]
    total = sum(weight * losses[name] for weight, name in zip(weights, names, strict=True))
    np.testing.assert_allclose(losses["loss"], total, rtol=1e-5)


def test_moving_averages_are_the_generators():
    upsampler = make(critics=True, optimizer=tfgan_adam(0.1, average=0.5))
    assert upsampler.averages_weights
    upsampler.compile()
    for update in upsampler.updates:
        update.optimizer.apply_gradients([(tf.ones_like(v), v) for v in update.variables])
    network, critics = (
        values(x) for x in (upsampler.network.weights, upsampler.discriminators["time"].weights)
    )
    upsampler.take_averages()
    assert changed(network, upsampler.network.weights)
    assert not changed(critics, upsampler.discriminators["time"].weights)


def test_an_oracle_is_given_the_original(vocoder):
    low, high = noise(1, 3000), noise(1, 3000)[:, ::-1]
    oracle = vocoder.with_reference(high[0])
    np.testing.assert_array_equal(oracle.upsample(low), vocoder.upsample(high))


def test_converts_to_tflite_builtins(vocoder, as_tflite):
    run = as_tflite(vocoder.upsample)
    for samples in (1, 40, 333):
        x = noise(1, samples)
        np.testing.assert_allclose(run(x), vocoder.upsample(x), atol=1e-4)


def test_mixed_precision_keeps_spectra_in_float32(mixed_precision):
    upsampler = make(critics=True)
    losses = upsampler.all_losses(batch(), training=False)
    for name, loss in losses.items():
        assert loss.dtype == tf.float32
        assert np.isfinite(loss).all(), name
