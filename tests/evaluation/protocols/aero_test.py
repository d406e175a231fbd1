import numpy as np
import pytest

from tfsr.evaluation.protocols import PROTOCOLS
from tfsr.signal.resample import soxr_hq
from tfsr.upsamplers.interpolation import Interpolation

AERO = PROTOCOLS["aero"]


def test_references_and_inputs_come_by_soxr(sounds):
    (recording,) = sounds(30000, rate=48000)
    stored = recording.read(48000)
    made = next(AERO.test_set([recording], AERO.degradation).items(4000, 16000))
    np.testing.assert_array_equal(made.high, soxr_hq(stored, 48000, 16000))
    # They make both of the file, which comes to the same but for the ends.
    of_file = soxr_hq(stored, 48000, 4000)
    np.testing.assert_allclose(made.low[100:-100], of_file[100:-100], atol=2e-4)


def test_lsd_equals_the_authors_formula(sound):
    high = sound(30001, 4)
    noise = np.random.default_rng(5).standard_normal(high.size)
    smooth = np.convolve(high.astype(np.float64), np.hanning(5) / 3, mode="same")
    estimate = np.float32(0.8 * smooth + 1e-4 * noise)
    assert AERO.metrics["LSD"](high, estimate, 48000, 6000) == pytest.approx(1.47546, abs=1e-5)


def test_interpolations_stand_beside_it():
    assert list(AERO.baselines) == ["spline", "linear", "sinc"]
    assert [Interpolation(4000, 16000, how).ratio for how in AERO.baselines.values()] == [4] * 3
