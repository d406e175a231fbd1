import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.damage import Damage, Mixture, mix
from tfsr.degradation.effects import AnyLowPass, ClipAbsolute

RATE = 44100


def hiss(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=samples)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sound(time: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(generator(seed).normal(0, 0.01, time)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [-5, 10, 40])
def test_a_mixture_equals_the_recorded(voicefixer, snr_db):
    # Of all but the noise every fiftieth sample is recorded; peaks are of the whole.
    whole = voicefixer["wav"]
    parts = [np.zeros_like(whole) for _ in range(4)]
    parts[0] = whole
    for part, name in zip(parts[1:3], ("lp/cheby1_9_4000", "rev/out"), strict=True):
        part[::50] = voicefixer[name]
    parts[3] = voicefixer["mix/noise_in"]
    mixed = mix(Mixture(*parts), snr_db, 0.5)
    for part, name in zip(mixed, ("hq", "lr", "aug", "noise"), strict=True):
        expected = voicefixer[f"mix/{snr_db}_{name}"]
        scale = np.vdot(part[::50], expected) / np.vdot(part[::50], part[::50])
        np.testing.assert_allclose(scale * part[::50], expected, atol=1e-6)


@given(snr_db=st.floats(-5, 40), level=st.floats(0.1, 1), seed=st.integers(0, 99))
def test_what_a_mixture_promises(snr_db, level, seed):
    rng = generator(seed)
    parts = Mixture(*rng.normal(size=[4, 300]))
    mixed = mix(parts, snr_db, level)
    loudest = max(np.abs(part).max() for part in (*mixed, mixed.damaged + mixed.noise))
    assert loudest == pytest.approx(level)
    ratio = np.abs(mixed.damaged).mean() / np.abs(mixed.noise).mean()
    assert 20 * np.log10(ratio) == pytest.approx(snr_db)
    np.testing.assert_allclose(mixed.target / mixed.damaged, parts.target / parts.damaged)


def test_silence_is_no_harm():
    silence = Mixture(*np.zeros([4, 50]))
    assert not np.any(mix(silence, 0.0, 1.0))
    noise = mix(silence._replace(noise=np.ones(50)), 20.0, 0.5).noise
    np.testing.assert_allclose(noise, 0.5)


ORDERS = {
    "code": Damage(noise=hiss),
    "paper": Damage(after=(ClipAbsolute(),), noise=hiss, noise_last=False),
    "super-resolution": Damage(before=()),
    "denoising": Damage(before=(), low_pass=None, noise=hiss),
    "nothing": Damage(before=(), low_pass=None, level=(1.0, 1.0)),
}


@pytest.mark.parametrize("name", ORDERS)
@given(time=st.integers(1, 2000), seed=st.integers(0, 99))
def test_pairs_have_the_length_and_repeat(name, time, seed):
    damage, high = ORDERS[name], sound(time, seed)
    low, target = damage.pair(high, RATE, RATE, generator(seed))
    assert low.shape == target.shape == (time,)
    assert np.isfinite(low).all() and np.abs(target).max() <= 1 + 1e-9
    np.testing.assert_array_equal(low, damage(high, RATE, RATE, generator(seed)))
    scale = np.vdot(target, high) / np.vdot(high, high)
    np.testing.assert_allclose(target, scale * high, atol=1e-6)


def test_nothing_is_nothing_but_a_level():
    low, target = ORDERS["nothing"].pair(sound(500), RATE, RATE, generator())
    np.testing.assert_allclose(low, target, atol=1e-12)
    assert np.abs(target).max() == pytest.approx(1)


def test_noise_that_comes_last_is_not_clipped_and_noise_that_comes_first_is_filtered():
    narrow = AnyLowPass(cutoff_hz=(1000, 1000), resampled=0.0)
    high = sound(RATE // 4)
    shares = {}
    for last in True, False:
        damage = Damage((), (), narrow, hiss, (0.0, 0.0), noise_last=last)
        spectra = [
            np.abs(np.fft.rfft(damage(high, RATE, RATE, generator(seed)))) ** 2 for seed in range(8)
        ]
        above = len(spectra[0]) * 4000 // (RATE // 2)
        shares[last] = np.mean([s[above:].sum() / s.sum() for s in spectra])
    assert shares[True] > 0.05 and shares[False] < 1e-3
