"""From the high rate to the low one."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from tfsr.degradation.base import Degradation
from tfsr.degradation.lowpass import Chebyshev, LowPass, polyphase_taps
from tfsr.signal.resample import kaiser_best, whole_ratio
from tfsr.signal.sinc_hann import sinc_hann


@dataclass(frozen=True)
class Decimate(Degradation):
    """A low-pass filter, then every ratio-th sample, beginning with the first.

    With the default filter that is `scipy.signal.decimate`.

    Args:
        low_pass: one of `tfsr.degradation.lowpass`'s.
    """

    low_pass: LowPass = Chebyshev()

    @property
    def context(self) -> int:
        return self.low_pass.context

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        ratio = whole_ratio(output_rate, input_rate)
        if ratio == 1:
            return np.asarray(high, np.float64)
        return self.low_pass(high, output_rate, input_rate)[::ratio]


@dataclass(frozen=True)
class KaiserBest(Degradation):
    """The windowed sinc of librosa up to 0.9, as in WSRGlow (Zhang et al. 2021)."""

    context = 480

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        return kaiser_best(high, whole_ratio(output_rate, input_rate))


@dataclass(frozen=True)
class SincHannDecimation(Degradation):
    """The windowed sinc of torchaudio, as in AP-BWE (Lu, Ai, Du & Ling 2024)."""

    context = 240

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        whole_ratio(output_rate, input_rate)
        return sinc_hann(high, output_rate, input_rate)


@dataclass(frozen=True)
class Polyphase(Degradation):
    """`scipy.signal.resample_poly`: a short windowed sinc of linear phase, without delay."""

    context = 240

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        ratio = whole_ratio(output_rate, input_rate)
        high = np.asarray(high, np.float64)
        if ratio == 1:
            return high
        return scipy.signal.resample_poly(high, 1, ratio, window=polyphase_taps(ratio))
