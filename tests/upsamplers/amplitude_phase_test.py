"""AP-BWE as a system: its losses and optimizer, any length, chunks, exports."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.errors import UserError
from tfsr.export.saved_model import export_saved_model
from tfsr.inference.chunks import upsample_array
from tfsr.losses.gan_objectives import Hinge
from tfsr.networks.apbwe import APBWE
from tfsr.networks.apbwe_critics import AmplitudeCritics, PeriodCritics
from tfsr.signal.polar import PolarStft
from tfsr.signal.sinc_hann import SincHann
from tfsr.upsamplers.adversarial import Adversarial
from tfsr.upsamplers.amplitude_phase import AmplitudePhase, Estimate, apbwe_adamw

FIXTURES = Path(__file__).parents[1] / "fixtures"
_TINY = ["CHANNELS = 4", "BLOCKS = 1", "PATCH = 960"]
_TINY_CRITICS = [
    *("CRITIC_PERIODS = (2,)", "CRITIC_CHANNELS = (2,)", "CRITIC_RESOLUTIONS = ((64, 16),)"),
    "SPECTRAL_CRITIC_CHANNELS = 2",
]
TINY = {
    # At one rate there is sound in the whole band, and exports agree to rounding.
    "configs/apbwe.gin": [*_TINY, *_TINY_CRITICS, "INPUT_RATE = 16000"],
    # They differ in rates and degradation; to train with critics takes ten times as long.
    "configs/apbwe/*.gin": [*_TINY, "amplitude_phase.AmplitudePhase.adversarial = None"],
}

TRANSFORM = PolarStft(64, 16, 48)


def make(
    ratio: int = 1, adversarial: Adversarial | None = None, blocks: int = 2, **options
) -> AmplitudePhase:
    """With weights under which phases of the input are heard."""
    keras.utils.set_random_seed(0)
    upsampler = AmplitudePhase(
        APBWE(33, 8, blocks), 48000 // ratio, 48000, TRANSFORM, adversarial=adversarial, **options
    )
    upsampler.initialize()
    for number, weight in enumerate(upsampler.network.trainable_weights):
        shape = weight.shape
        weight.assign(weight + 0.2 * tf.random.stateless_normal(shape, [number, 1]))
    return upsampler


def part(**options) -> Adversarial:
    critics = {
        "periods": PeriodCritics((2,), (2, 2)),
        "amplitudes": AmplitudeCritics(((64, 16),), 2),
    }
    features = {"periods": 1.0, "amplitudes": 0.1}
    return Adversarial(critics, Hinge(), feature_weights=features, **options)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def batch(ratio: int = 1, samples: int = 480) -> dict[str, tf.Tensor]:
    low, high = noise(2, samples // ratio), noise(2, samples, seed=1)
    return {
        "low": tf.constant(low),
        "high": tf.constant(high),
        "seed": tf.zeros([2, 2], tf.int32),
    }


@pytest.fixture(scope="module", params=[1, 2, 3])
def upsampler(request) -> AmplitudePhase:
    return make(request.param)


@pytest.fixture(scope="module")
def pair():
    return np.load(FIXTURES / "apbwe_pair.npz")


def test_any_length_from_one_sample(upsampler):
    for samples in (1, 2, 15, 16, 17, 33, 100):
        made = upsampler.upsample(noise(2, samples))
        assert made.shape == (2, upsampler.ratio * samples) and np.all(np.isfinite(made))


def test_whole_hops_are_as_long_as_in_the_authors_code_and_the_rest_is_added(upsampler):
    """Theirs ends with the last whole hop."""
    x = SincHann()(tf.constant(noise(2, 100)), upsampler.ratio)
    polar = TRANSFORM(x)
    made = upsampler.network(polar.log_amplitude, polar.phase)
    whole = 16 * (polar.phase.shape[1] - 1)
    expected = TRANSFORM.inverse(made, whole)
    assert 0 <= x.shape[1] - whole < 16
    np.testing.assert_allclose(upsampler.upsample(noise(2, 100))[:, :whole], expected, atol=1e-6)


def test_chunks_equal_the_whole(upsampler):
    """Also where the band above the input's is empty: frames of chunks are the same to the bit."""
    low = noise(4 * (upsampler.receptive_field + upsampler.hop) + 7)
    whole = upsample_array(upsampler, low)
    np.testing.assert_allclose(upsample_array(upsampler, low, chunk=100), whole, atol=1e-5)


