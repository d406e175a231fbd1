"""Upsample signals of any length in constant memory.

A signal is cut into chunks that start at multiples of the upsampler's `hop`. A stage gets each
chunk with a context of its receptive field on both sides. The output of the context is dropped. So
every kept sample depends on the same input as in the whole signal. At the two ends of the signal
there is no context, as in the whole.

If several stages follow each other, each stays one receptive field behind the stage before. That
stage has then come far enough for its context:

    stage 1   ......|=======|
    stage 2   ....|=======|
    stage 3   ..|=======|

Every stage computes each sample once. So does the condition that all of them need.

Some upsamplers have a receptive field that is too large for this. They set how much of it chunks
see. Neighbouring chunks then differ, and are cross-faded (`tfsr.inference.cross_fade`).
"""

import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfsr import nest
from tfsr.backend import Backend, Noise, Part, Stage
from tfsr.inference import noise
from tfsr.inference.cross_fade import cross_faded
from tfsr.inference.workers import Workers, stacked, unstacked
from tfsr.nest import Nest
from tfsr.signal.resample import StreamResampler

# No signal has so many samples.
_ENDLESS = sys.maxsize

STAGES_TOGETHER = 8
"""Number of stages that share a chunk's condition; for each it spans one more receptive field."""


def upsample_blocks(
    upsampler: Backend,
    blocks: Iterable[np.ndarray],
    chunk: int,
    seed: int = 0,
    gain: float | Sequence[float] = 1.0,
    workers: Workers = Workers(),
) -> Iterator[np.ndarray]:
    """Upsample a stream; chunked equals whole, unless the upsampler sets a `context`.

    Args:
        blocks: float32 [time, channels], of any lengths, at `input_rate`.
        chunk: input samples that are upsampled together, rounded up to a multiple of the
            upsampler's `hop`. It is ignored if the receptive field is unbounded and no `context`
            is set: the signal is then collected and upsampled as a whole.
        seed: of the noise, for upsamplers that use noise.
        gain: factor of the stream during upsampling, such as `upsampler.gain` returns. Or one for
            each channel.
        workers: run the network. Threads change no bit of the output; batches may round otherwise.

    Yields:
        float32 [ratio * time, channels], in total `ratio` times as long as the input.
    """
    factor = np.asarray(gain, np.float32)
    pieces = ((factor * block).T for block in blocks)
    if upsampler.context is None:
        made = _exact(upsampler, pieces, chunk, seed, workers)
    else:
        made = cross_faded(upsampler, pieces, chunk, upsampler.context, workers)
    for high in made:
        yield high.T / factor


def upsample_array(
    upsampler: Backend,
    low: np.ndarray,
    chunk: int | None = None,
    seed: int = 0,
    rate: int | None = None,
) -> np.ndarray:
    """Upsample a signal in memory, scaled to a trained level in between.

    Args:
        low: float32 [time] or [time, channels], any time >= 0.
        chunk: as in `upsample_blocks`; None: the whole signal at once.
        seed: of the noise.
        rate: Hz, of `low`, which is first resampled; None: it is at `input_rate`.

    Returns:
        float32 [ratio * time] or [ratio * time, channels], for the time at `input_rate`.
    """
    columns = low[:, np.newaxis] if low.ndim == 1 else low
    parts = [np.zeros([0, columns.shape[1]], np.float32)]
    # As files are, so that both give the same samples.
    to_input = StreamResampler(rate or upsampler.input_rate, upsampler.input_rate, columns.shape[1])
    columns = to_input.push(columns, last=True)
    gain = upsampler.gain(np.max(np.abs(columns), initial=0))
    parts += upsample_blocks(upsampler, [columns], chunk or len(columns), seed, gain)
    high = np.concatenate(parts)
    return high[:, 0] if low.ndim == 1 else high


def _exact(
    upsampler: Backend, blocks: Iterable[np.ndarray], chunk: int, seed: int, workers: Workers
) -> Iterator[np.ndarray]:
    """All stages, on float32 [channels, time]."""
    stages = _numbered(upsampler.stages)
    pieces: Iterator[tuple[np.ndarray, Nest]] = ((block, ()) for block in blocks)
    for first in range(0, len(stages), STAGES_TOGETHER):
        together = stages[first : first + STAGES_TOGETHER]
        one = _Pass(upsampler, together, chunk, seed)
        pieces = workers.map(one.run, one.calls(pieces), _Call.shapes)
    return (high for _, high in pieces)


