import dataclasses
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.data.bundled import Bundled
from tfsr.degradation.codec import G711, Gsm
from tfsr.degradation.decimation import Decimate
from tfsr.degradation.effects import Clip
from tfsr.degradation.lowpass import BrickWall, Butterworth, Chebyshev
from tfsr.errors import UserError
from tfsr.evaluation import protocols
from tfsr.evaluation.evaluate import evaluate
from tfsr.evaluation.metrics import Lsd, SegmentalSnr, Snr
from tfsr.evaluation.perceptual import Stoi
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.evaluation.test_set import Preparation
from tfsr.evaluation.texture import FrameModulation
from tfsr.signal.interpolation import Flat, Linear, Spline
from tfsr.upsamplers.interpolation import Interpolation

FIXTURES = Path(__file__).parents[1] / "fixtures"
SUPER_RESOLUTION = ("kuleshov2017", "nuwave", "king2021", "tfsr")
APBWE = tuple(f"apbwe_{khz}k" for khz in (2, 4, 8, 12, 16, 24))
DECLI = ("decli_10", "decli_25", "decli_50")
TELEPHONY = {"telephony": [], "telephony_g711": [G711()], "telephony_gsm": [Gsm()]}
SSR_EVAL = {f"ssr_eval_{2 * khz}k": khz for khz in (1, 2, 4, 6, 8, 12, 16)}


class TestContents:
    def test_names_and_sources(self):
        for name, protocol in PROTOCOLS.items():
            assert protocol.name == name
            assert protocol.source
            assert protocol.metrics and protocol.baselines

    def test_protocols_of_super_resolution_have_the_same_columns(self):
        same = ["SNR", "segSNR", "LSD", "LSD-high", "LSD-low"]
        for protocol in map(protocols.named, SUPER_RESOLUTION):
            more = ["SNR-low", "LTAS-high", "PESQ"] if protocol.name == "tfsr" else []
            assert list(protocol.metrics) == same + more
            assert list(protocol.baselines) == ["spline", "linear", "sinc"]

    def test_kuleshov2017(self):
        protocol = PROTOCOLS["kuleshov2017"]
        lsd = Lsd(2048, 512, math.e, floor=0.0, offset=1e-8, axes="swapped", cap=10.0)
        assert protocol.metrics["LSD"] == lsd
        assert protocol.metrics["segSNR"] == SegmentalSnr(Snr(1e-6, 1e-8), 8192)
        assert protocol.degradation == Decimate(Chebyshev(zero_phase=True))
        assert protocol.baselines["spline"] == Spline("not_a_knot")

    def test_nuwave(self):
        protocol = PROTOCOLS["nuwave"]
        assert protocol.metrics["LSD"] == Lsd(2048, 512, 10.0, floor=1e-8, axes="paper")
        assert protocol.degradation == Decimate(BrickWall())
        assert protocol.baselines["linear"] == Linear(half_pixel=True)
        assert protocol.preparation == Preparation(trim_db=15.0, peak=1.0, shortest=32768)

    def test_king2021(self):
        protocol = PROTOCOLS["king2021"]
        lsd = Lsd(256, 128, 10.0, floor=0.0, axes="swapped", padding="zeros")
        assert protocol.metrics["LSD"] == lsd
        assert protocol.metrics["SNR"] == Snr()
        assert protocol.degradation == Decimate(Butterworth(zero_phase=False))

    def test_tfsr_takes_the_runs_own_degradation(self):
        protocol = PROTOCOLS["tfsr"]
        assert protocol.metrics["LSD"] == Lsd(2048, 512, 10.0, floor=1e-8, axes="paper")
        assert protocol.degradation is None

    @pytest.mark.parametrize("name", TELEPHONY)
    def test_telephony_is_tfsr_for_signals_that_come_from_calls(self, name):
        protocol = PROTOCOLS[name]
        assert protocol.metrics == PROTOCOLS["tfsr"].metrics | {"STOI": Stoi()}
        assert list(protocol.degradation.stages) == [Decimate(), *TELEPHONY[name]]
        assert list(protocol.baselines) == ["spline", "linear", "sinc"]

    def test_bands_share_the_protocols_convention(self):
        high = np.random.default_rng(0).standard_normal(4000)
        scores = PROTOCOLS["kuleshov2017"].scores(high, np.zeros(4000), 8000, 16000)
        assert scores["LSD-high"] == scores["LSD-low"] == 10


