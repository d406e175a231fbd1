"""Upsample signals of any length in cross-faded chunks, in constant memory."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfsr.backend import Backend, Part
from tfsr.inference.workers import Workers, stacked, unstacked
from tfsr.nest import Nest


class _Segment(NamedTuple):
    """A chunk with its context: `low` is [channels, time], the rest are numbers of samples."""

    low: np.ndarray
    first: int
    begin: int
    is_last: bool


def cross_faded(
    upsampler: Backend, pieces: Iterable[np.ndarray], chunk: int, context: int, workers: Workers
) -> Iterator[np.ndarray]:
    """Upsample a stream in chunks that see `context` samples on each side.

    The first `upsampler.fade` samples of a chunk are cross-faded linearly with the chunk before.

    Args:
        upsampler: one without noise.
        pieces: float32 [channels, time], of any lengths.
        chunk, context: input samples, rounded up to multiples of the upsampler's `hop`.
        workers: run the network.

    Yields:
        float32 [channels, ratio * time].
    """
    chunk, context = map(upsampler.whole_hops, (max(chunk, 1), context))
    ratio, fade = upsampler.ratio, upsampler.ratio * upsampler.fade
    share = np.linspace(0, 1, fade + 2, dtype=np.float32)[1:-1]
    before = None
    segments = _segments(pieces, chunk, context, upsampler.fade + context)
    run = functools.partial(_run, upsampler)
    for segment, high in workers.map(run, segments, lambda segment: segment.low.shape):
        high = high[:, ratio * (segment.begin - segment.first) :]
        if before is not None:
            faded = share * high[:, :fade] + (1 - share) * before
            high = np.concatenate([faded, high[:, fade:]], axis=1)
        end = high.shape[1] if segment.is_last else ratio * chunk
        before = high[:, end : end + fade]
        yield high[:, :end]


def _run(upsampler: Backend, segments: Sequence[_Segment]) -> list[tuple[_Segment, np.ndarray]]:
    """Segments of the same length, with their outputs."""
    high = _whole(upsampler, stacked([segment.low for segment in segments]))
    return list(zip(segments, unstacked(high, len(segments)), strict=True))


def _whole(upsampler: Backend, low: np.ndarray) -> np.ndarray:
    """All stages, applied to a whole signal."""
    condition, part = upsampler.run_condition(low), Part(0, low.shape[1], low.shape[1])
    high: Nest = ()
    for stage in upsampler.stages:
        high = upsampler.run_stage(stage, high, condition, part)
    return high


def _segments(
    pieces: Iterable[np.ndarray], chunk: int, before: int, after: int
) -> Iterator[_Segment]:
    """Each chunk with its context before and after; the last chunk takes the rest."""
    held, first, begin = None, 0, 0
    for piece in pieces:
        held = piece if held is None else np.concatenate([held, piece], axis=1)
        while first + held.shape[1] > begin + chunk + after:
            yield _Segment(held[:, : begin + chunk + after - first], first, begin, is_last=False)
            begin += chunk
            forgotten = max(begin - before, 0) - first
            held, first = held[:, forgotten:], first + forgotten
    if held is not None and held.shape[1]:
        yield _Segment(held, first, begin, is_last=True)
