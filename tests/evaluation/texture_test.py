import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsr.evaluation.texture import BandLevel, FrameModulation, of_upper_band

RATE = 16000
CUTOFF = 4000


def noise(seconds: float = 1.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate))


def sine(hz: float, samples: int, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(samples) / rate)


def value(metric, reference, estimate, rate=RATE, cutoff=CUTOFF) -> float:
    return metric(reference, estimate, rate, cutoff)


class TestBandLevel:
    @settings(max_examples=20)
    @given(
        st.floats(-30, 20),
        st.sampled_from(["all", "loud", "quiet"]),
        st.sampled_from([8000, 22050, 44100, 48000]),
    )
    def test_a_gain_is_told_in_db(self, gain_db, of, rate):
        sound = noise(0.3, rate)
        level = BandLevel(rate / 4, rate / 2, of)
        assert value(level, sound, 10 ** (gain_db / 20) * sound, rate) == pytest.approx(
            gain_db, abs=0.01
        )

    def test_other_bands_are_not_heard(self):
        low, high = sine(2000, RATE), 0.01 * sine(6000, RATE)
        for of in ("all", "loud", "quiet"):
            louder_below = value(BandLevel(5000, 7000, of), low + high, 10 * low + high)
            assert louder_below == pytest.approx(0, abs=0.1)
            softer = value(BandLevel(5000, 7000, of), low + high, low + 0.5 * high)
            assert softer == pytest.approx(-6.02, abs=0.1)

    def test_loud_and_quiet_frames_are_told_apart(self):
        """A fifth of the reference is loud; of that the estimate has a tenth, of pauses more."""
        sound = noise(2.0)
        loud = np.arange(sound.size) < 0.2 * sound.size
        reference = np.where(loud, sound, 0.1 * sound)
        estimate = np.where(loud, 0.1 * sound, 0.2 * sound)
        levels = {of: value(BandLevel(4000, 8000, of), reference, estimate) for of in LEVELS}
        assert levels == pytest.approx(LEVELS, abs=0.7)

    def test_the_reference_decides_which_frames_are_loud(self):
        sound = noise(2.0)
        early = np.arange(sound.size) < 0.2 * sound.size
        reference, estimate = (np.where(x, sound, 0.01 * sound) for x in (early, ~early))
        for pair in ((reference, estimate), (estimate, reference)):
            assert value(BandLevel(4000, 8000, "loud"), *pair) < -1
        assert value(BandLevel(4000, 8000, "loud"), reference, estimate) < -15
        assert value(BandLevel(4000, 8000, "quiet"), reference, estimate) > 35

    def test_what_16_bits_do_not_tell_apart_is_equal(self):
        silence = np.zeros(RATE)
        for soft in (silence, 1e-6 * noise()):
            assert value(BandLevel(4000, 8000), silence, soft) == pytest.approx(0, abs=0.1)
        assert value(BandLevel(4000, 8000), noise(), silence) < -60

    @pytest.mark.parametrize("samples", [1, 2, 100, 511, 512, 513])
    def test_any_length(self, samples):
        sound = noise()[:samples]
        for of in LEVELS:
            assert value(BandLevel(4000, 8000, of), sound, sound) == 0

    def test_an_estimate_that_is_no_number_is_seen(self):
        assert math.isnan(value(BandLevel(4000, 8000), noise(), np.full(RATE, np.nan)))


# Of a signal that has a power of 0.2 + 0.8 / 100, of which 0.002 + 0.032 are left.
LEVELS = {"all": 10 * math.log10(0.034 / 0.208), "loud": -20.0, "quiet": 6.02}


