"""From the high rate to the low one."""

from dataclasses import dataclass

import numpy as np
import scipy.signal

from tfsr.arguments import COUNT, NOT_NEGATIVE, Range, check
from tfsr.degradation.base import Degradation
from tfsr.degradation.lowpass import Chebyshev, LowPass, NoFilter, polyphase_taps
from tfsr.signal.resample import kaiser_best, soxr_hq, whole_ratio
from tfsr.signal.sinc_hann import sinc_hann
from tfsr.signal.windowed_sinc import kaiser_sinc


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
    """`scipy.signal.resample_poly`: a short windowed sinc of linear phase, without delay.

    Args:
        low_pass: a filter before it, as NU-Wave 2 has one (Han & Lee 2022).
    """

    low_pass: LowPass = NoFilter()

    @property
    def context(self) -> int:
        return 240 + self.low_pass.context

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        ratio = whole_ratio(output_rate, input_rate)
        if ratio == 1:
            return np.asarray(high, np.float64)
        filtered = self.low_pass(high, output_rate, input_rate)
        return scipy.signal.resample_poly(filtered, 1, ratio, window=polyphase_taps(ratio))


@dataclass(frozen=True)
class KaiserSincDecimation(Degradation):
    """The long windowed sinc of kazane, with mirrored ends, as in UDM+ (Yu et al. 2023).

    Args:
        reach: zero crossings on each side.
        kaiser_beta: of the window.
        rolloff: where it is 6 dB down, as a fraction of the low rate's Nyquist frequency.
    """

    reach: int = 128
    kaiser_beta: float = 14.769656459379492
    rolloff: float = 0.962

    def __post_init__(self):
        ranges = {"reach": COUNT, "kaiser_beta": NOT_NEGATIVE, "rolloff": Range(0, 1, above=True)}
        check("KaiserSincDecimation", vars(self), ranges)

    @property
    def context(self) -> int:
        return 12 * self.reach

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        ratio = whole_ratio(output_rate, input_rate)
        high = np.asarray(high, np.float64)
        if ratio == 1:
            return high
        taps = kaiser_sinc(self.reach, self.kaiser_beta, self.rolloff, ratio) / ratio
        extended = np.pad(high, len(taps) // 2, mode="reflect")
        filtered = scipy.signal.upfirdn(taps, extended, down=ratio)
        complete = 2 * self.reach  # the first that has all taps
        return filtered[complete : complete - (-len(high) // ratio)]


@dataclass(frozen=True)
class SoxrDecimation(Degradation):
    """SoX's effect `rate` by its library, as in AERO (Mandel, Tal & Adi 2023)."""

    context = 960

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        whole_ratio(output_rate, input_rate)
        return soxr_hq(np.asarray(high, np.float64), output_rate, input_rate)
