"""Damage at one rate, as speech restoration is trained with (VoiceFixer, Liu et al. 2022).

All draw their parameters from the generator that they are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal

from tfsr.arguments import ANY, BELOW_1, COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Range, check
from tfsr.degradation.base import Degradation, Noise
from tfsr.degradation.lowpass import (
    Bessel,
    BrickWall,
    Butterworth,
    Chebyshev,
    Elliptic,
    LowPass,
    Resampling,
)
from tfsr.errors import UserError

_LOUDEST_ROOM = 0.99
_ROOM_PEAK = 0.98
# RMS values: -60 dB, below which nothing is told from silence, and the -50 dB of noise under it.
_AUDIBLE = 10 ** (-60 / 20)
_ALONE = 10 ** (-50 / 20)


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


@dataclass(frozen=True)
class Added(Degradation):
    """Noise below, or above, the signal.

    If the signal is nearly silent (below -60 dB), the level of the noise is -50 dB. A square wave
    from -1 to 1 has 0 dB. Silent noise adds nothing.

    Args:
        noise: where it comes from, `tfsr.data.noise` or `tfsr.degradation.synthetic_noise`.
        snr_db: least and most of the ratio of RMS values, drawn evenly.
    """

    noise: Noise
    snr_db: tuple[float, float] = (0.0, 30.0)
    changes_rate = False

    def __post_init__(self):
        check("Added", vars(self), {"snr_db": ANY.of_pair()})

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        high = np.asarray(high, np.float64)
        noise = np.asarray(self.noise(len(high), output_rate, rng), np.float64)
        below = 10 ** (rng.uniform(*self.snr_db) / 20)
        level = _rms(high) / below if _rms(high) > _AUDIBLE else _ALONE
        return high + noise * level / (_rms(noise) or 1.0)


@dataclass(frozen=True)
class PacketLoss(Degradation):
    """Packets of a call that do not arrive, several in a row (Gilbert's model of two states).

    For each signal it is drawn, with even chances, what is heard in their place: silence, or the
    last packet that arrived.

    Args:
        share: least and most of the packets that are lost, on average over long signals.
        packet_seconds: how long one is.
        burst: how many are lost in a row, on average; at least 1.

    Raises:
        UserError: an argument out of its range, or bursts too short for the share.
    """

    share: tuple[float, float] = (0.0, 0.2)
    packet_seconds: float = 0.02
    burst: float = 2.0
    changes_rate = False

    def __post_init__(self):
        ranges = {"share": BELOW_1.of_pair(), "packet_seconds": POSITIVE, "burst": Range(1)}
        check("PacketLoss", vars(self), ranges)
        shortest = _odds(self.share[1])
        if self.burst < shortest:  # even with one packet between two bursts
            raise UserError(
                f"PacketLoss.burst is {self.burst}: give at least {shortest:.3g} for this share"
            )

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        high = np.asarray(high, np.float64)
        samples = max(round(self.packet_seconds * output_rate), 1)
        count = -(-len(high) // samples)
        # Before the first packet there is one of silence.
        padded = np.pad(high, (samples, count * samples - len(high)))
        heard = np.where(self._lost(count, rng), 0, np.arange(1, count + 1))
        if rng.random() < 0.5:
            heard = np.maximum.accumulate(heard)
        return padded.reshape(-1, samples)[heard].reshape(-1)[: len(high)]

    def _lost(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Whether each of the packets is: bool [count]."""
        share = rng.uniform(*self.share)
        after_lost, after_heard = 1 - 1 / self.burst, _odds(share) / self.burst
        lost = [bool(rng.random() < share)]
        for chance in rng.random(count - 1):
            lost.append(bool(chance < (after_lost if lost[-1] else after_heard)))
        return np.array(lost)


def reverberate(dry: np.ndarray, response: np.ndarray, aligned: bool = False) -> np.ndarray:
    """A signal in a room, as long as it was; its delay on the direct path stays.

    Too loud ones are brought to a peak of 0.98, that of what is cut off included.

    Args:
        dry: [time].
        response: [time] of the room, at the same rate.
        aligned: whether the direct path, the response's largest sample, comes at once. The level
            (RMS) is then that of `dry`, however loud it is.

    Returns:
        float64 [time].
    """
    dry = np.asarray(dry, np.float64)
    if aligned:
        direct = np.argmax(np.abs(response))
        response = response[direct:] * np.sign(response[direct])
        wet = scipy.signal.fftconvolve(dry, response)[: len(dry)]
        return wet * _rms(dry) / (_rms(wet) or 1.0)
    wet = scipy.signal.fftconvolve(dry, response)
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


@dataclass(frozen=True)
class LowPassed(Degradation):
    """A signal that passed a filter drawn for it. No filter that is drawn delays it.

    Args:
        low_pass: what filters there are.
    """

    low_pass: AnyLowPass = AnyLowPass()
    changes_rate = False
    context = 960

    def __call__(
        self, high: np.ndarray, output_rate: int, input_rate: int, rng: np.random.Generator
    ) -> np.ndarray:
        return self.low_pass.draw(rng)[1](high, output_rate)


def _rms(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(signal))))


def _odds(share: float) -> float:
    return share / (1 - share)
