"""Measure the true bandwidth of a recording, whatever its sampling rate allows.

Speech differs from noise and hum by its dynamics: noise and hum change less. Poor resamplers
make images; speech differs from them, because they are mirror copies of lower frequencies. All
statistics are updated while a recording is read, so that its length does not matter.
"""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from tfsr.signal.power import LOWEST_DB, bin_width, decibels, frame_length, power_frames

_CLASSES = 240  # of 1 dB, of the histograms

# Frames that are so much quieter than the loudest (but for one in a hundred) are pauses.
_PAUSE_DB = 30
_NOT_COUNTED = 0.01

# How loud a frequency is in so many of the frames with speech: sibilants are seldom. In so many it
# has to be more than background: a few seconds of wide sound make no wide recording of a call.
_SELDOM = 0.07
_OFTEN = 0.2

# And in so many of all frames: the background, for the pauses are among them.
_HALF = 0.5
_MOSTLY = 0.9

# Noise that does not change has a power that is distributed exponentially, so that it is known how
# much louder its loudest frames are than others. Speech is so many dB more than that,
_SELDOM_DB = 3.0
_OFTEN_DB = 0.7

# or it stands out of what changes less than noise, such as hum: against half of the frames it is
# louder than noise so many times, for as much as the background changes, and so many dB.
_SELDOM_OVER_HALF = (1.2, 1.0)
_OFTEN_OVER_HALF = (1.0, 0.3)

# Levels are medians over so many Hz. Below so many Hz is nothing but hum.
_SMOOTHED_HZ = 600
_HUM_HZ = 300

# What is so far beneath the loudest part of the spectrum is none of it, nor what is near to the
# dither of 16 bits, triangular, whose power is a quarter of a step squared.
_FLOOR_DB = 75
_DITHER = 2.0**-32
_SELDOM_ABOVE_DITHER_DB = 2.0
_OFTEN_ABOVE_DITHER_DB = 1.5

# In fewer frames with sound, half a second, neither dynamics nor images can be told.
_ENOUGH = 25

# At its end, a band falls by so much within the width of the window's main lobe.
_EDGE_DB = 20

# Half of these rates, in Hz, is where resamplers mirror what lies below. Spectra without their
# envelopes, each over so many Hz, agree so well in images; in speech no better than 0.1.
_MIRRORED_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100)
_ENVELOPE_HZ = 625
_AGREEMENT = 0.25
_LEAST_IMAGE_HZ = 200


def effective_bandwidth(blocks: Iterable[np.ndarray], rate: int) -> float:
    """The highest frequency at which a recording has speech, in Hz.

    The memory is constant. Noise, dither, hum, whistles, clicks and images of resamplers do not
    count. Rare sounds do not count either, such as a jingle in a call. For a recording without
    speech the result is where all sound ends. Silence has the full band.

    Args:
        blocks: [time, channels] of any lengths; channels are taken together.
        rate: Hz.

    Returns:
        At most rate / 2.
    """
    measure = Bandwidth(rate)
    for power in power_frames(blocks, rate):
        measure.add(power)
    return measure.hertz


