"""Keep the low band of a recording, and take the high band of an upsampler, in constant memory.

    output = high + low-pass(low - high)

`low` is the recording resampled to the output rate. The low-pass has linear phase, and its delay is
compensated. Below the cut-off the output is `low`, above it is `high`. If both are equal, the
output equals them.
"""

import functools
import math
from collections.abc import Iterable, Iterator

import numpy as np

PASSED = 0.9
"""Share of the cut-off up to which the low band is kept; above the cut-off none of it is."""

_RIPPLE_DB = 100.0

# Fourier transforms are at least so many times as long as the kernel.
_SIZE = 4


def with_low_band(
    low: Iterable[np.ndarray], high: Iterable[np.ndarray], cutoff_hz: float, rate: int
) -> Iterator[np.ndarray]:
    """`high` with the band of `low` up to 0.9 of the cut-off, to 100 dB.

    Both streams are float32 [time, channels] at `rate`. Their blocks may have any lengths, which
    may differ. Silence surrounds both.

    Args:
        low: ends before `high`, or together with it.
        cutoff_hz: if it is half the rate or more, the output is `low`.

    Yields:
        float32 [time, channels], in total as long as `low`.
    """
    kernel = low_pass(cutoff_hz, rate)
    delay = len(kernel) // 2
    waiting = sums = None
    missing = delay
    for low_block, high_block in side_by_side(iter(low), high, delay):
        if waiting is None or sums is None:
            waiting = np.zeros([delay, low_block.shape[1]], np.float32)
            sums = np.zeros([len(kernel) - 1, low_block.shape[1]], np.float32)
        size = len(low_block)
        filtered = _convolved(low_block - high_block, kernel)
        filtered[: len(sums)] += sums
        waiting = np.concatenate([waiting, high_block])
        yield (waiting[:size] + filtered[:size])[min(missing, size) :]
        missing -= min(missing, size)
        waiting, sums = waiting[size:], filtered[size:]


@functools.lru_cache
def low_pass(cutoff_hz: float, rate: int) -> np.ndarray:
    """float32 [taps, 1], an odd number of taps: 1 up to 0.9 of the cut-off, 0 above the cut-off.

    It is a sinc with a Kaiser window; Kaiser's formulas give its length and shape for the ripple.
    """
    if cutoff_hz >= rate / 2:
        return np.ones([1, 1], np.float32)
    width = (1 - PASSED) * cutoff_hz
    taps = math.ceil((_RIPPLE_DB - 7.95) / (2.285 * 2 * np.pi * width / rate) + 1) | 1
    places = np.arange(taps) - taps // 2
    sinc = np.sinc((2 * cutoff_hz - width) / rate * places)
    kernel = sinc * np.kaiser(taps, 0.1102 * (_RIPPLE_DB - 8.7))
    return (kernel / np.sum(kernel)).astype(np.float32)[:, np.newaxis]


def _convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve [time, channels] with [taps, 1]: float32 [time + taps - 1, channels]."""
    taps, (time, channels) = len(kernel), x.shape
    size = 1 << (_SIZE * taps - 1).bit_length()
    step = size - taps + 1
    parts = np.pad(x, [(0, -time % step), (0, 0)]).reshape(-1, step, channels)
    spectra = np.fft.rfft(parts, size, axis=1) * np.fft.rfft(kernel, size, axis=0)
    made = np.zeros([len(parts) * step + taps - 1, channels])
    for place, part in enumerate(np.fft.irfft(spectra, size, axis=1)):
        made[place * step : place * step + size] += part
    return made[: time + taps - 1].astype(np.float32)


def side_by_side(
    low: Iterator[np.ndarray], high: Iterable[np.ndarray], silence: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of both with equal lengths, until `low` ends; a shorter `high` gets silence."""
    held = next(low)
    for block in high:
        while len(held) < len(block) and (more := next(low, None)) is not None:
            held = np.concatenate([held, more])
        size = min(len(held), len(block))
        if size:
            yield held[:size], block[:size]
        held = held[size:]
    if silence:
        nothing = np.zeros([silence, held.shape[1]], np.float32)
        yield nothing, nothing
