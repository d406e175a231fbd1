from dataclasses import dataclass

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.base import Degradation
from tfsr.degradation.chain import AtRate, Chain, OneOf
from tfsr.degradation.codec import G711, Gsm, Mp3, Opus
from tfsr.degradation.decimation import Decimate, KaiserBest, Polyphase
from tfsr.degradation.effects import Sometimes
from tfsr.degradation.lowpass import NoFilter
from tfsr.errors import UserError


@dataclass(frozen=True)
class Noise(Degradation):
    """Stays at its rate, and notes which that was in the noise's size."""

    size: float = 1.0
    changes_rate = False
    context = 7

    def __call__(self, high, output_rate, input_rate, rng):
        assert output_rate == input_rate
        return high + self.size * output_rate * rng.standard_normal(len(high))


def high(time: int = 240) -> np.ndarray:
    return np.random.default_rng(9).standard_normal(time)


def degrade(degradation, seed=0, output_rate=16000, input_rate=8000):
    return degradation(high(), output_rate, input_rate, np.random.default_rng(seed))


def test_stages_run_at_the_rate_of_their_place():
    before = degrade(Chain([Noise(), Decimate(NoFilter())]))
    noise = 16000 * np.random.default_rng(0).standard_normal(240)
    np.testing.assert_allclose(before, (high() + noise)[::2])
    after = degrade(Chain([Decimate(NoFilter()), Noise()]))
    noise = 8000 * np.random.default_rng(0).standard_normal(120)
    np.testing.assert_allclose(after, high()[::2] + noise)


def test_a_chain_of_one_equals_its_stage():
    np.testing.assert_array_equal(degrade(Chain([Decimate()])), degrade(Decimate()))


def test_chains_and_choices_nest():
    nested = Chain([OneOf([Noise(0), Noise(0)]), OneOf([Chain([Noise(0), Decimate()])]), Noise(0)])
    np.testing.assert_array_equal(degrade(nested), degrade(Decimate()))
    assert nested.context == 7 + (7 + Decimate().context) + 7


def test_a_chain_that_stays_at_its_rate():
    effects = Chain([Noise(0), Noise(0)])
    assert not effects.changes_rate
    np.testing.assert_array_equal(degrade(effects, input_rate=16000), high())
    with pytest.raises(UserError, match="none that goes from 16000 to 8000 Hz"):
        degrade(effects)


def test_two_changes_of_rate_are_refused():
    with pytest.raises(UserError, match="two stages"):
        Chain([Decimate(), Noise(), Chain([Polyphase()])])


def test_one_of_takes_each_as_often_as_its_weight_says():
    choices = [Decimate(), KaiserBest(), Polyphase()]
    outcomes = [degrade(choice) for choice in choices]
    counts = np.zeros(3)
    for seed in range(300):
        low = degrade(OneOf(choices, weights=[2, 0, 1]), seed)
        counts[[np.array_equal(low, outcome) for outcome in outcomes].index(True)] += 1
    assert counts[1] == 0
    assert 170 < counts[0] < 230


def test_one_of_takes_all_alike_without_weights():
    choices = [Decimate(), Decimate(NoFilter())]
    filtered = [
        np.array_equal(degrade(OneOf(choices), seed), degrade(Decimate())) for seed in range(100)
    ]
    assert 30 < sum(filtered) < 70


def test_the_seed_decides():
    degradation = OneOf([Chain([Noise(), Decimate()]), Chain([Polyphase(), Noise()])])
    for seed in range(5):
        np.testing.assert_array_equal(degrade(degradation, seed), degrade(degradation, seed))
    assert not np.array_equal(degrade(degradation, 0), degrade(degradation, 1))


def test_context_of_a_choice_is_the_largest():
    assert OneOf([Decimate(NoFilter()), Polyphase(), Decimate()]).context == Decimate().context


