import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.upsamplers.interpolation import Interpolation

COLUMNS = ("SNR", "LSD", "LSD-high", "LSD-low")
LONG, SHORT = 40001, 20001
OF_LONG = {
    8: (5.87378, 4.58995, 5.02492, 0.17648),
    12: (10.72128, 3.80806, 4.39502, 0.18805),
    16: (17.08016, 3.15901, 3.86484, 0.18138),
    24: (30.91390, 2.40549, 3.39382, 0.20056),
}
OF_SHORT = {8: (5.65334, 2.80552, 3.07144, 0.10378), 24: (30.51242, 1.48070, 2.09022, 0.10742)}
IN_16_BITS = {
    8: (5.87916, 4.35508, 4.76771, 0.17654),
    12: (10.72934, 3.62538, 4.18404, 0.18764),
    16: (17.08224, 3.01270, 3.68567, 0.18053),
    24: (30.95153, 2.32822, 3.28484, 0.19751),
}


def chosen(scores: dict[str, float]) -> list[float]:
    return [scores[column] for column in COLUMNS]


@pytest.mark.parametrize("khz", OF_LONG)
def test_nuwave2_at_one_rate_equals_the_authors_formulas(khz, sound, scores):
    expected = pytest.approx(OF_LONG[khz], abs=2e-5)
    assert chosen(scores(f"nuwave2_{khz}k", sound(LONG, 1))) == expected


@pytest.mark.parametrize("khz", OF_SHORT)
def test_nuwave2_lengthens_short_clips(khz, sound, scores):
    expected = pytest.approx(OF_SHORT[khz], abs=2e-5)
    assert chosen(scores(f"nuwave2_{khz}k", sound(SHORT, 1))) == expected


@pytest.mark.parametrize("khz", OF_LONG)
def test_nuwave2_at_two_rates_is_the_same(khz, sound, item):
    protocol = PROTOCOLS["nuwave2"]
    made = item("nuwave2", sound(LONG, 1), 1000 * khz)
    polyphase = Interpolation(1000 * khz, 48000, protocol.baselines["polyphase"])
    estimate = polyphase.upsample(made.low[np.newaxis])[0].numpy()
    scores = protocol.scores(made.high, estimate, 1000 * khz, 48000)
    assert chosen(scores) == pytest.approx(OF_LONG[khz], abs=2e-5)


def test_nuwave2_cuts_clips_to_whole_hops_and_a_multiple_of_the_ratio(sound, item):
    assert item("nuwave2_8k", sound(LONG, 1), 48000).high.size == 39936
    assert item("nuwave2", sound(LONG + 300, 1), 16000).high.size == 40191
    for input_rate, samples in ((8000, 32766), (16000, 32766), (24000, 32768)):
        assert item("nuwave2", sound(SHORT, 1), input_rate).high.size == samples


def test_nuwave2_draws_five_times_and_is_for_48_khz():
    assert (PROTOCOLS["nuwave2"].draws, PROTOCOLS["nuwave2_8k"].draws) == (5, 5)
    assert PROTOCOLS["nuwave2_8k"].output_rate == 48000


@pytest.mark.parametrize("khz", IN_16_BITS)
def test_flowhigh_equals_the_authors_formulas(khz, sound, scores):
    expected = pytest.approx(IN_16_BITS[khz], abs=2e-5)
    assert chosen(scores(f"flowhigh_{khz}k", sound(LONG, 1))) == expected


def test_flowhigh_keeps_clips_whole(sound, item):
    assert item("flowhigh_8k", sound(LONG, 1), 48000).high.size == LONG
    assert PROTOCOLS["flowhigh"].draws == 1


def test_flowhighs_files_round_towards_0():
    step = 1 / 32767
    high = np.array([2.0, -2.0, 0.0, 1.9 * step, -1.9 * step])
    scores = PROTOCOLS["flowhigh"].scores(high, np.array([1.0, -1.0, 0, step, -step]), 8000, 48000)
    assert scores["SNR"] > 150
