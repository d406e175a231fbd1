"""Signals of any length through an upsampler, in constant memory.

A signal is cut into chunks that start at multiples of the upsampler's `hop`. Each is handed to a
stage of it with a halo of its receptive field on both sides and the halo's output is thrown away,
so that every sample that is kept has seen what it would have seen in the whole signal. At the two
real ends there is no halo: the upsampler meets them as it does in the whole.

Where several stages follow each other, each stays one receptive field behind the one before it,
which has then come far enough for its halo:

    stage 1   ......|=======|
    stage 2   ....|=======|
    stage 3   ..|=======|

Every stage makes each sample once, and the condition that all of them need is computed once a
chunk.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfsr.inference import noise
from tfsr.upsamplers.base import Nest, Stage, Upsampler

STAGES_TOGETHER = 8
"""A chunk's condition is kept for so many stages, and spans a receptive field more for each."""


def upsample_blocks(
    upsampler: Upsampler,
    blocks: Iterable[np.ndarray],
    chunk: int,
    seed: int = 0,
    gain: float = 1.0,
) -> Iterator[np.ndarray]:
    """Upsample a stream; chunked equals whole.

    Args:
        blocks: float32 [time, channels], of any lengths, at `input_rate`.
        chunk: input samples that are upsampled together, rounded up to a multiple of the
            upsampler's `hop`. Not used if its receptive field is unbounded: the signal is then
            collected and upsampled as a whole.
        seed: of the noise, for those that draw any.
        gain: of the stream while it is upsampled, such as `upsampler.gain` gives.

    Yields:
        float32 [ratio * time, channels], together as long as `ratio` times the input.
    """
    stages = _numbered(upsampler.stages)
    pieces = ((np.float32(gain) * block.T, ()) for block in blocks)
    for first in range(0, len(stages), STAGES_TOGETHER):
        together = stages[first : first + STAGES_TOGETHER]
        pieces = _Pass(upsampler, together, chunk, seed).of(pieces)
    for _, high in pieces:
        yield high.T / np.float32(gain)


def upsample_array(
    upsampler: Upsampler, low: np.ndarray, chunk: int | None = None, seed: int = 0
) -> np.ndarray:
    """Upsample a signal that is in memory, at a level that the upsampler knows.

    Args:
        low: float32 [time] or [time, channels] at `input_rate`, any time >= 0.
        chunk: as in `upsample_blocks`; None: the whole at once.
        seed: of the noise.

    Returns:
        float32 [ratio * time] or [ratio * time, channels].
    """
    columns = low[:, np.newaxis] if low.ndim == 1 else low
    parts = [np.zeros([0, columns.shape[1]], np.float32)]
    gain = float(upsampler.gain(np.max(np.abs(low), initial=np.float32(0))))
    parts += upsample_blocks(upsampler, [columns], chunk or len(low), seed, gain)
    high = np.concatenate(parts)
    return high[:, 0] if low.ndim == 1 else high


def _numbered(stages: Sequence[Stage]) -> list[tuple[Stage, range]]:
    """Each stage with the numbers of the draws of noise that it takes."""
    ends = list(itertools.accumulate(stage.noise_steps for stage in stages))
    return [
        (stage, range(end - stage.noise_steps, end))
        for stage, end in zip(stages, ends, strict=True)
    ]


class _Span(NamedTuple):
    """What a stage makes next, input samples `begin` to `end`, and what it reads for that."""

    begin: int
    end: int
    first: int
    last: int