def test_the_receptive_field_holds_all_that_a_sample_depends_on(upsampler):
    reach = upsampler.receptive_field
    low = noise(1, 3 * reach)
    changed = low.copy()
    changed[:, : reach // 2] += 1
    differs = np.abs(upsampler.upsample(changed) - upsampler.upsample(low))[0] > 1e-5
    last = upsampler.ratio * (reach // 2 + reach)
    assert differs.any() and not differs[last:].any()
    assert differs[last - 4 * upsampler.ratio * upsampler.hop : last].any()


@pytest.mark.parametrize(("ratio", "hop", "reach"), [(1, 80, 2480), (3, 80, 834), (6, 40, 421)])
def test_sizes_of_the_published_one(ratio, hop, reach):
    upsampler = AmplitudePhase(APBWE(), 48000 // ratio, 48000)
    assert upsampler.hop == hop
    assert upsampler.frame_rate == 600
    assert upsampler.receptive_field == reach + (7 if ratio == 1 else 0)


def test_spectral_losses_equal_the_recorded_ones(pair):
    upsampler = AmplitudePhase(APBWE(513, 2, 1), 16000, 16000)
    polar = upsampler.transform(pair["wav_pred"])
    estimate = Estimate(polar, upsampler.transform.inverse(polar, 16000))
    losses = upsampler.distances({"high": pair["wav_target"]}, estimate)
    made = {name: np.mean(loss) for name, loss in losses.items()}
    assert made["amplitude"] == pytest.approx(float(pair["s1024/mag_mse"]), abs=1e-5)
    # Phases of empty bins are a matter of rounding.
    phase = sum(float(pair[f"s1024/{name}"]) for name in ("ip", "gd", "iaf"))
    assert made["phase"] == pytest.approx(phase, abs=1e-4)
    assert made["complex"] == pytest.approx(float(pair["s1024/com_mse"]), abs=1e-5)
    assert made["consistency"] == pytest.approx(float(pair["s1024/stft_mse"]), rel=0.01)


def test_the_loss_is_the_weighted_sum():
    upsampler = make(2, part(weights={"amplitudes": 0.1}))
    losses = upsampler.all_losses(batch(2), training=False)
    assert tuple(losses) == upsampler.loss_names
    expected = (
        *(45 * losses["amplitude"], 100 * losses["phase"], 90 * losses["complex"]),
        *(90 * losses["consistency"], losses["adversarial"], losses["feature_matching"]),
    )
    np.testing.assert_allclose(losses["loss"], sum(expected), rtol=1e-5)


def test_other_weights_leave_those_that_are_not_given():
    losses = make(weights={"phase": 1.0}).losses_for(batch(), training=False)
    parts = {name: np.mean(loss) for name, loss in losses.items()}
    expected = 45 * parts["amplitude"] + parts["phase"]
    expected += 90 * (parts["complex"] + parts["consistency"])
    assert parts["loss"] == pytest.approx(expected, rel=1e-5)


def test_other_bins_than_the_transforms_are_refused():
    with pytest.raises(UserError, match="APBWE.bins is 20.*n_fft 64.* 33"):
        AmplitudePhase(APBWE(20), 8000, 16000, TRANSFORM)


def test_the_learning_rate_falls_once_in_an_epoch():
    assert float(apbwe_adamw().learning_rate) == pytest.approx(2e-4)
    weight = tf.Variable(0.0)
    optimizer = apbwe_adamw(1.0, factor=0.5, every=2, weight_decay=0.0)
    optimizer.build([weight])
    places = [0.0]
    for _ in range(5):
        optimizer.apply_gradients([(tf.constant(1.0), weight)])
        places.append(float(weight))
    # A constant gradient moves by the learning rate.
    np.testing.assert_allclose(np.diff(places), [-1, -1, -0.5, -0.5, -0.25], rtol=1e-5)


def test_a_step_is_that_of_adamw_with_decay_of_all_weights():
    """Where nothing is clipped: the first step of Adam is the learning rate, after the decay."""
    weights = [tf.Variable([2.0, -3.0]), tf.Variable([1.0])]
    gradients = [tf.constant([0.5, -0.25]), tf.constant([0.125])]
    optimizer = apbwe_adamw(0.1, weight_decay=0.5, clip=None)
    optimizer.build(weights)
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    np.testing.assert_allclose(weights[0], [2 * 0.95 - 0.1, -3 * 0.95 + 0.1], rtol=1e-5)
    np.testing.assert_allclose(weights[1], [0.95 - 0.1], rtol=1e-5)


def test_the_norm_of_all_gradients_together_is_clipped():
    optimizer = apbwe_adamw()
    weights = [tf.Variable([0.0]), tf.Variable([0.0])]
    optimizer.build(weights)
    optimizer.apply_gradients(zip([tf.constant([30.0]), tf.constant([40.0])], weights, strict=True))
    momenta = [variable.numpy() for variable in optimizer._momentums]
    np.testing.assert_allclose(momenta, [[0.2 * 6], [0.2 * 8]], rtol=1e-5)


def test_a_saved_model_rounds_as_keras_does(tmp_path):
    """Above the input's band, where phases are a matter of that."""
    upsampler = make(2, blocks=1)
    export_saved_model(upsampler, tmp_path / "model")
    served = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]
    for samples in (1, 33, 1003):
        low = tf.constant(noise(2, samples))
        np.testing.assert_allclose(served(audio=low)["audio"], upsampler.upsample(low), atol=1e-6)


def test_a_phone_comes_near_where_phases_are_a_matter_of_rounding(as_tflite):
    """Above the input's band; without such a band exports agree to rounding."""
    upsampler = make(2, blocks=1)
    run = as_tflite(upsampler.upsample, tolerance=0.3)
    for samples in (1, 33, 1003):
        differs = np.abs(run(noise(2, samples)) - upsampler.upsample(noise(2, samples)))
        assert differs.max() < 0.3 and differs.mean() < 0.01


def test_mixed_precision_keeps_spectra_and_losses_in_float32(mixed_precision):
    upsampler = make(2, part())
    losses = upsampler.all_losses(batch(2), training=False)
    for name, loss in losses.items():
        assert loss.dtype == tf.float32 and np.all(np.isfinite(loss)), name
    assert upsampler.upsample(noise(2, 100)).dtype == tf.float32
