import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS, universr
from tfsr.upsamplers.interpolation import Interpolation

COLUMNS = ("LSD", "LSD-high", "LSD-low")
EXPECTED = {
    8: (3.18502, 3.46617, 0.14049),
    12: (2.62086, 3.02097, 0.26272),
    16: (2.14725, 2.61818, 0.26538),
    24: (1.55237, 2.17555, 0.26246),
}
BINS = {8: 80, 12: 128, 16: 170, 24: 256}


@pytest.mark.parametrize("khz", EXPECTED)
def test_at_one_rate_equals_the_authors_formulas(khz, sound, scores):
    made = scores(f"universr_{khz}k", sound(40001, 3))
    assert [made[column] for column in COLUMNS] == pytest.approx(EXPECTED[khz], abs=1e-5)
    assert universr.first_bin(500 * khz, 48000, 1024) == BINS[khz]


def test_at_two_rates_what_comes_back_is_the_same(sound, item):
    signal = sound(40002, 3)
    low = item("universr", signal, 8000).low
    sinc = Interpolation(8000, 48000, PROTOCOLS["universr"].baselines["sinc"])
    limited = item("universr_8k", signal, 48000).low
    np.testing.assert_allclose(sinc.upsample(low[np.newaxis])[0], limited, atol=1e-6)


def test_peaks_are_3_db_below_1_before_the_first_5_seconds_are_taken(sound, item):
    signal = sound(250000, 3)
    high = item("universr_8k", signal, 48000).high
    assert (high.size, np.abs(high).max()) == (240000, pytest.approx(0.7079458))
    signal[245000] = 0.9
    high = item("universr_8k", signal, 48000).high
    assert np.abs(high).max() == pytest.approx(0.2620676)