@pytest.mark.parametrize(
    "choices, weights, message",
    [
        ([], None, "one entry at least"),
        ([Decimate(), Noise()], None, "must change the rate or none"),
        ([Decimate(), Polyphase()], [1], "2 choices and 1 weights"),
        ([Decimate(), Polyphase()], [1, -1], "not be negative"),
        ([Decimate(), Polyphase()], [0, 0], "one at least positive"),
    ],
)
def test_mistakes_in_a_choice(choices, weights, message):
    with pytest.raises(UserError, match=message):
        OneOf(choices, weights)


UNCHANGED = Sometimes(0.0, Noise())
TELEPHONES = [AtRate(8000, G711()), AtRate(8000, Gsm()), AtRate(16000, Opus())]


def syllables(rate: int) -> np.ndarray:
    """A second of bursts of noise between 200 Hz and 3.2 kHz."""
    sections = scipy.signal.butter(2, (200, 3200), "bandpass", fs=rate, output="sos")
    noise = scipy.signal.sosfilt(sections, np.random.default_rng(3).standard_normal(rate))
    return 0.1 * noise * (1 + np.sin(np.arange(rate) * 2 * np.pi * 4 / rate))


@pytest.mark.parametrize("degradation", TELEPHONES, ids=repr)
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_a_telephone_within_any_rate_makes_nothing_late(degradation, rate):
    signal = syllables(rate)
    heard = degrade_at(degradation, signal, rate)
    assert np.argmax(scipy.signal.correlate(heard, signal)) == len(signal) - 1
    error = np.linalg.norm(heard - signal) / np.linalg.norm(signal)
    assert 1e-3 < error < 0.9


def degrade_at(degradation, signal, rate, seed=0):
    return degradation(signal, rate, rate, np.random.default_rng(seed))


@pytest.mark.parametrize("degradation", [*TELEPHONES, AtRate(48000, Noise())], ids=repr)
@given(
    time=st.integers(1, 2000),
    rate=st.sampled_from([8000, 11025, 16000, 48000]),
    seed=st.integers(0, 99),
)
def test_length_stays_at_another_rate(degradation, time, rate, seed):
    heard = degrade_at(degradation, high(time), rate, seed)
    assert heard.shape == (time,) and heard.dtype == np.float64 and np.isfinite(heard).all()
    np.testing.assert_array_equal(heard, degrade_at(degradation, high(time), rate, seed))


def test_it_is_called_at_that_rate():
    noise = degrade_at(AtRate(8000, Noise()), np.zeros(96000), 48000)
    assert np.std(noise) == pytest.approx(8000, rel=0.1)
    power = np.square(np.abs(np.fft.rfft(noise)))
    assert power[2 * 4000 :].sum() < 1e-3 * power.sum()
    same = degrade_at(AtRate(48000, Noise()), high(), 48000)
    np.testing.assert_array_equal(same, degrade_at(Noise(), high(), 48000))


def test_mp3_at_another_rate_is_the_same():
    signal = syllables(44100)
    expected = degrade_at(Mp3(64, 48000), signal, 44100)
    np.testing.assert_array_equal(degrade_at(AtRate(48000, Mp3(64)), signal, 44100), expected)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_patch_with_its_context_is_as_in_the_whole(rate):
    degradation = AtRate(8000, UNCHANGED)
    signal, context = syllables(rate), degradation.context
    assert context == 6 * (7 + 64)
    whole = degrade_at(degradation, signal, rate)
    patch = degrade_at(degradation, signal[1200 : 1300 + 2 * context], rate)
    inside = slice(context, context + 100)
    np.testing.assert_allclose(patch[inside], whole[1200:][inside], atol=1e-4)
    assert AtRate(96000, UNCHANGED).context == 7 + 64


def test_another_rate_within_a_change_of_rate_is_refused():
    with pytest.raises(UserError, match="AtRate.degradation changes the rate"):
        AtRate(8000, Decimate())