class TestApbwe:
    @pytest.mark.parametrize("pcm16", [False, True])
    def test_scores_equal_the_recorded_ones(self, pcm16):
        fixture = np.load(FIXTURES / "apbwe_pair.npz")
        protocol = dataclasses.replace(PROTOCOLS["apbwe"], pcm16=pcm16)
        pairs = zip(fixture["wav_target"], fixture["wav_pred"], strict=True)
        scores = [protocol.scores(*pair, 8000, 16000) for pair in pairs]
        prefix = "metric_pred_pcm16" if pcm16 else "metric_pred"
        names = {"LSD": "lsd", "SNR": "snr", "IP": "apd_ip", "GD": "apd_gd", "IAF": "apd_iaf"}
        for column, name in names.items():
            expected = float(fixture[f"{prefix}/{name}"])
            assert np.mean([s[column] for s in scores]) == pytest.approx(expected, abs=1e-5)
        lsd = [s["LSD"] for s in scores]
        np.testing.assert_allclose(lsd, fixture[f"{prefix}/lsd_per_row"], atol=1e-5)

    def test_equal_signals(self):
        fixture = np.load(FIXTURES / "apbwe_pair.npz")
        protocol = dataclasses.replace(PROTOCOLS["apbwe"], pcm16=False)
        scores = [protocol.scores(x, x, 8000, 16000) for x in fixture["wav_target"]]
        assert all(s[column] == 0 for s in scores for column in ("LSD", "IP", "GD", "IAF"))
        snr = np.mean([s["SNR"] for s in scores])
        assert snr == pytest.approx(float(fixture["metric_same/snr"]), abs=1e-5)

    def test_a_quiet_estimate_is_lost_in_16_bits(self):
        high = 0.5 * np.sin(np.arange(4000))
        scores = PROTOCOLS["apbwe"].scores(high, 1e-5 * high, 8000, 16000)
        assert scores["SNR"] == 0

    def test_at_one_rate_what_is_given_was_at_a_lower_one(self, sounds):
        recordings = sounds(4000, rate=16000)
        (recording,) = recordings
        high = recording.read(16000)
        protocol = PROTOCOLS["apbwe_8k"]
        low = protocol.degradation(high, 16000, 16000, np.random.default_rng(0))
        two_rates = PROTOCOLS["apbwe"]
        lower = two_rates.degradation(high, 16000, 8000, np.random.default_rng(0))
        sinc = two_rates.baselines["sinc"](np.float32(lower[np.newaxis]), 2)
        np.testing.assert_allclose(sinc[0], low, atol=1e-6)
        upsampler = Interpolation(16000, 16000, Flat())
        results = evaluate(upsampler, protocol.test_set(recordings, Decimate()), protocol)
        assert results.means["estimate"] == results.means["sinc"]


class TestPerceived:
    PERCEIVED = PROTOCOLS["perceived"]
    # As some columns need large packages.
    MEASURED = dataclasses.replace(PERCEIVED, metrics={"LSD": PERCEIVED.metrics["LSD"]})

    def test_listeners_are_asked_and_the_lsd_is_that_of_apbwe(self):
        listeners = ["DistillMOS", "ViSQOL", "DNSMOS", "PESQ", "STOI"]
        assert list(self.PERCEIVED.metrics) == [*listeners, "LSD"]
        assert self.PERCEIVED.metrics["LSD"] == PROTOCOLS["apbwe"].metrics["LSD"]
        assert self.PERCEIVED.pcm16 and PROTOCOLS["apbwe"].pcm16

    def test_columns_of_the_band_that_a_system_makes(self):
        fitted = self.MEASURED.fitted(8000, 16000, 125)
        octave = ["4-8k", "loud 4-8k", "quiet 4-8k"]
        assert list(fitted.metrics) == ["LSD", "buzz", *octave, "4-5k", "5-6k", "6-7k", "7-8k"]
        assert fitted.metrics["buzz"] == FrameModulation(125)
        assert fitted.fitted(4000, 48000, None) == fitted
        assert list(self.MEASURED.fitted(8000, 8000, 100).metrics) == ["LSD"]

    def test_protocols_that_fit_all_systems_stay_as_they_are(self):
        assert PROTOCOLS["tfsr"].fitted(8000, 16000, 125) is PROTOCOLS["tfsr"]

    def test_nothing_keeps_the_band(self):
        time = np.arange(16000) / 16000
        tone = np.sin(2 * np.pi * 3950 * time)  # 0.9875 of what 8 kHz can carry
        nothing = Interpolation(8000, 16000, self.PERCEIVED.baselines["nothing"])
        given = nothing.upsample(np.float32(tone[np.newaxis, ::2]))[0].numpy()
        np.testing.assert_allclose(given[1000:-1000], tone[1000:-1000], atol=0.01)

    def test_nothing_and_the_originals_stand_beside_an_estimate(self):
        upsampler = Interpolation(8000, 16000, self.PERCEIVED.baselines["nothing"])
        upsampler.frame_rate = 125
        test_set = self.MEASURED.test_set(Bundled().recordings("test")[:1], Decimate())
        results = evaluate(upsampler, test_set, self.MEASURED)
        assert results.systems == ("estimate", "nothing", "spline", "original")
        means = results.means
        assert means["estimate"] == means["nothing"]
        assert means["nothing"]["buzz"] == -math.inf and means["nothing"]["4-8k"] < -20
        assert means["original"].pop("buzz") == pytest.approx(0.04, abs=0.03)
        assert set(means["original"].values()) == {0.0}

    def test_a_system_without_frames_has_no_buzz(self, sounds):
        test_set = self.MEASURED.test_set(sounds(4000), Decimate())
        results = evaluate(Interpolation(8000, 16000), test_set, self.MEASURED)
        assert "buzz" not in results.columns and "quiet 4-8k" in results.columns


