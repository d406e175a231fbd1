from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.decimation import (
    Decimate,
    KaiserBest,
    KaiserSincDecimation,
    Polyphase,
    SincHannDecimation,
    SoxrDecimation,
)
from tfsr.degradation.lowpass import BrickWall, Butterworth, Chebyshev, NoFilter
from tfsr.errors import UserError

FIXTURES = Path(__file__).parents[1] / "fixtures"
WITHOUT_DELAY = [
    *(Decimate(), Decimate(BrickWall()), KaiserBest(), Polyphase(), SincHannDecimation()),
    *(Polyphase(Chebyshev(edge=1.0)), KaiserSincDecimation(), SoxrDecimation()),
]
FILTERED = [
    *WITHOUT_DELAY,
    Decimate(Chebyshev(zero_phase=False)),
    Decimate(Butterworth()),
    Decimate(Butterworth(zero_phase=True)),
]
ALL = [*FILTERED, Decimate(NoFilter())]


def degrade(degradation, high, ratio, seed=0):
    return degradation(high, 8000 * ratio, 8000, np.random.default_rng(seed))


def noise(time: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(time).astype(np.float32)


def sine(time: int, frequency: float) -> np.ndarray:
    """`frequency` in cycles per sample."""
    return np.sin(2 * np.pi * frequency * np.arange(time))


@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
@pytest.mark.parametrize(
    "low_pass, name",
    [
        (NoFilter(), "alias"),
        (Chebyshev(), "cheby_zerophase"),
        (Chebyshev(zero_phase=False), "cheby_causal"),
        (Butterworth(), "butter_causal"),
    ],
)
def test_equals_the_published_decimators(ratio, low_pass, name):
    published = np.load(FIXTURES / "decimation_interpolation.npz")
    result = degrade(Decimate(low_pass), published["x"], ratio)
    np.testing.assert_allclose(result, published[f"r{ratio}/lr_{name}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("ratio", [2, 3])
def test_brick_wall_equals_nuwave(ratio):
    published = np.load(FIXTURES / "brick_wall.npz")
    result = degrade(Decimate(BrickWall()), published[f"x{ratio}/short/wav"], ratio)
    np.testing.assert_allclose(result, published[f"x{ratio}/short/low"], rtol=0, atol=1e-5)


@given(time=st.integers(28, 500), ratio=st.integers(2, 8))
def test_default_equals_scipy_decimate(time, ratio):
    expected = scipy.signal.decimate(noise(time).astype(np.float64), ratio)
    np.testing.assert_allclose(degrade(Decimate(), noise(time), ratio), expected, atol=1e-12)


@given(time=st.integers(1, 500), ratio=st.integers(1, 8))
def test_polyphase_equals_scipy(time, ratio):
    expected = scipy.signal.resample_poly(noise(time).astype(np.float64), 1, ratio)
    np.testing.assert_allclose(degrade(Polyphase(), noise(time), ratio), expected, atol=1e-12)


@pytest.mark.parametrize(("high", "low"), [(48000, 8000), (16000, 8000)])
def test_windowed_sinc_equals_torchaudio(high, low):
    recorded = np.load(FIXTURES / "sinc_hann.npz")
    made = SincHannDecimation()(recorded[f"x{high // 1000}"], high, low, np.random.default_rng(0))
    np.testing.assert_allclose(made, recorded[f"down_{high}_{low}"], atol=5e-7)


@pytest.mark.parametrize("degradation", ALL)
@given(time=st.integers(1, 400), ratio=st.integers(1, 8), seed=st.integers(0, 99))
def test_length_and_repeatability(degradation, time, ratio, seed):
    high = noise(time, seed)
    before = high.copy()
    low = degrade(degradation, high, ratio, seed)
    assert low.shape == (-(-time // ratio),)
    assert low.dtype == np.float64
    assert np.isfinite(low).all()
    np.testing.assert_array_equal(low, degrade(degradation, high, ratio, seed))
    np.testing.assert_array_equal(high, before)


@pytest.mark.parametrize("degradation", ALL)
@given(time=st.integers(1, 400), ratio=st.integers(1, 8))
def test_silence_stays_silence(degradation, time, ratio):
    assert not degrade(degradation, np.zeros(time), ratio).any()


@pytest.mark.parametrize("degradation", ALL)
def test_ratio_1_changes_nothing(degradation):
    np.testing.assert_allclose(degrade(degradation, noise(300), 1), noise(300), atol=1e-12)


# BrickWall filters each patch by itself, and so knows no whole.
@pytest.mark.parametrize("degradation", [d for d in ALL if d != Decimate(BrickWall())])
@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_a_patch_with_its_context_equals_the_whole(degradation, ratio):
    whole = degrade(degradation, noise(6000), ratio)
    context = degradation.context
    patch = degrade(degradation, noise(6000)[2400 - context : 3600 + context], ratio)
    inside = patch[context // ratio : (1200 + context) // ratio]
    np.testing.assert_allclose(inside, whole[2400 // ratio : 3600 // ratio], rtol=0, atol=1e-5)


@pytest.mark.parametrize("degradation", WITHOUT_DELAY)
@pytest.mark.parametrize("ratio", [2, 3, 4, 6])
def test_sample_t_lies_at_ratio_times_t(degradation, ratio):
    high = sine(6000, 0.2 / ratio)
    inside = slice(1000 // ratio, -1000 // ratio)
    low = degrade(degradation, high, ratio)
    np.testing.assert_allclose(low[inside], high[::ratio][inside], rtol=0, atol=0.015)


@pytest.mark.parametrize("degradation", FILTERED)
@pytest.mark.parametrize("ratio", [2, 3, 4])
def test_what_the_low_rate_cannot_carry_goes(degradation, ratio):
    high = sine(6000, 0.9 / ratio)
    low = degrade(degradation, high, ratio)
    assert np.abs(low[1000 // ratio : -1000 // ratio]).max() < 0.01


def test_without_filter_it_folds_back():
    high = sine(6000, 0.75 / 2)
    np.testing.assert_allclose(
        degrade(Decimate(NoFilter()), high, 2), sine(3000, -0.25), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("degradation", ALL)
@pytest.mark.parametrize("output_rate, input_rate", [(44100, 16000), (8000, 16000)])
def test_ratios_that_are_not_whole(degradation, output_rate, input_rate):
    with pytest.raises(UserError, match="no whole multiple"):
        degradation(noise(100), output_rate, input_rate, np.random.default_rng(0))
