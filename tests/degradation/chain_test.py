from dataclasses import dataclass

import numpy as np
import pytest

from tfsr.degradation.base import Degradation
from tfsr.degradation.chain import Chain, OneOf
from tfsr.degradation.decimation import Decimate, KaiserBest, Polyphase
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
