import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soxr
from hypothesis import given
from hypothesis import strategies as st

from tfsr.evaluation.metrics import Lsd, Snr, Spectrogram
from tfsr.evaluation.perceptual import PesqWideband, Stoi
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.evaluation.restoration_metrics import Aligned, SiSdr, SiSpec, Ssim, delay

RATE = 44100
PAIRS = ("oracle", "oracle_aligned", "mode0_vs_input", "noisy_copy")
LATE = 1021  # samples that the vocoder of the recorded pair is late

LIBROSA, MEL = Spectrogram(padding="librosa"), Spectrogram(padding="librosa", mel_bands=128)
MAIN = {
    "lsd_main": Lsd(2048, 441, ratio_offset=1e-12, padding="librosa"),
    "mel_lsd_main": Lsd(2048, 441, ratio_offset=1e-12, padding="librosa", mel_bands=128),
    "lsd_main_reflect_padding": PROTOCOLS["voicefixer"].metrics["LSD"],
    "lsd_training_code": Lsd(2048, 441),
    "ssim_range2": Ssim(spectrogram=LIBROSA),
    "mel_ssim_range2": Ssim(spectrogram=MEL),
    "ssim_range1": Ssim(1.0, LIBROSA),
    "ssim_range2_reflect_padding": PROTOCOLS["voicefixer"].metrics["SSIM"],
    "sispec": SiSpec(spectrogram=LIBROSA),
    "log_sispec_main": SiSpec(log=True, spectrogram=LIBROSA),
    "snr_training_code": Snr(),
    "sisdr_speechmetrics": SiSdr(),
    "stoi_44100": Stoi(),
}
SSR_EVAL = {
    "lsd": Lsd(2048, 441, ratio_offset=1e-12, padding="librosa", sizes_at=44100),
    "log_sispec": SiSpec(log=True, floor=0.0, offset=1e-12, spectrogram=LIBROSA),
    "sispec": SiSpec(spectrogram=LIBROSA),
    "ssim": Ssim(spectrogram=LIBROSA),
}
SCORES = [SiSdr(), SiSpec(), SiSpec(log=True), Ssim(), PROTOCOLS["voicefixer"].metrics["LSD"]]


def signals(shortest: int) -> st.SearchStrategy:
    """Two of the same length."""
    return st.builds(
        lambda seed, samples: np.random.default_rng(seed).standard_normal((2, samples)) * 0.1,
        st.integers(0, 99),
        st.integers(shortest, 6000),
    )


def value(metric, reference, estimate, rate=RATE) -> float:
    return metric(reference, estimate, rate, rate / 2)


@pytest.fixture(scope="module")
def recorded():
    """Recorded pairs of reference and estimate, and what the authors' programs give for them."""
    data = np.load(Path(__file__).parents[1] / "fixtures" / "voicefixer_metrics.npz")
    clean = data["clean"]
    vocoded, damaged, restored = (data[x] / 2**15 for x in ("vocoded", "damaged", "restored"))
    noise = 0.02 * np.random.default_rng(0).standard_normal(clean.size)
    pairs = {
        "oracle": (clean, vocoded[: clean.size]),
        "oracle_aligned": (clean[: vocoded.size - LATE], vocoded[LATE:]),
        "mode0_vs_input": (damaged, restored),
        "noisy_copy": (clean, clean + noise),
    }
    return pairs, json.loads(str(data["values"]))


class TestFixtures:
    @pytest.mark.parametrize("pair", PAIRS)
    @pytest.mark.parametrize("name", MAIN)
    def test_voicefixers_programs(self, recorded, pair, name):
        pairs, values = recorded
        assert value(MAIN[name], *pairs[pair]) == pytest.approx(values[pair][name], abs=1e-3)

    @pytest.mark.parametrize("pair", PAIRS)
    def test_a_data_range_of_the_signals_own(self, recorded, pair):
        pairs, values = recorded
        images = [LIBROSA(signal, RATE) for signal in pairs[pair]]
        extent = max(map(np.max, images)) - min(map(np.min, images))
        computed = value(Ssim(extent, LIBROSA), *pairs[pair])
        assert computed == pytest.approx(values[pair]["ssim_range_max"], abs=1e-6)

    @pytest.mark.parametrize("pair", PAIRS)
    @pytest.mark.parametrize("rate", [48000, 44100, 16000])
    def test_ssr_eval_at_its_rates(self, recorded, pair, rate):
        pairs, values = recorded
        up, down = rate // math.gcd(rate, RATE), RATE // math.gcd(rate, RATE)
        signals = [scipy.signal.resample_poly(signal, up, down) for signal in pairs[pair]]
        for name, metric in SSR_EVAL.items():
            expected = values[pair][f"ssr_eval_{rate}_{name}"]
            assert value(metric, *signals, rate) == pytest.approx(expected, abs=1e-3)

    @pytest.mark.parametrize("pair", PAIRS)
    @pytest.mark.parametrize(
        ("name", "to_16_khz"),
        [
            ("pesq_wb_poly", lambda signal: scipy.signal.resample_poly(signal, 160, 441)),
            ("pesq_wb_soxr", lambda signal: soxr.resample(signal, RATE, 16000, "VHQ")),
        ],
    )
    def test_pesq_of_signals_at_16_khz(self, recorded, pair, name, to_16_khz):
        pairs, values = recorded
        expected = values[pair][name]
        signals = map(to_16_khz, pairs[pair])
        assert value(PesqWideband(), *signals, 16000) == pytest.approx(expected, abs=1e-3)
        assert value(PesqWideband(), *pairs[pair]) == pytest.approx(expected, abs=0.05)

    def test_alignment_finds_the_vocoders_delay(self, recorded):
        pairs, values = recorded
        reference, estimate = pairs["oracle"]
        assert delay(reference, estimate, 2205) == LATE
        for name, tolerance in (("lsd_main", 0.01), ("ssim_range2", 0.01), ("stoi_44100", 0.01)):
            computed = value(Aligned(MAIN[name]), reference, estimate)
            assert computed == pytest.approx(values["oracle_aligned"][name], abs=tolerance)
            assert computed == value(MAIN[name], reference[:-LATE], estimate[LATE:])


