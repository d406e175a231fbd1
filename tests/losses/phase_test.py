"""Distances of phases, by definition; the recorded ones are compared with AP-BWE's network."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfsr.losses.phase import (
    StftPhase,
    amplitude_distance,
    anti_wrapped,
    complex_distance,
    phase_distance,
)
from tfsr.signal.polar import Polar, PolarStft
from tfsr.signal.stft import Spectrum


def polar(phase: np.ndarray, log_amplitude: np.ndarray | float = 0.0) -> Polar:
    parts = log_amplitude + np.zeros_like(phase), np.cos(phase), np.sin(phase)
    return Polar(*(tf.constant(part, tf.float32) for part in parts))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(angle=st.floats(-50, 50))
def test_anti_wrapping_is_the_distance_to_whole_turns(angle):
    expected = abs(np.angle(np.exp(1j * angle)))
    np.testing.assert_allclose(anti_wrapped(tf.constant(angle)), expected, atol=1e-5)


def test_anti_wrapping_has_a_gradient_of_one():
    angles = tf.constant([-4.0, -2.0, -0.1, 0.1, 2.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(angles)
        distance = anti_wrapped(angles)
    np.testing.assert_array_equal(tape.gradient(distance, angles), [1, -1, -1, 1, 1, -1])


@given(offset=st.floats(-3, 3), turns=st.integers(-1, 1))
def test_a_constant_offset_changes_the_phase_alone(offset, turns):
    phase = 3 * noise(2, 6, 5)
    distance = phase_distance(polar(phase), polar(phase + offset + 2 * np.pi * turns))
    np.testing.assert_allclose(distance, abs(offset), atol=1e-4)


def test_slopes_over_bins_and_over_frames_count_once_each():
    frames, bins = np.meshgrid(np.arange(4.0), np.arange(3.0), indexing="ij")
    flat = polar(np.zeros([1, 4, 3]))
    for slope in (frames, bins):
        tilted = phase_distance(flat, polar(0.5 * slope[np.newaxis]))
        np.testing.assert_allclose(tilted, [np.mean(0.5 * slope) + 0.5], rtol=1e-5)


def test_each_example_has_its_own():
    first, second = polar(3 * noise(2, 4, 3), noise(2, 4, 3)), polar(noise(2, 4, 3), 1.0)
    distances = [
        amplitude_distance(first, second),
        phase_distance(first, second),
        complex_distance(first.spectrum, second.spectrum),
    ]
    for number, distance in enumerate(distances):
        assert distance.shape == (2,) and abs(distance[0] - distance[1]) > 1e-3, number
    for number in range(2):
        pair = [Polar(*(part[number : number + 1] for part in x)) for x in (first, second)]
        np.testing.assert_allclose(phase_distance(*pair)[0], distances[1][number], rtol=1e-5)


def test_mean_squares():
    first, second = polar(np.zeros([1, 2, 2]), 1.5), polar(np.zeros([1, 2, 2]), 1.0)
    np.testing.assert_allclose(amplitude_distance(first, second), [0.25])
    parts = Spectrum(*noise(2, 1, 3, 4)), Spectrum(*noise(2, 1, 3, 4, seed=1))
    expected = np.mean((np.stack(parts[0]) - np.stack(parts[1])) ** 2)
    np.testing.assert_allclose(complex_distance(*parts), [expected], rtol=1e-5)


def test_of_waveforms_it_is_that_of_their_spectra():
    high, estimate = noise(2, 2048), noise(2, 2048, seed=1)
    transform = PolarStft(512, 128, 512)
    expected = phase_distance(transform(high), transform(estimate))
    np.testing.assert_allclose(StftPhase()(high, estimate), expected, rtol=1e-3)
    np.testing.assert_allclose(StftPhase()(high, high), [0, 0], atol=1e-6)


def test_silence_has_no_phase_to_learn_from():
    high, estimate = noise(1, 2048), tf.Variable(tf.zeros([1, 2048]))
    with tf.GradientTape() as tape:
        distance = StftPhase()(high, estimate)
    assert np.isfinite(distance.numpy()).all()
    np.testing.assert_array_equal(tape.gradient(distance, estimate), np.zeros([1, 2048]))