class TestRestoration:
    def test_voicefixer(self):
        protocol = PROTOCOLS["voicefixer"]
        compared = ["PESQ", "STOI", "SI-SNR", "SSIM", "LSD"]
        aligned = [f"{column}-aligned" for column in compared]
        assert list(protocol.metrics) == [*compared, "SiSpec", "log-SiSpec", *aligned]
        assert protocol.degradation is None

    def test_a_delay_is_seen_unless_aligned(self):
        high = np.random.default_rng(0).standard_normal(30000)
        late = np.concatenate([np.zeros(500), high[:-500]])
        scores = PROTOCOLS["voicefixer"].scores(high, late, 44100, 44100)
        assert scores["SI-SNR"] < -20 and scores["SI-SNR-aligned"] > 100
        assert scores["SSIM"] < 0.9 and scores["SSIM-aligned"] == pytest.approx(1)

    @pytest.mark.parametrize(("package", "lost"), [("pesq", "PESQ"), ("skimage", "SSIM")])
    def test_a_missing_package_costs_its_columns_alone(self, monkeypatch, caplog, package, lost):
        for module in (package, f"{package}.metrics"):
            monkeypatch.setitem(sys.modules, module, None)
        protocol = dataclasses.replace(PROTOCOLS["voicefixer"])
        high = np.random.default_rng(0).standard_normal(30000)
        for _ in range(2):
            scores = protocol.scores(high, high, 44100, 44100)
        gone = {lost, f"{lost}-aligned"}
        assert list(scores) == [column for column in protocol.metrics if column not in gone]
        assert [record.message for record in caplog.records] == [
            f"no {column}: {package} is not installed: pip install 'tfsr[eval]'"
            for column in (lost, f"{lost}-aligned")
        ]

    def test_what_was_restored_to_nothing_new_scores_as_unprocessed(self, sounds):
        upsampler = Interpolation(44100, 44100, Flat())
        recordings = sounds(30000, rate=44100)
        for name in ("ssr_eval_8k", "voicefixer"):
            protocol = PROTOCOLS[name]
            results = evaluate(upsampler, protocol.test_set(recordings, Decimate()), protocol)
            assert results.systems == ("estimate", "unprocessed")
            titles = [panel.title for panel in results.examples[0].panels]
            assert titles == ["unprocessed", "estimate", "original"]
            assert results.means["estimate"] == results.means["unprocessed"]

    @pytest.mark.parametrize("name", SSR_EVAL)
    def test_ssr_eval_cuts_the_band_off(self, name):
        cutoff = SSR_EVAL[name]
        high = np.random.default_rng(0).standard_normal(44100)
        low = PROTOCOLS[name].degradation(high, 44100, 44100, np.random.default_rng(0))
        level = 10 * np.log10(np.abs(np.fft.rfft(low)) ** 2 / len(low))
        assert level[: 1000 * cutoff - 100].mean() > -4
        assert level[1000 * cutoff + 100 :].mean() < -35

    def test_ssr_eval_scores_fall_with_the_band(self, sounds):
        (recording,) = sounds(30000, rate=44100)
        high = recording.read(44100)

        def scores(name):
            low = PROTOCOLS[name].degradation(high, 44100, 44100, np.random.default_rng(0))
            return PROTOCOLS[name].scores(high, low, 44100, 44100)

        narrow, wide = scores("ssr_eval_2k"), scores("ssr_eval_24k")
        assert list(narrow) == ["LSD", "log-SiSpec", "SiSpec", "SSIM"]
        assert narrow["LSD"] > wide["LSD"] > 1
        for column in ("log-SiSpec", "SiSpec", "SSIM"):
            assert narrow[column] < wide[column]

    def test_ssr_eval_is_for_systems_at_one_rate(self, sounds):
        with pytest.raises(UserError, match="22050 Hz are wanted"):
            protocol = PROTOCOLS["ssr_eval_8k"]
            recordings = protocol.test_set(sounds(5000, rate=44100), Decimate())
            evaluate(Interpolation(22050, 44100), recordings, protocol)