class _Pass:
    """Some stages that follow each other, on a stream of pairs (low, signal so far).

    Args:
        stages: each with the draws of noise that it takes.
    """

    def __init__(
        self, upsampler: Upsampler, stages: Sequence[tuple[Stage, range]], chunk: int, seed: int
    ):
        self._upsampler = upsampler
        self._stages = stages
        self._seed = seed
        if upsampler.receptive_field is None:
            self._chunk, self._reach = math.inf, 0
        else:
            self._chunk = _round_up(max(chunk, 1), upsampler.hop)
            self._reach = _round_up(upsampler.receptive_field, upsampler.hop)

    def of(self, pieces: Iterator[tuple[np.ndarray, Nest]]) -> Iterator[tuple[np.ndarray, Nest]]:
        """The stream, each piece with what the last stage makes of it."""
        low, signals = _Window(), [_Window() for _ in range(len(self._stages) + 1)]
        target, over = 0, False
        while not over:
            target += self._chunk
            over = not _read(pieces, low, signals[0], target + self._reach)
            spans = self._spans(low.end, target, over, signals[1:])
            self._work(spans, low, signals)
            begin, end = spans[-1].begin, spans[-1].end
            if begin < end:
                yield low.cut(begin, end), signals[-1].cut(begin, end)
            low.forget(end - self._reach)
            for signal, span in zip(signals, [*spans, spans[-1]], strict=True):
                signal.forget(span.end - self._reach)

    def _spans(self, end: int, target: int, over: bool, made: Sequence["_Window"]) -> list[_Span]:
        spans = []
        for lag, signal in enumerate(made):
            goal = end if over else max(target - lag * self._reach, signal.end)
            first, last = max(signal.end - self._reach, 0), min(goal + self._reach, end)
            spans.append(_Span(signal.end, goal, first, last))
        return spans

    def _work(self, spans: Sequence[_Span], low: "_Window", signals: Sequence["_Window"]) -> None:
        """Let every stage make its span of a signal from the signal of the stage before."""
        busy = [number for number, span in enumerate(spans) if span.begin < span.end]
        if not busy:
            return
        first = min(spans[number].first for number in busy)
        last = max(spans[number].last for number in busy)
        audio, condition = low.cut(first, last), _Window(first)
        condition.append(self._upsampler.run(self._upsampler.condition, audio), last - first)
        for number in busy:
            span, made = spans[number], _Window(spans[number].first)
            inputs = [window.cut(span.first, span.last) for window in (signals[number], condition)]
            made.append(self._made(number, span, *inputs, len(audio)), span.last - span.first)
            signals[number + 1].append(made.cut(span.begin, span.end), span.end - span.begin)

    def _made(self, number: int, span: _Span, signal: Nest, condition: Nest, channels: int) -> Nest:
        """What a stage makes of all that it reads."""
        stage, draws = self._stages[number]
        place = [samples * self._upsampler.ratio for samples in (span.first, span.last)]
        drawn = tuple(noise.standard_normal(self._seed, n, channels, *place) for n in draws)
        made = self._upsampler.run(stage.function, signal, condition, drawn, *stage.settings)
        return tf.nest.map_structure(lambda x: x.numpy(), made)


class _Window:
    """A part of a stream of nests of arrays [channels, time, ...], in input samples.

    The time of an array may be another than the input's, but is always in proportion to it.
    """

    def __init__(self, begin: int = 0):
        self.begin = begin
        self.end = begin
        self._held: list[Nest] = []

    def append(self, nest: Nest, samples: int) -> None:
        self._held.append(nest)
        self.end += samples

    def cut(self, begin: int, end: int) -> Nest:
        """What is here from `begin` to `end`."""
        if len(self._held) > 1:
            joined = tf.nest.map_structure(lambda *x: np.concatenate(x, axis=1), *self._held)
            self._held = [joined]
        if (begin, end) == (self.begin, self.end):
            return self._held[0]
        total = self.end - self.begin

        def part(x: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
            start, stop = (place - self.begin for place in (begin, end))
            return x[:, start * x.shape[1] // total : stop * x.shape[1] // total]

        return tf.nest.map_structure(part, self._held[0])

    def forget(self, before: int) -> None:
        """Let go of what lies before a place."""
        if before > self.begin:
            self._held = [self.cut(before, self.end)]
            self.begin = before


def _read(
    pieces: Iterator[tuple[np.ndarray, Nest]], low: _Window, signal: _Window, end: float
) -> bool:
    """Read until the sample before `end` is here; whether the stream went so far."""
    while low.end < end:
        piece = next(pieces, None)
        if piece is None:
            return False
        samples = piece[0].shape[1]
        low.append(piece[0], samples)
        signal.append(piece[1], samples)
    return True


def _round_up(samples: int, hop: int) -> int:
    return -(-samples // hop) * hop
