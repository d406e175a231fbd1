"""Metrics of speech restoration, as in the evaluation of VoiceFixer (Liu et al. 2022).

The output of a vocoder is not aligned with its reference to the sample, and has other phases. So
most of these compare magnitudes, and `Aligned` shifts the estimate first.
"""

import dataclasses

import numpy as np
import scipy.signal

from tfsr.evaluation.metrics import Metric, OfMetric, Spectrogram
from tfsr.optional_imports import load

_EPSILON = np.finfo(np.float64).eps
_SSIM_WINDOW = 7

# The correlation coefficient from which on two signals are held for shifted copies. The authors'
# vocoder reaches 0.64 on the one pair that they published.
_RESEMBLANCE = 0.3


@dataclasses.dataclass(frozen=True)
class SiSdr:
    """Scale-invariant signal-to-noise ratio in dB, without removal of the means."""

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        return _scale_invariant_ratio(reference, estimate)


@dataclasses.dataclass(frozen=True)
class SiSpec:
    """Scale-invariant ratio in dB: the reference's spectrogram over the error of the estimate's.

    One scale and one ratio for the whole spectrogram.

    Args:
        log: compare decadic logarithms of the magnitudes.
        floor: smaller magnitudes are raised to it before the logarithm (VoiceFixer's code).
        offset: added to the magnitudes before the logarithm (ssr_eval: 1e-12, without floor).
        spectrogram: makes the magnitudes.
    """

    log: bool = False
    floor: float = 1e-8
    offset: float = 0.0
    spectrogram: Spectrogram = Spectrogram()

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        return _scale_invariant_ratio(self._image(reference, rate), self._image(estimate, rate))

    def _image(self, signal: np.ndarray, rate: int) -> np.ndarray:
        magnitudes = self.spectrogram(signal, rate)
        if self.log:
            return np.log10(np.maximum(magnitudes, self.floor) + self.offset)
        return magnitudes


@dataclasses.dataclass(frozen=True)
class Ssim:
    """Structural similarity of two spectrograms of linear magnitudes, 1 where they are equal.

    It is scikit-image's, with a uniform window of 7 frames and 7 bins (Wang et al. 2004). In a
    signal with fewer frames the last one is repeated.

    Args:
        data_range: L of the constants (0.01 L)^2 and (0.03 L)^2, which has a large effect. For
            floats of any range, scikit-image assumed 2 when VoiceFixer was published.
        spectrogram: makes the magnitudes.

    Raises:
        UserError: scikit-image is not installed.
    """

    data_range: float = 2.0
    spectrogram: Spectrogram = Spectrogram()
    package = "skimage.metrics"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        similarity = load(self.package).structural_similarity
        images = (self._image(signal, rate) for signal in (reference, estimate))
        return float(similarity(*images, win_size=_SSIM_WINDOW, data_range=self.data_range))

    def _image(self, signal: np.ndarray, rate: int) -> np.ndarray:
        image = self.spectrogram(signal, rate)
        return np.pad(image, ((0, max(_SSIM_WINDOW - len(image), 0)), (0, 0)), mode="edge")


@dataclasses.dataclass(frozen=True)
class Aligned(OfMetric):
    """A metric of the estimate, shifted by its `delay`.

    Both signals are then cut to their common part.

    Args:
        metric: the metric to compute.
        limit_seconds: largest shift, forwards and backwards; never more than half of the signal.
    """

    metric: Metric
    limit_seconds: float = 0.05

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        limit = min(int(self.limit_seconds * rate), reference.size // 2)
        lag = delay(reference, estimate, limit)
        kept = reference.size - abs(lag)
        reference, estimate = reference[max(-lag, 0) :], estimate[max(lag, 0) :]
        return self.metric(reference[:kept], estimate[:kept], rate, cutoff_hz)


def delay(reference: np.ndarray, estimate: np.ndarray, limit: int) -> int:
    """Delay of an estimate [time] against its reference, in samples [-limit, limit].

    It is where their cross-correlation is largest; among equal maxima, the smallest shift. It is 0
    where they are similar at no shift, as for a vocoder that makes its own phases. The largest
    correlation is then a matter of chance, and most scores would get worse by the shift.
    """
    middle = reference.size - 1
    correlation = scipy.signal.correlate(estimate, reference, method="fft")
    correlation = correlation[middle - limit : middle + limit + 1]
    lags = np.arange(-limit, limit + 1)
    nearest_first = np.argsort(np.abs(lags), kind="stable")
    best = nearest_first[np.argmax(correlation[nearest_first])]
    alike = _RESEMBLANCE * np.linalg.norm(reference) * np.linalg.norm(estimate)
    return int(lags[best]) if correlation[best] > alike else 0


def _scale_invariant_ratio(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Energy ratio in dB of the reference, scaled to fit the estimate best, and of the rest.

    Epsilons keep it finite for equal arrays and for zeros.
    """
    reference, estimate = (np.asarray(x, np.float64).ravel() for x in (reference, estimate))
    scale = (reference @ estimate + _EPSILON) / (reference @ reference + _EPSILON)
    target = scale * reference
    error = estimate - target
    return float(10 * np.log10((target @ target + _EPSILON) / (error @ error + _EPSILON)))