class TestRates:
    def test_nuwave_is_for_48_khz_only(self):
        PROTOCOLS["nuwave"].check_rate(48000)
        with pytest.raises(UserError, match="nuwave is made for 48000 Hz.* 16000 Hz"):
            PROTOCOLS["nuwave"].check_rate(16000)

    def test_others_are_for_any(self):
        for name in ("kuleshov2017", "king2021", "tfsr"):
            PROTOCOLS[name].check_rate(44100)


class TestNamed:
    def test_finds(self):
        assert protocols.named("tfsr") is PROTOCOLS["tfsr"]

    def test_unknown_lists_them(self):
        with pytest.raises(UserError, match="pesq: choose one of tfsr, .*nuwave2.*or module:name"):
            protocols.named("pesq")


MINE = """
from tfsr.evaluation.metrics import Snr
from tfsr.evaluation.protocols import Protocol
from tfsr.signal.interpolation import Flat

{made} = Protocol("mine", "my own", {{"SNR": Snr()}}, {{"flat": Flat()}})
number = 3
"""


class TestImported:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        """A current folder with a module, which Python does not search as yet."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [x for x in sys.path if x])
        (tmp_path / "my_protocols.py").write_text(MINE.format(made="MINE"))
        yield
        sys.modules.pop("my_protocols", None)

    def test_finds_a_module_in_the_current_folder(self):
        assert protocols.named("my_protocols:MINE").source == "my own"

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("my_protocols:OTHER", "my_protocols has no Protocol of the name 'OTHER'"),
            ("my_protocols:number", "my_protocols has no Protocol of the name 'number'"),
            ("my_protocols:", "my_protocols has no Protocol of the name ''"),
            ("nowhere:MINE", "No module named 'nowhere'"),
            (".relative:MINE", "protocol .relative:MINE: "),
            (":MINE", "protocol :MINE: "),
        ],
    )
    def test_what_is_not_there_is_said_in_one_line(self, name, said):
        with pytest.raises(UserError, match=re.escape(said)) as error:
            protocols.named(name)
        assert "\n" not in str(error.value)


class TestPreparation:
    @given(st.integers(1, 2000), st.integers(1, 8))
    def test_gives_a_multiple_of_the_ratio_and_loses_less_than_one(self, samples, ratio):
        prepared = Preparation()(np.ones(samples), ratio)
        assert prepared.dtype == np.float32
        assert prepared.size % ratio == 0
        assert prepared.sum() > samples - ratio
        assert prepared.size >= min(samples, 256) - ratio

    def test_short_signal_stands_in_the_middle(self):
        prepared = Preparation(shortest=8)(np.array([1.0, 2.0, 3.0]), 2)
        np.testing.assert_array_equal(prepared, [0, 0, 1, 2, 3, 0, 0, 0])

    def test_cut_at_the_end(self):
        prepared = Preparation(shortest=1)(np.arange(11.0), 3)
        np.testing.assert_array_equal(prepared, np.arange(9))

    def test_nuwave_trims_and_normalises(self):
        loud = 0.25 * np.sin(np.arange(48000))
        quiet = np.full(20000, 1e-4)
        prepared = PROTOCOLS["nuwave"].preparation(np.concatenate([quiet, loud, quiet]), 3)
        assert np.abs(prepared).max() == 1
        assert 48000 <= prepared.size < 52000
        assert prepared.size % 3 == 0

    def test_silence_is_not_normalised(self):
        assert not np.any(PROTOCOLS["nuwave"].preparation(np.zeros(40000), 2))

    def test_a_level_a_length_and_hops(self):
        signal = np.arange(1.0, 1001)
        prepared = Preparation(peak=0.5, longest=700, multiple=64)(signal, 3)
        assert (prepared.size, prepared[-1]) == (639, pytest.approx(0.5 * 639 / 1000))
        assert Preparation(shortest=1024, multiple=64)(signal, 1).size == 1024


class TestDamaged:
    RESTORATION = PROTOCOLS["restoration"]

    def test_unprocessed_and_the_originals_stand_beside_an_estimate(self, sounds):
        measured = self.RESTORATION.without(["DistillMOS", "DNSMOS", "PESQ", "STOI"])
        halved = Halved(16000, 16000, Flat())
        test_set = measured.test_set(sounds(16000), Clip((2.0, 2.0)))
        results = evaluate(halved, test_set, measured)
        assert results.systems == ("estimate", "unprocessed", "original")
        means = results.means
        assert means["original"]["SDR"] == math.inf
        assert means["unprocessed"]["SDR"] > means["estimate"]["SDR"] > 0
        assert means["unprocessed"]["SI-SDR"] == pytest.approx(means["estimate"]["SI-SDR"], abs=0.1)


class Halved(Interpolation):
    """Half of what comes in."""

    def upsample(self, low, *noise):
        return super().upsample(low, *noise) / 2