class TestFrameModulation:
    @pytest.mark.parametrize("frame_rate", [62.5, 100, 125, 250])
    @pytest.mark.parametrize("rate", [16000, 44100])
    def test_noise_has_the_share_of_the_places(self, frame_rate, rate):
        metric, sound = FrameModulation(frame_rate), noise(3.0, rate)
        places = len([m for m in np.arange(1, 99) * frame_rate if 20 <= m <= 900])
        assert metric.of_noise == pytest.approx(5 * places / 881, rel=0.1)
        heard = value(metric, sound, sound, rate, rate / 4)
        assert heard == pytest.approx(metric.of_noise, rel=0.35)

    @pytest.mark.parametrize("frame_rate", [62.5, 125, 250])
    def test_buzz_is_heard_at_its_rate(self, frame_rate):
        sound = noise(2.0)
        buzzing = sound * (1 + 0.5 * sine(frame_rate, sound.size))
        heard = value(FrameModulation(frame_rate), sound, buzzing)
        assert heard > 0.4
        assert value(FrameModulation(frame_rate * 0.9), sound, buzzing) < 0.15

    def test_more_buzz_scores_higher_and_a_gain_changes_nothing(self):
        sound, buzz = noise(2.0), sine(125, 2 * RATE)
        scores = [
            value(FrameModulation(125), sound, gain * sound * (1 + depth * buzz))
            for depth, gain in ((0, 1), (0.2, 1), (0.2, 0.1), (0.4, 1))
        ]
        assert scores[0] < scores[1] < scores[3]
        assert scores[1] == pytest.approx(scores[2])

    def test_frames_apart_buzz(self):
        """Each a burst of its own, as from a system whose frames do not know of each other."""
        window = np.hanning(257)[:-1]
        bursts = np.zeros(2 * RATE + 256)
        for start in range(0, 2 * RATE, 128):
            bursts[start : start + 256] += window * noise(256 / RATE, seed=start)
        score = value(FrameModulation(125), noise(2.0), bursts[: 2 * RATE])
        assert score > 2 * FrameModulation(125).of_noise

    def test_the_band_below_the_cutoff_is_not_heard(self):
        sound = noise(2.0)
        hum = sine(1000, sound.size) * (1 + 0.9 * sine(125, sound.size))
        heard = value(FrameModulation(125), sound, sound)
        assert value(FrameModulation(125), sound, sound + hum) == pytest.approx(heard, abs=0.002)

    def test_too_short_or_no_band_is_not_judged(self):
        sound = noise()
        assert value(FrameModulation(125), sound[:7999], sound[:7999]) == -math.inf
        assert 0 < value(FrameModulation(125), sound[:8000], sound[:8000]) < 0.2
        for absent in (sine(1000, RATE), np.zeros(RATE), 0.009 * sound):
            assert value(FrameModulation(125), sound, absent) == -math.inf
        assert value(FrameModulation(125), sound, 0.02 * sound) > 0
        assert value(FrameModulation(125), np.zeros(RATE), np.zeros(RATE)) == -math.inf

    def test_an_estimate_that_is_no_number_is_seen(self):
        broken = np.where(np.arange(RATE) == 999, np.nan, noise())
        assert math.isnan(value(FrameModulation(125), noise(), broken))


class TestOfUpperBand:
    @pytest.mark.parametrize(
        ("rates", "octaves", "bands"),
        [
            ((8000, 16000), ["4-8k"], ["4-5k", "5-6k", "6-7k", "7-8k"]),
            (
                (4000, 16000),
                ["2-4k", "4-8k"],
                ["2-3k", "3-4k", "4-5k", "5-6k", "6-7k", "7-8k"],
            ),
            ((16000, 48000), ["8-16k", "16-24k"], ["8-12k", "12-16k", "16-20k", "20-24k"]),
            (
                (11025, 44100),
                ["5.513-11.03k", "11.03-22.05k"],
                ["5.513-9.512k", "9.512-13.51k", "13.51-17.51k", "17.51-22.05k"],
            ),
        ],
    )
    def test_octaves_and_bands_up_to_the_nyquist_frequency(self, rates, octaves, bands):
        columns = of_upper_band(*rates, None)
        by_frames = [f"{of}{name}" for name in octaves for of in ("", "loud ", "quiet ")]
        assert list(columns) == [*by_frames, *bands]
        assert columns[f"loud {octaves[0]}"].of == "loud"
        for names in (octaves, bands):
            ends = [rates[0] / 2] + [columns[name].high_hz for name in names]
            assert [columns[name].low_hz for name in names] == ends[:-1]
            assert ends[-1] == rates[1] / 2

    def test_frames_are_listened_for_where_there_are_any(self):
        assert of_upper_band(8000, 16000, 250)["buzz"] == FrameModulation(250)
        assert "buzz" not in of_upper_band(8000, 16000, None)

    def test_a_restoration_makes_no_band(self):
        assert of_upper_band(44100, 44100, 100) == {}
