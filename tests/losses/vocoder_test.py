"""The losses of a vocoder against what reconstructions of its trainer give."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.losses.vocoder import MelDistance, MultiResolutionStft, TimeDomain
from tfsr.signal.mel import MelSpectrogram, log_mel, mel_areas

RECORDED = np.load(Path(__file__).parents[1] / "fixtures" / "voicefixer_vocoder_losses.npz")
HIGH, ESTIMATE = (RECORDED[name][np.newaxis] for name in ("ref", "est"))
VALUES = json.loads(str(RECORDED["values"]))
SMALL = MultiResolutionStft(((64, 32, 128), (20, 10, 32)))
MEL = MelSpectrogram(rate=8000, n_fft=64, hop_length=16, bands=8)
ALL = [TimeDomain(), TimeDomain(sample_phase=True), SMALL, MelDistance(MEL), MelDistance(MEL, True)]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "recorded"), [("time", "time_seg"), ("energy", "time_energy"), ("phase", "time_phase")]
)
def test_losses_in_time_equal_the_recorded_ones(name, recorded):
    losses = TimeDomain()(HIGH, ESTIMATE)
    np.testing.assert_allclose(losses[name], VALUES[recorded], rtol=1e-5)


def test_losses_in_time_with_the_phase_of_samples_equal_the_recorded_sum():
    losses = TimeDomain(sample_phase=True)(HIGH, ESTIMATE)
    total = sum(losses[name] for name in TimeDomain.names)
    np.testing.assert_allclose(total, VALUES["rishikksh20_time_total"], rtol=1e-5)


def test_distances_of_powers_equal_the_recorded_ones():
    for *resolution, magnitude, convergence in VALUES["stft_rows_win_hop_fft_logpowerL1_scpower"]:
        losses = MultiResolutionStft([resolution], power=True)(HIGH, ESTIMATE)
        np.testing.assert_allclose(losses["magnitude"], magnitude, rtol=1e-5)
        np.testing.assert_allclose(losses["convergence"], convergence, rtol=1e-5)


def test_the_default_resolutions_are_the_recorded_ones():
    rows = VALUES["stft_rows_win_hop_fft_logpowerL1_scpower"]
    assert MultiResolutionStft().resolutions == tuple(tuple(row[:3]) for row in rows)


def test_distances_of_half_the_amplitude():
    """In magnitude a half, in power a quarter."""
    high, one = noise(2, 500), SMALL.resolutions[:1]
    losses = MultiResolutionStft(one)(high, 0.5 * high)
    np.testing.assert_allclose(losses["convergence"], 0.5, rtol=1e-4)
    np.testing.assert_allclose(losses["magnitude"], np.log(2), rtol=1e-3)
    losses = MultiResolutionStft(one, power=True)(high, 0.5 * high)
    np.testing.assert_allclose(losses["convergence"], 0.75, rtol=1e-4)
    np.testing.assert_allclose(losses["magnitude"], np.log(4), rtol=1e-3)


def test_resolutions_are_summed_or_averaged():
    high, estimate = noise(2, 500), noise(2, 500, seed=1)
    single = [MultiResolutionStft([one])(high, estimate) for one in SMALL.resolutions]
    averaged = MultiResolutionStft(SMALL.resolutions, averaged=True)(high, estimate)
    for name, total in SMALL(high, estimate).items():
        np.testing.assert_allclose(total, single[0][name] + single[1][name], rtol=1e-5)
        np.testing.assert_allclose(averaged[name], total / 2, rtol=1e-5)


def test_distances_of_mels():
    high, estimate = noise(2, 500), noise(2, 500, seed=1)
    mels = [MEL(x).numpy() for x in (high, estimate)]
    expected = np.abs(log_mel(mels[0]) - log_mel(mels[1])).mean(axis=(1, 2))
    np.testing.assert_allclose(MelDistance(MEL)(high, estimate)["mel"], expected, rtol=1e-5)
    divided = (mels[0] - mels[1]) / mel_areas(8000, 8)
    expected = np.square(divided).mean(axis=(1, 2))
    np.testing.assert_allclose(MelDistance(MEL, True)(high, estimate)["mel"], expected, rtol=1e-4)


@pytest.mark.parametrize("distances", ALL)
def test_zero_for_equal_signals_and_each_example_by_itself(distances):
    high, estimate = noise(3, 1500), noise(3, 1500, seed=1)
    estimate[1] = high[1]
    losses = distances(high, estimate)
    assert tuple(losses) == distances.names
    for name, values in losses.items():
        assert values.shape == (3,)
        np.testing.assert_allclose(values[1], 0.0, atol=1e-6)
        assert values[0] > 0
        alone = distances(high[2:], estimate[2:])[name]
        np.testing.assert_allclose(values[2:], alone, rtol=1e-4)


@pytest.mark.parametrize("distances", ALL)
@pytest.mark.parametrize("silent", ["high", "estimate", "both"])
def test_gradients_are_finite_at_silence(distances, silent):
    high = tf.constant(noise(1, 1500) * (silent == "estimate"))
    x = tf.constant(noise(1, 1500, seed=1) * (silent == "high"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.add_n(list(distances(high, x).values()))
    assert np.isfinite(tape.gradient(loss, x)).all()
