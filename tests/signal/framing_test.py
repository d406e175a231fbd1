from pathlib import Path

import numpy as np
import pytest

from tfsr.signal.framing import trim

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def recorded():
    return np.load(FIXTURES / "trim.npz")


@pytest.mark.parametrize("prefix", ["", "short_"])
def test_trim_equals_the_recorded_places(recorded, prefix):
    signal = recorded[f"{prefix}wav"] / 32768
    begin, end = recorded[f"{prefix}index_15"]
    np.testing.assert_array_equal(trim(signal, 15), signal[begin:end])


def test_another_threshold(recorded):
    begin, end = recorded["index_30"]
    assert trim(recorded["wav"] / 32768, 30).size == end - begin


def test_silence_stays():
    assert trim(np.zeros(5000), 15).size == 5000
