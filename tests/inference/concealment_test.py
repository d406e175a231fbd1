"""Lost samples, of tones and of speech."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.inference.concealment import Concealment

PACKET = 160


def heard(audio: np.ndarray, lost: set[int], packet: int = PACKET) -> np.ndarray:
    """What is heard when these packets do not come."""
    concealment = Concealment(8000)
    parts = np.split(audio, range(packet, len(audio), packet))
    return np.concatenate(
        [
            concealment.lost(len(part)) if number in lost else concealment.came(part)
            for number, part in enumerate(parts)
        ]
    )


def tone(pitch_hz: float, samples: int) -> np.ndarray:
    places = np.arange(samples) / 8000
    waves = [np.sin(2 * np.pi * pitch_hz * k * places + k) / k for k in range(1, 8)]
    return 0.2 * np.sum(waves, axis=0).astype(np.float32)


def test_what_comes_is_left_as_it_is(speech):
    np.testing.assert_array_equal(heard(speech, set()), speech)


@pytest.mark.parametrize("pitch_hz", [80, 125, 200, 320])
def test_a_tone_goes_on(pitch_hz):
    audio = tone(pitch_hz, 1600)
    made = heard(audio, {5}, 80)
    lost = slice(5 * 80, 6 * 80)
    assert np.sum((made[lost] - audio[lost]) ** 2) < 0.01 * np.sum(audio[lost] ** 2)


def test_what_comes_after_it_is_left_as_it_is_soon(speech):
    made = heard(speech, {100, 101})
    np.testing.assert_array_equal(made[: 100 * PACKET], speech[: 100 * PACKET])
    joined = 102 * PACKET + 64
    np.testing.assert_array_equal(made[joined:], speech[joined:])


def test_it_becomes_silent():
    made = heard(tone(125, 3200), set(range(10, 20)))
    loss = made[1600:]
    assert np.std(loss[:80]) > 0.9 * np.std(made[:1600]) and not loss[480:].any()
    assert np.std(loss[320:400]) < 0.5 * np.std(loss[:80])


@pytest.mark.parametrize(("share", "burst"), [(0.05, 1), (0.1, 1), (0.1, 3), (0.05, 10)])
def test_no_joint_clicks(speech, share, burst):
    """Where a loss begins and ends, steps are no larger than one in a thousand of speech."""
    packets = len(speech) // PACKET
    begins = np.flatnonzero(np.random.default_rng(1).random(packets) < share / burst)
    lost = {number + more for number in begins for more in range(burst)}
    assert len(lost) > 0.5 * share * packets
    steps = np.abs(np.diff(heard(speech, lost)))
    allowed = np.percentile(np.abs(np.diff(speech)), 99.9)
    edges = [n for n in range(1, packets) if (n in lost) != (n - 1 in lost)]
    joints = np.concatenate([steps[n * PACKET - 1 : n * PACKET + 64] for n in edges])
    # As rare as in speech, of which a burst may be loud.
    assert np.percentile(joints, 99.9) <= allowed
    assert np.max([steps[n * PACKET - 1] for n in edges]) <= allowed


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20))
def test_how_it_is_cut_does_not_matter(cuts):
    audio, concealments = tone(110, 2000), (Concealment(8000), Concealment(8000))
    for one in concealments:
        one.came(audio[:800])
        one.lost(200)
    whole = concealments[0].came(audio[1000:])
    parts = np.split(audio[1000:], np.cumsum(cuts))
    cut = np.concatenate([concealments[1].came(part) for part in parts])
    np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-6)


def test_a_loss_before_anything_is_silence():
    concealment = Concealment(8000)
    assert not concealment.lost(500).any()
    assert concealment.came(np.ones(200, np.float32))[-1] == 1


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_at_any_rate(rate):
    concealment = Concealment(rate)
    audio = np.sin(2 * np.pi * 150 * np.arange(rate) / rate).astype(np.float32)
    concealment.came(audio[: rate // 2])
    made = concealment.lost(rate // 100)
    np.testing.assert_allclose(made, audio[rate // 2 :][: rate // 100], rtol=0, atol=0.1)