class TestLaws:
    @given(signals(100))
    def test_equal_signals(self, pair):
        reference = pair[0]
        for metric in (SiSdr(), SiSpec(), SiSpec(log=True)):
            assert value(metric, reference, reference) > 90
        assert value(Ssim(), reference, reference) == pytest.approx(1)
        assert value(PROTOCOLS["voicefixer"].metrics["LSD"], reference, reference) < 1e-6

    @given(signals(100), st.floats(0.01, 100))
    def test_scale_of_the_estimate_changes_no_scale_invariant_ratio(self, pair, scale):
        for metric in (SiSdr(), SiSpec()):
            expected = value(metric, *pair)
            assert value(metric, pair[0], scale * pair[1]) == pytest.approx(expected, abs=1e-3)

    @given(st.integers(0, 99))
    def test_noise_of_a_share_counts_by_it(self, seed):
        reference, noise = np.random.default_rng(seed).standard_normal((2, 40000))
        noise -= noise @ reference / (reference @ reference) * reference
        noise *= np.linalg.norm(reference) / np.linalg.norm(noise)
        assert value(SiSdr(), reference, reference + 0.1 * noise) == pytest.approx(20)

    @given(signals(1))
    def test_every_length_has_a_score(self, pair):
        for metric in SCORES:
            for one in (metric, Aligned(metric)):
                assert math.isfinite(value(one, *pair))

    def test_silence(self):
        tone, silence = np.sin(np.arange(9000)), np.zeros(9000)
        for metric in (SiSdr(), SiSpec()):
            assert value(metric, silence, tone) < -100
            assert value(metric, tone, silence) == pytest.approx(0)
        assert value(Ssim(), silence, silence) == 1
        assert math.isfinite(value(Aligned(SiSdr()), silence, silence))

    @pytest.mark.filterwarnings("ignore:Use of fft convolution on input with NAN")
    @pytest.mark.parametrize("metric", SCORES)
    def test_an_estimate_that_is_no_number_is_seen(self, metric):
        tone = np.sin(np.arange(9000))
        for one in (metric, Aligned(metric)):
            assert math.isnan(value(one, tone, np.full(9000, np.nan)))


class TestAligned:
    @given(st.integers(0, 99), st.integers(-400, 400))
    def test_recovers_a_shifted_copy(self, seed, shift):
        sound = np.random.default_rng(seed).standard_normal(6000)
        reference, estimate = sound[400:-400], np.roll(sound, shift)[400:-400]
        assert delay(reference, estimate, 400) == shift
        assert value(Aligned(SiSdr()), reference, estimate) > 100

    def test_never_shifts_further_than_its_limit(self):
        sound = np.random.default_rng(0).standard_normal(6000)
        reference, estimate = sound[1000:], sound[:-1000]
        assert value(Aligned(SiSdr()), reference, estimate) > 100
        assert value(Aligned(SiSdr(), 999 / RATE), reference, estimate) < 0

    def test_leaves_what_resembles_the_reference_nowhere(self):
        one, other = np.random.default_rng(0).standard_normal([2, 6000])
        assert delay(one, other, 400) == 0
        assert delay(one[400:], 0.4 * one[:-400] + other[:-400], 400) == 400

    def test_leaves_what_has_no_better_place(self):
        assert delay(np.zeros(100), np.zeros(100), 50) == 0
        assert delay(np.zeros(1), np.ones(1), 0) == 0
