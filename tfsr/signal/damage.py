"""Measure what is wrong with a recording: noise, clipping, reverberation."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfsr.signal.power import LOWEST_DB, decibels

_FRAME_SECONDS = 0.01

# In so many of 100 frames speech pauses, and so many are no louder than loud speech.
_PAUSES, _LOUD = 10, 95

# A sample is clipped where a neighbour differs from it by no more than this share of it, and where
# no sample is louder. Tops of a sine of 100 Hz at 16 kHz differ by more. After a codec, clipped
# samples differ too, and are not found.
_FLAT = 2e-4
_CLASSES_PER_DB = 20
_PEAK_DB = 0.25

# Fewer are no clipping: tops of a soft recording of few bits are flat too.
_FEWEST, _LEAST_SHARE = 10, 2e-5

# Decays are measured over so many frames, which begin no further below loud speech and end well
# above the noise. Few decays are faster than those of the room, so the fast ones tell its time. The
# line fits simulated rooms, of 0.2 to 0.9 s, with an error of 0.13 s (RMS). In noise it fails.
_DECAY_FRAMES = 10
_BELOW_LOUD_DB, _ABOVE_NOISE_DB, _LEAST_DB_S = 20, 6, 10
_LEAST_SNR_DB = 20
_FASTEST = 10
_ENOUGH = 5
_OFFSET_S, _SLOPE = 0.26, 1.9
_SHORTEST_S = 0.1
_KEPT_SECONDS = 600


class Ceilings(NamedTuple):
    """The amplitudes at which a channel is clipped.

    Attributes:
        negative: amplitude of clipped samples below zero, as a positive number; inf: there are
            none.
        positive: likewise, of those above zero.
    """

    negative: float
    positive: float


@dataclasses.dataclass(frozen=True)
class Damage:
    """What was measured.

    Attributes:
        noise_db: level of the pauses, in dB of full scale (RMS); None: there are no pauses but
            digital silence.
        speech_db: level of the loud frames, likewise.
        clipped: share of the samples that are clipped, 0 to 1.
        reverberation_s: time in seconds in which sound decays by 60 dB. It is estimated from the
            ends of sounds in the first ten minutes; None: there are too few, or too much noise.
        ceilings: where it is clipped; None: it is not, or these are several channels.
    """

    noise_db: float | None
    speech_db: float | None
    clipped: float
    reverberation_s: float | None
    ceilings: Ceilings | None = None


class DamageMeter:
    """Measures one channel of a recording, in constant memory.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int):
        self._frame = max(round(_FRAME_SECONDS * rate), 1)
        self._held = np.zeros(0)
        self._levels = np.zeros(-LOWEST_DB + 20, np.int64)
        # Of samples below zero, and of those above.
        self._flat = np.zeros([2, -LOWEST_DB * _CLASSES_PER_DB], np.int64)
        self._peaks = np.zeros(2)
        self._last = np.zeros(0)
        self._samples = 0
        self._kept: list[np.ndarray] = []
        self._kept_frames = 0

    def watched(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks [time, 1], each measured when it passes."""
        for block in blocks:
            self._add(block[:, 0].astype(np.float64))
            yield block

    @property
    def damage(self) -> Damage:
        """What was found in all blocks so far."""
        levels = self._levels.copy()
        levels[0] = 0
        noise, speech = (_percentile(levels, share) for share in (_PAUSES, _LOUD))
        clipped = self._clipped()
        time = self._reverberation_s(noise, speech)
        share = int(np.sum(clipped)) / max(self._samples, 1)
        return Damage(noise, speech, share, time, self._ceilings(clipped))

    def _clipped(self) -> np.ndarray:
        """The number of clipped samples below and above zero."""
        lowest = _class(self._peaks) - round(_PEAK_DB * _CLASSES_PER_DB)
        return np.array(
            [np.sum(flat[max(at, 0) :]) for flat, at in zip(self._flat, lowest, strict=True)]
        )

    def _ceilings(self, clipped: np.ndarray) -> Ceilings | None:
        enough = clipped >= max(_FEWEST, _LEAST_SHARE * self._samples)
        return Ceilings(*np.where(enough, self._peaks, np.inf).tolist()) if enough.any() else None

    def _reverberation_s(self, noise_db: float | None, speech_db: float | None) -> float | None:
        if noise_db is None or speech_db is None or speech_db - noise_db < _LEAST_SNR_DB:
            return None
        level = np.concatenate(self._kept)
        if len(level) < _DECAY_FRAMES:
            return None
        windows = np.lib.stride_tricks.sliding_window_view(level, _DECAY_FRAMES)
        loud = windows[:, 0] > speech_db - _BELOW_LOUD_DB
        heard = np.min(windows, axis=1) > noise_db + _ABOVE_NOISE_DB
        times = np.arange(_DECAY_FRAMES) - (_DECAY_FRAMES - 1) / 2
        slopes = windows[loud & heard] @ times / (times @ times) / _FRAME_SECONDS
        decays = slopes[slopes < -_LEAST_DB_S]
        if len(decays) < _ENOUGH:
            return None
        observed = 60 / -np.percentile(decays, _FASTEST)
        return round(max(_SLOPE * (observed - _OFFSET_S), _SHORTEST_S), 2)

    def _add(self, x: np.ndarray) -> None:
        self._samples += len(x)
        peaks = [np.max(-x, initial=0.0), np.max(x, initial=0.0)]
        self._peaks = np.maximum(self._peaks, peaks)
        self._add_levels(np.concatenate([self._held, x]))
        self._add_plateaus(np.concatenate([self._last, x]))

    def _add_levels(self, x: np.ndarray) -> None:
        whole = len(x) // self._frame * self._frame
        power = np.mean(np.square(x[:whole].reshape(-1, self._frame)), axis=1)
        level = decibels(power)
        places = np.clip(np.round(level) - LOWEST_DB, 0, len(self._levels) - 1)
        self._levels += np.bincount(places.astype(np.int64), minlength=len(self._levels))
        self._held = x[whole:]
        if self._kept_frames * _FRAME_SECONDS < _KEPT_SECONDS:
            self._kept.append(level.astype(np.float32))
            self._kept_frames += len(level)

    def _add_plateaus(self, x: np.ndarray) -> None:
        """Count samples that a neighbour equals, by their amplitude."""
        self._last = x[-2:]
        near = np.abs(np.diff(x)) <= _FLAT * np.abs(x[1:])
        within = x[1:-1]
        flat = within[(near[:-1] | near[1:]) & (within != 0)]
        for counts, side in zip(self._flat, (-flat, flat), strict=True):
            counts += np.bincount(_class(side[side > 0]), minlength=len(counts))


def _class(amplitude: np.ndarray) -> np.ndarray:
    level = decibels(np.square(amplitude)) - LOWEST_DB
    return np.clip(level * _CLASSES_PER_DB, 0, -LOWEST_DB * _CLASSES_PER_DB - 1).astype(np.int64)


def _percentile(counts: np.ndarray, percent: float) -> float | None:
    """The level in dB below which so many of 100 frames are; None: there are none."""
    total = int(np.sum(counts))
    if not total:
        return None
    return float(np.argmax(np.cumsum(counts) >= percent / 100 * total) + LOWEST_DB)


def worst(found: Sequence[Damage]) -> Damage | None:
    """The damage of a recording, from that of its channels; None if there are none.

    The share of clipped samples is the mean; all else is of the worst channel. Each has its own
    ceilings.
    """
    if not found:
        return None
    return Damage(
        _largest(one.noise_db for one in found),
        _largest(one.speech_db for one in found),
        sum(one.clipped for one in found) / len(found),
        _largest(one.reverberation_s for one in found),
    )


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
