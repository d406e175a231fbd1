"""Amplitudes and phases against what AP-BWE's authors' code makes of a signal."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.signal.polar import Polar, PolarStft

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = PolarStft(64, 16, 48)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def turned(difference: np.ndarray) -> np.ndarray:
    """Differences of phases in (-pi, pi]."""
    return np.angle(np.exp(1j * np.asarray(difference)))


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "apbwe_frontend.npz")


def test_equals_the_recorded_where_there_is_sound(recorded):
    """Elsewhere it is a matter of rounding: the recorded window differs in its last digits."""
    made = PolarStft()(recorded["wav"])
    assert made.log_amplitude.shape == (1, 41, 513) == (1, 3200 // 80 + 1, PolarStft().bins)
    expected = recorded["log_amplitude"]
    np.testing.assert_allclose(made.log_amplitude[:, ::5], expected, atol=0.01)
    # Bins have 1.8 in the mean, of which a rounding is 1e-5 to 2e-5 of the quietest of these.
    loud = expected > np.log(1e-2)
    assert loud.mean() > 0.5
    np.testing.assert_allclose(made.log_amplitude[:, ::5][loud], expected[loud], atol=1e-4)
    difference = turned(made.phase[:, ::5] - recorded["phase"])[loud]
    np.testing.assert_allclose(difference, 0, atol=1e-4)


def test_the_way_back_equals_the_recorded(recorded):
    transform = PolarStft()
    back = transform.inverse(transform(recorded["wav"]), 3200)
    np.testing.assert_allclose(back, recorded["roundtrip"], atol=1e-5)


@given(time=st.integers(1, 400))
def test_back_again_at_any_length(time):
    """With a smaller floor, for it is heard: amplitudes are larger by 1e-4."""
    transform, x = PolarStft(64, 16, 48, floor=1e-12), noise(2, time)
    polar = transform(x)
    assert polar.phase.shape == (2, 1 + max(time, 33) // 16, 33)
    np.testing.assert_allclose(transform.inverse(polar, time), x, atol=1e-5)


@given(time=st.integers(1, 200))
def test_mirrored_frames_are_real_and_no_phase_is_minus_pi(time):
    phase = SMALL(noise(2, time)).phase.numpy()
    ends = {0, max(time, 33) - 1}
    mirrored = [16 * frame in ends for frame in range(phase.shape[1])]
    assert mirrored[0]
    assert np.all(np.isin(phase[:, mirrored], [0, np.float32(np.pi)]))
    assert np.all(np.isin(phase[:, :, [0, -1]], [0, np.float32(np.pi)]))
    assert phase.min() > -np.pi


def test_silence_has_phase_zero_and_gradients():
    for silence in (tf.zeros([1, 100]), -tf.zeros([1, 100])):
        with tf.GradientTape() as tape:
            tape.watch(silence)
            polar = SMALL(silence)
            again = SMALL.inverse(polar, 100)
        np.testing.assert_array_equal(polar.phase, 0)
        np.testing.assert_allclose(polar.log_amplitude, np.log(1e-4), rtol=1e-6)
        assert np.all(np.isfinite(tape.gradient(again, silence)))


def test_only_the_angle_of_real_and_imag_counts():
    parts = noise(3, 2, 5, 4)
    polar = Polar(*parts)
    spectrum = polar.spectrum
    expected = np.exp(parts[0] + 1j * np.arctan2(parts[2], parts[1]))
    np.testing.assert_allclose(spectrum.real, expected.real, atol=1e-5)
    np.testing.assert_allclose(spectrum.imag, expected.imag, atol=1e-5)
    longer = Polar(parts[0], 3 * parts[1], 3 * parts[2]).spectrum
    np.testing.assert_allclose(longer.real, spectrum.real, atol=1e-5)
    np.testing.assert_array_equal(Polar(*np.zeros([3, 1, 1, 1], np.float32)).spectrum.real, 0)
