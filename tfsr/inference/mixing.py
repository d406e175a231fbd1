"""Mix a recording and what was restored from it, bin by bin, in constant memory.

A vocoder makes phases of its own. The plain sum of both signals would then cancel some frequencies,
as a comb filter does. So amplitudes are mixed on their own:

    amplitude = (1 - strength) |low| + strength |high|

The phase is that of the sum, or of `high` where the sum is nearly 0. Where both have the same
phase, this is the plain sum.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from tfsr.inference.crossover import side_by_side

_HOP_SECONDS = 0.016

# Against a division by 0; amplitudes so small are silence.
_TINY = 1e-20

# A sum that is so much smaller than both amplitudes has no phase.
_CANCELLED = 1e-3


def mixed(
    low: Iterable[np.ndarray], high: Iterable[np.ndarray], strength: float, rate: int
) -> Iterator[np.ndarray]:
    """A mix of two streams of float32 [time, channels], whose blocks may have any lengths.

    Args:
        low: the recording; ends before `high`, or together with it.
        high: the restored recording.
        strength: 0: `low`; 1: `high`, to rounding.
        rate: Hz, of both.

    Yields:
        float32 [time, channels], in total at least as long as `low`.
    """
    hop = max(round(_HOP_SECONDS * rate), 1)
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))[:, np.newaxis]
    waiting = sums = None
    missing = hop
    for blocks in side_by_side(iter(low), high, 2 * hop):
        pair = np.stack(blocks)
        if waiting is None or sums is None:
            # The first half frame is before the beginning.
            waiting = np.zeros([2, hop, pair.shape[2]], np.float32)
            sums = np.zeros([hop, pair.shape[2]])
        waiting = np.concatenate([waiting, pair], axis=1)
        made = []
        while waiting.shape[1] >= 2 * hop:
            frame = window * _mixed_frame(window * waiting[:, : 2 * hop], strength)
            made.append((sums + frame[:hop]).astype(np.float32))
            sums, waiting = frame[hop:], waiting[:, hop:]
        if made:
            ready = np.concatenate(made)
            yield ready[min(missing, len(ready)) :]
            missing -= min(missing, len(ready))


def _mixed_frame(pair: np.ndarray, strength: float) -> np.ndarray:
    """[2, time, channels] -> [time, channels]."""
    low, high = np.fft.rfft(pair, axis=1)
    total = (1 - strength) * low + strength * high
    amplitude = (1 - strength) * np.abs(low) + strength * np.abs(high)
    phasor = np.where(np.abs(total) > _CANCELLED * amplitude, total, high)
    scale = amplitude / np.maximum(np.abs(phasor), _TINY)
    return np.fft.irfft(scale * phasor, pair.shape[1], axis=0)
