"""Where the band of a recording ends."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfsr.signal.band import without_empty_band

FIXTURE = Path(__file__).parents[1] / "fixtures" / "voicefixer_mode1.npz"


def test_the_signal_equals_the_recorded_one():
    recorded = np.load(FIXTURE)
    audio = without_empty_band(recorded["audio"][np.newaxis])[0].numpy()
    assert audio.shape == recorded["audio"].shape
    # The authors lose the samples after the last whole hop; of what is left, every 16th is here.
    every = audio[: len(recorded["output"]) * 16 : 16]
    np.testing.assert_allclose(every, recorded["output"], atol=1e-6)


def test_each_signal_has_its_own_band():
    recorded = np.load(FIXTURE)["audio"][:8000]
    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    both = without_empty_band(np.stack([recorded, noise]))
    for alone, together in zip((recorded, noise), both, strict=True):
        np.testing.assert_allclose(without_empty_band(alone[np.newaxis])[0], together, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 511, 513, 2049])
def test_any_length(samples):
    audio = without_empty_band(tf.ones([2, samples]))
    assert audio.shape == (2, samples) and np.all(np.isfinite(audio))
