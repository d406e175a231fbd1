import dataclasses

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.degradation.base import Degradation
from tfsr.errors import UserError
from tfsr.evaluation.test_set import Degraded, Pairs, Preparation

RATE = 8000


@dataclasses.dataclass(frozen=True)
class Noise(Degradation):
    """Every ratio-th sample, with noise, of a signal that is to come out at half its level."""

    def __call__(self, high, output_rate, input_rate, rng):
        low = high[:: output_rate // input_rate]
        return low + rng.standard_normal(low.size)

    def pair(self, high, output_rate, input_rate, rng):
        return self(high, output_rate, input_rate, rng), 0.5 * high


class TestDegraded:
    def test_pairs_by_place_and_seed(self, sounds):
        recordings = sounds(1000, 1001)
        degraded = Degraded([recordings[0], *recordings], Noise(), Preparation(shortest=2))
        first, again, last = degraded.items(RATE, 16000)
        assert len(degraded) == 3
        assert (first.name, last.name, last.speaker) == ("a/0.wav", "a/1.wav", "a")
        assert (last.low.size, last.high.size) == (500, 1000)
        assert last.low.dtype == last.high.dtype == np.float32
        np.testing.assert_array_equal(first.high, 0.5 * recordings[0].read(16000))
        assert not np.allclose(first.low, again.low)
        repeated = next(degraded.items(RATE, 16000))
        np.testing.assert_array_equal(first.low, repeated.low)
        other = next(dataclasses.replace(degraded, seed=1).items(RATE, 16000))
        assert not np.allclose(first.low, other.low)

    def test_description_is_that_of_the_degradation(self, sounds):
        assert Degraded(sounds(5), Noise()).description == "Noise()"


def save(path, samples, rate=RATE):
    audio_file.write(path, np.float32(samples)[:, np.newaxis], rate, "PCM_16")


def sine(time, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(time) / rate)


class TestPairs:
    def test_names_may_differ_in_their_ends_and_signals_in_rate_and_length(self, tmp_path):
        save(tmp_path / "noisy" / "b.flac", sine(4000) / 2)
        save(tmp_path / "noisy" / "x" / "a.wav", sine(3000))
        save(tmp_path / "clean" / "b.wav", sine(21000, 48000), 48000)
        save(tmp_path / "clean" / "x" / "a.wav", sine(2999))
        save(tmp_path / "clean" / "more.wav", sine(10))
        pairs = Pairs(tmp_path / "noisy", tmp_path / "clean")
        assert len(pairs) == 2
        what = "files of noisy, compared with those of clean"
        assert pairs.description == f"{what}, 1 of which have no counterpart or are left out"
        b, a = pairs.items(RATE, 16000)
        assert [a.name, b.name] == ["x/a.wav", "b.flac"]
        assert (a.low.size, a.high.size) == (2999, 5998)
        assert (b.low.size, b.high.size) == (3500, 7000)
        np.testing.assert_allclose(b.low[100:-100], b.high[200:-200:2] / 2, atol=1e-3)

    def test_equal_rates_and_lengths_stay_as_they_are(self, tmp_path):
        save(tmp_path / "noisy" / "a.wav", sine(3000) / 2)
        save(tmp_path / "clean" / "a.wav", sine(3000))
        (item,) = Pairs(tmp_path / "noisy", tmp_path / "clean").items(RATE, RATE)
        np.testing.assert_allclose(item.low, sine(3000) / 2, atol=2**-15)
        np.testing.assert_allclose(item.high, sine(3000), atol=2**-15)

    def test_what_has_no_counterpart(self, tmp_path):
        save(tmp_path / "noisy" / "a.wav", sine(100))
        save(tmp_path / "clean" / "b.wav", sine(100))
        with pytest.raises(UserError, match=r"a\.wav.*clean has no recording a "):
            Pairs(tmp_path / "noisy", tmp_path / "clean")

    def test_two_of_one_name(self, tmp_path):
        for name in ("a.wav", "a.flac"):
            save(tmp_path / "noisy" / name, sine(100))
        with pytest.raises(UserError, match=r"a\.wav.*a\.flac has the same name"):
            Pairs(tmp_path / "noisy", tmp_path / "noisy")

    def test_folder_that_is_not_there(self, tmp_path):
        save(tmp_path / "noisy" / "a.wav", sine(100))
        with pytest.raises(UserError, match="clean: no such folder"):
            Pairs(tmp_path / "noisy", tmp_path / "clean")


@pytest.mark.parametrize(
    ("rate", "samples", "told"),
    [
        (16000, 8000, "is at 16000 Hz, and the system takes 8000 Hz"),
        (8000, 2000, "2000 samples at 8000 Hz, and .* has 8000 at 16000 Hz"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(tmp_path, rate, samples, told):
    for folder, of, count in (("low", rate, samples), ("high", 16000, 8000)):
        audio_file.write(tmp_path / folder / "a.wav", np.full((count, 1), 0.1, np.float32), of)
    with pytest.raises(UserError, match=f"low.a.wav: {told}"):
        list(Pairs(tmp_path / "low", tmp_path / "high").items(8000, 16000))
