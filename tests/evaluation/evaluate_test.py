import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from tfsr.degradation.base import Degradation
from tfsr.degradation.decimation import Decimate
from tfsr.errors import UserError
from tfsr.evaluation import evaluate as module
from tfsr.evaluation.evaluate import evaluate_run
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.signal.interpolation import Linear, Spline
from tfsr.upsamplers.base import Upsampler
from tfsr.upsamplers.interpolation import Interpolation


@dataclasses.dataclass(frozen=True)
class NoisyDecimation(Degradation):
    """Different for every draw."""

    def __call__(self, high, output_rate, input_rate, rng):
        low = high[:: output_rate // input_rate]
        return low + 0.01 * rng.standard_normal(low.size)


class Noisy(Upsampler):
    """Adds its noise to what it repeats."""

    noise_steps = 1
    receptive_field = 0

    def upsample(self, low, noise=None):
        return tf.repeat(low, self.ratio, axis=1) + 0.1 * noise[0]


TFSR = PROTOCOLS["tfsr"]


def evaluate(upsampler, recordings, protocol, degradation, seed=0, **options):
    """On recordings as the protocol wants them."""
    test_set = protocol.test_set(recordings, degradation, seed)
    return module.evaluate(upsampler, test_set, protocol, seed, **options)


class TestEvaluate:
    @pytest.mark.parametrize("protocol", ["kuleshov2017", "king2021", "tfsr"])
    @pytest.mark.parametrize("baseline", ["spline", "linear", "sinc"])
    def test_a_baseline_evaluated_equals_its_own_row(self, sounds, protocol, baseline):
        chosen = PROTOCOLS[protocol]
        upsampler = Interpolation(8000, 16000, chosen.baselines[baseline])
        results = evaluate(upsampler, sounds(5000, 12001), chosen, Decimate())
        assert results.systems == ("estimate", "spline", "linear", "sinc")
        for file in results.files:
            assert file.scores["estimate"] == file.scores[baseline]
            assert file.scores["spline"] != file.scores["linear"]

    def test_nuwave_at_its_rate(self, sounds):
        upsampler = Interpolation(16000, 48000, Linear(half_pixel=True))
        results = evaluate(
            upsampler, sounds(40000, rate=48000), PROTOCOLS["nuwave"], Decimate(), system="late"
        )
        assert results.means["estimate"] == results.means["linear"]
        assert (results.system, results.output_rate) == ("late", 48000)
        assert "BrickWall" in results.degradation

    def test_nuwave_at_another_rate_is_refused(self, sounds):
        with pytest.raises(UserError, match="48000 Hz"):
            evaluate(Interpolation(8000, 16000), sounds(5000), PROTOCOLS["nuwave"], Decimate())

    def test_protocols_degradation_goes_before_the_runs(self, sounds):
        arguments = Interpolation(8000, 16000), sounds(5000)
        own = evaluate(*arguments, TFSR, NoisyDecimation())
        kuleshov = evaluate(*arguments, PROTOCOLS["kuleshov2017"], NoisyDecimation())
        assert "NoisyDecimation" in own.degradation
        assert "Chebyshev" in kuleshov.degradation

    def test_seed_decides_over_degradation_and_noise(self, sounds):
        def scores(seed):
            return evaluate(Noisy(8000, 16000), sounds(5000), TFSR, NoisyDecimation(), seed)

        assert scores(0) == scores(0)
        assert scores(0).means["estimate"] != scores(1).means["estimate"]
        assert scores(0).means["spline"] != scores(1).means["spline"]

    def test_recordings_draw_different_noise(self, sounds):
        twice = sounds(5000) * 2
        files = evaluate(Noisy(8000, 16000), twice, TFSR, Decimate()).files
        assert files[0].scores["spline"] == files[1].scores["spline"]
        assert files[0].scores["estimate"] != files[1].scores["estimate"]

    def test_what_is_drawn_again_is_averaged_and_its_spread_told(self, sounds):
        def results(draws):
            protocol = dataclasses.replace(TFSR, draws=draws)
            return evaluate(Noisy(8000, 16000), sounds(5000, 6000), protocol, Decimate())

        once, often, again = results(1), results(20), results(20)
        assert once.spread == {} and often == again
        for column, spread in often.spread.items():
            assert spread > 0
            distance = abs(once.means["estimate"][column] - often.means["estimate"][column])
            assert 0 < distance < 4 * spread
        assert once.means["spline"] == often.means["spline"]
        assert "spread between draws" in often.summary()
        assert "spread between draws" not in once.summary()

    def test_what_draws_nothing_is_not_asked_twice(self, sounds):
        protocol = dataclasses.replace(TFSR, draws=5)
        assert evaluate(Interpolation(8000, 16000), sounds(900), protocol, Decimate()).spread == {}

    @pytest.mark.parametrize("protocol", ["kuleshov2017", "king2021", "tfsr"])
    def test_recordings_of_any_length(self, sounds, protocol):
        upsampler = Interpolation(4000, 16000)
        results = evaluate(upsampler, sounds(1, 2, 77, 255, 1023), PROTOCOLS[protocol], Decimate())
        for row in results.means.values():
            # There is no utterance in so little.
            assert all(np.isfinite(x) for column, x in row.items() if column != "PESQ")

    def test_hash_depends_on_names_and_audio_alone(self, sounds):
        def hashed(recordings, protocol="tfsr", how=Spline()):
            upsampler = Interpolation(8000, 16000, how)
            return evaluate(upsampler, recordings, PROTOCOLS[protocol], Decimate()).files_hash

        one, other = sounds(3000, 3001)
        expected = hashed([one, other])
        assert expected == hashed([one, other], "king2021", Linear())
        assert expected != hashed([other, one])
        assert expected != hashed([one])
        assert expected != hashed([dataclasses.replace(one, name="b"), other])
        assert expected != hashed([dataclasses.replace(one, seed=5), other])

    def test_examples_are_excerpts_of_the_first_files(self, sounds, monkeypatch):
        monkeypatch.setattr(module, "EXCERPT_SECONDS", 1)
        upsampler = Interpolation(8000, 16000)
        recordings = sounds(20000, 10000, 10000)
        results = evaluate(upsampler, recordings, TFSR, Decimate(), shown=2)
        assert [example.name for example in results.examples] == ["a/0.wav", "a/1.wav"]
        low, spline, estimate, original = results.examples[0].panels
        titles = [panel.title for panel in results.examples[0].panels]
        assert titles == ["low", "spline", "estimate", "original"]
        assert low.waveform.shape == (8000,)
        np.testing.assert_array_equal(original.waveform, recordings[0].read(16000)[:16000])
        np.testing.assert_array_equal(estimate.waveform, spline.waveform)
        assert results.seconds == 2.5

    def test_chunks_change_nothing(self, sounds, monkeypatch):
        arguments = Interpolation(8000, 16000), sounds(20000), TFSR, Decimate()
        whole = evaluate(*arguments).means["estimate"]
        monkeypatch.setattr(Interpolation, "chunk", 8000)
        assert evaluate(*arguments).means["estimate"] == pytest.approx(whole, abs=1e-4)


class TestEvaluateRun:
    @staticmethod
    def experiment(recordings):
        data = types.SimpleNamespace(
            recordings=lambda split: recordings if split == "test" else [], degradation=Decimate()
        )
        return types.SimpleNamespace(upsampler=Interpolation(8000, 16000), data=data)

    def test_prints_and_writes_the_page(self, sounds, tmp_path, capsys):
        results = evaluate_run(self.experiment(sounds(5000, 6000, 7000)), tmp_path / "x", files=2)
        printed = capsys.readouterr().out
        assert results.count == 2
        assert results.system == "x"
        assert results.summary() in printed
        assert results.table() in printed
        page = tmp_path / "x" / "evaluation" / "tfsr" / "index.html"
        assert f"page {page}" in printed
        assert results.files_hash in page.read_text()

    def test_other_folder_and_protocol(self, sounds, tmp_path):
        evaluate_run(
            self.experiment(sounds(5000)), tmp_path / "x", "king2021", page=tmp_path / "page"
        )
        assert "king2021" in (tmp_path / "page" / "index.html").read_text()
        assert not (tmp_path / "x").exists()

    def test_empty_split(self, sounds, tmp_path):
        with pytest.raises(UserError, match="no validation recordings"):
            evaluate_run(self.experiment(sounds(5000)), tmp_path, split="validation")

    def test_folder_that_cannot_be_made(self, sounds, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="file/page"):
            evaluate_run(self.experiment(sounds(5000)), tmp_path, page=tmp_path / "file" / "page")
