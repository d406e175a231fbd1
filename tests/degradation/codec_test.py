import io

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.codec import G711, Gsm, Mp3, Opus
from tfsr.errors import UserError

RATE = 8000
CODECS = [G711(), G711("a"), Gsm(), Opus(), Mp3(16)]


def through(codec, signal, rate=RATE, seed=0) -> np.ndarray:
    return codec(signal, rate, rate, np.random.default_rng(seed))


def speech(samples: int) -> np.ndarray:
    """Bursts of a voice: harmonics of 110 Hz below 3.4 kHz."""
    time = np.arange(samples) / RATE
    voice = sum(np.sin(2 * np.pi * 110 * k * time + k * k) / k for k in range(1, 31))
    return 0.1 * voice * (1 + np.sin(2 * np.pi * 3 * time))


class TestG711:
    @pytest.mark.parametrize(("law", "subtype"), [("mu", "ULAW"), ("a", "ALAW")])
    def test_every_value_of_16_bits_becomes_what_libsndfile_makes_of_it(self, law, subtype):
        values = np.arange(-32768, 32768, dtype=np.int16)
        file = io.BytesIO()
        soundfile.write(file, values, RATE, format="WAV", subtype=subtype)
        file.seek(0)
        expected, _ = soundfile.read(file)
        np.testing.assert_array_equal(through(G711(law), values / 32768), expected)

    @given(st.integers(0, 1000), st.floats(0.01, 3))
    def test_again_changes_nothing(self, seed, level):
        signal = np.random.default_rng(seed).normal(0, level, 100)
        for law in ("mu", "a"):
            once = through(G711(law), signal)
            np.testing.assert_array_equal(through(G711(law), once), once)

    def test_unknown_law(self):
        with pytest.raises(UserError, match="'mu' or 'a'"):
            G711("ulaw")


@pytest.mark.parametrize("codec", CODECS, ids=repr)
class TestEvery:
    @pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 1003])
    def test_length_stays(self, codec, samples):
        decoded = through(codec, speech(samples))
        assert decoded.shape == (samples,)
        assert np.all(np.isfinite(decoded))

    def test_nothing_is_late(self, codec):
        signal = speech(RATE)
        decoded = through(codec, signal)
        correlation = scipy.signal.correlate(decoded, signal)
        assert np.argmax(correlation) == len(signal) - 1
        assert 0.5 < np.linalg.norm(decoded) / np.linalg.norm(signal) < 1.2
        assert np.linalg.norm(decoded - signal) > 1e-3 * np.linalg.norm(signal)

    def test_chance_is_the_generators_alone(self, codec):
        signal = speech(2000)
        np.testing.assert_array_equal(through(codec, signal), through(codec, signal))


class TestOpus:
    def test_fewer_bits_are_worse(self):
        signal = speech(RATE)
        errors = [
            np.linalg.norm(through(Opus((rate, rate)), signal) - signal) for rate in (8, 24, 128)
        ]
        assert errors[0] > 1.5 * errors[1] > 2 * errors[2]

    def test_refuses_rates_that_it_does_not_have(self):
        with pytest.raises(UserError, match="no 11025 Hz"):
            through(Opus(), speech(100), 11025)
        for bits in ((5, 10), (20, 10), (8, 300)):
            with pytest.raises(UserError, match="between 6 and 256"):
                Opus(bits)


class TestMp3:
    @pytest.mark.parametrize(("rate", "kbit_s"), [(16000, 8), (44100, 32), (48000, 128)])
    def test_nothing_is_late_at_any_rate(self, rate, kbit_s):
        decoded, signal = through(Mp3(kbit_s), speech(9000), rate), speech(9000)
        assert np.argmax(scipy.signal.correlate(decoded, signal)) == len(signal) - 1

    def test_fewer_bits_are_worse(self):
        noise = 0.1 * np.random.default_rng(0).standard_normal(20000)
        few, many = (np.linalg.norm(through(Mp3(bits), noise, 44100) - noise) for bits in (32, 320))
        assert few > 2 * many

    def test_refuses_rates_and_bits_that_it_does_not_have(self):
        with pytest.raises(UserError, match="no 96000 Hz"):
            through(Mp3(), speech(100), 96000)
        with pytest.raises(UserError, match="no 96000 Hz"):
            Mp3(rate=96000)
        for bits in (7, 321):
            with pytest.raises(UserError, match="between 8 and 320"):
                Mp3(bits)

    def test_may_be_coded_at_another_rate(self):
        signal = speech(9000)
        decoded = through(Mp3(128, 48000), signal, 44100)
        assert np.argmax(scipy.signal.correlate(decoded, signal)) == len(signal) - 1
        assert np.linalg.norm(decoded - signal) < 0.1 * np.linalg.norm(signal)
        assert through(Mp3(128, 48000), signal[:1], 44100).shape == (1,)
