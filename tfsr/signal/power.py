"""Power spectra of recordings of any length, in numpy, with constant memory."""

from collections.abc import Iterable, Iterator

import numpy as np

from tfsr.signal.windows import window

LOWEST_DB = -180
"""Floor of the levels, in dB."""

_HOP_SECONDS = 0.02

# A frame with so much of its high frequencies within a millisecond is a click.
_CLICK_SECONDS = 0.001
_CLICK_SHARE = 0.5
_DIFFERENCES = 4


def frame_length(rate: int) -> int:
    """Samples of a frame, 40 ms, at a rate in Hz."""
    return 2 * max(round(_HOP_SECONDS * rate), _DIFFERENCES + 1)


def bin_width(rate: int) -> float:
    """Distance of bins in Hz, 25 where the rate is a multiple of 50."""
    return rate / frame_length(rate)


def decibels(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 10.0 ** (LOWEST_DB / 10)))


def power_frames(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Power spectra of frames of 40 ms, one every 20 ms, without frames that hold a click.

    A sine of amplitude 1 has a power of 1/4. Recordings shorter than a frame are filled with zeros.
    In longer ones, samples after the last whole frame are not used.

    Args:
        blocks: [time, channels] of any lengths.
        rate: Hz.

    Yields:
        float64 [frames, bins], at least one frame each; the sum of all channels.
    """
    length = frame_length(rate)
    weights = window("blackmanharris", length)
    weights /= np.sum(weights)
    for signal in _whole_hops(blocks, length):
        frames = np.lib.stride_tricks.sliding_window_view(signal, length, axis=0)
        kept = frames[:: length // 2][~_clicks(signal, rate)]
        if len(kept):
            yield np.sum(np.square(np.abs(np.fft.rfft(kept * weights))), axis=1)


def _whole_hops(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Signals of at least a frame, in multiples of half a frame, which overlap by half a frame."""
    held, hop, short = None, length // 2, True
    for block in blocks:
        held = block if held is None else np.concatenate([held, block])
        if len(held) >= length:
            end = len(held) // hop * hop
            yield held[:end]
            held, short = held[end - hop :], False
    if short and held is not None and len(held):
        yield np.pad(held, [(0, length - len(held)), (0, 0)])


def _clicks(signal: np.ndarray, rate: int) -> np.ndarray:
    """Whether each frame holds a click: bool [frames]."""
    hop = frame_length(rate) // 2
    hops = signal.reshape(len(signal) // hop, hop, -1).astype(np.float64)
    energy = np.sum(np.square(np.diff(hops, _DIFFERENCES, axis=1)), axis=2)
    piece = min(max(round(_CLICK_SECONDS * rate), 1), energy.shape[1])
    whole = energy.shape[1] // piece * piece
    pieces = np.sum(energy[:, :whole].reshape(len(energy), -1, piece), axis=2)
    most, total = np.max(pieces, axis=1), np.sum(pieces, axis=1)
    return np.maximum(most[:-1], most[1:]) > _CLICK_SHARE * (total[:-1] + total[1:])