class Bandwidth:
    """`effective_bandwidth` from power spectra that are added one after the other.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int):
        self._rate = rate
        self._width = bin_width(rate)
        bins = frame_length(rate) // 2 + 1
        self._of_bins = np.zeros([bins, _CLASSES], np.int64)
        self._of_frames = np.zeros(_CLASSES, np.int64)
        self._mirrors = _Mirrors(rate)

    def add(self, power: np.ndarray) -> None:
        """Add power spectra [frames, bins], see `power_frames`."""
        level = decibels(power)
        bins = len(self._of_bins)
        places = np.arange(bins) * _CLASSES + _class(level)
        counts = np.bincount(places.ravel(), minlength=self._of_bins.size)
        self._of_bins += counts.reshape(self._of_bins.shape)
        loudness = decibels(np.sum(power, axis=1))
        self._of_frames += np.bincount(_class(loudness), minlength=_CLASSES)
        self._mirrors.add(level, loudness)

    @property
    def hertz(self) -> float:
        """The frequency where speech ends; without speech, where all sound ends."""
        active, total = self._active_frames(), self._all_frames()
        if active < _ENOUGH:
            return self.hertz_of_sound
        seldom, often, half, quiet = (
            self._share(share)
            for share in (_SELDOM * active / total, _OFTEN * active / total, _HALF, _MOSTLY)
        )
        speech = self._loud(seldom, _SELDOM_ABOVE_DITHER_DB, _FLOOR_DB)
        speech &= self._loud(often, _OFTEN_ABOVE_DITHER_DB)
        speech &= seldom.stands_out(half, quiet, _SELDOM_DB, *_SELDOM_OVER_HALF)
        speech &= often.stands_out(half, quiet, _OFTEN_DB, *_OFTEN_OVER_HALF)
        return self._end(seldom, speech) if speech.any() else self.hertz_of_sound

    @property
    def hertz_of_sound(self) -> float:
        """The frequency where all sound louder than dither ends; rate / 2 for silence."""
        active = self._active_frames()
        if not active:
            return self._rate / 2
        seldom = self._share(_SELDOM * active / self._all_frames())
        return self._end(seldom, self._loud(seldom, _SELDOM_ABOVE_DITHER_DB, _FLOOR_DB))

    def _end(self, share: "_Share", sound: np.ndarray) -> float:
        """The highest frequency in Hz with such a sound, bool [bins], that is no image."""
        found = np.flatnonzero(sound[: self._mirrors.end(sound)])
        if not found.size:
            return self._rate / 2
        end = self._edge(self._smoothed(share.level), found[-1])
        return min((end + 0.5) * self._width, self._rate / 2)

    def _share(self, share: float) -> "_Share":
        level = _reached(self._of_bins, max(share * self._all_frames(), 1)) + LOWEST_DB
        return _Share(share, level, self._smoothed)

    def _all_frames(self) -> int:
        return int(np.sum(self._of_frames))

    def _active_frames(self) -> int:
        """Number of frames outside pauses; 0 where all is silent."""
        counts = self._of_frames.copy()
        counts[0] = 0
        if not counts.any():
            return 0
        loudest = int(_reached(counts, max(_NOT_COUNTED * counts.sum(), 1)))
        return int(np.sum(counts[max(loudest - _PAUSE_DB, 0) :]))

    def _loud(self, share: "_Share", above_dither: float, floor: float = np.inf) -> np.ndarray:
        """For each bin, whether it is no hum, no dither and not far below the loudest: bool."""
        hum = min(round(_HUM_HZ / self._width), len(share.level) - 1)
        dither = 10 * np.log10(2 * _DITHER / frame_length(self._rate)) + share.noise
        level = self._smoothed(share.level)
        loud = level > max(np.max(level[hum:]) - floor, dither + above_dither)
        loud[:hum] = False
        return loud

    def _smoothed(self, of_bins: np.ndarray) -> np.ndarray:
        size = 2 * round(_SMOOTHED_HZ / self._width / 2) + 1
        return np.median(_around(of_bins, size), axis=-1)

    def _edge(self, level: np.ndarray, last: int) -> int:
        """The last bin before a fall in level that only the window spreads; at most `last`."""
        first = max(last - round(_SMOOTHED_HZ / self._width), 0)
        near = level[first : last + 1]
        return first + np.flatnonzero(near > np.max(near) - _EDGE_DB)[-1]


class _Mirrors:
    """Tests whether everything above a frequency is a mirror copy of what is below.

    It uses correlations over time, bin by bin. They are of the power in dB without its envelope
    over frequency. Only frames of speech so far, outside pauses, are used.
    """

    def __init__(self, rate: int):
        self._width, self._bins = bin_width(rate), frame_length(rate) // 2 + 1
        folds = (round(mirrored / self._width) for mirrored in _MIRRORED_RATES if mirrored < rate)
        self._products = {fold: np.zeros(len(self._above(fold))) for fold in folds}
        self._sum, self._square = np.zeros([2, self._bins])
        self._count, self._loudest = 0, -np.inf

    def add(self, level: np.ndarray, loudness: np.ndarray) -> None:
        """Add frames in dB, levels [frames, bins] and loudness [frames]."""
        loudest = np.maximum.accumulate(np.maximum(loudness, self._loudest))
        self._loudest = loudest[-1]
        level = level[loudness > loudest - _PAUSE_DB]
        size = round(_ENVELOPE_HZ / self._width)
        fine = level - _running_mean(level, size)
        self._count += len(fine)
        self._sum += np.sum(fine, axis=0)
        self._square += np.sum(np.square(fine), axis=0)
        for fold, product in self._products.items():
            above = self._above(fold)
            product += np.einsum("fb,fb->b", fine[:, above], fine[:, fold - above])

    def end(self, speech: np.ndarray) -> int:
        """The first bin from which on apparent speech is an image; else one past the last bin."""
        if self._count < _ENOUGH:
            return self._bins
        for fold, product in self._products.items():
            above = self._above(fold)
            seems = speech[above]
            enough = np.sum(seems) * self._width >= _LEAST_IMAGE_HZ
            if (
                enough
                and np.median(self._agreement(above, fold - above, product)[seems]) > _AGREEMENT
            ):
                return fold // 2 + 1
        return self._bins

    def _above(self, fold: int) -> np.ndarray:
        """The bins above the middle that have a mirror bin: both indices add up to `fold`."""
        return np.arange(fold // 2 + 1, min(fold - round(_HUM_HZ / self._width), self._bins))

    def _agreement(self, above: np.ndarray, below: np.ndarray, product: np.ndarray) -> np.ndarray:
        mean, variance = self._sum / self._count, self._square / self._count
        variance = np.maximum(variance - np.square(mean), np.finfo(float).tiny)
        covariance = product / self._count - mean[above] * mean[below]
        deviation = np.sqrt(variance)
        return covariance / (deviation[above] * deviation[below])


@dataclasses.dataclass(frozen=True)
class _Share:
    """The level that a share of all frames reaches.

    Attributes:
        share: between 0 and 1.
        level: dB of each bin, [bins].
        smoothed: its median over neighbouring bins.
    """

    share: float
    level: np.ndarray
    smoothed: Callable[[np.ndarray], np.ndarray]

    @property
    def noise(self) -> float:
        """The level that this share of frames of constant noise reaches, in dB over its mean."""
        return 10 * np.log10(-np.log(self.share))

    def stands_out(
        self, half: "_Share", quiet: "_Share", over_quiet: float, times: float, over_half: float
    ) -> np.ndarray:
        """For each bin, whether it is louder than the background: bool."""
        from_quiet = self.level - quiet.level - (self.noise - quiet.noise) - over_quiet
        changes = (half.level - quiet.level) / (half.noise - quiet.noise)
        of_background = times * (self.noise - half.noise) * changes
        from_half = self.level - half.level - of_background - over_half
        return (self.smoothed(from_quiet) > 0) | (self.smoothed(from_half) > 0)


def _around(x: np.ndarray, size: int) -> np.ndarray:
    """The neighbours of each place on the last axis, mirrored at the ends: [..., places, size]."""
    wider = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(size // 2, (size - 1) // 2)], mode="symmetric")
    return np.lib.stride_tricks.sliding_window_view(wider, size, axis=-1)


def _running_mean(x: np.ndarray, size: int) -> np.ndarray:
    """Moving mean over `size` places of the last axis, mirrored at the ends."""
    return np.einsum("...s->...", _around(x, size)) / size


def _class(level: np.ndarray) -> np.ndarray:
    return np.clip(level - LOWEST_DB, 0, _CLASSES - 1).astype(np.int64)


def _reached(counts: np.ndarray, number: float) -> np.ndarray:
    """The value that `number` values reach, from counts [..., classes]; even within a class."""
    at_least = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    last = counts.shape[-1] - 1 - np.argmax(at_least[..., ::-1] >= number, axis=-1)
    reach, within = (
        np.take_along_axis(of, last[..., np.newaxis], axis=-1)[..., 0] for of in (at_least, counts)
    )
    return last + (reach - number) / np.maximum(within, 1)
