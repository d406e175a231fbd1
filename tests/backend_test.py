import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.backend import Backend
from tfsr.upsamplers.interpolation import Interpolation


class Bare(Backend):
    input_rate, hop = 8000, 3


@given(st.integers(0, 1000))
def test_whole_hops_are_the_next_multiple(samples):
    whole = Bare().whole_hops(samples)
    assert whole % 3 == 0 and samples <= whole < samples + 3


def test_chunks_of_four_seconds():
    assert Bare().chunk == 32_000


@pytest.mark.parametrize(
    ("peak", "level"), [(0.25, 0.5), (0.5, 0.5), (0.75, 0.75), (4.0, 1.0), (0.0, 0.0)]
)
def test_peaks_are_brought_to_the_nearer_end(peak, level):
    backend = Bare()
    assert backend.gain(peak) == 1.0
    backend.peaks = (0.5, 1.0)
    assert backend.gain(peak) * peak == level


@given(st.floats(0, 10, width=32))
def test_a_graph_knows_the_same_gains(peak):
    upsampler = Interpolation(8000, 16000)
    upsampler.peaks = (0.5, 1.0)
    low = np.float32([[0.0, -peak, peak / 2]])
    seen = []
    high = upsampler.at_known_level(low, lambda x: seen.append(x) or x)
    np.testing.assert_allclose(seen[0], np.float32(upsampler.gain(peak)) * low, rtol=1e-6)
    np.testing.assert_allclose(high, low, rtol=1e-6)
