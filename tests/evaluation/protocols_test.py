import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsr.degradation.decimation import Decimate
from tfsr.degradation.lowpass import BrickWall, Butterworth, Chebyshev
from tfsr.errors import UserError
from tfsr.evaluation import protocols
from tfsr.evaluation.metrics import Lsd, SegmentalSnr, Snr
from tfsr.evaluation.protocols import PROTOCOLS, Preparation
from tfsr.signal.interpolation import Linear, Spline

FIXTURES = Path(__file__).parents[1] / "fixtures"


class TestContents:
    def test_every_protocol_has_the_same_columns(self):
        for name, protocol in PROTOCOLS.items():
            assert protocol.name == name
            assert protocol.source
            assert list(protocol.metrics) == ["SNR", "segSNR", "LSD", "LSD-high", "LSD-low"]
            assert list(protocol.baselines) == ["spline", "linear"]

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
        assert protocol.preparation == Preparation(trim_db=15.0, peak=True, shortest=32768)

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

    def test_bands_share_the_protocols_convention(self):
        high = np.random.default_rng(0).standard_normal(4000)
        scores = PROTOCOLS["kuleshov2017"].scores(high, np.zeros(4000), 8000, 16000)
        assert scores["LSD-high"] == scores["LSD-low"] == 10


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
        with pytest.raises(UserError, match="pesq.*kuleshov2017, nuwave, king2021, tfsr"):
            protocols.named("pesq")


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
