"""Convert sounds whose rate or number of channels changes within a stream."""

from collections.abc import Iterable, Iterator

import numpy as np

from tfsr.signal.resample import StreamResampler


def converted(
    sounds: Iterable[tuple[np.ndarray, int]], rate: int, channels: int
) -> Iterator[np.ndarray]:
    """Convert sounds, each with its rate, to one rate and this number of channels.

    Several channels become one by their mean; one channel is repeated.

    Args:
        sounds: float32 [time, channels], and Hz.
        rate: Hz.
    """
    resampler, before = None, rate
    nothing = np.zeros([0, channels], np.float32)
    for sound, own_rate in sounds:
        if own_rate != before:
            if resampler:
                yield resampler.push(nothing, last=True)
            resampler = StreamResampler(own_rate, rate, channels) if own_rate != rate else None
            before = own_rate
        sound = _with_channels(sound, channels)
        yield resampler.push(sound, last=False) if resampler else sound
    if resampler:
        yield resampler.push(nothing, last=True)


def _with_channels(sound: np.ndarray, channels: int) -> np.ndarray:
    if sound.shape[1] == channels:
        return sound
    if channels == 1:
        return sound.mean(axis=1, keepdims=True)
    if sound.shape[1] == 1:
        return np.repeat(sound, channels, axis=1)
    missing = max(channels - sound.shape[1], 0)
    return np.pad(sound[:, :channels], [(0, 0), (0, missing)])
