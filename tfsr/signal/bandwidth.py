"""How wide the band of a recording really is, whatever its sampling rate allows."""

from collections.abc import Iterable

import numpy as np
import scipy.ndimage
import scipy.signal

_FRAME_SECONDS = 0.04
_LOWEST_DB, _HIGHEST_DB = -180, 60  # of the histograms, in classes of 1 dB

# Frames that are so much quieter than the loudest (but for one in a hundred) are pauses.
_PAUSE_DB = 30
_NOT_COUNTED = 0.01

# A frequency is as loud as one frame in ten of speech makes it: sibilants do, clicks do not.
_LOUD_SHARE = 0.1

# What is narrower is a line, such as hum or a whistle. Below so many Hz is nothing but hum.
_LINE_HZ = 600
_HUM_HZ = 300

# Beneath the loudest part of the spectrum lies the floor, but not beneath that of 16 bits with
# triangular dither, whose power is a quarter of a step squared.
_FLOOR_DB = 50
_DITHER = 2.0**-32
_ABOVE_DITHER_DB = 6


def effective_bandwidth(blocks: Iterable[np.ndarray], rate: int) -> float:
    """The highest frequency at which a recording has more than its noise floor, in Hz.

    From the long-term spectrum of the loud frames, in constant memory. Dither, a few clicks and
    lines such as hum do not count. What has no such band, silence for one, is given all of it.

    Args:
        blocks: [time, channels] of any lengths; channels count together.
        rate: Hz.

    Returns:
        At most rate / 2.
    """
    length = 1 << round(np.log2(_FRAME_SECONDS * rate))
    loud = _loud_levels(blocks, length)
    if loud is None:
        return rate / 2
    width = rate / length
    level = scipy.ndimage.median_filter(loud, 2 * round(_LINE_HZ / width / 2) + 1, mode="nearest")
    speech = np.max(level[round(_HUM_HZ / width) :])
    dither = 10 * np.log10(2 * _DITHER / length) + _ABOVE_DITHER_DB
    above = np.flatnonzero(level > max(speech - _FLOOR_DB, dither))
    return min((above[-1] + 0.5) * width, rate / 2) if above.size else rate / 2


def _loud_levels(blocks: Iterable[np.ndarray], length: int) -> np.ndarray | None:
    """dB of each bin that the loud frames reach; None where all is silent."""
    classes = _HIGHEST_DB - _LOWEST_DB
    bins = length // 2 + 1
    of_bins, of_frames = np.zeros([bins, classes], np.int64), np.zeros(classes, np.int64)
    for power in _power(blocks, length):
        places = np.arange(bins) * classes + _class(power)
        of_bins += np.bincount(places.ravel(), minlength=of_bins.size).reshape(of_bins.shape)
        of_frames += np.bincount(_class(np.sum(power, axis=1)), minlength=classes)
    of_frames[0] = 0
    active = np.sum(of_frames[max(_reached(of_frames, _NOT_COUNTED) - _PAUSE_DB, 0) :])
    return _reached(of_bins, _LOUD_SHARE, active) + _LOWEST_DB + 0.5 if active else None


def _class(power: np.ndarray) -> np.ndarray:
    decibels = 10 * np.log10(np.maximum(power, 10.0 ** (_LOWEST_DB / 10)))
    return np.minimum(decibels - _LOWEST_DB, _HIGHEST_DB - _LOWEST_DB - 1).astype(np.int64)


def _reached(counts: np.ndarray, share: float, total: int | None = None) -> np.ndarray:
    """The highest class that such a share reaches, of all or of a total; classes come last."""
    total = np.sum(counts, axis=-1) if total is None else total
    at_least = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    enough = at_least >= max(share * total, 1)
    return counts.shape[-1] - 1 - np.argmax(enough[..., ::-1], axis=-1)


def _power(blocks: Iterable[np.ndarray], length: int) -> Iterable[np.ndarray]:
    """Power spectra [frames, bins], one every half frame, the channels' together."""
    window = scipy.signal.get_window("blackmanharris", length)
    window /= np.sum(window)
    held = None
    for block in blocks:
        held = block if held is None else np.concatenate([held, block])
        if len(held) >= length:
            yield _spectra(held, window)
            held = held[(len(held) - length // 2) // (length // 2) * (length // 2) :]
    if held is not None and len(held):
        yield _spectra(np.pad(held, [(0, max(length - len(held), 0)), (0, 0)]), window)


def _spectra(signal: np.ndarray, window: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(signal, len(window), axis=0)
    spectra = np.fft.rfft(frames[:: len(window) // 2] * window)
    return np.sum(np.square(np.abs(spectra)), axis=1)
