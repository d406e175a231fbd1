"""Streams widened as they come, hop by hop."""

from collections.abc import Iterable, Iterator

import numpy as np

from tfsr.backend import Streams
from tfsr.errors import UserError
from tfsr.inference.samples import NAME, Samples


def stream(backend: Streams, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Widen a stream, in memory that does not grow.

    What is yielded is, put together, what the whole signal would become, as long as `ratio` times
    the input. A sample is there `latency_ms` after it has come in, at the latest. So the first
    blocks give less than came in, and the last yield gives the rest.

    Args:
        blocks: [time] or [time, channels] at `input_rate`, of any lengths, 0 too; types and ranges
            as of `Samples`.

    Yields:
        float32 [time] or [time, channels] at `output_rate`, whenever some is ready.

    Raises:
        UserError: see `Samples`.
    """
    channels: list[_Channel] = []
    if not isinstance(blocks, Iterable):
        raise UserError("`blocks`: give arrays one after the other, such as a list of them")
    flat = None
    for block in blocks:
        if not np.size(block):
            continue
        if flat not in (None, np.ndim(block) == 1):
            raise UserError(
                f"{NAME}: changes between [time] and [time, channels]; give one of them"
            )
        flat = np.ndim(block) == 1
        audio = Samples(block, backend.input_rate).audio
        channels = channels or [_Channel(backend) for _ in range(audio.shape[1])]
        _check_channels(audio.shape[1], len(channels))
        yield from _some([c.push(x) for c, x in zip(channels, audio.T, strict=True)], flat)
    yield from _some([channel.end() for channel in channels], flat)


def _check_channels(found: int, wanted: int) -> None:
    if found != wanted:
        raise UserError(f"{NAME}: has {found} channels after blocks of {wanted}; give the same")


def _some(columns: list[np.ndarray], flat: bool | None) -> Iterator[np.ndarray]:
    """What the channels have given, unless that is nothing; `flat` is None where none came."""
    if columns and columns[0].size:
        yield columns[0] if flat else np.stack(columns, axis=1)


class _Channel:
    """One channel of a stream."""

    def __init__(self, backend: Streams):
        self._backend = backend
        self._state = backend.initial_state()
        self._held = np.zeros(0, np.float32)
        self._taken = self._given = 0
        # What a step gives is so much later than what came in with it.
        latency = round(backend.latency_ms * backend.output_rate / 1000)
        self._early = latency - backend.ratio * backend.hop

    def push(self, audio: np.ndarray) -> np.ndarray:
        """Take float32 [time], give what is ready."""
        self._taken += len(audio)
        self._held = np.concatenate([self._held, audio])
        hop = self._backend.hop
        whole = len(self._held) // hop * hop
        made = [self._step(self._held[start : start + hop]) for start in range(0, whole, hop)]
        self._held = self._held[whole:]
        return self._counted(made)

    def end(self) -> np.ndarray:
        """The rest, after silence has come in."""
        hop, ratio = self._backend.hop, self._backend.ratio
        missing = ratio * self._taken - self._given
        steps = -(-(missing + self._early) // (ratio * hop))
        silence = np.zeros(steps * hop - len(self._held), np.float32)
        return self.push(silence)[:missing]

    def _step(self, frame: np.ndarray) -> np.ndarray:
        made, self._state = self._backend.step(frame[np.newaxis], self._state)
        return made[0]

    def _counted(self, made: list[np.ndarray]) -> np.ndarray:
        """Without what comes before the signal's first sample."""
        high = np.concatenate([np.zeros(0, np.float32), *made])
        early = min(self._early, len(high))
        self._early -= early
        self._given += len(high) - early
        return high[early:]
