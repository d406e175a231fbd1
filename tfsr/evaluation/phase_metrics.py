"""Distances between phases, as in the evaluation of AP-BWE (Lu, Ai, Du & Ling 2024)."""

import dataclasses
from typing import Literal

import numpy as np

from tfsr.evaluation.metrics import Spectrogram

_AXES = {"phase": None, "group_delay": 1, "angular_frequency": 0}


@dataclasses.dataclass(frozen=True)
class PhaseDistance:
    """Anti-wrapped phase distance in radians: 0 for equal phases, at most pi.

    It is the root mean square over the bins of a frame, averaged over frames. For group delays it
    is over the frames of a bin, averaged over bins, as in the authors' program.

    Args:
        of: the phases themselves, or their change from one bin ("group_delay") or from one frame
            ("angular_frequency") to the next. The change from 0 to the first one counts as well.
        spectrogram: makes the phases.
    """

    of: Literal["phase", "group_delay", "angular_frequency"] = "phase"
    spectrogram: Spectrogram = Spectrogram(hop_length=512, sizes_at=None)

    def __call__(
        self, reference: np.ndarray, estimate: np.ndarray, rate: int, cutoff_hz: float
    ) -> float:
        phases = (np.angle(self.spectrogram.complex(x, rate)) for x in (reference, estimate))
        difference, axis = np.subtract(*phases), _AXES[self.of]
        if axis is not None:
            difference = np.diff(difference, axis=axis, prepend=0)
        turns = difference / (2 * np.pi)
        square = (2 * np.pi * (turns - np.round(turns))) ** 2
        return float(np.mean(np.sqrt(np.mean(square, axis=0 if self.of == "group_delay" else 1))))
