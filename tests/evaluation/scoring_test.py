import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tfsr import audio_file
from tfsr.errors import UserError
from tfsr.evaluation.evaluate import evaluate
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.evaluation.scoring import Trial, found, score
from tfsr.evaluation.test_set import Pairs, Preparation
from tfsr.signal.interpolation import Linear
from tfsr.signal.resample import resample
from tfsr.upsamplers.interpolation import Interpolation

RATE = 16000
TFSR = dataclasses.replace(
    PROTOCOLS["tfsr"],
    metrics={name: m for name, m in PROTOCOLS["tfsr"].metrics.items() if name != "PESQ"},
)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def write(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    audio_file.write(path, sound if sound.ndim == 2 else sound[:, np.newaxis], rate, "FLOAT")
    return path


def scored(folder: Path, protocol=TFSR, low: bool = False, **how):
    estimates = {path.name: path for path in sorted(folder.iterdir()) if path.name[0] == "s"}
    trials, left_out = found(folder / "high", estimates, folder / "low" if low else None)
    return score(trials, protocol, left_out=left_out, **how)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two originals, and what two systems made of them."""
    for seed, name in enumerate(["a_1.wav", "b_1.wav"]):
        high = noise(4000, seed)
        write(tmp_path / "high" / name, high)
        write(tmp_path / "s1" / name, high)
        write(tmp_path / "s2" / name, high + noise(4000, 9) / 20)
    return tmp_path


class TestScores:
    def test_are_those_of_an_evaluation(self, tmp_path):
        for seed in range(2):
            high = write(tmp_path / "high" / f"{seed}.wav", noise(4000, seed))
            low = noise(2000, seed + 5)
            write(tmp_path / "low" / f"{seed}.wav", low, RATE // 2)
            wide = np.asarray(Linear()(low[np.newaxis], 2))[0]
            write(tmp_path / "s1" / high.name, wide)
        by_files = scored(tmp_path, low=True)
        upsampler = Interpolation(RATE // 2, RATE, Linear())
        evaluated = evaluate(upsampler, Pairs(tmp_path / "low", tmp_path / "high"), TFSR)
        assert by_files.systems == ("s1", "spline", "linear", "sinc")
        for column, value in evaluated.means["estimate"].items():
            assert by_files.means["s1"][column] == pytest.approx(value, rel=1e-5)
            assert by_files.means["linear"][column] == pytest.approx(value, rel=1e-5)
        assert by_files.input_rate == RATE // 2
        assert by_files.files_hash == evaluated.files_hash

    def test_count_from_the_cutoff_that_is_given(self, folder):
        lower, higher = (scored(folder, cutoff_hz=hz).means["s2"] for hz in (1000, 6000))
        assert lower["LSD"] == higher["LSD"]
        assert lower["LSD-high"] != higher["LSD-high"]

    def test_without_a_cutoff_columns_that_need_it_are_left_out_and_told(self, folder):
        results = scored(folder)
        assert results.columns == ("SNR", "segSNR", "LSD")
        assert results.input_rate is None
        assert "SNR-low" in results.remarks[0]

    def test_the_originals_stand_in_the_table_where_the_protocol_wants_it(self, folder):
        protocol = dataclasses.replace(TFSR, originals=True)
        assert scored(folder, protocol).means["original"]["LSD"] == 0

    def test_all_are_brought_to_the_peak_that_the_protocol_wants(self, folder):
        protocol = dataclasses.replace(TFSR, preparation=Preparation(peak=1.0))
        loud, quiet = scored(folder, protocol), scored(folder)
        assert loud.means["s2"]["SNR"] == pytest.approx(quiet.means["s2"]["SNR"])
        assert np.max(np.abs(loud.examples[0].panels[-1].waveform)) == pytest.approx(1.0)

    def test_a_low_signal_at_the_originals_rate_stands_beside_as_it_is(self, folder):
        for path in list((folder / "high").iterdir()):
            write(folder / "low" / path.name, noise(4000, 20))
        results = scored(folder, low=True, cutoff_hz=4000)
        assert results.systems == ("s1", "s2", "low")

    def test_channels_are_scored_apart(self, tmp_path):
        left, right = noise(4000, 1), noise(4000, 2)
        write(tmp_path / "high" / "a.wav", np.stack([left, right], 1))
        write(tmp_path / "s1" / "a.wav", np.stack([right, left], 1))
        write(tmp_path / "s2" / "a.wav", np.stack([left, right], 1))
        means = scored(tmp_path).means
        assert means["s1"]["SNR"] < 0
        assert means["s2"]["LSD"] == 0

    def test_a_protocol_for_one_rate_has_its_input_resampled_beside(self, tmp_path):
        high = noise(48000)
        write(tmp_path / "high" / "a.wav", high)
        write(tmp_path / "s" / "a.wav", high)
        write(tmp_path / "low" / "a.wav", resample(high, RATE, 8000), 8000)
        results = scored(tmp_path, PROTOCOLS["apbwe_8k"], low=True)
        assert results.systems == ("s", "low")
        assert results.means["low"]["LSD-low"] < 0.5

    def test_ratios_need_not_be_whole(self, tmp_path):
        write(tmp_path / "high" / "a.wav", noise(4001))
        write(tmp_path / "s" / "a.wav", noise(4001))
        write(tmp_path / "low" / "a.wav", noise(2755), 11025)
        assert scored(tmp_path, low=True).systems == ("s", "low")

    def test_files_may_differ_by_a_little_in_length(self, folder):
        write(folder / "s1" / "a_1.wav", noise(3900, 0))
        assert scored(folder).files[0].seconds == 3900 / RATE


class TestFound:
    def test_speakers_are_what_comes_before_the_underscore(self, folder):
        assert [file.speaker for file in scored(folder).files] == ["a", "b"]

    def test_or_the_folder(self, tmp_path):
        for name in "p1/x_1.wav", "p2/x_1.wav":
            write(tmp_path / "high" / name, noise(2000))
            write(tmp_path / "s" / name, noise(2000))
        assert [file.speaker for file in scored(tmp_path).files] == ["p1", "p2"]

    def test_originals_that_a_system_lacks_are_left_out_and_told(self, folder):
        (folder / "s2" / "b_1.wav").unlink()
        results = scored(folder)
        assert results.count == 1
        assert "b_1" in results.remarks[0]

    def test_single_files_need_no_common_name(self, folder):
        (trial,), _ = found(folder / "high" / "a_1.wav", {"s": folder / "s1" / "b_1.wav"})
        assert trial == Trial(
            "a_1.wav", "", folder / "high" / "a_1.wav", {"s": folder / "s1" / "b_1.wav"}, None
        )

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (("high", {"s": "high/a_1.wav"}), "no folder"),
            (("nowhere", {"s": "s1"}), "nowhere: no such file or folder"),
            (("high", {"s": "nowhere"}), "nowhere: no such file or folder"),
            (("high/a_1.wav", {"s": "s1"}), "is a folder"),
            (("high", {}), "give the output of a system"),
            (("high", {"s": "strange"}), "has no recording c"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, folder, names, message):
        write(folder / "strange" / "c.wav", noise(2000))
        reference, estimates = names
        with pytest.raises(UserError, match=message):
            found(folder / reference, {name: folder / path for name, path in estimates.items()})


class TestRefusals:
    @pytest.mark.parametrize(
        ("sound", "rate", "message"),
        [
            (noise(4000), 8000, "is at 8000 Hz, but the comparison is at 16000 Hz"),
            (noise(1000), RATE, "1000 samples at 16000 Hz, and .* has 4000"),
            (np.stack([noise(4000)] * 2, 1), RATE, "has 2 channels, and .* 1"),
        ],
    )
    def test_name_the_file_and_both_numbers(self, folder, sound, rate, message):
        write(folder / "s1" / "b_1.wav", sound, rate)
        with pytest.raises(UserError, match=f"s1.b_1.wav: .*{message}"):
            scored(folder)

    def test_a_cutoff_above_the_band(self, folder):
        with pytest.raises(UserError, match="`cutoff` is 9000 Hz, and the originals are at 16000"):
            scored(folder, cutoff_hz=9000)

    def test_a_protocol_for_another_rate(self, folder):
        with pytest.raises(
            UserError, match="nuwave is made for 48000 Hz, but these signals are at"
        ):
            scored(folder, PROTOCOLS["nuwave"])

    def test_a_protocol_for_another_cutoff(self, folder):
        with pytest.raises(UserError, match="apbwe_8k is for a cut-off of 4000 Hz, .* 3000 Hz"):
            scored(folder, PROTOCOLS["apbwe_8k"], cutoff_hz=3000)

    @pytest.mark.parametrize("name", ["spline", "low", "original", ""])
    def test_a_name_that_tables_have_already(self, folder, name):
        for path in list((folder / "high").iterdir()):
            write(folder / "low" / path.name, noise(2000), RATE // 2)
        trials, _ = found(folder / "high", {name: folder / "s1"}, folder / "low")
        with pytest.raises(
            UserError, match=f"system '{name}': the name is empty, or tables already have a row"
        ):
            score(trials, TFSR)


class TestRemarks:
    def remarks(self, folder, change) -> str:
        for path in sorted((folder / "s1").iterdir()):
            write(path, np.float32(change(audio_file.read(path)[0][:, 0])))
        return " ".join(scored(folder, cutoff_hz=4000).remarks)

    def test_there_are_none_where_all_is_well(self, folder):
        assert not self.remarks(folder, lambda sound: 1.05 * sound)

    def test_of_another_level(self, folder):
        assert "s1: level +2.0 dB" in self.remarks(folder, lambda sound: 10**0.1 * sound)

    def test_of_silence(self, folder):
        text = self.remarks(folder, lambda sound: 0 * sound)
        assert "s1: silence, where the original has sound, in a_1" in text

    def test_of_polarity(self, folder):
        text = self.remarks(folder, lambda sound: -sound)
        assert "s1: polarity inverted in a_1" in text and "late" not in text

    def test_of_a_delay(self, folder):
        text = self.remarks(folder, lambda sound: np.roll(sound, 5))
        assert "s1: 5 samples late" in text
        assert "2 of 2 files" in text

    def test_of_a_low_band_that_is_not_the_originals(self, folder):
        text = self.remarks(folder, lambda sound: sound + noise(4000, 3) / 2)
        assert "s1: low band not the original's, SNR" in text
