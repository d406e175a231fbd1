import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from tfsr.errors import UserError
from tfsr.networks.upper_bins import UpperBins
from tfsr.signal.stft import Spectrum

BINS, UPPER = 9, 7
SMALL = {"outputs": UPPER, "channels": 8, "blocks": 2, "kernel": 5}


def spectrum(batch: int = 2, frames: int = 12, bins: int = BINS) -> Spectrum:
    return Spectrum(*(tf.random.stateless_normal([batch, frames, bins], [n, 2]) for n in (0, 1)))


def built(**options) -> UpperBins:
    keras.utils.set_random_seed(0)
    network = UpperBins(**options)
    network(spectrum(1, 1))
    return network


def loud(causal: bool) -> UpperBins:
    """Weights so large that an error would show."""
    network = built(**SMALL, causal=causal)
    for weight in network.weights:
        if "kernel" in weight.name:
            weight.assign(10 * weight)
    return network


def level(of: Spectrum) -> float:
    return float(10 * np.log10(np.mean(of.power)))


def test_parameter_count():
    network = UpperBins(139)
    network(spectrum(1, 1, 129))
    assert network.count_params() == 436_065


def test_starts_quiet_whatever_the_level_and_with_phases_of_its_own():
    network, known = built(**SMALL), spectrum()
    for gain in (1.0, 0.01):
        given = Spectrum(*(gain * part for part in known))
        upper = network(given)
        assert upper.real.shape == (2, 12, UPPER)
        assert -35 < level(upper) - level(given) < -20
    phases = np.arctan2(upper.imag, upper.real)
    assert np.abs(np.diff(phases, axis=-1)).mean() > 0.5


def test_silence_stays_silent_and_nothing_explodes():
    network = loud(causal=False)
    silent = network(Spectrum(tf.zeros([1, 3, BINS]), tf.zeros([1, 3, BINS])))
    assert np.sqrt(np.max(silent.power)) < 0.1
    network.amplitude.bias.assign(tf.fill([UPPER], 100.0))
    assert np.all(np.isfinite(network(spectrum()).power))


def test_every_weight_learns_from_the_first_step():
    network = built(**SMALL)
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(part**3) for part in network(spectrum())])
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert np.any(gradient) and np.all(np.isfinite(gradient))


@pytest.fixture(scope="module")
def causal() -> UpperBins:
    return loud(causal=True)


@given(splits=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_step_by_step_equals_the_whole(causal, splits, steps_equal_the_whole):
    steps_equal_the_whole(causal, spectrum(2, sum(splits)), splits)


@pytest.mark.parametrize("is_causal, field", [(True, (10, 0)), (False, (5, 5))])
def test_receptive_field(is_causal, field):
    network = loud(is_causal)
    assert (network.receptive_field, network.latency) == (field, field[1])
    known, middle = spectrum(1, 41), 20
    changed = Spectrum(known.real + tf.one_hot([[middle]], 41, axis=1), known.imag)
    differs = np.any(network(known).real != network(changed).real, axis=(0, 2))
    touched = np.flatnonzero(differs)
    assert (touched[0], touched[-1]) == (middle - field[1], middle + field[0])


def test_what_sees_later_frames_does_not_stream():
    with pytest.raises(UserError, match="causal=True"):
        built(**SMALL).initial_state()


def test_spectra_are_float32_in_mixed_precision(mixed_precision):
    network = built(**SMALL)
    known = Spectrum(*(1000 * part for part in spectrum()))
    upper = network(known)
    assert upper.real.dtype == tf.float32
    assert network.trunk.compute_dtype == "float16"
    assert np.all(np.isfinite(upper.power))
