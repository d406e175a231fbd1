"""Fill the clipped samples of a recording, in constant memory; all others stay as they are."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfsr.signal.damage import Ceilings

# A frame has a few periods of the voice, and the predictor spans one. A longer predictor takes
# longer, and at 48 kHz it was no better.
_FRAME_SECONDS = 0.064
_ORDER_SECONDS, _LONGEST = 0.006, 96

# Samples that differ by no more than this share of the ceiling are at it.
_AT_CEILING = 2e-4


def declipped(
    blocks: Iterable[np.ndarray], rate: int, ceilings: Sequence[Ceilings | None]
) -> Iterator[np.ndarray]:
    """A recording whose clipped samples have new values, at the ceiling or above.

    Args:
        blocks: float32 [time, channels], of any lengths.
        rate: Hz.
        ceilings: of each channel; None where it is not clipped.

    Yields:
        float32 [time, channels], in total as long as the blocks.
    """
    frames = _Frames(rate, ceilings)
    for block in blocks:
        yield from frames.push(block)
    yield from frames.end()


class _Frames:
    """Half overlapping frames, filled one by one and added up."""

    def __init__(self, rate: int, ceilings: Sequence[Ceilings | None]):
        self._hop = hop = round(_FRAME_SECONDS * rate / 2)
        self._order = min(round(_ORDER_SECONDS * rate), _LONGEST)
        self._window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))[:, np.newaxis] ** 2
        self._ceilings = ceilings
        # The first half frame is before the beginning.
        self._before = hop
        self._waiting = np.zeros([hop, len(ceilings)], np.float32)
        self._sums = np.zeros([hop, len(ceilings)])

    def push(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """What is ready after a block."""
        hop = self._hop
        self._waiting = np.concatenate([self._waiting, block])
        while len(self._waiting) >= 2 * hop:
            frame = self._waiting[: 2 * hop]
            clipped = self._clipped(frame)
            made = self._window * self._filled(frame.astype(np.float64), clipped)
            ready = np.where(clipped[:hop], self._sums + made[:hop], frame[:hop])
            self._sums, self._waiting = made[hop:], self._waiting[hop:]
            ready = ready[self._before :].astype(np.float32)
            self._before = 0
            yield ready

    def end(self) -> Iterator[np.ndarray]:
        """All that is left."""
        left = len(self._waiting) - self._before
        for ready in self.push(np.zeros([2 * self._hop, len(self._ceilings)], np.float32)):
            yield ready[:left]
            left -= min(len(ready), left)

    def _clipped(self, frame: np.ndarray) -> np.ndarray:
        """bool [time, channels]."""
        clipped = np.zeros(frame.shape, bool)
        for place, ceilings in enumerate(self._ceilings):
            if ceilings is not None:
                low, high = ((1 - _AT_CEILING) * amplitude for amplitude in ceilings)
                clipped[:, place] = (frame[:, place] <= -low) | (frame[:, place] >= high)
        return clipped

    def _filled(self, frame: np.ndarray, clipped: np.ndarray) -> np.ndarray:
        """The frame, in all channels that are clipped in it."""
        from tfsr.signal.declipping import filled  # scipy takes longer than to upsample a call

        for place in np.flatnonzero(clipped.any(axis=0)):
            frame[:, place] = filled(frame[:, place], clipped[:, place], self._order)
        return frame
