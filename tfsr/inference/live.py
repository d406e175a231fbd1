"""Widen a stream in real time, and measure how long that takes."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from tfsr.inference.streams import Stream

# Times are counted in steps of so many milliseconds, up to a second.
_STEP_MS = 0.05
_STEPS = 20_000


class Pace:
    """Processing times of the frames of a stream.

    Args:
        frame_ms: duration of a frame; a frame that takes longer is late.
    """

    def __init__(self, frame_ms: float):
        self.frame_ms = frame_ms
        self.frames = self.late = 0
        self.longest_ms = 0.0
        self._counts = [0] * (_STEPS + 1)

    def note(self, seconds: float) -> None:
        """Note the processing time of one more frame."""
        took = 1000 * seconds
        self.frames += 1
        self.late += took > self.frame_ms
        self.longest_ms = max(self.longest_ms, took)
        self._counts[min(int(took / _STEP_MS), _STEPS)] += 1

    def within_ms(self, share: float) -> float:
        """The time in which this share of the frames was processed, rounded up to 0.05 ms."""
        before = 0
        for step, count in enumerate(self._counts):
            before += count
            if before >= share * self.frames:
                within = (step + 1) * _STEP_MS
                return self.longest_ms if step == _STEPS else min(within, self.longest_ms)
        raise AssertionError("all frames are within the last step")

    def __str__(self) -> str:
        if not self.frames:
            return "no frames"
        return (
            f"{self.frames} frames of {self.frame_ms:g} ms, {self.late} late; they took "
            f"{self.within_ms(0.5):.2f} ms (median), {self.within_ms(0.99):.2f} ms (99 %), "
            f"{self.longest_ms:.2f} ms (longest)"
        )


def widen(
    stream: Stream,
    blocks: Iterable[np.ndarray],
    write: Callable[[np.ndarray], None],
    hop: int,
    pace: Pace,
) -> None:
    """Widen a stream frame by frame; each frame is written before the next one begins.

    Args:
        blocks: float32 [time, channels], of any lengths.
        write: takes blocks of the same form at the output rate.
        hop: samples of a frame.
        pace: gets the time of each frame, without reading and writing, which wait for others.
    """
    for block in blocks:
        for start in range(0, len(block), hop):
            begun = time.perf_counter()
            made = stream.push(block[start : start + hop])
            pace.note(time.perf_counter() - begun)
            if len(made):
                write(made)
    write(stream.end())
