"""Signals of any length through an upsampler, in constant memory.

A signal is cut into chunks that start at multiples of the upsampler's `hop`. Each is handed to it
with a halo of its receptive field on both sides and the halo's output is thrown away, so that
every sample that is kept has seen what it would have seen in the whole signal. At the two real
ends there is no halo: the upsampler meets them as it does in the whole.
"""

import dataclasses
import math
import weakref
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from tfsr.inference import noise
from tfsr.upsamplers.base import Upsampler


def upsample_blocks(
    upsampler: Upsampler, blocks: Iterable[np.ndarray], chunk: int, seed: int = 0
) -> Iterator[np.ndarray]:
    """Upsample a stream; chunked equals whole.

    Args:
        blocks: float32 [time, channels], of any lengths, at `input_rate`.
        chunk: input samples that are upsampled together, rounded up to a multiple of the
            upsampler's `hop`. Not used if its receptive field is unbounded: the signal is then
            collected and upsampled as a whole.
        seed: of the noise, for those that draw any.

    Yields:
        float32 [ratio * time, channels], together as long as `ratio` times the input.
    """
    for part in _chunks(upsampler, blocks, chunk):
        yield _upsample(upsampler, part, seed)


def upsample_array(
    upsampler: Upsampler, low: np.ndarray, chunk: int | None = None, seed: int = 0
) -> np.ndarray:
    """Upsample a signal that is in memory.

    Args:
        low: float32 [time] or [time, channels] at `input_rate`, any time >= 0.
        chunk: as in `upsample_blocks`; None: the whole at once.
        seed: of the noise.

    Returns:
        float32 [ratio * time] or [ratio * time, channels].
    """
    columns = low[:, np.newaxis] if low.ndim == 1 else low
    parts = [np.zeros([0, columns.shape[1]], np.float32)]
    parts += upsample_blocks(upsampler, [columns], chunk or len(low), seed)
    high = np.concatenate(parts)
    return high[:, 0] if low.ndim == 1 else high


@dataclasses.dataclass(frozen=True)
class _Chunk:
    """A piece of a signal: `low` [time, channels] begins at sample `begin` with a halo."""

    low: np.ndarray
    begin: int
    halo: int
    kept: int


def _chunks(upsampler: Upsampler, blocks: Iterable[np.ndarray], chunk: int) -> Iterator[_Chunk]:
    buffer = _Buffer(blocks)
    if upsampler.receptive_field is None:
        if buffer.fill_to(math.inf):
            yield _Chunk(buffer.samples(0, buffer.end), begin=0, halo=0, kept=buffer.end)
        return
    chunk = _round_up(max(chunk, 1), upsampler.hop)
    halo = _round_up(upsampler.receptive_field, upsampler.hop)
    start = 0
    while buffer.fill_to(start + chunk + halo) > start:
        begin, stop = max(start - halo, 0), min(start + chunk, buffer.end)
        low = buffer.samples(begin, stop + halo)
        yield _Chunk(low, begin, halo=start - begin, kept=stop - start)
        start = stop


class _Buffer:
    """A window that moves over a stream of blocks and forgets what it has left behind."""

    def __init__(self, blocks: Iterable[np.ndarray]):
        self._blocks = iter(blocks)
        self._held: list[np.ndarray] = []
        self._begin = 0
        self.end = 0

    def fill_to(self, end: float) -> int:
        """Read until the sample before `end` is here or the stream is over; where that is."""
        while self.end < end:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held.append(block)
            self.end += len(block)
        return self.end

    def samples(self, begin: int, end: int) -> np.ndarray:
        """What is here from `begin` to `end`; what lies before `begin` is forgotten."""
        held = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        self._held = [held[begin - self._begin :]]
        self._begin = begin
        return self._held[0][: end - begin]


def _round_up(samples: int, hop: int) -> int:
    return -(-samples // hop) * hop


def _upsample(upsampler: Upsampler, part: _Chunk, seed: int) -> np.ndarray:
    """The part of the output that is kept, [ratio * kept, channels]."""
    ratio = upsampler.ratio
    inputs = [tf.constant(part.low.T, tf.float32)]
    if upsampler.noise_steps:
        channels, time = inputs[0].shape
        start, stop = part.begin * ratio, (part.begin + time) * ratio
        drawn = noise.standard_normal(seed, upsampler.noise_steps, channels, start, stop)
        inputs.append(tf.constant(drawn))
    high = _graph(upsampler)(*inputs).numpy().T
    return high[part.halo * ratio : (part.halo + part.kept) * ratio]


_graphs: weakref.WeakKeyDictionary[Upsampler, Callable] = weakref.WeakKeyDictionary()


def _graph(upsampler: Upsampler) -> Callable:
    """`upsampler.upsample`, traced once for every batch and length."""
    if upsampler not in _graphs:
        # The graph must not keep the upsampler alive, or neither would ever be let go.
        model = weakref.proxy(upsampler)
        signature = [tf.TensorSpec([None, None])]
        if upsampler.noise_steps:
            signature.append(tf.TensorSpec([upsampler.noise_steps, None, None]))
        _graphs[upsampler] = tf.function(
            lambda *inputs: model.upsample(*inputs), input_signature=signature
        )
    return _graphs[upsampler]
