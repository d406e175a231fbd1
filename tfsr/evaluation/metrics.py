"""How near an estimate comes to its reference, in the conventions that have been published.

A metric is a frozen dataclass that carries its settings. Called with `reference` and `estimate`,
both [time] and equally long, with their sample rate and the cut-off of the degradation in Hz, it
gives one number. Everything is computed in float64.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from tfsr.signal.framing import frames

Metric = Callable[[np.ndarray, np.ndarray, int, float], float]
"""(reference [time], estimate [time], rate in Hz, cut-off in Hz) -> value."""


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

    An incomplete last patch is left out, and so are patches without a finite SNR (silent
    reference, or estimate equal to it). A signal shorter than a patch counts as one.

    Args:
        snr: what is computed for each patch.
        patch: samples.
    """

    snr: Snr = Snr()
    patch: int = 8192

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
class Lsd:
    """Log-spectral distance: root mean square difference of two log power spectrograms.

    Args:
        n_fft, hop_length: of the STFT in samples, periodic Hann window of length `n_fft`.
        base: of the logarithm of the power.
        floor: powers below it are raised to it (Lee and Han 2021).
        offset: added to the powers and to the mean square under the root (Kuleshov et al. 2017).
            With neither floor nor offset, bins that are zero in one of the signals count as equal
            (King et al. 2021).
        axes: "paper" takes the root of the mean over frequency and averages it over time, as the
            formulas of all papers do; "swapped" exchanges the two, as the programs of Kuleshov et
            al. and King et al. do.
        padding: of half a window on both sides, "reflect" or "zeros"; with zeros the end is padded
            to a whole frame as well.
        cap: largest value.
        band: "full", or only the bins "low" (below the cut-off) or "high" (from it upwards).
    """

    n_fft: int = 2048
    hop_length: int = 512
    base: float = 10.0
    floor: float = 1e-8
    offset: float = 0.0
    axes: Literal["paper", "swapped"] = "paper"
    padding: Literal["reflect", "zeros"] = "reflect"
    cap: float = math.inf
    band: Literal["full", "low", "high"] = "full"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        difference = self._log_ratio(self._power(reference), self._power(estimate))
        square = difference[:, self._bins(rate, cutoff_hz)] ** 2
        inner = {"paper": 1, "swapped": 0}[self.axes]
        distance = np.mean(np.sqrt(np.mean(square, axis=inner) + self.offset))
        return min(float(distance), self.cap)

    def _power(self, signal: np.ndarray) -> np.ndarray:
        """Power spectrogram [frames, bins]."""
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)
        framed = frames(_float64(signal), self.n_fft, self.hop_length, self.padding)
        return np.abs(np.fft.rfft(framed * window)) ** 2

    def _log_ratio(self, reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        if not self.floor + self.offset:
            skipped = (reference == 0) | (estimate == 0)
            reference, estimate = np.where(skipped, 1, reference), np.where(skipped, 1, estimate)
        return self._log(reference) - self._log(estimate)

    def _log(self, power: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(power, self.floor) + self.offset) / math.log(self.base)

    def _bins(self, rate: int, cutoff_hz: float) -> slice:
        first_high = math.ceil(cutoff_hz * self.n_fft / rate)
        slices = {"full": slice(None), "low": slice(first_high), "high": slice(first_high, None)}
        return slices[self.band]


def finite_mean(values: Iterable[float]) -> float:
    """Mean of the values that are not infinite; of all, if none is. NaN stays NaN."""
    values = np.array(list(values), np.float64)
    bounded = values[~np.isinf(values)]
    with np.errstate(invalid="ignore"):
        return float(np.mean(bounded if bounded.size else values))


def _float64(signal: np.ndarray) -> np.ndarray:
    return np.asarray(signal, np.float64)
