import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.networks.restored_bins import RestoredBins
from tfsr.signal.stft import Spectrum

BINS = 9


def spectrum(batch: int = 2, frames: int = 12) -> Spectrum:
    return Spectrum(*(tf.random.stateless_normal([batch, frames, BINS], [n, 3]) for n in (0, 1)))


def built(causal: bool = False, gain: float = 1.0) -> RestoredBins:
    keras.utils.set_random_seed(0)
    network = RestoredBins(BINS, channels=8, blocks=2, kernel=5, causal=causal)
    network(spectrum(1, 1))
    for weight in network.weights:
        if "kernel" in weight.name:
            noise = tf.random.stateless_normal(weight.shape, [0, 1], stddev=0.1 * (gain - 1))
            weight.assign(gain * weight + noise)
    return network


def test_parameter_count():
    network = RestoredBins(257)
    network(Spectrum(*(tf.zeros([1, 1, 257]) for _ in range(2))))
    assert network.count_params() == 1_433_809


def test_what_comes_in_goes_out_at_first():
    given = spectrum()
    for level in (1.0, 0.01):
        low = Spectrum(*(level * part for part in given))
        restored = built()(low)
        error = np.sqrt(np.mean(np.square(restored.real - low.real)))
        assert error < 0.05 * np.std(low.real)


def silent(network: RestoredBins, noise: float = -50.0) -> RestoredBins:
    """Without a generated spectrum or details, and with another level of noise."""
    network.nearby.kernel.assign(tf.zeros_like(network.nearby.kernel))
    network.amplitude.bias.assign(tf.fill([BINS], -50.0))
    network.noise.bias.assign(tf.fill([BINS], noise))
    return network


def test_the_factor_is_complex():
    """One of i turns each bin by a quarter."""
    network, low = silent(built()), spectrum()
    network.factor_real.bias.assign(tf.fill([BINS], -1.0))
    network.factor_imag.bias.assign(tf.ones([BINS]))
    turned = network(low)
    np.testing.assert_allclose(turned.real, -low.imag, rtol=0, atol=1e-6)
    np.testing.assert_allclose(turned.imag, low.real, rtol=0, atol=1e-6)


def test_the_gain_is_wiener_s():
    """Noise as strong as a bin takes half of it away, and loud bins stay."""
    network = silent(built(), noise=-RestoredBins.initial_noise)
    network.noise.kernel.assign(tf.zeros_like(network.noise.kernel))
    equal = Spectrum(tf.ones([1, 3, BINS]), tf.zeros([1, 3, BINS]))
    np.testing.assert_allclose(network(equal).real, 0.5, rtol=1e-3)
    loud = equal.real * np.where(np.arange(BINS) == 4, 100.0, 1.0)
    network.floor.kernel.assign(tf.zeros_like(network.floor.kernel))
    kept = network(Spectrum(tf.constant(loud, tf.float32), equal.imag)).real / loud
    noise = 100 ** (2 / BINS)  # the mean log power
    np.testing.assert_allclose(kept[0, 0, 4], 1 / (1 + noise / 1e4), rtol=1e-3)
    np.testing.assert_allclose(kept[0, 0, 0], 1 / (1 + noise), rtol=1e-3)


def test_noise_is_counted_from_a_moving_mean():
    """What is always as loud as noise goes, wherever it lies; a sound above it stays."""
    network = silent(built(), noise=-RestoredBins.initial_noise)
    network.noise.kernel.assign(tf.zeros_like(network.noise.kernel))
    hum = np.where(np.arange(BINS) == 4, 10.0, 0.1) * np.ones([1, 101, 1])
    hum[:, 50, 2] *= 1000
    kept = network(Spectrum(tf.constant(hum, tf.float32), tf.zeros(hum.shape))).real / hum
    np.testing.assert_allclose(kept[0, 20], 0.5, atol=0.01)
    assert kept[0, 50, 2] > 0.99


def test_empty_bins_can_be_filled_and_silence_stays_silent():
    network, low = built(), spectrum()
    half = tf.cast(tf.range(BINS) < BINS // 2, tf.float32)
    low = Spectrum(*(half * part for part in low))
    made = network(low).power[..., BINS // 2 :]
    network.amplitude.bias.assign_add(tf.ones([BINS]))
    louder = network(low).power[..., BINS // 2 :]
    np.testing.assert_allclose(louder / made, np.exp(2), rtol=1e-3)
    silent = network(Spectrum(*(tf.zeros_like(part) for part in low)))
    assert np.sqrt(np.max(silent.power)) < 1e-4


def test_every_weight_learns_from_the_first_step():
    network = built()
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(part**3) for part in network(spectrum())])
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert np.any(gradient) and np.all(np.isfinite(gradient))


@pytest.fixture(scope="module")
def causal() -> RestoredBins:
    return built(causal=True, gain=2)


@given(splits=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_step_by_step_equals_the_whole(causal, splits, steps_equal_the_whole):
    steps_equal_the_whole(causal, spectrum(2, sum(splits)), splits)
