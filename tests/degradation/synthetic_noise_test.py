import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr import audio_file
from tfsr.data.corpora import Folder
from tfsr.data.noise import Noise
from tfsr.degradation.synthetic_noise import AnyNoise, Clicks, Hiss, Hum, Wind
from tfsr.errors import UserError

RATE = 8000
ALL = [Hum(), Hiss(), Clicks(), Wind(), AnyNoise((Hum(), Clicks()))]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def levels_db(noise: np.ndarray, window: int) -> np.ndarray:
    """Of one window after the other."""
    frames = noise[: len(noise) // window * window].reshape(-1, window)
    return 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1))


@pytest.mark.parametrize("noise", ALL, ids=repr)
@given(
    samples=st.integers(1, 3000),
    rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    seed=st.integers(0, 999),
)
def test_noise_has_the_length_and_repeats(noise, samples, rate, seed):
    drawn = noise(samples, rate, generator(seed))
    assert drawn.shape == (samples,) and drawn.dtype == np.float32 and np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn, noise(samples, rate, generator(seed)))


@pytest.mark.parametrize("noise", ALL, ids=repr)
def test_the_seed_decides(noise):
    first, second = (noise(4 * RATE, RATE, generator(seed)) for seed in (1, 2))
    assert first.any() and second.any() and not np.array_equal(first, second)


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("noise", [Hum(), Hiss()], ids=repr)
def test_steady_noise_has_an_rms_value_of_one(noise, rate):
    for seed in range(5):
        drawn = noise(4 * rate, rate, generator(seed))
        assert np.sqrt(np.mean(np.square(drawn))) == pytest.approx(1, abs=0.05)


class TestHum:
    def test_there_is_nothing_but_the_harmonics(self):
        for seed, mains in enumerate([50, 60] * 5):
            noise = Hum((mains,), 0.0, (10, 10))(RATE, RATE, generator(seed))
            power = np.square(np.abs(np.fft.rfft(noise)))  # a bin for each hertz
            assert power[mains : 11 * mains : mains].min() > 1e-6 * power.max()
            power[mains : 11 * mains : mains] = 0
            assert power.max() < 1e-9 * RATE**2

    def test_the_first_is_near_50_or_60_hertz(self):
        seconds = 20
        found = []
        for seed in range(40):
            noise = Hum(harmonics=(1, 1))(seconds * RATE, RATE, generator(seed))
            found.append(np.argmax(np.abs(np.fft.rfft(noise))) / seconds)
        found = np.array(found)
        low = found[found < 55]
        assert 10 < len(low) < 30
        assert np.abs(low / 50 - 1).max() < 0.006 and len(set(low)) > 5
        assert np.abs(found[found > 55] / 60 - 1).max() < 0.006

    @pytest.mark.parametrize("fall_db", [3.0, 12.0])
    def test_levels_are_random_and_fall(self, fall_db):
        powers = []
        for seed in range(60):
            hum = Hum((50.0,), 0.0, (8, 8), (fall_db, fall_db), spread_db=6.0)
            powers.append(np.abs(np.fft.rfft(hum(RATE, RATE, generator(seed))))[[50, 100, 400]])
        first, second, eighth = 20 * np.log10(np.array(powers)).T
        assert np.mean(first - eighth) == pytest.approx(3 * fall_db, abs=2)
        assert np.abs(first - second - fall_db).max() < 12.01
        assert np.std(first - second) > 3

    def test_tones_above_the_nyquist_frequency_are_left_out(self):
        hum = Hum((3000.0,), 0.0, (3, 3))
        power = np.square(np.abs(np.fft.rfft(hum(RATE, RATE, generator()))))
        assert power[3000] > 0.999 * power.sum()


class TestHiss:
    @pytest.mark.parametrize("slope_db", [-6.0, -3.0, 0.0, 3.0])
    @pytest.mark.parametrize("rate", [8000, 48000])
    def test_has_its_slope(self, slope_db, rate):
        noise = Hiss((slope_db, slope_db))(20 * rate, rate, generator())
        frequencies, power = scipy.signal.welch(noise, rate, nperseg=8192)
        kept = (frequencies > 100) & (frequencies < 0.45 * rate)
        octaves, level_db = np.log2(frequencies[kept]), 10 * np.log10(power[kept])
        # As many bins for an octave as for any other.
        slope, _ = np.polyfit(octaves, level_db, 1, w=np.sqrt(1 / frequencies[kept]))
        assert slope == pytest.approx(slope_db, abs=0.3)

    def test_slopes_are_drawn_from_all_of_the_range(self):
        # Differences of neighbours tell how much of the noise is high.
        high = [np.mean(np.square(np.diff(Hiss()(RATE, RATE, generator(n))))) for n in range(60)]
        ends = [Hiss((end, end))(RATE, RATE, generator()) for end in (-6, 3)]
        least, most = (np.mean(np.square(np.diff(noise))) for noise in ends)
        assert least / 2 < min(high) < 2 * least and 0.8 * most < max(high) < 1.1 * most

    def test_is_steady_and_gaussian(self):
        noise = Hiss((0.0, 0.0))(20 * RATE, RATE, generator())
        assert np.ptp(levels_db(noise, RATE)) < 1
        assert np.mean(noise**4) / np.mean(noise**2) ** 2 == pytest.approx(3, abs=0.1)

    def test_what_is_not_heard_is_left_out(self):
        noise = Hiss((-6.0, -6.0))(8 * RATE, RATE, generator())
        power = np.square(np.abs(np.fft.rfft(noise)))  # eight bins for each hertz
        assert power[: 8 * 19].sum() < 1e-6 * power.sum() < power[8 * 20 : 8 * 30].sum()


