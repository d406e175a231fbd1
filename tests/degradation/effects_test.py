import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.data.noise import Noise
from tfsr.degradation.effects import (
    Added,
    AnyLowPass,
    Clip,
    ClipAbsolute,
    CutOff,
    LowPassed,
    PacketLoss,
    SecondOrder,
    Sometimes,
    reverberate,
)
from tfsr.degradation.lowpass import Chebyshev, Resampling
from tfsr.degradation.synthetic_noise import Clicks
from tfsr.errors import UserError

RATE = 44100
EFFECTS = [
    *(SecondOrder(), Clip(), ClipAbsolute(), Sometimes(0.5, Clip())),
    *(Added(Clicks((0, 1000))), LowPassed(), PacketLoss(), PacketLoss(packet_seconds=1e-9)),
]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def hiss(samples: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 7, samples).astype(np.float32)


def level_db(signal: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(signal)))


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


@pytest.mark.parametrize("low_pass", [AnyLowPass(), AnyLowPass((750, 3000), (2, 9), 1.0)], ids=repr)
@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_low_passed_signal_is_not_late(low_pass, rate):
    kinds = set()
    for seed in range(40):
        filters = low_pass.draw(generator(seed))[1]
        kinds |= {type(low_pass).__name__ for low_pass in filters.filters}
        sound = generator(seed).normal(size=rate)
        below = min(filters.cutoff_hz, rate / 2) / 2
        sections = scipy.signal.butter(6, below, fs=rate, output="sos")
        sound = scipy.signal.sosfilt(sections, sound) * np.hanning(rate)
        filtered = LowPassed(low_pass)(sound, rate, rate, generator(seed))
        np.testing.assert_array_equal(filtered, filters(sound, rate))
        correlation = scipy.signal.correlate(filtered, sound)
        assert np.argmax(correlation) == len(sound) - 1
    assert len(kinds) == 6


def test_all_but_the_band_stays_away():
    sound = generator().normal(size=RATE)
    for seed in range(20):
        filtered = LowPassed(AnyLowPass((2000, 2000), (6, 9)))(sound, RATE, RATE, generator(seed))
        power = np.square(np.abs(np.fft.rfft(filtered)))
        assert power[6000:].sum() < 1e-3 * power.sum()


@given(snr_db=st.floats(-20, 60), level=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_noise_is_added_at_the_ratio_asked_for(snr_db, level, seed):
    sound = generator(seed).normal(0, level, 500)
    noise = Added(hiss, (snr_db, snr_db))(sound, RATE, RATE, generator(seed)) - sound
    assert level_db(sound) - level_db(noise) == pytest.approx(snr_db, abs=0.01)
    expected = hiss(500, RATE, generator(seed))
    np.testing.assert_allclose(noise / noise[0], expected / expected[0], rtol=1e-4)


def test_ratios_are_drawn_evenly():
    rng, sound = generator(), generator(1).normal(size=200)
    added = [Added(hiss)(sound, RATE, RATE, rng) - sound for _ in range(2000)]
    counts, _ = np.histogram([level_db(sound) - level_db(noise) for noise in added], 6, (0, 30))
    np.testing.assert_allclose(counts, 2000 / 6, atol=80)


@pytest.mark.parametrize("level", [0.0, 1e-4, 9e-4])
def test_under_silence_noise_has_a_level_of_its_own(level):
    sound = np.full(500, level)
    noise = Added(hiss, (-40.0, 40.0))(sound, RATE, RATE, generator()) - sound
    assert level_db(noise) == pytest.approx(-50)


def test_silent_noise_adds_nothing():
    silence = Added(lambda samples, rate, rng: np.zeros(samples, np.float32))
    for sound in (np.zeros(50), generator().normal(size=50)):
        np.testing.assert_array_equal(silence(sound, RATE, RATE, generator()), sound)


def test_recordings_of_noise_that_are_missing_are_told():
    Added(hiss).check()
    with pytest.raises(UserError, match="Noise.corpus is not set"):
        Sometimes(0.5, Added(Noise())).check()


def packets(loss: PacketLoss, seed: int, count: int = 2000) -> np.ndarray:
    """One sound to each packet, 1, 2, ... of ten samples; the last is one sample long."""
    sound = np.repeat(np.arange(1.0, count + 1), 10)[:-9]
    heard = loss(sound, 1000, 1000, generator(seed))
    assert heard.shape == sound.shape
    np.testing.assert_array_equal(heard, np.repeat(heard[::10], 10)[:-9])  # whole ones are lost
    return heard[::10]


@pytest.mark.parametrize(("share", "burst"), [(0.05, 1.0), (0.2, 2.0), (0.5, 6.0)])
def test_packets_are_lost_as_often_and_in_bursts_as_long_as_asked_for(share, burst):
    loss = PacketLoss((share, share), 0.01, burst)
    lost = np.array([packets(loss, seed) != np.arange(1, 2001) for seed in range(50)])
    assert np.mean(lost) == pytest.approx(share, rel=0.08)
    assert np.mean(lost[:, :20]) == pytest.approx(share, rel=0.3)  # from the first on
    begins = lost[:, 1:] & ~lost[:, :-1]
    assert np.sum(lost[:, 1:]) / np.sum(begins) == pytest.approx(burst, rel=0.08)


def test_a_lost_packet_is_silence_or_the_one_before():
    repeated = []
    for seed in range(100):
        heard = packets(PacketLoss((0.3, 0.3), 0.01), seed, 200)
        whole = np.arange(1, 201)
        lost = heard != whole
        before = np.maximum.accumulate(np.where(lost, 0, whole))
        repeated.append(bool(heard[1:][lost[1:]].any()))
        np.testing.assert_array_equal(heard, before if repeated[-1] else np.where(lost, 0, whole))
    assert 30 < sum(repeated) < 70


def test_shares_of_lost_packets_are_drawn():
    shares = [
        np.mean(packets(PacketLoss((0.0, 0.4), 0.01), seed) != np.arange(1, 2001))
        for seed in range(60)
    ]
    assert (
        min(shares) < 0.05
        and max(shares) > 0.35
        and np.mean(shares) == pytest.approx(0.2, abs=0.05)
    )
    assert PacketLoss((0.0, 0.0))(np.ones(9000), RATE, RATE, generator()).all()


def test_bursts_too_short_for_the_share_are_refused():
    PacketLoss((0.0, 0.75), burst=3.0)
    with pytest.raises(UserError, match="PacketLoss.burst is 2.0: give at least 3 for this share"):
        PacketLoss((0.0, 0.75))


def test_an_aligned_room_keeps_the_direct_sound_in_its_place_and_the_level():
    response = np.zeros(40)
    response[[3, 7, 20]] = 0.1, -0.5, 0.25
    sound = 20 * generator().normal(size=300)
    wet = reverberate(sound, response, aligned=True)
    echo = np.concatenate([np.zeros(13), sound[:-13]])
    expected = sound - 0.5 * echo
    np.testing.assert_allclose(wet, expected * np.std(sound) / np.std(expected), rtol=0.02)
    assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(sound**2)))
    assert not reverberate(sound, np.zeros(40), aligned=True).any()
