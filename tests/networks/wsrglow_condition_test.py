"""The condition of WSRGlow's steps, of the low-rate signal, against definitions."""

import numpy as np
import pytest
import tensorflow as tf

from tfsr.networks.wsrglow import WSRGlow


def sound(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(0, 0.1, shape), tf.float32)


@pytest.mark.parametrize(
    ("options", "names", "features"),
    [
        ({}, {"waveform", "magnitude", "phase"}, 8 * 256 + 9 + 9 * 50),
        ({"waveform_embedding": 400}, {"waveform", "magnitude", "phase"}, 3659),
        ({"ratio": 4}, {"waveform", "magnitude", "phase"}, 1279),
        ({"ratio": 3, "group": 24}, {"waveform", "magnitude", "phase"}, 2507),
        ({"magnitude": False}, {"waveform", "phase"}, 8 * 256 + 9 * 50),
        ({"phase": False}, {"waveform", "magnitude"}, 8 * 256 + 9),
        ({"magnitude": False, "phase": False}, {"waveform"}, 8 * 256),
    ],
)
def test_what_the_condition_consists_of(options, names, features):
    network = WSRGlow(**options)
    condition = network.condition(sound(2, 5 * network.hop))
    assert set(condition) == names and network.encoder.features == features
    for name, values in condition.items():
        assert values.shape == (2, 5, network.hop + (name != "waveform"))
        assert values.dtype == tf.float32
    assert network.encoder(condition).shape == (2, 5, features)


def test_silence_is_in_the_middle_of_the_codes():
    condition = WSRGlow().condition(tf.zeros([1, 80]))
    np.testing.assert_array_equal(condition["waveform"], np.full([1, 10, 8], 128))
    np.testing.assert_array_equal(condition["magnitude"], np.zeros([1, 10, 9]))
    np.testing.assert_array_equal(condition["phase"], np.full([1, 10, 9], 60))


def test_phases_of_real_bins_do_not_depend_on_rounding():
    """The first frame is symmetric, and the outermost bins have no imaginary part."""
    for seed in range(5):
        phases = WSRGlow().condition(sound(3, 800, seed=seed))["phase"].numpy()
        for real in (phases[:, 0], phases[..., 0], phases[..., -1]):
            assert set(np.unique(real)) == {60, 119}


def test_phases_of_tones():
    network, time = WSRGlow(), np.arange(160)
    for shift in np.deg2rad([-178.0, -91, -1, 1, 45.7, 88, 178]):
        tone = np.cos(2 * np.pi * 3 / 16 * time + shift)
        phase = network.condition(tf.constant(tone[np.newaxis], tf.float32))["phase"]
        # Frame t begins at sample 8 * t - 8.
        at_begin = shift + 2 * np.pi * 3 / 16 * (8 * np.arange(1, 20) - 8)
        expected = np.floor((np.angle(np.exp(1j * at_begin)) / np.pi + 1) * 60)
        np.testing.assert_array_equal(phase[0, 1:, 3], expected)
