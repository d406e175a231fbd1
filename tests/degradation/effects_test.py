import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.effects import (
    AnyLowPass,
    Clip,
    ClipAbsolute,
    CutOff,
    SecondOrder,
    Sometimes,
    reverberate,
)
from tfsr.degradation.lowpass import Chebyshev, Resampling

RATE = 44100
EFFECTS = [SecondOrder(), Clip(), ClipAbsolute(), Sometimes(0.5, Clip())]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("effect", EFFECTS)
@given(time=st.integers(1, 400), seed=st.integers(0, 99))
def test_effects_keep_length_and_repeat(effect, time, seed):
    sound = generator(seed).normal(size=time).astype(np.float32)
    damaged = effect(sound, RATE, RATE, generator(seed))
    assert damaged.shape == (time,) and damaged.dtype == np.float64 and np.isfinite(damaged).all()
    np.testing.assert_array_equal(damaged, effect(sound, RATE, RATE, generator(seed)))


@pytest.mark.parametrize("share", ["0.6667", "0.2500", "0.0909"])
def test_clipping_equals_the_recorded(voicefixer, share):
    gain = 1 / float(share)  # which has four digits, to 5e-5
    clipped = Clip((gain, gain))(voicefixer["wav"], RATE, RATE, generator())
    np.testing.assert_allclose(clipped[::50], voicefixer[f"clip/{share}"], atol=2e-5)


def test_absolute_clipping_is_at_the_threshold():
    sound = np.array([-2.0, -0.3, 0.1, 0.9])
    clipped = ClipAbsolute((0.5, 0.5))(sound, RATE, RATE, generator())
    np.testing.assert_array_equal(clipped, [-0.5, -0.3, 0.1, 0.5])


def test_a_room_equals_the_recorded(voicefixer):
    wet = reverberate(voicefixer["wav"], voicefixer["rev/rir"])
    np.testing.assert_allclose(wet[::50], voicefixer["rev/out"], atol=1e-6)


def test_a_soft_room_keeps_its_level():
    wet = reverberate(np.array([0.5, 0.0, 0.0]), np.array([0.0, 1.0, 0.4]))
    np.testing.assert_allclose(wet, [0, 0.5, 0.2], atol=1e-12)


@pytest.mark.parametrize("cutoff", [3000.0, 7000.0])
def test_second_order_is_three_decibels_down_at_its_cutoff(cutoff):
    impulse = np.zeros(4096)
    impulse[0] = 1
    response = SecondOrder((cutoff, cutoff))(impulse, RATE, RATE, generator())
    frequencies, gain = scipy.signal.freqz(response, worN=[1.0, cutoff, 2 * cutoff], fs=RATE)
    decibels = 20 * np.log10(np.abs(gain))
    assert decibels[0] == pytest.approx(0, abs=0.01)
    assert decibels[1] == pytest.approx(-3.01, abs=0.01)
    assert decibels[2] < -11


def test_sometimes_is_as_often_as_it_says():
    rng, sound = generator(), np.array([-1.0, 0.5, 1.0])
    effect = Sometimes(0.3, Clip((2.0, 2.0)))
    damaged = sum(bool(np.any(effect(sound, RATE, RATE, rng) != sound)) for _ in range(2000))
    assert damaged / 2000 == pytest.approx(0.3, abs=0.03)


def test_any_low_pass_draws_all_kinds_orders_and_frequencies():
    rng = generator()
    drawn = [AnyLowPass().draw(rng) for _ in range(3000)]
    kinds = {type(once.filters[0]).__name__ for once, _ in drawn}
    assert kinds == {"Chebyshev", "Elliptic", "Bessel", "Butterworth", "Resampling", "BrickWall"}
    orders = [getattr(once.filters[0], "order", None) for once, _ in drawn]
    assert set(orders) == {None, *range(2, 10)}
    cutoffs = [once.cutoff_hz for once, _ in drawn]
    assert min(cutoffs) < 800 and max(cutoffs) > 22000
    assert min(cutoffs) >= 750 and max(cutoffs) <= 22050
    assert np.mean([twice != once for once, twice in drawn]) == pytest.approx(0.5, abs=0.03)
    assert all(twice.cutoff_hz == once.cutoff_hz for once, twice in drawn)


@pytest.mark.parametrize("cutoff", [750, 4000, 12345])
def test_filters_follow_each_other(voicefixer, cutoff):
    both = CutOff(cutoff, (Chebyshev(8, 0.1, edge=1.0), Resampling()))
    expected = voicefixer[f"lp/cheby1_8_then_stft_{cutoff}"]
    np.testing.assert_allclose(both(voicefixer["wav"], RATE)[::50], expected, atol=1e-6)


@given(seed=st.integers(0, 200), time=st.integers(1, 3000))
def test_any_low_pass_keeps_any_length(seed, time):
    sound = generator(seed).normal(size=time)
    for filters in AnyLowPass().draw(generator(seed)):
        filtered = filters(sound, RATE)
        assert filtered.shape == (time,) and np.isfinite(filtered).all()
