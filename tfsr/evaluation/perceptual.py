"""How good and how intelligible speech sounds: PESQ and STOI, by packages of the extra `eval`.

-inf stands for what they cannot judge, such as silence; means over files leave it out. An estimate
that is not finite gives NaN.
"""

import dataclasses
import math
import warnings

import numpy as np

from tfsr.evaluation.packages import load
from tfsr.signal.resample import resample

_PESQ_RATE = 16000


@dataclasses.dataclass(frozen=True)
class PesqWideband:
    """Perceptual evaluation of speech quality, wide band (ITU-T P.862.2): 1.0 to 4.6.

    Both signals are brought to 16 kHz by `resample`. The score depends on that filter: another one
    moves it by 0.001 on most signals, and by up to 0.05 on noisy ones. It is -inf where there is no
    utterance, in silence or in less than a quarter of a second.

    Raises:
        UserError: pesq is not installed.
    """

    package = "pesq"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        pesq = load(self.package)
        if not np.all(np.isfinite(estimate)):
            return math.nan
        pair = [resample(signal, rate, _PESQ_RATE) for signal in (reference, estimate)]
        if not all(map(np.any, pair)):  # the package divides by their peaks
            return -math.inf
        try:
            return float(pesq.pesq(_PESQ_RATE, *pair, "wb"))
        except (pesq.NoUtterancesError, pesq.BufferTooShortError):
            return -math.inf


@dataclasses.dataclass(frozen=True)
class Stoi:
    """Short-time objective intelligibility (Taal et al. 2011), not extended: up to 1.

    It is -inf where less than 0.4 s of the reference are audible.

    Raises:
        UserError: pystoi is not installed.
    """

    package = "pystoi"

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        stoi = load(self.package).stoi
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            try:
                return float(stoi(reference, estimate, rate))
            except (RuntimeWarning, np.exceptions.AxisError):  # a few audible frames, or one
                return -math.inf