class TestClicks:
    @pytest.mark.parametrize("per_second", [2.0, 10.0])
    def test_as_many_as_asked_for_and_at_random(self, per_second):
        seconds = 400
        clicks = Clicks((per_second, per_second), (1e-6, 1e-6))  # a sample each
        noise = clicks(seconds * RATE, RATE, generator())
        places = np.flatnonzero(noise)
        assert len(places) == pytest.approx(
            seconds * per_second, abs=4 * (seconds * per_second) ** 0.5
        )
        counts = np.bincount(places // RATE, minlength=seconds)
        assert np.var(counts) == pytest.approx(per_second, rel=0.3)

    def test_signs_and_levels_are_random(self):
        noise = Clicks((10.0, 10.0), (1e-6, 1e-6), range_db=20.0)(100 * RATE, RATE, generator())
        clicks = noise[noise != 0]
        assert np.mean(clicks > 0) == pytest.approx(0.5, abs=0.1)
        level_db = 20 * np.log10(np.abs(clicks))
        assert -20 < level_db.min() < -19 and -1 < level_db.max() < 1
        assert np.median(level_db) == pytest.approx(-10, abs=2)

    def test_they_are_short_and_between_them_is_silence(self):
        decay = 5e-4
        noise = Clicks((1.0, 1.0), (decay, decay), range_db=0.0)(60 * RATE, RATE, generator(3))
        assert np.mean(noise != 0) < 0.01
        starts = [place for place in np.flatnonzero(noise) if not noise[place - 30 : place].any()]
        assert len(starts) > 40
        clicks = np.abs([noise[start : start + 60] for start in starts[:-1]])
        np.testing.assert_allclose(clicks[:, 0], 1)
        softer = np.median(clicks[:, int(6 * decay * RATE) :].max(axis=1))  # few are near another
        assert 0 < softer < np.exp(-6)

    def test_rates_are_drawn(self):
        counts = [
            np.count_nonzero(Clicks(decay_seconds=(1e-6, 1e-6))(60 * RATE, RATE, generator(seed)))
            for seed in range(40)
        ]
        assert min(counts) < 200 and max(counts) > 1000


class TestWind:
    def test_is_low(self):
        for seed in range(10):
            noise = Wind()(10 * RATE, RATE, generator(seed))
            power = np.square(np.abs(np.fft.rfft(noise)))  # ten bins for each hertz
            assert power[3000:].sum() < 0.05 * power.sum()
            assert power[10000:].sum() < 1e-4 * power.sum()

    def test_swells_and_fades_slowly(self):
        gusts = levels_db(Wind(gust_seconds=(2.0, 2.0))(60 * RATE, RATE, generator()), RATE // 4)
        steady = levels_db(Wind(range_db=0.0)(60 * RATE, RATE, generator()), RATE // 4)
        assert np.std(gusts) > 2 * np.std(steady)
        assert np.corrcoef(gusts[1:], gusts[:-1])[0, 1] > 0.7
        assert abs(np.corrcoef(gusts[16:], gusts[:-16])[0, 1]) < 0.5

    def test_gusts_go_through_all_levels(self):
        levels = levels_db(
            Wind((200, 200), range_db=40.0)(120 * RATE, RATE, generator()), RATE // 10
        )
        assert -48 < levels.min() < -33 and -5 < levels.max() < 5


class TestAnyNoise:
    def test_takes_each_as_often_as_its_weight_says(self):
        noise = AnyNoise([Hum(), Clicks((0.0, 0.0))], weights=[1, 3])
        silent = [not noise(50, RATE, generator(seed)).any() for seed in range(400)]
        assert np.mean(silent) == pytest.approx(0.75, abs=0.07)

    def test_takes_recordings_too_and_asks_whether_they_are_there(self, tmp_path):
        recorded = np.full([1000, 1], 0.25, np.float32)
        audio_file.write(tmp_path / "a.wav", recorded, RATE, "FLOAT")
        noise = AnyNoise((Noise(Folder(tmp_path, held_out=0)),))
        noise.check()
        np.testing.assert_array_equal(noise(100, RATE, generator()), 0.25)
        with pytest.raises(UserError, match="Noise.corpus is not set"):
            AnyNoise((Hum(), Noise())).check()

    @pytest.mark.parametrize(
        ("choices", "weights", "message"),
        [
            ([], None, "AnyNoise.choices must have one entry"),
            ([Hum(), Hiss()], [1], "AnyNoise has 2 choices and 1 weights"),
            ([Hum(), Hiss()], [1, -1], "AnyNoise.weights must not be negative"),
        ],
    )
    def test_mistakes(self, choices, weights, message):
        with pytest.raises(UserError, match=message):
            AnyNoise(choices, weights)
