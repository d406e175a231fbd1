import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from tfsr.evaluation.metrics import (
    AtRate,
    Exchanged,
    LevelMatched,
    LowBandSnr,
    Lsd,
    SegmentalSnr,
    Snr,
    Spectrogram,
    finite_mean,
    share_of_bins,
    uses_cutoff,
)
from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.evaluation.restoration_metrics import Aligned, SiSdr
from tfsr.evaluation.texture import BandLevel, FrameModulation
from tfsr.signal.framing import frames

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATE, CUTOFF = 16000, 4000.0
KULESHOV, NUWAVE, KING = (PROTOCOLS[n].metrics for n in ("kuleshov2017", "nuwave", "king2021"))
LSDS = {"paper": Lsd(), "swapped": Lsd(axes="swapped"), "king": KING["LSD"]}


def noisy_pair(seed: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal(samples) * 0.3
    return reference, reference + rng.standard_normal(samples) * 0.05


def normal_of(seed: int):
    return lambda samples: 0.3 * np.random.default_rng(seed).standard_normal(samples)


pairs = st.builds(noisy_pair, st.integers(0, 1000), st.integers(1, 6000))
factors = st.floats(0.01, 100).flatmap(lambda x: st.sampled_from([x, -x]))


def value(metric, reference, estimate) -> float:
    return metric(reference, estimate, RATE, CUTOFF)


class TestFixtures:
    @pytest.mark.parametrize(
        ("name", "metric", "tolerance"),
        [
            ("snr", Snr(), 1e-12),
            ("segsnr_8192", KULESHOV["segSNR"], 1e-12),
            ("lsd_ln_codeaxis", KULESHOV["LSD"], 1e-12),
            ("lsd_ln_paperaxis", Lsd(base=math.e, floor=0.0, offset=1e-8), 1e-8),
            ("lsd_log10_paperaxis", Lsd(floor=0.0, offset=1e-8), 1e-8),
            ("lsd_log10_paperaxis", PROTOCOLS["tfsr"].metrics["LSD"], 1e-4),
            ("lsd_king", KING["LSD"], 1e-12),
        ],
    )
    def test_audiounet_family(self, name, metric, tolerance):
        fixture = np.load(FIXTURES / "metrics.npz")
        computed = value(metric, fixture["ref"], fixture["est"])
        assert computed == pytest.approx(float(fixture[name]), abs=tolerance)

    @pytest.mark.parametrize("case", [1, 2, 3, 4])
    def test_nuwave(self, case):
        fixture = np.load(FIXTURES / "metrics_nuwave.npz")
        pair = fixture[f"ref_{case}"], fixture[f"est_{case}"]
        assert value(NUWAVE["SNR"], *pair) == pytest.approx(float(fixture[f"snr_{case}"]), abs=1e-5)
        assert value(NUWAVE["LSD"], *pair) == pytest.approx(float(fixture[f"lsd_{case}"]), abs=1e-5)


class TestSnr:
    @given(pairs, factors)
    def test_same_gain_on_both_changes_nothing(self, pair, gain):
        scaled = [gain * signal for signal in pair]
        assert value(Snr(), *scaled) == pytest.approx(value(Snr(), *pair))

    @given(pairs, factors)
    def test_error_scaled_by_g_moves_it_by_20_log_g(self, pair, gain):
        reference, estimate = pair
        moved = value(Snr(), reference, reference + gain * (estimate - reference))
        assert moved == pytest.approx(value(Snr(), *pair) - 20 * math.log10(abs(gain)))

    def test_equality_and_silence(self):
        tone, silence = np.sin(np.arange(100)), np.zeros(100)
        assert value(Snr(), tone, tone) == math.inf
        assert value(Snr(), silence, silence) == math.inf
        assert value(Snr(), silence, tone) == -math.inf
        assert value(Snr(), tone, silence) == pytest.approx(0, abs=1e-9)

    def test_floors_bound_it(self):
        tone, silence = np.full(100, 0.5), np.zeros(100)
        assert value(KULESHOV["SNR"], tone, tone) == pytest.approx(20 * math.log10(500))
        assert value(KULESHOV["SNR"], silence, silence) == pytest.approx(-160)
        assert value(NUWAVE["SNR"], tone, tone) == pytest.approx(20 * math.log10(5e8))

    def test_float32_input_is_computed_in_float64(self):
        reference, estimate = (x.astype(np.float32) for x in noisy_pair(0, 5000))
        doubles = reference.astype(np.float64), estimate.astype(np.float64)
        assert value(Snr(), reference, estimate) == value(Snr(), *doubles)


class TestSegmentalSnr:
    def test_is_the_mean_over_whole_patches(self):
        reference, estimate = noisy_pair(0, 250)
        expected = np.mean(
            [value(Snr(), reference[i : i + 100], estimate[i : i + 100]) for i in (0, 100)]
        )
        assert value(SegmentalSnr(patch=100), reference, estimate) == pytest.approx(expected)

    @given(pairs)
    def test_short_signal_is_one_patch(self, pair):
        assert value(SegmentalSnr(), *pair) == value(Snr(), *pair)

    def test_silent_patches_are_left_out(self):
        reference, estimate = noisy_pair(0, 300)
        reference[100:200] = 0
        kept = [signal[[*range(100), *range(200, 300)]] for signal in (reference, estimate)]
        metric = SegmentalSnr(patch=100)
        assert value(metric, reference, estimate) == pytest.approx(value(metric, *kept))


class TestLsd:
    @given(pairs, st.sampled_from(sorted(LSDS)))
    def test_zero_for_identity_and_sign(self, pair, convention):
        reference = pair[0]
        assert value(LSDS[convention], reference, reference) == 0
        assert value(LSDS[convention], reference, -reference) == 0

    @given(pairs, st.sampled_from(sorted(LSDS)))
    def test_symmetric(self, pair, convention):
        reference, estimate = pair
        forwards = value(LSDS[convention], reference, estimate)
        assert forwards == pytest.approx(value(LSDS[convention], estimate, reference))

    @given(st.integers(300, 6000), factors, st.sampled_from(["paper", "swapped"]))
    def test_gain_of_the_estimate_is_the_distance(self, samples, gain, axes):
        reference, _ = noisy_pair(0, samples)
        distance = value(Lsd(floor=0.0, axes=axes), reference, gain * reference)
        assert distance == pytest.approx(abs(math.log10(gain**2)))

    @given(pairs, factors)
    def test_without_floor_same_gain_changes_nothing(self, pair, gain):
        scaled = [gain * signal for signal in pair]
        metric = LSDS["king"]
        assert value(metric, *scaled) == pytest.approx(value(metric, *pair), abs=1e-6)

    @given(pairs)
    def test_natural_logarithm_is_larger_by_ln_10(self, pair):
        natural = value(Lsd(base=math.e), *pair)
        assert natural == pytest.approx(math.log(10) * value(Lsd(), *pair))

    @given(pairs)
    def test_swapped_bands_add_up(self, pair):
        """Averaged over frequency last, the whole is the mean of its bands, bin for bin."""
        low, high = (value(Lsd(axes="swapped", band=band), *pair) for band in ("low", "high"))
        whole = value(Lsd(axes="swapped"), *pair)
        assert whole == pytest.approx((512 * low + 513 * high) / 1025)

    def test_bands_look_below_and_above_the_cutoff(self):
        seconds = np.arange(16000) / RATE
        reference = np.random.default_rng(0).standard_normal(16000)
        estimate = reference + 100 * np.hanning(16000) * np.sin(2 * np.pi * 6000 * seconds)
        low, high = (value(Lsd(band=band), reference, estimate) for band in ("low", "high"))
        assert high > 0.2
        assert low < 0.02

    def test_frames_weigh_alike_on_the_papers_axes(self):
        """Silence in half of the frames: their distance d counts half, or by its square."""
        rng = np.random.default_rng(0)
        reference = rng.standard_normal(200 * 512)
        estimate = reference.copy()
        estimate[: 100 * 512] *= 10
        assert value(Lsd(), reference, estimate) == pytest.approx(1, rel=0.05)
        assert value(Lsd(axes="swapped"), reference, estimate) == pytest.approx(
            math.sqrt(2), rel=0.05
        )

    def test_cap_and_floor(self):
        tone, silence = np.sin(np.arange(4000)), np.zeros(4000)
        assert value(KULESHOV["LSD"], tone, silence) == 10
        uncapped = dataclasses.replace(KULESHOV["LSD"], cap=math.inf)
        assert value(uncapped, tone, silence) > 10
        assert value(Lsd(), silence, 1e-9 * tone) == 0

    def test_zero_bins_are_skipped_without_floor(self):
        tone = np.sin(np.arange(4000))
        assert value(KING["LSD"], tone, np.zeros(4000)) == 0

    def test_ratio_offset_counts_a_silent_reference_alike_for_every_estimate(self):
        metric = Lsd(ratio_offset=1e-12)
        for factor in (0, 1e-3, 1):
            estimate = factor * np.sin(np.arange(4000))
            assert value(metric, np.zeros(4000), estimate) == pytest.approx(12)

    def test_without_silence_the_ratio_is_the_difference_of_logarithms(self):
        reference, estimate = noisy_pair(0, 6000)
        ratio, difference = Lsd(ratio_offset=1e-12), Lsd(floor=1e-24)
        assert value(ratio, reference, estimate) == pytest.approx(
            value(difference, reference, estimate), abs=1e-6
        )

    @pytest.mark.parametrize("protocol", ["kuleshov2017", "nuwave", "king2021", "tfsr"])
    @pytest.mark.parametrize("samples", [1, 2, 3, 255, 1023, 1024, 1025])
    def test_any_length(self, protocol, samples):
        reference, estimate = noisy_pair(0, samples)
        for column, metric in PROTOCOLS[protocol].metrics.items():
            if column != "PESQ":
                assert math.isfinite(value(metric, reference, estimate))

    @pytest.mark.parametrize(("cutoff", "first"), [(4000, 170), (6000, 256), (12000, 512)])
    def test_high_may_begin_at_a_share_of_the_bins(self, cutoff, first):
        assert share_of_bins(cutoff, 48000, 2048) == first
        reference, estimate = np.random.default_rng(0).standard_normal((2, 9000))
        high = Lsd(band="high", first_high=share_of_bins)
        at_bin = Lsd(band="high", first_high=lambda *_: first)
        values = [metric(reference, estimate, 48000, cutoff) for metric in (high, at_bin)]
        assert values[0] == values[1]


class TestCutoff:
    HIGH = Lsd(band="high")

    @pytest.mark.parametrize(
        "metric",
        [
            *(HIGH, Lsd(band="low"), LowBandSnr(), FrameModulation(100)),
            *(Aligned(HIGH), Exchanged(HIGH), LevelMatched(HIGH), AtRate(8000, HIGH)),
            SegmentalSnr(LowBandSnr()),
        ],
    )
    def test_counts(self, metric):
        assert uses_cutoff(metric)

    @pytest.mark.parametrize(
        "metric",
        [
            *(Snr(), SegmentalSnr(), Lsd(), SiSdr(), Aligned(Lsd()), BandLevel(4000, 8000)),
            *(Exchanged(Lsd()), lambda reference, estimate, rate, cutoff_hz: 0.0),
        ],
    )
    def test_does_not(self, metric):
        assert not uses_cutoff(metric)


class TestWrappers:
    @given(pairs, factors)
    def test_level_of_the_lowest_bins_is_matched(self, pair, gain):
        reference, estimate = pair
        matched = LevelMatched(Lsd())
        once, again = (value(matched, reference, x * estimate) for x in (1, abs(gain)))
        assert again == pytest.approx(once, abs=1e-6)
        assert value(matched, reference, abs(gain) * reference) == pytest.approx(0, abs=1e-9)
        assert value(matched, reference, 0 * estimate) == value(Lsd(), reference, 0 * estimate)

    @given(pairs)
    def test_exchanged(self, pair):
        assert value(Exchanged(KING["LSD"]), *pair) == value(KING["LSD"], *pair[::-1])

    def test_at_a_lower_rate_nothing_above_it_counts(self):
        time = np.arange(16000) / RATE
        low, high = (np.sin(2 * np.pi * hz * time) for hz in (1000, 7000))
        assert value(Snr(), low, low + high) == pytest.approx(0, abs=0.1)
        assert value(AtRate(8000, Snr()), low, low + high) > 40


class TestLowBandSnr:
    @given(st.integers(2000, 6000), st.floats(0.1, 10.0))
    def test_hears_nothing_above_its_share_of_the_cutoff(self, samples, gain):
        time = np.arange(samples) / RATE
        window = np.hanning(samples)
        low, high = (window * np.sin(2 * np.pi * hz * time) for hz in (2000, 3800))
        error = 0.01 * low
        heard = value(LowBandSnr(), low, low + error + gain * high)
        assert heard == pytest.approx(40, abs=0.1)
        assert value(LowBandSnr(share=1.0), low, low + error + gain * high) < heard - 15


class TestLongTermSpectra:
    LTAS = Lsd(band="high", long_term=True)

    @given(st.integers(0, 1000), st.floats(0.1, 10))
    def test_of_noise_it_is_the_gain(self, seed, gain):
        """However different the samples are."""
        one, other = (noise(RATE) for noise in map(normal_of, (seed, seed + 1)))
        assert value(self.LTAS, one, gain * other) == pytest.approx(
            abs(20 * math.log10(gain)) / 10, abs=0.2
        )
        assert value(Lsd(band="high"), one, other) > 0.7

    def test_does_not_hear_when(self):
        burst = np.concatenate([normal_of(0)(8192), np.zeros(8192)])
        late = np.roll(burst, 8192)
        assert value(self.LTAS, burst, late) < 0.15
        assert value(Lsd(band="high"), burst, late) > 3


class TestSpectrogram:
    @pytest.mark.parametrize(
        ("rate", "sizes", "shape"),
        [
            (44100, (2048, 441), (101, 1025)),
            (48000, (2229, 480), (100, 1115)),
            (16000, (743, 160), (100, 372)),
        ],
    )
    def test_frames_last_as_long_at_every_rate(self, rate, sizes, shape):
        assert Spectrogram().sizes(rate) == sizes
        assert Spectrogram()(np.ones(rate), rate).shape == shape

    def test_sizes_may_be_the_same_at_every_rate(self):
        assert Spectrogram(256, 64, sizes_at=None).sizes(8000) == (256, 64)

    @pytest.mark.parametrize("samples", [1, 440, 441, 442, 4000])
    def test_only_whole_frames_fit_but_for_zeros(self, samples):
        for padding in ("reflect", "librosa"):
            assert len(Spectrogram(padding=padding)(np.ones(samples), 44100)) == 1 + samples // 441
        whole = Spectrogram(padding="zeros")(np.ones(samples), 44100)
        assert len(whole) == 1 + -(-samples // 441)

    def test_mel_bands(self):
        tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
        mel = Spectrogram(mel_bands=128)(tone, 44100)
        assert mel.shape == (101, 128)
        assert 31 <= mel[50].argmax() <= 34  # 1000 of 3923 mel, in 129 steps


class TestFrames:
    @given(st.integers(256, 3000))
    def test_zero_padding_is_scipys(self, samples):
        signal, _ = noisy_pair(0, samples)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
        ours = np.fft.rfft(frames(signal, 256, 128, "zeros") * window).T / window.sum()
        np.testing.assert_allclose(ours, scipy.signal.stft(signal)[2], atol=1e-12)


class TestFiniteMean:
    def test_leaves_out_infinities_but_not_nan(self):
        assert finite_mean([1, 3, math.inf, -math.inf]) == 2
        assert finite_mean([math.inf]) == math.inf
        assert math.isnan(finite_mean([1, math.nan]))