def _numbered(stages: Sequence[Stage]) -> list[tuple[Stage, range]]:
    """Each stage with the numbers of its noise draws."""
    ends = list(itertools.accumulate(stage.noise_steps for stage in stages))
    return [
        (stage, range(end - stage.noise_steps, end))
        for stage, end in zip(stages, ends, strict=True)
    ]


class _Span(NamedTuple):
    """The next output of a stage, input samples `begin` to `end`, and the input it reads."""

    begin: int
    end: int
    first: int
    last: int


class _Call(NamedTuple):
    """What a stage is given at once.

    Attributes:
        stage: the stage.
        signal: output of the stage before.
        condition, part: as for `Backend.run_stage`.
        noise: draws of noise.
        kept: the part of the output that is not context.
        low: the recording, in the time of this part.
    """

    stage: Stage
    signal: Nest
    condition: Nest
    part: Part
    noise: Noise
    kept: Part
    low: np.ndarray

    @property
    def own_condition(self) -> Nest:
        """The part of the condition that the stage sees."""
        return nest.map_structure(lambda x: _cut(x, self.part), self.condition)

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of all that the stage sees."""
        return [x.shape for x in nest.flatten((self.signal, self.own_condition, self.noise))]


class _Pass:
    """Consecutive stages, applied to a stream of pairs (low, signal so far).

    Args:
        stages: each with the numbers of its noise draws.
    """

    def __init__(
        self, upsampler: Backend, stages: Sequence[tuple[Stage, range]], chunk: int, seed: int
    ):
        self._upsampler = upsampler
        self._stages = stages
        self._seed = seed
        if upsampler.receptive_field is None:
            self._chunk, self._reach, self._condition_reach = _ENDLESS, 0, 0
        else:
            self._chunk = upsampler.whole_hops(max(chunk, 1))
            self._reach = upsampler.whole_hops(upsampler.receptive_field)
            self._condition_reach = upsampler.whole_hops(upsampler.condition_field)

    def calls(self, pieces: Iterator[tuple[np.ndarray, Nest]]) -> Iterator[_Call]:
        """The calls of the last stage; those of stages before it are made here."""
        low, condition = _Window(), _Window()
        signals = [_Window() for _ in self._stages]
        ends = [0] * len(self._stages)
        # The first chunk sees nothing before it: it is longer, so that all have the same shape.
        target, over = self._reach, False
        while not over or ends[-1] < low.end:
            target += self._chunk
            wanted = target + self._reach
            over = not _read(pieces, low, signals[0], wanted + self._condition_reach)
            self._extend(condition, low, min(wanted, low.end))
            complete = over and condition.end == low.end
            spans = self._spans(target, complete, condition.end, ends)
            # No name is given to a call: it would keep the condition while that is extended.
            for number, span in enumerate(spans[:-1]):
                if span.begin < span.end:
                    ((_, made),) = self.run([self._call(number, span, signals, condition, low)])
                    samples = span.end - span.begin
                    signals[number + 1].append(made, Part(0, samples, samples))
            if spans[-1].begin < spans[-1].end:
                yield self._call(len(spans) - 1, spans[-1], signals, condition, low)
            ends = [span.end for span in spans]
            low.forget(min(ends[-1], condition.end - self._condition_reach))
            condition.forget(ends[-1] - self._reach)
            for signal, end in zip(signals, ends, strict=True):
                signal.forget(end - self._reach)

    def run(self, calls: Sequence[_Call]) -> list[tuple[np.ndarray, Nest]]:
        """For calls of one stage with the same shapes: the recording, and the output."""
        first = calls[0]
        condition, part = first.condition, first.part
        if len(calls) > 1:
            condition = stacked([call.own_condition for call in calls])
            samples = part.end - part.begin
            part = Part(0, samples, samples)
        signal, noise = (
            stacked([getattr(call, name) for call in calls]) for name in ("signal", "noise")
        )
        made = self._upsampler.run_stage(first.stage, signal, condition, part, noise)
        return [
            (call.low, nest.map_structure(functools.partial(_cut, part=call.kept), own))
            for call, own in zip(calls, unstacked(made, len(calls)), strict=True)
        ]

    def _extend(self, condition: "_Window", low: "_Window", end: int) -> None:
        """Extend the computed condition up to an input sample."""
        begin = condition.end
        if begin == end:
            return
        first = max(begin - self._condition_reach, 0)
        last = min(end + self._condition_reach, low.end)
        made = self._upsampler.run_condition(low.cut(first, last))
        condition.append(made, Part(begin - first, end - first, last - first))

    def _spans(self, target: int, complete: bool, end: int, ends: Sequence[int]) -> list[_Span]:
        """What each stage makes next, after the ends of what it has made."""
        spans = []
        for lag, begin in enumerate(ends):
            goal = max(target - lag * self._reach, begin)
            if complete and end - begin <= self._chunk + self._reach:
                goal = end
            first, last = max(begin - self._reach, 0), min(goal + self._reach, end)
            spans.append(_Span(begin, goal, first, last))
        return spans

    def _call(
        self,
        number: int,
        span: _Span,
        signals: Sequence["_Window"],
        condition: "_Window",
        low: "_Window",
    ) -> _Call:
        stage, draws = self._stages[number]
        whole, part = condition.part(span.first, span.last)
        channels = nest.flatten(whole)[0].shape[0]
        place = [samples * self._upsampler.ratio for samples in (span.first, span.last)]
        drawn = tuple(noise.standard_normal(self._seed, n, channels, *place) for n in draws)
        before = signals[number].cut(span.first, span.last)
        kept = Part(span.begin - span.first, span.end - span.first, span.last - span.first)
        own = low.cut(span.begin, span.end)
        return _Call(stage, before, whole, part, drawn, kept, own)


class _Window:
    """A window of a stream of nests of arrays [channels, time, ...], in input samples.

    The time of an array may differ from the input's, but is always proportional to it.
    """

    def __init__(self) -> None:
        self.end = 0
        self._begin = 0
        self._needed = 0
        self._nest: Nest = ()

    def append(self, more: Nest, part: Part) -> None:
        """Add a part of a nest."""
        new = nest.flatten(more)
        old, kept = self.part(self._needed, self.end)
        old = nest.flatten(old) if self._needed < self.end else [None] * len(new)
        self._nest = None
        # Array by array, and each let go at once, so that not all of them are there twice.
        for number in range(len(new)):
            parts = [_cut(old[number], kept)] if old[number] is not None else []
            new[number] = _joined(*parts, _cut(new[number], part))
            old[number] = None
        self._nest = nest.pack(more, new)
        self._begin = self._needed
        self.end += part.end - part.begin

    def cut(self, begin: int, end: int) -> Nest:
        """The window from `begin` to `end`."""
        whole, part = self.part(begin, end)
        return nest.map_structure(lambda x: _cut(x, part), whole)

    def part(self, begin: int, end: int) -> tuple[Nest, Part]:
        """The whole window, and the position of a part in it."""
        return self._nest, Part(begin - self._begin, end - self._begin, self.end - self._begin)

    def forget(self, before: int) -> None:
        """Drop everything before an input sample; it will not be needed again."""
        self._needed = max(before, self._begin)


def _cut(x: np.ndarray, part: Part) -> np.ndarray:
    return x[:, part.of(x.shape[1])]


def _joined(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=1)


def _read(
    pieces: Iterator[tuple[np.ndarray, Nest]], low: _Window, signal: _Window, end: int
) -> bool:
    """Read until the sample before `end` is here; tells whether the stream was long enough."""
    read, missing = [], end - low.end
    while missing > 0 and (piece := next(pieces, None)) is not None:
        samples = piece[0].shape[1]
        missing -= samples
        read += [piece] * bool(samples)
    if read:
        more = nest.map_structure(_joined, *read)
        samples = more[0].shape[1]
        for window, new in zip((low, signal), more, strict=True):
            window.append(new, Part(0, samples, samples))
    return missing <= 0
