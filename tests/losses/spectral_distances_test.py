import librosa
import numpy as np
import pytest
import tensorflow as tf

from tfsr.losses.spectral_distances import CompressedStft, LogMelPower, LogStft, MelLoudness
from tfsr.signal.stft import stft


def signals():
    random = np.random.default_rng(0)
    return random.normal(0, 0.1, [2, 4096]).astype(np.float32), random.normal(
        0, 0.05, [2, 4096]
    ).astype(np.float32)


def test_one_resolution_is_a_mean_of_differences():
    high, estimate = signals()
    powers = [np.abs(stft(x, 512, 128).numpy()) ** 2 for x in (high, estimate)]
    logs = [np.log10(power + 1e-8) for power in powers]
    expected = np.abs(logs[0] - logs[1]).mean(axis=(1, 2))
    np.testing.assert_allclose(LogStft((512,))(high, estimate), expected, rtol=1e-4)


def test_zero_for_equal_signals_and_two_for_a_tenth_of_the_amplitude():
    high, _ = signals()
    loss = LogStft((256, 512), floor=0.0)
    np.testing.assert_allclose(loss(high, high), 0.0)
    np.testing.assert_allclose(loss(high, 0.1 * high), 2.0, rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_compressed_spectra_are_compared_with_phases_and_without(share):
    high, estimate = signals()
    original, made = (
        np.abs(x) ** 0.3 * np.exp(1j * np.angle(x))
        for x in (stft(signal, 512, 128).numpy() for signal in (high, estimate))
    )
    with_phases = np.mean(np.abs(original - made) ** 2, axis=(1, 2))
    without = np.mean((np.abs(original) - np.abs(made)) ** 2, axis=(1, 2))
    loss = CompressedStft((512,), complex_share=share, floor=1e-12)(high, estimate)
    np.testing.assert_allclose(loss, share * with_phases + (1 - share) * without, rtol=1e-4)


def test_compressed_silence_has_a_gradient():
    silent = tf.zeros([1, 2048])
    with tf.GradientTape() as tape:
        tape.watch(silent)
        loss = CompressedStft()(signals()[0][:1, :2048], silent)
    assert np.all(np.isfinite(tape.gradient(loss, silent)))


def test_powers_of_mel_bands_are_compared():
    high, estimate = signals()
    levels = []
    for x in (high, estimate):
        power = np.abs(stft(x, 512, 128).numpy()) ** 2
        bands = librosa.filters.mel(sr=16000, n_fft=512, n_mels=40, htk=True, norm=None)
        levels.append(np.log10(power @ bands.T + 1e-5))
    expected = np.abs(levels[0] - levels[1]).mean(axis=(1, 2))
    loss = LogMelPower(16000, ((512, 40),))(high, estimate)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_of_noise_that_is_as_loud_as_another_powers_of_bands_tell_least():
    """Bins of two noises differ however loud these are, which bands do not much."""
    first, second = (np.random.default_rng(seed).normal(0, 0.1, [1, 16384]) for seed in (1, 2))
    pair = np.float32(first), np.float32(second)
    bands, bins = LogMelPower(16000)(*pair)[0], LogStft()(*pair)[0]
    assert bands < 0.6 * bins


def test_loudness_is_the_fourth_root_of_power():
    """A sixteenth of the power is half as loud, at any level."""
    high, _ = signals()
    loss = MelLoudness(16000, floor=1e-12)
    for level in (1.0, 0.1):
        np.testing.assert_allclose(loss(level * high, level * high / 4), 0.5, rtol=1e-3)


def test_an_error_counts_as_much_as_it_is_loud():
    """One of 10 dB in a frame that is 40 dB softer counts less; a distance of logarithms cannot."""
    first, _ = signals()
    high = np.concatenate([first, 0.01 * first], axis=1)
    pairs = [
        np.concatenate([of_loud * high[:, :4096], of_soft * high[:, 4096:]], axis=1)
        for of_loud, of_soft in ((0.316, 1.0), (1.0, 0.316))
    ]
    loudness, logs = MelLoudness(16000, floor=1e-12), LogMelPower(16000, floor=0.0)
    assert np.all(loudness(high, pairs[0]) > 5 * loudness(high, pairs[1]))
    np.testing.assert_allclose(logs(high, pairs[0]), logs(high, pairs[1]), rtol=0.15)


@pytest.mark.parametrize(
    ("gain", "factor"),
    [(0.25, 0.0), (1.5, 0.0), (2.0, 4**1.2), (4.0, 12.0)],  # power below 3, between, beyond 12
)
def test_what_is_added_counts_for_more(gain, factor):
    high, _ = signals()
    alike, added = (MelLoudness(16000, floor=1e-12, asymmetry=share) for share in (0.0, 0.5))
    distances = [loss(high, gain * high) for loss in (alike, added)]
    np.testing.assert_allclose(distances[1], (1 + 0.5 * factor) * distances[0], rtol=1e-4)


def test_a_level_that_beats_is_not_too_loud_on_the_mean():
    """Its crests, of 3.5 times the power, count for more where single frames are looked at."""
    high, _ = signals()
    seconds = np.arange(high.shape[1]) / 16_000
    power = 1.8 * (1 + 0.9 * np.sin(2 * np.pi * 20 * seconds))
    beating = high * np.sqrt(power).astype(np.float32)
    alike, of_frames, of_means = (
        MelLoudness(16_000, ((256, 24),), 1e-12, asymmetry, span)(high, beating)
        for asymmetry, span in ((0.0, 0.1), (0.5, 0.0), (0.5, 0.1))
    )
    assert np.all(of_means < 1.01 * alike)  # at the ends means are of fewer frames
    assert np.all(of_frames > 1.1 * alike)


@pytest.mark.parametrize(
    "loss",
    [
        *(LogStft(), LogMelPower(16000), MelLoudness(16000)),
        MelLoudness(16000, asymmetry=0.5),
    ],
)
@pytest.mark.parametrize("estimate", [np.zeros, np.ones])
def test_gradient_is_finite_even_at_silence(estimate, loss):
    high, _ = signals()
    x = tf.constant(estimate(high.shape, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        distance = loss(high, x)
    assert np.isfinite(tape.gradient(distance, x)).all()
