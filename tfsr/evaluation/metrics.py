"""How close an estimate is to its reference, by the published conventions.

A metric is a frozen dataclass with its settings. It is called with `reference` and `estimate`, both
[time] and equally long. Further arguments are their sample rate and the cut-off of the degradation,
in Hz. It returns one number. All computation is in float64. `uses_cutoff` tells whether the cut-off
matters.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from tfsr.signal.framing import frames
from tfsr.signal.mel import mel_filters
from tfsr.signal.resample import soxr_hq

Metric = Callable[[np.ndarray, np.ndarray, int, float], float]
"""(reference [time], estimate [time], rate in Hz, cut-off in Hz) -> value."""

FirstHigh = Callable[[float, int, int], int]
"""(cut-off in Hz, rate in Hz, n_fft) -> the lowest bin of the high band."""


def uses_cutoff(metric: Metric) -> bool:
    """Whether a metric depends on the cut-off; its attribute of this name says so."""
    return getattr(metric, "uses_cutoff", False)


def from_cutoff(cutoff_hz: float, rate: int, n_fft: int) -> int:
    """The first bin that is not below the cut-off."""
    return math.ceil(cutoff_hz * n_fft / rate)


def share_of_bins(cutoff_hz: float, rate: int, n_fft: int) -> int:
    """The cut-off's share of all bins, as in the programs of NU-Wave 2 and UDM+."""
    return int((n_fft // 2 + 1) * (2 * cutoff_hz / rate))


@dataclasses.dataclass(frozen=True)
class Snr:
    """Signal-to-noise ratio in dB: 10 log10 of the energies of reference and error.

    Without floors it is inf where both signals are equal and -inf where only the reference is
    silent.

    Args:
        error_power: added to the mean square of the error (Kuleshov et al. 2017: 1e-6).
        ratio_offset: added to the ratio of the amplitudes (Kuleshov et al. 2017: 1e-8).
        smallest_error: lower bound of the error's norm (Lee and Han 2021: 1e-8).
    """

    error_power: float = 0.0
    ratio_offset: float = 0.0
    smallest_error: float = 0.0

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        reference, estimate = _float64(reference), _float64(estimate)
        energy = np.sum((reference - estimate) ** 2) + reference.size * self.error_power
        error = max(math.sqrt(energy), self.smallest_error)
        ratio = np.linalg.norm(reference) / error if error else np.inf
        with np.errstate(divide="ignore"):
            return float(20 * np.log10(ratio + self.ratio_offset))


@dataclasses.dataclass(frozen=True)
class SegmentalSnr:
    """Mean of the SNR of consecutive patches (Kuleshov et al. 2017).

    An incomplete last patch is left out. So are patches without a finite SNR (silent reference, or
    estimate equal to it). A signal shorter than a patch counts as one.

    Args:
        snr: the metric of each patch.
        patch: samples.
    """

    snr: Snr = Snr()
    patch: int = 8192

    @property
    def uses_cutoff(self) -> bool:
        return uses_cutoff(self.snr)

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        patch = min(self.patch, reference.size)
        starts = range(0, reference.size - patch + 1, patch)
        return finite_mean(
            self.snr(reference[i : i + patch], estimate[i : i + patch], rate, cutoff_hz)
            for i in starts
        )


@dataclasses.dataclass(frozen=True)
class LowBandSnr:
    """Signal-to-noise ratio in dB of the bins below a share of the cut-off, as in `Snr`.

    Args:
        share: of the cut-off; filters attenuate the end of the band.
    """

    share: float = 0.9
    uses_cutoff = True

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        bins = 1 + int(self.share * cutoff_hz * reference.size / rate)
        reference, estimate = (
            np.fft.rfft(_float64(x))[:bins].view(np.float64) for x in (reference, estimate)
        )
        return Snr()(reference, estimate, rate, cutoff_hz)


@dataclasses.dataclass(frozen=True)
class Spectrogram:
    """Magnitudes [frames, bins] of a signal [time], with a periodic Hann window.

    The defaults are those of VoiceFixer (Liu et al. 2022): frames of 46 ms, one every 10 ms.

    Args:
        n_fft, hop_length: in samples; the window is as long as `n_fft`.
        padding: of half a window on both sides. "reflect" was librosa's default up to 0.8. "zeros"
            also pads the end to a whole frame, as SciPy does. "librosa" pads zeros, and leaves an
            incomplete last frame out; it is librosa's default since 0.9.
        sizes_at: the rate in Hz for which `n_fft` and `hop_length` are given; they are scaled in
            proportion to a signal's rate. None: they are not scaled.
        mel_bands: number of bands of `tfsr.signal.mel` used instead of the bins.
    """

    n_fft: int = 2048
    hop_length: int = 441
    padding: Literal["reflect", "zeros", "librosa"] = "reflect"
    sizes_at: int | None = 44100
    mel_bands: int | None = None

    def __call__(self, signal: np.ndarray, rate: int) -> np.ndarray:
        magnitudes = np.abs(self.complex(signal, rate))
        if self.mel_bands:
            return magnitudes @ mel_filters(rate, self.sizes(rate)[0], self.mel_bands)
        return magnitudes

    def complex(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """Complex spectrum [frames, bins], whose magnitudes are those of the bins."""
        n_fft, hop_length = self.sizes(rate)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        padding = "zeros" if self.padding == "librosa" else self.padding
        framed = frames(_float64(signal), n_fft, hop_length, padding)
        if self.padding == "librosa":
            framed = framed[: 1 + (signal.size - n_fft % 2) // hop_length]
        return np.fft.rfft(framed * window)

    def sizes(self, rate: int) -> tuple[int, int]:
        """`n_fft` and `hop_length` for a signal of this rate in Hz."""
        if self.sizes_at is None:
            return self.n_fft, self.hop_length
        return self.n_fft * rate // self.sizes_at, self.hop_length * rate // self.sizes_at


@dataclasses.dataclass(frozen=True)
class Lsd:
    """Log-spectral distance: root mean square difference of two log power spectrograms.

    Args:
        n_fft, hop_length, padding, sizes_at, mel_bands: see `Spectrogram`.
        base: of the logarithm of the power.
        floor: powers below it are raised to it (Lee and Han 2021).
        offset: added to the powers and to the mean square under the root (Kuleshov et al. 2017).
            With neither floor nor offset, bins that are zero in one of the signals count as equal
            (King et al. 2021).
        axes: "paper" takes the root of the mean over frequency, then averages over time. All
            papers have this formula. "swapped" exchanges the two axes, as the programs of Kuleshov
            et al. and King et al. do.
        cap: largest value.
        band: "full", or only the bins "low" (below the cut-off) or "high" (from it upwards); not
            with mel bands.
        first_high: first bin of "high", by `from_cutoff` or by the rule of a published program.
        ratio_offset: replaces floor and offset. It is added to the estimate's magnitudes and to the
            ratio of the powers (Liu et al. 2022: 1e-12). Bins that are zero in the reference then
            count 12, for any estimate, with base 10.
        long_term: whether powers are first averaged over frames. Then long-term average spectra
            are compared: how loud a band is at every frequency, without any timing.
    """

    n_fft: int = 2048
    hop_length: int = 512
    base: float = 10.0
    floor: float = 1e-8
    offset: float = 0.0
    axes: Literal["paper", "swapped"] = "paper"
    padding: Literal["reflect", "zeros", "librosa"] = "reflect"
    cap: float = math.inf
    band: Literal["full", "low", "high"] = "full"
    ratio_offset: float = 0.0
    sizes_at: int | None = None
    mel_bands: int | None = None
    long_term: bool = False
    first_high: FirstHigh = from_cutoff

    @property
    def uses_cutoff(self) -> bool:
        return self.band != "full"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        powers = (self._spectrogram(signal, rate) ** 2 for signal in (reference, estimate))
        if self.long_term:
            powers = (np.mean(power, axis=0, keepdims=True) for power in powers)
        difference = self._log_ratio(*powers)
        square = difference[:, self._bins(rate, cutoff_hz)] ** 2
        inner = {"paper": 1, "swapped": 0}[self.axes]
        distance = np.mean(np.sqrt(np.mean(square, axis=inner) + self.offset))
        return min(float(distance), self.cap)

    @property
    def _spectrogram(self) -> Spectrogram:
        return Spectrogram(self.n_fft, self.hop_length, self.padding, self.sizes_at, self.mel_bands)

    def _log_ratio(self, reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        if self.ratio_offset:
            ratio = reference / (np.sqrt(estimate) + self.ratio_offset) ** 2
            return np.log(ratio + self.ratio_offset) / math.log(self.base)
        if not self.floor + self.offset:
            skipped = (reference == 0) | (estimate == 0)
            reference, estimate = np.where(skipped, 1, reference), np.where(skipped, 1, estimate)
        return self._log(reference) - self._log(estimate)

    def _log(self, power: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(power, self.floor) + self.offset) / math.log(self.base)

    def _bins(self, rate: int, cutoff_hz: float) -> slice:
        first = self.first_high(cutoff_hz, rate, self._spectrogram.sizes(rate)[0])
        slices = {"full": slice(None), "low": slice(first), "high": slice(first, None)}
        return slices[self.band]


class OfMetric:
    """Base of a metric that computes another one; it has the other's package and cut-off."""

    metric: Metric

    @property
    def package(self) -> str | None:
        return getattr(self.metric, "package", None)

    @property
    def uses_cutoff(self) -> bool:
        return uses_cutoff(self.metric)


@dataclasses.dataclass(frozen=True)
class Exchanged(OfMetric):
    """A metric with reference and estimate exchanged.

    Args:
        metric: the metric to compute.
    """

    metric: Metric

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        return self.metric(estimate, reference, rate, cutoff_hz)


@dataclasses.dataclass(frozen=True)
class LevelMatched(OfMetric):
    """A metric of the estimate, scaled to the reference's level in the lowest bins.

    The means of their magnitudes become equal, over all frames (AudioSR, Liu et al. 2024). If the
    estimate is silent there, it is not scaled.

    Args:
        metric: the metric to compute.
        share: share of the bins, from the lowest on.
        spectrogram: defines the bins.
    """

    metric: Metric
    share: float = 0.1
    spectrogram: Spectrogram = Spectrogram(2048, 512, "librosa", sizes_at=None)

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        level, made = (self._level(signal, rate) for signal in (reference, estimate))
        matched = _float64(estimate) * (level / made if made else 1.0)
        return self.metric(reference, matched, rate, cutoff_hz)

    def _level(self, signal: np.ndarray, rate: int) -> float:
        magnitudes = self.spectrogram(signal, rate)
        return float(np.mean(magnitudes[:, : int(self.share * magnitudes.shape[1])]))


@dataclasses.dataclass(frozen=True)
class AtRate(OfMetric):
    """A metric of signals resampled to one rate by soxr's "HQ", as librosa reads files.

    Args:
        rate: in Hz.
        metric: the metric to compute.
    """

    rate: int
    metric: Metric

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        reference, estimate = (soxr_hq(_float64(x), rate, self.rate) for x in (reference, estimate))
        return self.metric(reference, estimate, self.rate, cutoff_hz)


def finite_mean(values: Iterable[float]) -> float:
    """Mean of the values that are not infinite; of all, if all are infinite. NaN stays NaN."""
    values = np.array(list(values), np.float64)
    bounded = values[~np.isinf(values)]
    with np.errstate(invalid="ignore"):
        return float(np.mean(bounded if bounded.size else values))


def _float64(signal: np.ndarray) -> np.ndarray:
    return np.asarray(signal, np.float64)
