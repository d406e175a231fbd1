"""Damage at one rate, as speech restoration is trained with (VoiceFixer, Liu et al. 2022).

All draw their parameters from the generator that they are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal

from tfsr.arguments import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check
from tfsr.degradation.base import Degradation
from tfsr.degradation.lowpass import (
    Bessel,
    BrickWall,
    Butterworth,
    Chebyshev,
    Elliptic,
    LowPass,
    Resampling,
)

_LOUDEST_ROOM = 0.99
_ROOM_PEAK = 0.98


@dataclass(frozen=True)
class Sometimes(Degradation):
    """A degradation with a probability, else nothing.

    Args:
        probability: 0 to 1.
        degradation: one that stays at its rate.
    """

    probability: float
    degradation: Degradation
    changes_rate = False

    def __post_init__(self):
        check("Sometimes", vars(self), {"probability": SHARE})

    @property
    def context(self) -> int:
        return self.degradation.context

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        if rng.random() >= self.probability:
            return np.asarray(high, np.float64)
        return self.degradation(high, output_rate, input_rate, rng)


@dataclass(frozen=True)
class SecondOrder(Degradation):
    """A causal low-pass of second order, the `lowpass` of SoX (R. Bristow-Johnson's formulas).

    Args:
        cutoff_hz: least and most.
        q: quality factor.
    """

    cutoff_hz: tuple[float, float] = (3000.0, 7000.0)
    q: float = 0.707
    changes_rate = False
    context = 480

    def __post_init__(self):
        check("SecondOrder", vars(self), {"cutoff_hz": POSITIVE.of_pair(), "q": POSITIVE})

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        angle = 2 * np.pi * rng.uniform(*self.cutoff_hz) / output_rate
        cos, alpha = np.cos(angle), np.sin(angle) / (2 * self.q)
        numerator = np.array([0.5, 1.0, 0.5]) * (1 - cos)
        denominator = [1 + alpha, -2 * cos, 1 - alpha]
        return scipy.signal.lfilter(numerator, denominator, np.asarray(high, np.float64))


@dataclass(frozen=True)
class Clip(Degradation):
    """Cuts off what exceeds a share of the signal's own extremes.

    Args:
        gain: least and most of what the extremes are divided by.
    """

    gain: tuple[float, float] = (1.0, 11.0)
    changes_rate = False

    def __post_init__(self):
        check("Clip", vars(self), {"gain": POSITIVE.of_pair()})

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        gain = rng.uniform(*self.gain)
        high = np.asarray(high, np.float64)
        return np.clip(high, high.min() / gain, high.max() / gain)


@dataclass(frozen=True)
class ClipAbsolute(Degradation):
    """Cuts off what exceeds a threshold, that of the signal's scale (the paper's form).

    Args:
        threshold: least and most.
    """

    threshold: tuple[float, float] = (0.0, 1.0)
    changes_rate = False

    def __post_init__(self):
        check("ClipAbsolute", vars(self), {"threshold": NOT_NEGATIVE.of_pair()})

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        threshold = rng.uniform(*self.threshold)
        return np.clip(np.asarray(high, np.float64), -threshold, threshold)


def reverberate(dry: np.ndarray, response: np.ndarray) -> np.ndarray:
    """A signal in a room, as long as it was; its delay on the direct path stays.

    Too loud ones are brought to a peak of 0.98, that of what is cut off included.

    Args:
        dry: [time].
        response: [time] of the room, at the same rate.

    Returns:
        float64 [time].
    """
    wet = scipy.signal.fftconvolve(np.asarray(dry, np.float64), response)
    peak = np.abs(wet).max()
    return wet[: len(dry)] * (_ROOM_PEAK / peak if peak > _LOUDEST_ROOM else 1.0)


@dataclass(frozen=True)
class AnyLowPass:
    """Draws a low-pass filter: one of six kinds, any order, any cut-off frequency.

    Args:
        cutoff_hz: least and most.
        orders: least and most; filters run forwards and backwards, which doubles them.
        resampled: how often the signal goes to twice the cut-off frequency and back besides.
    """

    cutoff_hz: tuple[int, int] = (750, 22050)
    orders: tuple[int, int] = (2, 9)
    resampled: float = 0.5

    def __post_init__(self):
        pairs = {"cutoff_hz": COUNT.of_pair(), "orders": COUNT.of_pair()}
        check("AnyLowPass", vars(self), pairs | {"resampled": SHARE})

    def draw(self, rng: np.random.Generator) -> tuple["CutOff", "CutOff"]:
        """Such a filter without and with resampling; the second is what speech passes."""
        cutoff = int(rng.integers(self.cutoff_hz[0], self.cutoff_hz[1], endpoint=True))
        order = int(rng.integers(self.orders[0], self.orders[1], endpoint=True))
        kinds: Sequence[LowPass] = (
            *(Chebyshev(order, 0.1, edge=1.0), Elliptic(order), Bessel(order)),
            *(Butterworth(order, zero_phase=True), Resampling()),
            BrickWall(2048, 441, append=False),
        )
        once = CutOff(cutoff, (kinds[rng.integers(len(kinds))],))
        twice = CutOff(cutoff, (*once.filters, Resampling()))
        return once, twice if rng.random() < self.resampled else once


@dataclass(frozen=True)
class CutOff:
    """Low-pass filters one after the other, at one frequency.

    Args:
        cutoff_hz: all but the rest up to the Nyquist frequency stays.
        filters: each takes away what twice this rate cannot carry.
    """

    cutoff_hz: int
    filters: Sequence[LowPass]

    def __post_init__(self):
        check("CutOff", vars(self), {"cutoff_hz": POSITIVE})

    def __call__(self, high: np.ndarray, rate: int) -> np.ndarray:
        """float64 [time] of [time] at `rate` Hz."""
        for low_pass in self.filters:
            high = low_pass(high, rate, min(2 * self.cutoff_hz, rate))
        return np.asarray(high, np.float64)
