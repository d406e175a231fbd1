from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.lowpass import (
    Bessel,
    BrickWall,
    Butterworth,
    Chebyshev,
    Elliptic,
    NoFilter,
    Resampling,
)

ALL = [
    Chebyshev(),
    Chebyshev(zero_phase=False),
    Butterworth(),
    Butterworth(zero_phase=True),
    BrickWall(),
    BrickWall(n_fft=64, hop_length=16),
    BrickWall(n_fft=64, hop_length=16, append=False),
    Elliptic(),
    Elliptic(order=3, zero_phase=False),
    Bessel(),
    Resampling(),
    NoFilter(),
]


def gain_db(low_pass, frequency: float, ratio: int) -> float:
    """Measured on a sine; `frequency` as a fraction of the low rate's Nyquist frequency."""
    high = np.sin(np.pi * frequency / ratio * np.arange(8000))
    inside = low_pass(high, ratio, 1)[2000:-2000]
    return 20 * np.log10(np.std(inside) / np.std(high[2000:-2000]))


@pytest.fixture(scope="module")
def published():
    return np.load(Path(__file__).parents[1] / "fixtures" / "brick_wall.npz")


@pytest.mark.parametrize("ratio", [2, 3])
def test_brick_wall_equals_nuwave(published, ratio):
    result = BrickWall()(published[f"x{ratio}/short/wav"], 48000, 48000 // ratio)
    np.testing.assert_allclose(result, published[f"x{ratio}/short/lowpass"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("ratio", [2, 3])
def test_brick_wall_equals_nuwave_on_a_patch(published, ratio):
    result = BrickWall()(published[f"x{ratio}/patch/wav"], 48000, 48000 // ratio)
    expected = published[f"x{ratio}/patch/lowpass"]
    inside = slice(0, -1024)  # the fixture was cut at its right end
    np.testing.assert_allclose(result[inside], expected[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_brick_wall_keeps_the_bins_of_nuwave(published, ratio):
    assert BrickWall().kept_bins(ratio, 1) == published[f"x{ratio}/kept_bins"]


@pytest.mark.parametrize("low_pass", ALL)
@given(time=st.integers(1, 300), ratio=st.integers(1, 8))
def test_length_and_silence(low_pass, time, ratio):
    filtered = low_pass(np.zeros(time, np.float32), ratio, 1)
    assert filtered.shape == (time,) and filtered.dtype == np.float64
    assert not filtered.any()


@pytest.mark.parametrize("low_pass", ALL[:-1])
@given(ratio=st.integers(2, 8), a=st.floats(-2, 2), seed=st.integers(0, 99))
def test_linear_in_the_signal(low_pass, ratio, a, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 200))
    parts = a * low_pass(x, ratio, 1) + low_pass(y, ratio, 1)
    np.testing.assert_allclose(low_pass(a * x + y, ratio, 1), parts, atol=1e-9)


@pytest.mark.parametrize("ratio", [2, 4])
def test_edges(ratio):
    assert gain_db(Chebyshev(zero_phase=False), 0.8, ratio) == pytest.approx(-0.05, abs=0.005)
    assert gain_db(Chebyshev(), 0.8, ratio) == pytest.approx(-0.1, abs=0.01)
    assert gain_db(Butterworth(), 1.0, ratio) == pytest.approx(-3.01, abs=0.01)
    assert gain_db(Butterworth(zero_phase=True), 1.0, ratio) == pytest.approx(-6.02, abs=0.02)
    assert gain_db(Butterworth(edge=0.5), 0.5, ratio) == pytest.approx(-3.01, abs=0.01)


def test_causal_filters_know_no_future():
    impulse = np.zeros(1000)
    impulse[500] = 1
    for low_pass in (Chebyshev(zero_phase=False), Butterworth()):
        assert not low_pass(impulse, 2, 1)[:500].any()
    response = Chebyshev()(impulse, 2, 1)
    np.testing.assert_allclose(response[1:500], response[:500:-1], atol=1e-12)


@pytest.mark.parametrize("low_pass", [Chebyshev(), Chebyshev(zero_phase=False), Butterworth()])
@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_settled_within_the_context(low_pass, ratio):
    impulse = np.zeros(4001)
    impulse[2000] = 1
    response = np.abs(low_pass(impulse, ratio, 1))
    response[2000 - low_pass.context : 2001 + low_pass.context] = 0
    assert response.sum() < 1e-5


RECURSIVE = {
    "butter": lambda order: Butterworth(order, zero_phase=True),
    "cheby1": lambda order: Chebyshev(order, 0.1, edge=1.0),
    "ellip": Elliptic,
    "bessel": Bessel,
}
"""As VoiceFixer has them, by their names in the recorded values."""


@pytest.mark.parametrize("name", RECURSIVE)
@pytest.mark.parametrize("order", [2, 5, 9, 10])
@pytest.mark.parametrize("cutoff", [750, 4000, 11025])
def test_recursive_filters_equal_voicefixers(voicefixer, name, order, cutoff):
    filtered = RECURSIVE[name](order)(voicefixer["wav"], 44100, 2 * cutoff)
    np.testing.assert_allclose(filtered[::50], voicefixer[f"lp/{name}_{order}_{cutoff}"], atol=1e-6)


@pytest.mark.parametrize("cutoff", [750, 1000, 4000, 11025, 12345])
def test_others_equal_voicefixers(voicefixer, cutoff):
    wav = voicefixer["wav"]
    resampled = Resampling()(wav, 44100, 2 * cutoff)
    np.testing.assert_allclose(resampled[::50], voicefixer[f"lp/stft_{cutoff}"], atol=1e-6)
    walled = BrickWall(2048, 441, append=False)(wav, 44100, 2 * cutoff)
    np.testing.assert_allclose(walled[::50], voicefixer[f"lp/stft_hard_{cutoff}"], atol=1e-6)
