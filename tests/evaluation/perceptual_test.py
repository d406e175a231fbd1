import math

import numpy as np
import pytest

from tfsr.evaluation.metrics import finite_mean
from tfsr.evaluation.perceptual import PesqWideband, Stoi

RATE = 44100


def speech_like(seconds: float) -> np.ndarray:
    """Noise in syllables."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(time.size)
    return 0.1 * noise * np.sin(2 * np.pi * 4 * time) ** 2


def value(metric, reference, estimate, rate=RATE) -> float:
    return metric(reference, estimate, rate, rate / 2)


def test_equal_signals_score_best():
    sound = speech_like(1.0)
    assert value(PesqWideband(), sound, sound) == pytest.approx(4.64, abs=0.01)
    assert value(Stoi(), sound, sound) == pytest.approx(1)


def test_more_noise_scores_worse():
    sound, noise = speech_like(1.0), np.random.default_rng(1).standard_normal(RATE)
    for metric in (PesqWideband(), Stoi()):
        little, much = (value(metric, sound, sound + x * noise) for x in (0.01, 0.1))
        assert much < little < value(metric, sound, sound)


def test_pesq_takes_any_level():
    sound, noise = speech_like(1.0), np.random.default_rng(1).standard_normal(RATE)
    scores = [value(PesqWideband(), x * sound, x * (sound + 0.01 * noise)) for x in (0.1, 1, 10)]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-3)


def test_float32_at_any_rate():
    for metric in (PesqWideband(), Stoi()):
        for rate in (8000, 16000, 48000):
            sound = speech_like(1.0).astype(np.float32)
            assert value(metric, sound, sound, rate) > 0.99


@pytest.mark.parametrize("samples", [1, 2, 100, 300, 2000, 9000])
def test_too_short_to_judge(samples):
    sound = speech_like(1.0)[20000 : 20000 + samples]
    assert value(PesqWideband(), sound, sound) == -math.inf
    assert value(Stoi(), sound, sound) == -math.inf


def test_pesq_of_silence_is_left_out_of_means():
    sound, silence = speech_like(1.0), np.zeros(RATE)
    for pair in ((silence, sound), (sound, silence), (silence, silence)):
        assert value(PesqWideband(), *pair) == -math.inf
    assert finite_mean([value(PesqWideband(), silence, sound), 2.0]) == 2.0


def test_stoi_of_a_click_is_left_out_of_means():
    click = np.zeros(RATE)
    click[20000] = 1.0
    assert value(Stoi(), click, click) == -math.inf


@pytest.mark.parametrize("metric", [PesqWideband(), Stoi()])
def test_an_estimate_that_is_no_number_is_seen(metric):
    sound = speech_like(1.0)
    for broken in (np.full(RATE, np.nan), np.where(np.arange(RATE) == 9999, np.nan, sound)):
        assert math.isnan(value(metric, sound, broken))
