import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS

METRICS = PROTOCOLS["audiosr"].metrics


@pytest.fixture(scope="module")
def pair(sound):
    high = sound(30001, 4)
    noise = np.random.default_rng(5).standard_normal(high.size)
    smooth = np.convolve(high.astype(np.float64), np.hanning(5) / 3, mode="same")
    return high, np.float32(0.8 * smooth + 1e-4 * noise)


@pytest.mark.parametrize(
    ("column", "expected"), [("LSD-22k", 1.05100), ("LSD-22k-matched", 0.60440)]
)
def test_equals_the_authors_demonstration(column, expected, pair):
    assert METRICS[column](*pair, 48000, 24000) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("column", "expected"), [("LSD-22k", 2.01544), ("LSD-22k-matched", 1.70052)]
)
def test_equals_it_at_48_khz_too(column, expected, pair):
    assert METRICS[column].metric(*pair, 48000, 24000) == pytest.approx(expected, abs=1e-5)


def test_level_does_not_count_where_it_is_matched(pair):
    high, estimate = pair
    for column in ("LSD-matched", "LSD-22k-matched"):
        once, twice = (METRICS[column](high, x * estimate, 48000, 24000) for x in (1.0, 2.0))
        assert twice == pytest.approx(once, abs=1e-6)
    assert METRICS["LSD"](high, 2 * estimate, 48000, 24000) != pytest.approx(
        METRICS["LSD"](high, estimate, 48000, 24000), abs=1e-2
    )


def test_works_at_one_rate_and_at_two():
    assert PROTOCOLS["audiosr"].degradation is None and PROTOCOLS["audiosr"].output_rate is None
