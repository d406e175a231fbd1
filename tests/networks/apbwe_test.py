"""AP-BWE against the published parameter count, every layer's recorded output, and gradients."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfsr.convert.apbwe import converted, layers_by_name, places
from tfsr.losses.phase import amplitude_distance, complex_distance, phase_distance
from tfsr.networks.apbwe import APBWE
from tfsr.signal.polar import Polar, PolarStft

FIXTURES = Path(__file__).parents[1] / "fixtures"
TRANSFORM = PolarStft(64, 16, 48)
# Of the small network, on the way from an input to an output: the first one, a norm, two blocks of
# six, a norm, the head and its sum.
LAYERS = 17


@pytest.fixture(autouse=True)
def same_weights_on_every_run():
    keras.utils.set_random_seed(0)


def built(bins: int = 33, channels: int = 8, blocks: int = 2) -> APBWE:
    network = APBWE(bins, channels, blocks)
    network(*tf.zeros([2, 1, 1, bins]))
    return network


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return dict(np.load(FIXTURES / "apbwe_generator.npz"))


@pytest.fixture(scope="module")
def small(recorded_tensors) -> APBWE:
    weights = recorded_tensors("apbwe_generator", "sd/")
    model = converted(weights, (16000, 48000), TRANSFORM.hop_length, TRANSFORM.window_length)
    assert len(weights) == len(model.upsampler.network.weights) and not model.passed_over
    return model.upsampler.network


def given(recorded) -> tuple[np.ndarray, np.ndarray]:
    return recorded["logamp_in"], recorded["pha_in"]


def test_estimate_equals_the_recorded_one(small, recorded, rounding):
    made, expected = small(*given(recorded)), recorded["logamp_out"]
    np.testing.assert_allclose(made.log_amplitude, expected, atol=rounding(LAYERS, expected))
    np.testing.assert_allclose(made.real, recorded["pha_r_out"], atol=1e-5)
    np.testing.assert_allclose(made.imag, recorded["pha_i_out"], atol=1e-5)
    waveform = TRANSFORM.inverse(made, 2400)
    np.testing.assert_allclose(waveform, recorded["wav_out"], atol=1e-6)


def test_every_layer_equals_the_recorded_one(small, recorded, monkeypatch, rounding):
    seen = {}

    def watch(layer, name):
        call = layer.call

        def watched(*args, **options):
            seen[name] = call(*args, **options)
            return seen[name]

        monkeypatch.setattr(layer, "call", watched)

    for name, layer in layers_by_name(small).items():
        watch(layer, name)
    small(*given(recorded))
    names = {name.removeprefix("act/") for name in recorded if name.startswith("act/")}
    assert names == set(seen)
    for name in names:
        expected = recorded[f"act/{name}"]
        atol = max(1e-5, rounding(LAYERS, expected))
        np.testing.assert_allclose(seen[name][0, : len(expected)], expected, atol=atol)


@pytest.fixture(scope="module")
def learned(small, recorded) -> tuple[dict, tf.Tensor, list[tf.Tensor]]:
    """The losses, their weighted sum and its gradients, through two more transforms."""
    phase = recorded["tgt_pha"]
    target = Polar(recorded["tgt_logamp"], np.cos(phase), np.sin(phase))
    with tf.GradientTape() as tape:
        made = small(*given(recorded))
        again = TRANSFORM(TRANSFORM.inverse(made, 2400))
        losses = {
            "mag_mse": amplitude_distance(target, made),
            "phase": phase_distance(target, made),
            "com_mse": complex_distance(target.spectrum, made.spectrum),
            "stft_mse": complex_distance(made.spectrum, again.spectrum),
        }
        losses = {name: tf.reduce_mean(loss) for name, loss in losses.items()}
        weighted = zip((45, 100, 90, 90), losses.values(), strict=True)
        total = tf.add_n([weight * loss for weight, loss in weighted])
    return losses, total, tape.gradient(total, [place.variable for place in places(small)])


def test_losses_equal_the_recorded_ones(learned, recorded):
    losses, total, _ = learned
    recorded = recorded | {"loss/phase": sum(recorded[f"loss/{x}"] for x in ("ip", "gd", "iaf"))}
    for name, loss in losses.items():
        np.testing.assert_allclose(loss, recorded[f"loss/{name}"], rtol=1e-6)
    np.testing.assert_allclose(total, recorded["loss/spectral_total"], rtol=1e-6)


def test_gradients_equal_the_recorded_ones(learned, small, recorded, rounding):
    """To the roundings of a sum over all frames, in the recorded ones and in ours."""
    *_, gradients = learned
    terms = np.prod(recorded["logamp_in"].shape[:2])
    for place, gradient in zip(places(small), gradients, strict=True):
        (name,) = place.names
        expected = place.made(recorded[f"grad/{name}"])
        np.testing.assert_allclose(gradient, expected, atol=rounding(2 * terms, expected))


def test_known_phase_is_made_anew_and_known_amplitude_is_added_to(small, recorded):
    log_amplitude, phase = given(recorded)
    louder = small(log_amplitude + 1e-3, phase).log_amplitude
    difference = louder - small(log_amplitude, phase).log_amplitude
    assert np.median(difference) == pytest.approx(1e-3, abs=2e-4)


@pytest.fixture(scope="module")
def published() -> APBWE:
    keras.utils.set_random_seed(0)
    return built(513, 512, 8)


def test_parameter_count_is_the_published_one(published):
    assert published.count_params() == 29_760_515
    assert len(published.trainable_weights) == len(published.weights) == 162
    assert (published.hop, published.ratio, published.receptive_field) == (1, 1, 27)


def test_kernels_start_normal_heads_uniform_and_factors_small(published):
    for weight, (name,), _ in places(published):
        kind, last = name.split("_")[0], name.rsplit(".")[-1]
        deviation, most = np.std(weight), np.abs(weight).max()
        if kind == "linear":
            limit = 1 / np.sqrt(512)
            assert 0.95 * limit < most <= limit and deviation > 0.9 * limit / np.sqrt(3)
        elif last == "gamma":
            np.testing.assert_array_equal(weight, 1 / 8)
        elif last == "weight" and "norm" not in name:
            assert deviation == pytest.approx(0.02, rel=0.05)
            assert most > 3 * 0.02  # not cut off at twice the deviation
        else:
            np.testing.assert_array_equal(weight, 1.0 if last == "weight" else 0.0)


def test_receptive_field_is_what_the_gradient_reaches():
    network, frames = built(5, 4, 1), 15
    signals = tf.random.stateless_normal([2, 1, frames, 5], [1, 2])
    for number in range(2):
        with tf.GradientTape() as tape:
            tape.watch(signals)
            made = network(*tf.unstack(signals))
            middle = tf.add_n([tf.reduce_sum(part[:, frames // 2]) for part in made])
        slopes = tape.gradient(middle, signals)[number, 0]
        touched = np.flatnonzero(np.any(slopes != 0, axis=-1))
        assert network.receptive_field == 6
        assert (touched[0], touched[-1]) == (frames // 2 - 6, frames // 2 + 6)


def test_log_amplitudes_stay_precise_in_mixed_precision(small, recorded, mixed_precision):
    network = built()
    network.set_weights(small.get_weights())
    inputs = given(recorded)
    assert network.amplitude.start(inputs[0]).dtype == tf.float16
    half, full = network(*inputs), small(*inputs)
    for part in half:
        assert part.dtype == tf.float32
    np.testing.assert_allclose(half.log_amplitude, full.log_amplitude, atol=0.03)
    network.added.set_weights([0 * weight for weight in network.added.get_weights()])
    np.testing.assert_array_equal(network(*inputs).log_amplitude, inputs[0])
