import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from tfsr.data.bundled import Bundled
from tfsr.signal.damage import Ceilings, Damage, DamageMeter, worst

RATE = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Three speakers, at a common level, float64 [time]."""
    parts = [one.read(RATE) for one in Bundled().recordings("test")[:3]]
    return np.concatenate([part / np.max(np.abs(part)) for part in parts]).astype(np.float64)


def measured(x: np.ndarray, blocks: int = 5) -> Damage:
    meter = DamageMeter(RATE)
    seen = list(meter.watched(np.array_split(x[:, np.newaxis], blocks)))
    assert sum(map(len, seen)) == len(x)
    return meter.damage


@pytest.mark.parametrize("level_db", [-50, -40, -30])
def test_noise_in_pauses(speech, level_db):
    noise = np.random.default_rng(0).normal(0, 10 ** (level_db / 20), len(speech))
    pauses = np.zeros(2 * RATE)
    found = measured(np.concatenate([speech, pauses]) + np.pad(noise, (0, 2 * RATE), "wrap"))
    assert found.noise_db == pytest.approx(level_db, abs=1.5)


def test_digital_silence_is_no_pause(speech):
    alone = measured(speech)
    edited = measured(np.concatenate([speech, np.zeros(len(speech))]))
    assert (edited.noise_db, edited.speech_db) == (alone.noise_db, alone.speech_db)


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_clipped_samples(speech, limit, gain):
    """Also of what was made softer afterwards."""
    clipped = np.clip(speech, -limit, limit)
    share = np.mean(np.abs(speech) >= limit)
    assert measured(gain * clipped).clipped == pytest.approx(share, rel=0.15)


def test_ceilings_may_differ(speech):
    found = measured(np.clip(speech, -0.1, 0.2))
    share = np.mean((speech <= -0.1) | (speech >= 0.2))
    assert found.ceilings == Ceilings(0.1, 0.2)
    assert found.clipped == pytest.approx(share, rel=0.15)
    assert measured(np.minimum(speech, 0.2)).ceilings == Ceilings(np.inf, 0.2)


def test_speech_is_not_clipped(speech):
    assert measured(speech).clipped < 1e-3
    assert measured(speech).ceilings is None
    few_bits = np.round(speech * 128) / 128
    assert measured(few_bits * 0.01).ceilings is None
    for hertz in 100, 1000:
        assert measured(np.sin(2 * np.pi * hertz / RATE * np.arange(RATE))).clipped == 0


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9])
def test_reverberation(speech, seconds):
    time = np.arange(RATE) / RATE
    room = np.random.default_rng(0).normal(0, 1, RATE) * 10 ** (-3 * time / seconds)
    found = measured(signal.fftconvolve(speech, room))
    assert found.reverberation_s == pytest.approx(seconds, abs=0.3)
    assert measured(speech).reverberation_s < found.reverberation_s


def test_in_noise_reverberation_is_not_known(speech):
    noise = np.random.default_rng(0).normal(0, np.std(speech), len(speech))
    assert measured(speech + noise).reverberation_s is None


@given(blocks=st.integers(1, 40))
def test_blocks_do_not_matter(blocks):
    x = np.clip(np.random.default_rng(0).normal(0, 0.5, 3000), -0.3, 0.3)
    one, other = measured(x, blocks), measured(x, 1)
    assert one == other


def test_little_or_nothing():
    for x in np.zeros(0), np.zeros(5), np.zeros(RATE):
        assert measured(x, 1) == Damage(None, None, 0.0, None)


def test_the_worst_channel():
    assert worst([]) is None
    quiet, loud = Damage(-60.0, -20.0, 0.0, None), Damage(-40.0, None, 0.1, 0.3)
    assert worst([quiet, loud]) == Damage(-40.0, -20.0, 0.05, 0.3)
