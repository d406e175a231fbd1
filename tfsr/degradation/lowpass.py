"""Low-pass filters that come before decimation.

Each is a frozen value, called with `high` [time] at `output_rate`. It takes out (more or less)
what `input_rate` cannot carry; the result is float64 [time], still at `output_rate`. Any
time >= 1. `context` is the number of samples on each side after which the filter has settled.
"""

import abc
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.signal

from tfsr.arguments import COUNT, POSITIVE, WHOLE, Range, check
from tfsr.signal.sinc_hann import sinc_hann

_RANGES = {
    **{"order": COUNT, "ripple_db": POSITIVE, "stop_db": POSITIVE, "edge": POSITIVE},
    "context": WHOLE,
}


class LowPass(Protocol):
    """Such a filter."""

    @property
    def context(self) -> int: ...

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray: ...


class _Recursive(abc.ABC):
    """What the recursive filters share: `edge` and `zero_phase`, and how they run."""

    edge: float
    zero_phase: bool

    def __post_init__(self):
        check(type(self).__name__, vars(self), _RANGES)

    @property
    @abc.abstractmethod
    def _design(self) -> tuple:
        """SciPy's function that designs it, and what that takes before the edge."""

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray:
        high, edge = np.asarray(high, np.float64), self.edge * input_rate / output_rate
        if edge >= 1:  # nothing above it
            return high
        sections = _sections(*self._design, edge)
        if not self.zero_phase:
            return scipy.signal.sosfilt(sections, high)
        # SciPy extends both ends by this much, and refuses signals that are not longer. A filter
        # of odd order has a section of order one.
        odd = min(np.count_nonzero(sections[:, column] == 0) for column in (2, 5))
        extension = 3 * (2 * len(sections) + 1 - odd)
        return scipy.signal.sosfiltfilt(sections, high, padlen=min(extension, len(high) - 1))


@dataclass(frozen=True)
class Chebyshev(_Recursive):
    """Chebyshev filter of the first kind, that of `scipy.signal.decimate`.

    Kuleshov et al. 2017 use it. In the SciPy of their time it ran causally, which delays the
    signal. The delay is 4 samples at ratio 2, 9 at ratio 4. Since 1.0 it runs forwards and
    backwards.

    Args:
        order: of the filter, once.
        ripple_db: in the pass band.
        edge: of the pass band, as a fraction of the low rate's Nyquist frequency.
        zero_phase: forwards and backwards, without delay; False is causal.
    """

    order: int = 8
    ripple_db: float = 0.05
    edge: float = 0.8
    zero_phase: bool = True
    context = 480

    @property
    def _design(self) -> tuple:
        return scipy.signal.cheby1, self.order, self.ripple_db


@dataclass(frozen=True)
class Butterworth(_Recursive):
    """Butterworth filter; King et al. 2021 run it causally and leave its delay in the signal.

    Args:
        order: of the filter, once.
        edge: where it is 3 dB down, as a fraction of the low rate's Nyquist frequency.
        zero_phase: forwards and backwards, without delay (6 dB down); False is causal.
        context: samples around a patch that it runs on too; 0 begins anew with every patch, as
            King et al.'s program does.
    """

    order: int = 8
    edge: float = 1.0
    zero_phase: bool = False
    context: int = 240

    @property
    def _design(self) -> tuple:
        return scipy.signal.butter, self.order


@dataclass(frozen=True)
class Elliptic(_Recursive):
    """Elliptic filter (VoiceFixer, Liu et al. 2022).

    Args: as in `Chebyshev`, and
        stop_db: attenuation of the stop band.
    """

    order: int = 8
    ripple_db: float = 0.1
    stop_db: float = 60.0
    edge: float = 1.0
    zero_phase: bool = True
    context = 480

    @property
    def _design(self) -> tuple:
        return scipy.signal.ellip, self.order, self.ripple_db, self.stop_db


@dataclass(frozen=True)
class Bessel(_Recursive):
    """Bessel filter, of which the phase is normalised as is SciPy's default (VoiceFixer).

    Args: as in `Butterworth`.
    """

    order: int = 8
    edge: float = 1.0
    zero_phase: bool = True
    context = 480

    @property
    def _design(self) -> tuple:
        return scipy.signal.bessel, self.order


@dataclass(frozen=True)
class Resampling:
    """To the low rate and back by `scipy.signal.resample_poly` (VoiceFixer)."""

    context = 480

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray:
        divisor = math.gcd(output_rate, input_rate)
        up, down = input_rate // divisor, output_rate // divisor
        high = np.asarray(high, np.float64)
        if down == 1:
            return high
        window = polyphase_taps(down)
        low = scipy.signal.resample_poly(high, up, down, window=window)
        return scipy.signal.resample_poly(low, down, up, window=window)[: len(high)]


@dataclass(frozen=True)
class SincHannResampling:
    """To the low rate and back by torchaudio's windowed sinc, as for AP-BWE (Lu et al. 2024)."""

    context = 480

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray:
        low = sinc_hann(high, output_rate, input_rate)
        return sinc_hann(low, input_rate, output_rate)[: len(high)]


@functools.lru_cache(64)
def polyphase_taps(down: int) -> np.ndarray:
    """What `resample_poly` designs anew in each call otherwise, which takes three times as long."""
    return scipy.signal.firwin(20 * down + 1, 1 / down, window=("kaiser", 5.0))


@dataclass(frozen=True)
class BrickWall:
    """Zeroes the bins of a short-time Fourier transform from the low rate's Nyquist upwards.

    Lee & Han 2021 (NU-Wave) filter each patch so: the transform is centred, with mirrored ends
    and a periodic Hann window, after `n_fft` zeros were appended. Liu et al. 2022 (VoiceFixer)
    append none, with frames of 2,048 and a hop of 441 samples.

    Args:
        n_fft: samples of a frame.
        hop_length: samples from one frame to the next.
        append: whether zeros are appended.
    """

    n_fft: int = 1024
    hop_length: int = 256
    append: bool = True
    context = 0

    def __post_init__(self):
        longest = Range(1, self.n_fft - 1, whole=True)
        check("BrickWall", vars(self), {"n_fft": Range(2, whole=True), "hop_length": longest})

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray:
        frame = {"nperseg": self.n_fft, "noverlap": self.n_fft - self.hop_length}
        # SciPy makes frames shorter where the signal is.
        zeros = self.n_fft if self.append else max(self.n_fft - len(high), 0)
        extended = np.pad(np.asarray(high, np.float64), (0, zeros))
        _, _, bins = scipy.signal.stft(extended, boundary="even", **frame)
        bins[self.kept_bins(output_rate, input_rate) :] = 0
        return scipy.signal.istft(bins, **frame)[1][: len(high)]

    def kept_bins(self, output_rate: int, input_rate: int) -> int:
        """How many of the n_fft / 2 + 1 bins stay."""
        return (self.n_fft // 2 + 1) * input_rate // output_rate


@dataclass(frozen=True)
class NoFilter:
    """Leaves everything, so that decimation aliases (Kuleshov et al.'s multi-speaker recipe)."""

    context = 0

    def __call__(self, high: np.ndarray, output_rate: int, input_rate: int) -> np.ndarray:
        return np.asarray(high, np.float64)


@functools.lru_cache
def _sections(design: Callable, *parameters: float) -> np.ndarray:
    return design(*parameters, output="sos")
